"""Countries (ISO 3166-1 alpha-2) by continent, and the regions that configurations may name.

Continents are drawn as in geonames.org, except that East Timor counts as Asia. ``XK`` (Kosovo) is not in the standard
but is what geolocation databases say.
"""

# ruff: noqa: SIM905 - as words the codes can be read and compared

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_AFRICA = frozenset(
    "AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW KE KM LR LS LY MA MG ML MR MU MW MZ NA NE NG"
    " RE RW SC SD SH SL SN SO SS ST SZ TD TG TN TZ UG YT ZA ZM ZW".split()
)
_ANTARCTICA = frozenset("AQ BV GS HM TF".split())
_ASIA = frozenset(
    "AE AF AM AZ BD BH BN BT CC CN CX GE HK ID IL IN IO IQ IR JO JP KG KH KP KR KW KZ LA LB LK MM MN MO MV MY NP OM PH"
    " PK PS QA SA SG SY TH TJ TL TM TR TW UZ VN YE".split()
)
_EUROPE = frozenset(
    "AD AL AT AX BA BE BG BY CH CY CZ DE DK EE ES FI FO FR GB GG GI GR HR HU IE IM IS IT JE LI LT LU LV MC MD ME MK MT"
    " NL NO PL PT RO RS RU SE SI SJ SK SM UA VA XK".split()
)
_NORTH_AMERICA = frozenset(
    "AG AI AW BB BL BM BQ BS BZ CA CR CU CW DM DO GD GL GP GT HN HT JM KN KY LC MF MQ MS MX NI PA PM PR SV SX TC TT US"
    " VC VG VI".split()
)
_OCEANIA = frozenset("AS AU CK FJ FM GU KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TO TV UM VU WF WS".split())
_SOUTH_AMERICA = frozenset("AR BO BR CL CO EC FK GF GY PE PY SR UY VE".split())

_EUROPEAN_UNION = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()
)
_MIDDLE_EAST = frozenset("AE BH IL IQ IR JO KW LB OM PS QA SA SY TR YE".split())
_CAUCASUS = frozenset("AM AZ GE".split())

REGIONS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "AF": _AFRICA,
        "AN": _ANTARCTICA,
        "AS": _ASIA,
        "EU-continent": _EUROPE,
        "NA": _NORTH_AMERICA,
        "OC": _OCEANIA,
        "SA": _SOUTH_AMERICA,
        "EU": _EUROPEAN_UNION,
        "EEA": _EUROPEAN_UNION | {"IS", "LI", "NO"},
        "EMEA": _EUROPE | _AFRICA | _MIDDLE_EAST | _CAUCASUS,
        "APAC": (_ASIA - _MIDDLE_EAST - _CAUCASUS) | _OCEANIA,
        "LATAM": (_SOUTH_AMERICA | _NORTH_AMERICA) - {"US", "CA", "GL", "BM", "PM"},
        "US": frozenset({"US"}),
    }
)
"""The built-in regions. ``EU`` is the 27 members of the Union; the continent is ``EU-continent``.

EMEA has the Middle East and the Caucasus, APAC the rest of Asia and Oceania, LATAM all of America but the United
States, Canada, Greenland, Bermuda, and Saint Pierre and Miquelon. ``US`` is the country without its territories.
"""


def known_region(name: str) -> bool:
    """Whether ``name`` is a built-in region. Names are case-sensitive."""
    return name in REGIONS


def regions_of(country: str | None, extra: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return the regions that a country lies in. ``extra`` are configured: they add regions, and countries to them."""
    if country is None:
        return frozenset()
    return frozenset(name for table in (REGIONS, extra) for name, codes in table.items() if country in codes)
