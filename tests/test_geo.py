import sys
from ipaddress import ip_network
from typing import Any

import pytest

from llmgw_middleware.geo import Locator, known_region, regions_of
from llmgw_middleware.model.identity import ANONYMOUS
from llmgw_middleware.model.place import NOWHERE
from llmgw_middleware.model.plan import Geography
from llmgw_middleware.model.regions import REGIONS
from tests.match.asking import request, user
from tests.mmdb import mmdb

PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]
CF = Geography(header="CF-IPCountry")
DATABASE = mmdb(
    {
        "192.0.2.0/24": {"country": {"iso_code": "DE"}},
        "198.51.100.0/24": {"country": "JP", "continent": "AS"},
        "203.0.113.0/25": {"country": "Brazil", "country_code": "BR"},
        "203.0.113.128/25": {"registered_country": {"iso_code": "US"}},
        "10.1.0.0/16": {"country": {"iso_code": "US"}},
        "2001:db8::/32": {"country": {"iso_code": "FR"}},
    }
)
CONTINENTS = ("AF", "AN", "AS", "EU-continent", "NA", "OC", "SA")


def address(peer: str | None, *forwarded: str) -> str | None:
    lines = tuple(("x-forwarded-for", line) for line in forwarded)
    return Locator(Geography(), PROXIES).address(request(headers=lines, peer=peer))


def country(locator: Locator, *, identity: Any = ANONYMOUS, **rest: Any) -> str | None:
    return locator.locate(request(**rest), identity).country


ADDRESSES = [
    ("192.0.2.1", [], "192.0.2.1", "direct"),
    (None, [], None, "no-peer"),
    ("unix", ["192.0.2.1"], None, "peer-is-no-address"),
    ("192.0.2.1", ["198.51.100.1"], "192.0.2.1", "untrusted-peer-is-not-believed"),
    ("10.0.0.1", ["192.0.2.1"], "192.0.2.1", "one-proxy"),
    ("10.0.0.1", ["192.0.2.1, 10.0.0.2"], "192.0.2.1", "two-proxies"),
    ("10.0.0.1", ["198.51.100.1, 192.0.2.1"], "192.0.2.1", "client-sent-one-too"),
    ("10.0.0.1", ["198.51.100.1", "192.0.2.1"], "192.0.2.1", "client-sent-a-line-too"),
    ("10.0.0.1", ["192.0.2.1", "10.0.0.2"], "192.0.2.1", "lines-are-one-list"),
    ("10.0.0.1", [], "10.0.0.1", "proxy-itself"),
    ("10.0.0.1", ["", " , "], "10.0.0.1", "empty-entries"),
    ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3", "trusted-throughout"),
    ("10.0.0.1", ["192.0.2.1, unknown"], None, "garbage-hides-the-rest"),
    ("10.0.0.1", ["garbage, 192.0.2.1"], "192.0.2.1", "garbage-further-left"),
    ("10.0.0.1", ["192.0.2.1, 10.0.0.2.3"], None, "almost-an-address"),
    ("10.0.0.1", ["192.0.2.1:4711"], "192.0.2.1", "port"),
    ("10.0.0.1", ["[2001:db8::1]:443"], "2001:db8::1", "port-on-ipv6"),
    ("10.0.0.1", ["[2001:db8::1]"], "2001:db8::1", "brackets"),
    ("10.0.0.1", ["2001:DB8::1"], "2001:db8::1", "ipv6"),
    ("10.0.0.1", ["::ffff:192.0.2.1"], "192.0.2.1", "ipv4-mapped-hop"),
    ("::ffff:10.0.0.1", ["192.0.2.1"], "192.0.2.1", "ipv4-mapped-peer"),
    ("::ffff:192.0.2.9", ["198.51.100.1"], "192.0.2.9", "ipv4-mapped-untrusted-peer"),
    ("fd00::1", ["2001:db8::7"], "2001:db8::7", "ipv6-proxy"),
    ("10.0.0.1", ["fe80::1%eth0"], None, "zones-are-no-addresses"),
]


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"), [row[:3] for row in ADDRESSES], ids=[row[3] for row in ADDRESSES]
)
def test_the_address_is_the_first_hop_that_no_trusted_proxy_vouches_for(peer, forwarded, found):
    assert address(peer, *forwarded) == found


def test_an_underscore_spelling_of_the_forwarded_header_changes_nothing():
    asked = request(headers=(("x_forwarded_for", "192.0.2.1"),), peer="10.0.0.1")
    assert Locator(Geography(), PROXIES).address(asked) == "10.0.0.1"


def test_a_trusted_proxys_header_names_the_country():
    place = Locator(CF, PROXIES).locate(
        request(headers=(("cf-ipcountry", "de"),), peer="10.0.0.1"), ANONYMOUS
    )
    assert (place.country, place.source) == ("DE", "header")
    assert place.regions == {"EU-continent", "EU", "EEA", "EMEA"}


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        pytest.param("192.0.2.1", (("cf-ipcountry", "DE"),), id="untrusted-peer"),
        pytest.param(None, (("cf-ipcountry", "DE"),), id="no-peer"),
        pytest.param(
            "192.0.2.1", (("cf-ipcountry", "DE"), ("x-forwarded-for", "10.0.0.1")), id="claims-a-proxy"
        ),
        pytest.param("10.0.0.1", (("cf_ipcountry", "DE"),), id="underscore"),
        pytest.param("10.0.0.1", (("cf-ipcountry", "DE"), ("cf-ipcountry", "FR")), id="two-that-differ"),
        pytest.param("10.0.0.1", (("cf-ipcountry", "XX"),), id="unknown"),
        pytest.param("10.0.0.1", (("cf-ipcountry", "T1"),), id="tor"),
        pytest.param("10.0.0.1", (("cf-ipcountry", "DEU"),), id="three-letters"),
        pytest.param("10.0.0.1", (("cf-ipcountry", "D1"),), id="no-letters"),
        pytest.param("10.0.0.1", (("cf-ipcountry", "ÄÖ"),), id="beyond-ascii"),
        pytest.param("10.0.0.1", (), id="no-header"),
    ],
)
def test_nobody_else_and_nothing_else_names_the_country(peer, headers):
    assert Locator(CF, PROXIES).locate(request(headers=headers, peer=peer), ANONYMOUS) == NOWHERE


def test_a_header_configured_with_an_underscore_is_never_believed():
    locator = Locator(Geography(header="cf_ipcountry"), PROXIES)
    assert country(locator, headers=(("cf_ipcountry", "DE"),), peer="10.0.0.1") is None


def test_without_trusted_proxies_no_header_counts():
    assert country(Locator(CF, []), headers=(("cf-ipcountry", "DE"),), peer="10.0.0.1") is None


def test_the_identitys_country_beats_the_header():
    place = Locator(CF, PROXIES).locate(
        request(headers=(("cf-ipcountry", "DE"),), peer="10.0.0.1"), user(country="jp")
    )
    assert (place.country, place.source) == ("JP", "identity")


@pytest.mark.parametrize("said", ["XX", "", "Germany", None, 49, ["DE"]])
def test_an_identity_that_names_no_country_leaves_it_to_the_header(said):
    asked = {"headers": (("cf-ipcountry", "DE"),), "peer": "10.0.0.1"}
    assert country(Locator(CF, PROXIES), identity=user(country=said), **asked) == "DE"


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "country.mmdb"
    path.write_bytes(DATABASE)
    locator = Locator(Geography(header="cf-ipcountry", database=str(path)), PROXIES)
    yield locator
    locator.close()


@pytest.mark.parametrize(
    ("peer", "found"),
    [
        ("192.0.2.77", "DE"),
        ("::ffff:192.0.2.77", "DE"),
        ("198.51.100.1", "JP"),
        ("203.0.113.1", "BR"),
        ("203.0.113.200", None),
        ("2001:db8::1", "FR"),
        ("8.8.8.8", None),
        ("2001:4860::1", None),
        (None, None),
    ],
)
def test_the_database_knows_countries_by_address(database, peer, found):
    place = database.locate(request(peer=peer), ANONYMOUS)
    assert (place.country, place.source) == (found, "database" if found else "none")


def test_the_database_is_asked_for_the_first_untrusted_hop(database):
    asked = {"peer": "10.1.0.1", "headers": (("x-forwarded-for", "198.51.100.1, 192.0.2.1"),)}
    assert country(database, **asked) == "DE"


def test_the_trusted_header_beats_the_database_unless_it_knows_nothing(database):
    said = (("x-forwarded-for", "192.0.2.1"),)
    assert country(database, peer="10.0.0.1", headers=(*said, ("cf-ipcountry", "FR"))) == "FR"
    assert country(database, peer="10.0.0.1", headers=(*said, ("cf-ipcountry", "XX"))) == "DE"


def test_an_address_is_looked_up_once(database, monkeypatch):
    database.open()
    asked: list[Any] = []
    monkeypatch.setattr(database, "_reader", Counting(database._reader, asked))
    assert [country(database, peer=peer) for peer in ("192.0.2.1", "192.0.2.1", "8.8.8.8", "8.8.8.8")] == [
        "DE",
        "DE",
        None,
        None,
    ]
    assert [str(one) for one in asked] == ["192.0.2.1", "8.8.8.8"]


class Counting:
    def __init__(self, reader: Any, asked: list[Any]) -> None:
        self._reader = reader
        self._asked = asked

    def get(self, address: Any) -> Any:
        self._asked.append(address)
        return self._reader.get(address)

    def close(self) -> None:
        self._reader.close()


def test_the_database_opens_late_and_again_after_closing(database):
    assert "(not open)" in repr(database)
    assert country(database, peer="192.0.2.1") == "DE"
    assert "(open)" in repr(database)
    database.close()
    database.close()
    assert "(not open)" in repr(database)
    assert country(database, peer="192.0.2.1") == "DE"


def test_a_database_that_is_not_there_is_said_when_it_is_opened(tmp_path):
    with pytest.raises(ValueError, match=r"geo\.database: .*none\.mmdb cannot be opened: No such file"):
        Locator(Geography(database=str(tmp_path / "none.mmdb")), []).open()


def test_a_file_that_is_no_database_is_said_when_it_is_opened(tmp_path):
    path = tmp_path / "text.mmdb"
    path.write_text("this is no database")
    with pytest.raises(ValueError, match="is no mmdb file"):
        Locator(Geography(database=str(path)), []).open()


def test_a_missing_package_is_said_with_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "maxminddb", None)
    with pytest.raises(ValueError, match=r"install llmgw-middleware\[geo\]"):
        Locator(Geography(database=str(tmp_path / "x.mmdb")), []).open()


def test_opening_without_a_database_does_nothing():
    locator = Locator(Geography(), [])
    locator.open()
    assert repr(locator) == "<Locator [header none, database none, 0 trusted proxies]>"


def test_a_locator_is_what_facts_ask():
    asked = request(headers=(("cf-ipcountry", "DE"),), peer="10.0.0.1")
    locator = Locator(CF, PROXIES)
    assert locator(asked, ANONYMOUS) == locator.locate(asked, ANONYMOUS)


def test_the_continents_share_every_country_among_them():
    countries = [code for continent in CONTINENTS for code in REGIONS[continent]]
    assert len(countries) == len(set(countries)) == 250  # ISO 3166-1 has 249, and Kosovo
    assert all(len(code) == 2 and code.isupper() for code in countries)


def test_every_region_is_made_of_known_countries():
    countries = {code for continent in CONTINENTS for code in REGIONS[continent]}
    assert all(codes and codes <= countries for codes in REGIONS.values())


@pytest.mark.parametrize(
    ("code", "regions"),
    [
        ("DE", {"EU-continent", "EU", "EEA", "EMEA"}),
        ("GB", {"EU-continent", "EMEA"}),
        ("NO", {"EU-continent", "EEA", "EMEA"}),
        ("CY", {"EU-continent", "EU", "EEA", "EMEA"}),
        ("ZA", {"AF", "EMEA"}),
        ("AE", {"AS", "EMEA"}),
        ("TR", {"AS", "EMEA"}),
        ("JP", {"AS", "APAC"}),
        ("IN", {"AS", "APAC"}),
        ("AU", {"OC", "APAC"}),
        ("MX", {"NA", "LATAM"}),
        ("BR", {"SA", "LATAM"}),
        ("US", {"NA", "US"}),
        ("CA", {"NA"}),
        ("AQ", {"AN"}),
        ("ZZ", set()),
    ],
)
def test_a_country_lies_in_its_regions(code, regions):
    assert regions_of(code, {}) == regions


def test_the_union_has_twenty_seven_members_and_the_area_thirty():
    assert (len(REGIONS["EU"]), len(REGIONS["EEA"])) == (27, 30)


def test_no_place_is_in_emea_and_apac():
    assert not REGIONS["EMEA"] & REGIONS["APAC"]


def test_configured_regions_add_to_the_table_and_to_its_regions():
    extra = {"EU": frozenset({"NO"}), "DACH": frozenset({"DE", "AT", "CH"})}
    place = Locator(Geography(regions=extra), []).locate(request(), user(country="NO"))
    assert {"EU", "EEA"} <= place.regions
    assert {"EU", "DACH"} <= regions_of("DE", extra)
    assert regions_of("CH", extra) >= {"DACH"}
    assert regions_of(None, extra) == frozenset()


def test_region_names_are_known_as_they_are_written():
    assert [known_region(name) for name in ("EU", "EU-continent", "eu", "DACH")] == [True, True, False, False]
