import logging
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import PurePosixPath
from typing import Any

import pytest

from llmgw_middleware.attributes import AttributeReader
from llmgw_middleware.errors import AuthError
from llmgw_middleware.model.http import HostRequest
from llmgw_middleware.model.plan import IdentityRules
from llmgw_middleware.testing.clock import FakeClock

HERE = __name__
ASKED = HostRequest(
    method="POST", path="/v1/chat/completions", headers={"x-org": "acme"}, client=None, native=None
)


class Tier(Enum):
    FREE = "free"


class Level(IntEnum):
    HIGH = 3


@dataclass
class Profile:
    tier: Any = "premium"


class Related:
    """Iterable, and made again at each call, as a host's related objects are."""

    def all(self) -> Any:
        return iter([PurePosixPath("staff"), PurePosixPath("beta")])


@dataclass
class User:
    profile: Profile | None = field(default_factory=Profile)
    groups: Related = field(default_factory=Related)
    deleted: bool = False

    def get_country(self) -> str:
        return "DE"

    def delete(self) -> None:
        self.deleted = True

    delete.alters_data = True  # type: ignore[attr-defined]  # as Django marks it

    async def later(self) -> str:
        return "never"

    @property
    def broken(self) -> str:
        raise ZeroDivisionError("the host's own secret words")

    @property
    def expired(self) -> str:
        raise AuthError("token expired")


class Session:
    """Keys and items without being a mapping, and attributes besides."""

    session_key = "s-1"

    def __init__(self, **items: Any) -> None:
        self._items = items

    def keys(self) -> Any:
        return self._items.keys()

    def __getitem__(self, key: str) -> Any:
        return self._items[key]


def organisation(request: HostRequest) -> str:
    return request.headers["x-org"]


def nothing(request: HostRequest) -> None:
    """Knows nothing of any request."""


def refuses(request: HostRequest) -> str:
    raise AuthError("no token")


async def slow(request: HostRequest) -> str:
    return "x"


class Lookups:
    @staticmethod
    def method(request: HostRequest) -> str:
        return request.method


def read(path: str, *, default: dict[str, Any] | None = None, **subjects: Any) -> dict[str, Any]:
    reader = AttributeReader(IdentityRules(attributes={"x": path}, default=default or {}))
    return reader.read(ASKED, subjects)


PATHS = [
    ("user.profile.tier", "premium"),
    ("user.get_country", "DE"),
    ("user.groups.all", ["staff", "beta"]),
    ("session.country", "FR"),
    ("session.session_key", "s-1"),
    ("session.org.name", "acme"),
    ("session.roles.1", "b"),
    ("claims.scope", "chat"),
    ("claims", {"scope": "chat"}),
    ("token", "t"),
    (f"{HERE}:organisation", "acme"),
    (f"{HERE}:Lookups.method", "POST"),
]


@pytest.mark.parametrize(("path", "value"), PATHS)
def test_a_path_is_followed_by_key_attribute_and_call(path, value):
    session = Session(country="FR", org={"name": "acme"}, roles=["a", "b"])
    assert read(path, user=User(), session=session, claims={"scope": "chat"}, token=lambda: "t") == {
        "x": value
    }


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("text", "text"),
        (True, True),
        (7, 7),
        (0.5, 0.5),
        (Decimal("1.5"), 1.5),
        (Tier.FREE, "free"),
        (Level.HIGH, 3),
        (("a", 1), ["a", 1]),
        (frozenset({"a"}), ["a"]),
        ({"k": Tier.FREE, 2: None}, {"k": "free", "2": None}),
        (PurePosixPath("a/b"), "a/b"),
        (b"raw", "b'raw'"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_come_out_plain(value, plain):
    assert read("user.profile.tier", user=User(Profile(tier=value))) == {"x": plain}


@pytest.mark.parametrize(
    "path",
    [
        "user.profile.plan",
        "user.none.at.all",
        "user.broken",
        "user.delete",
        "user.later",
        "session.country",
        "session.roles.9",
        "claims.0",
        "absent.x",
    ],
)
def test_a_path_that_fails_gives_the_default_and_is_counted(path):
    reader = AttributeReader(IdentityRules(attributes={"tier": path}, default={"tier": "free"}))
    user = User()
    subjects = {"user": user, "session": Session(roles=["a"]), "claims": {}}
    assert reader.read(ASKED, subjects) == {"tier": "free"}
    assert reader.failures == {"tier": 1}
    assert not user.deleted


def test_without_a_default_an_attribute_that_fails_is_left_out():
    assert read("user.nothing", user=User()) == {}


def test_a_function_that_fails_gives_the_default():
    reader = AttributeReader(
        IdentityRules(attributes={"org": f"{HERE}:organisation"}, default={"org": "none"})
    )
    bare = HostRequest(method="GET", path="/", headers={}, client=None, native=None)
    assert reader.read(bare, {}) == {"org": "none"}
    assert reader.failures == {"org": 1}


@pytest.mark.parametrize("path", ["user.profile.tier", "user.profile.tier.name", f"{HERE}:nothing"])
def test_none_says_that_the_host_knows_nothing_and_is_no_failure(path):
    for user in (User(profile=None), User(Profile(tier=None))):
        reader = AttributeReader(IdentityRules(attributes={"tier": path}, default={"tier": "free"}))
        assert reader.read(ASKED, {"user": user}) == {"tier": "free"}
        assert not reader.failures


def test_an_anonymous_caller_without_a_user_object_gets_the_defaults():
    reader = AttributeReader(
        IdentityRules(attributes={"tier": "user.profile.tier"}, default={"tier": "free"})
    )
    assert reader.read(ASKED, {"user": None}) == {"tier": "free"}
    assert not reader.failures


def test_a_default_needs_no_path():
    reader = AttributeReader(IdentityRules(default={"plan": "trial"}))
    assert reader.read(ASKED, {}) == {"plan": "trial"}


def test_a_value_that_is_false_or_empty_is_a_value():
    assert read("user.profile.tier", default={"x": "d"}, user=User(Profile(tier=""))) == {"x": ""}
    assert read("user.profile.tier", default={"x": "d"}, user=User(Profile(tier=False))) == {"x": False}


@pytest.mark.parametrize("path", ["user.expired", f"{HERE}:refuses"])
def test_an_error_meant_for_the_caller_is_never_swallowed(path):
    with pytest.raises(AuthError):
        read(path, user=User())


def test_a_failing_attribute_is_logged_once_without_the_hosts_words(caplog):
    reader = AttributeReader(IdentityRules(attributes={"tier": "user.broken", "org": "user.none"}))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            reader.read(ASKED, {"user": User()})
    assert reader.failures == {"tier": 3, "org": 3}
    assert [record.getMessage().split(";")[0] for record in caplog.records] == [
        "identity.attributes.tier: user.broken failed with ZeroDivisionError",
        "identity.attributes.org: user.none failed with AttributeError",
    ]
    assert "secret words" not in caplog.text


def test_reading_again_gives_fresh_attributes():
    reader = AttributeReader(
        IdentityRules(attributes={"tier": "user.profile.tier"}, default={"plan": "trial"})
    )
    reader.read(ASKED, {"user": User()})["plan"] = "changed"
    assert reader.read(ASKED, {"user": User()}) == {"plan": "trial", "tier": "premium"}


def test_the_subjects_that_paths_start_from_are_known_beforehand():
    rules = IdentityRules(
        attributes={"a": "user.profile.tier", "b": "session.country", "c": f"{HERE}:organisation"}
    )
    assert AttributeReader(rules).needs == {"user", "session"}
    assert AttributeReader(IdentityRules()).needs == frozenset()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("no.such.module:f", "cannot be imported: No module named"),
        (f"{HERE}:none", "cannot be imported: module"),
        (f"{HERE}:", "cannot be imported"),
        (":f", "cannot be imported"),
        (f"{HERE}:HERE", "is no function"),
        (f"{HERE}:slow", "is async"),
        ("user..tier", "has an empty part"),
        ("", "has an empty part"),
    ],
)
def test_a_path_that_can_never_work_is_refused_when_it_is_loaded(path, reason):
    with pytest.raises(ValueError, match=rf"identity\.attributes\.tier: .*{reason}"):
        AttributeReader(IdentityRules(attributes={"tier": path}))


def test_a_reader_shows_what_it_reads_and_how_often_that_failed():
    reader = AttributeReader(IdentityRules(attributes={"tier": "user.none", "org": "user.profile"}))
    reader.read(ASKED, {"user": User()})
    assert repr(reader) == "<AttributeReader [tier, org; 1 failures]>"


def test_a_default_does_not_hide_what_the_door_knows():
    reader = AttributeReader(IdentityRules(default={"staff": False, "groups": []}))
    known, queried = {"staff": True}, {"groups": lambda: ["sales"]}
    assert reader.read(ASKED, {}, known=known, queried=queried) == {"staff": True, "groups": ["sales"]}


@pytest.mark.parametrize("path", ["user.profile.tier", "user.none"], ids=["found", "failing"])
def test_a_configured_path_wins_over_what_the_door_knows(path):
    reader = AttributeReader(IdentityRules(attributes={"staff": path}, default={"staff": "premium"}))
    known: dict[str, Any] = {"staff": True}
    assert reader.read(ASKED, {"user": User()}, known=known) == {"staff": "premium"}
    assert reader.read(ASKED, {"user": User()}, queried={"staff": known.popitem}) == {"staff": "premium"}
    assert known


class Counted:
    """A user who counts how often the tier is asked for."""

    def __init__(self) -> None:
        self.asked = 0

    @property
    def tier(self) -> str:
        self.asked += 1
        return f"tier {self.asked}"


def keeping(path: str, clock: FakeClock) -> AttributeReader:
    return AttributeReader(IdentityRules(attributes={"x": path}, cache=30), clock=clock)


def test_a_users_attributes_are_kept_for_the_seconds_of_the_configuration():
    clock = FakeClock()
    reader, user = keeping("user.tier", clock), Counted()
    for passed, told in ((0, "tier 1"), (29, "tier 1"), (2, "tier 2")):
        clock.advance(passed)
        assert reader.read(ASKED, {"user": user}, user="7") == {"x": told}


def test_without_a_cache_they_are_read_each_time():
    reader = AttributeReader(IdentityRules(attributes={"x": "user.tier"}))
    user = Counted()
    assert [reader.read(ASKED, {"user": user}, user="7")["x"] for _ in range(2)] == ["tier 1", "tier 2"]


def test_nobodys_attributes_are_never_kept():
    reader, user = keeping("user.tier", FakeClock()), Counted()
    assert [reader.read(ASKED, {"user": user}, user="")["x"] for _ in range(2)] == ["tier 1", "tier 2"]


def test_users_never_share_what_is_kept_not_even_under_the_same_id_in_two_kinds():
    class Admin(Counted):
        pass

    reader = keeping("user.tier", FakeClock())
    alice, bob, admin = Counted(), Counted(), Admin()
    bob.asked, admin.asked = 10, 20
    told = [reader.read(ASKED, {"user": u}, user=i)["x"] for u, i in ((alice, "1"), (bob, "2"), (admin, "1"))]
    assert told == ["tier 1", "tier 11", "tier 21"]


def test_what_is_read_off_a_session_or_a_mapping_is_read_each_time():
    reader = keeping("session.country", FakeClock())
    for country in ("FR", "DE"):
        assert reader.read(ASKED, {"session": Session(country=country)}, user="7") == {"x": country}
    reader = keeping("user.tier", FakeClock())
    for tier in ("free", "gold"):
        assert reader.read(ASKED, {"user": {"tier": tier}}, user="7") == {"x": tier}


def test_a_functions_answer_and_a_queried_attribute_are_kept():
    reader = keeping(f"{HERE}:organisation", FakeClock())
    other = HostRequest(method="POST", path="/", headers={"x-org": "other"}, client=None, native=None)
    assert reader.read(ASKED, {}, user="7", queried={"groups": lambda: ["a"]}) == {
        "x": "acme",
        "groups": ["a"],
    }
    assert reader.read(other, {}, user="7", queried={"groups": lambda: ["b"]}) == {
        "x": "acme",
        "groups": ["a"],
    }


def test_that_the_host_knows_nothing_is_kept_and_a_failure_is_not():
    reader, user = keeping("user.profile.tier", FakeClock()), User(Profile(tier=None))
    assert reader.read(ASKED, {"user": user}, user="7") == {}
    user.profile = Profile(tier="gold")
    assert reader.read(ASKED, {"user": user}, user="7") == {}
    broken = User(Profile())
    del broken.profile
    assert reader.read(ASKED, {"user": broken}, user="8") == {}
    broken.profile = Profile(tier="gold")
    assert reader.read(ASKED, {"user": broken}, user="8") == {"x": "gold"}


def test_an_error_meant_for_the_caller_is_not_kept():
    reader = keeping("user.expired", FakeClock())
    for _ in range(2):
        with pytest.raises(AuthError):
            reader.read(ASKED, {"user": User()}, user="7")
