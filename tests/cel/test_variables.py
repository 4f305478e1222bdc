"""What expressions see of a request, its user and its place."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from uuid import UUID

import pytest

from llmgw_middleware.cel.fault import EvaluationError
from llmgw_middleware.cel.plain import plain
from llmgw_middleware.errors import BadRequest
from llmgw_middleware.facts import Facts
from llmgw_middleware.model.identity import Identity
from llmgw_middleware.model.place import Place
from llmgw_middleware.model.world import World
from tests.cel.asking import asked, facts, program
from tests.match.asking import Here, request, user

SEEN = {
    "the method": ("request.method", "POST"),
    "the path": ("request.path", "/v1/chat/completions"),
    "the path with its query": ("request.pathAndQuery", "/v1/chat/completions?a=1&a=2&b=x+y"),
    "the address": ("request.uri", "http://api.test:8000/v1/chat/completions?a=1&a=2&b=x+y"),
    "the host": ("request.host", "api.test:8000"),
    "the scheme": ("request.scheme", "http"),
    "a parameter": ("request.query.b", "x y"),
    "the first of two parameters": ("request.query['a']", "1"),
    "all parameters": ("request.query == {'a': '1', 'b': 'x y'}", True),
    "a header": ("request.headers['X-One']", "1"),
    "a header of two lines": ("request.headers['x-two']", ["1", "2"]),
    "a header by a computed name": ("request.headers['x-' + 'one']", "1"),
    "headers without the tricky ones": ("'x_three' in request.headers", False),
    "the body as it came": ("request.body.startsWith('x') || request.body == b'{}'", EvaluationError),
    "its beginning": ("size(request.bodyPrefix) > 10", True),
    "a field": ("request.body.max_tokens + body.max_tokens", 200),
    "an item": ("body.messages[1].content", "hi"),
    "an item that is not there": ("body.messages[7].content", EvaluationError),
    "an item by text": ("body.messages['0']", EvaluationError),
    "the whole body": ("body.size()", 4),
    "the model": ("model == llm.model && model == body.model", True),
    "whether it streams": ("llm.stream", False),
    "how long it is": ("llm.inputTokensEstimate > 10", True),
    "who calls": ("user.id + user.tier", "42gold"),
    "whether anybody does": ("user.authenticated", True),
    "all that is known": ("user.size()", 4),
    "an attribute in an attribute": ("user.org.plan", "team"),
    "an attribute that is not there": ("user.nothing", EvaluationError),
    "the country": ("geo.country", "DE"),
    "the regions": ("geo.regions", ["EU", "EMEA"]),
    "a region": ("inRegion('EU') && !inRegion('APAC') && inRegion('de')", True),
    "the caller's address": ("cidr('10.0.0.0/8').containsIP(source.address)", True),
    "no token": ("jwt", None),
    "nothing of a token": ("has(jwt.sub)", False),
}


@pytest.mark.parametrize(("text", "wanted"), SEEN.values(), ids=SEEN)
def test_seen(text, wanted):
    place = Place(country="DE", regions=frozenset({"EU", "EMEA"}), source="header")
    asked_of = {
        "who": user(tier="gold", org={"plan": "team"}),
        "at": Here(place, "10.1.2.3"),
        "query": "a=1&a=2&b=x+y",
        "headers": (
            ("host", "api.test:8000"),
            ("x-one", "1"),
            ("x-two", "1"),
            ("x-two", "2"),
            ("x_three", "3"),
        ),
    }
    if wanted is EvaluationError:
        with pytest.raises(EvaluationError):
            asked(text, **asked_of)
    else:
        value = plain(asked(text, **asked_of))
        assert sorted(value) == sorted(wanted) if isinstance(wanted, list) else value == wanted


@pytest.mark.parametrize("text", ["geo.country != 'US'", "inRegion('EU')", "!inRegion('EU')"])
def test_nobody_whose_country_is_unknown_is_here_or_elsewhere(text):
    with pytest.raises(EvaluationError):
        asked(text)


def test_claims_of_a_token_are_there_if_the_host_supplies_them():
    who = Identity(id="1", attributes={"jwt": {"sub": "me", "scope": ["a"]}}, source="token")
    assert asked('jwt.sub == "me" && "a" in jwt.scope && has(jwt.sub) && jwt != null', who=who) is True


def test_time_chance_and_flags_are_the_worlds():
    world = World(now=lambda: 86_400.5, chance=lambda: 0.25, flag=lambda name, who: name == who.id)
    seen = Facts(request(), Identity(id="me", source="session"), Here(), world=world)
    text = "now == timestamp('1970-01-02T00:00:00.5Z') && random() == 0.25 && flag('me') && !flag('you')"
    assert program(text).evaluate(seen) is True
    assert program("uuid()").evaluate(seen) == "40000000-4000-4000-8000-000040000000"


class Tier(Enum):
    GOLD = "gold"


class Text(str):
    __slots__ = ()


HOSTS = {
    "text of a kind": (Text("a"), 'user.it == "a"'),
    "an enum": (Tier.GOLD, 'user.it == "gold"'),
    "a set": ({"a", "b"}, '"a" in user.it'),
    "a tuple": (("a", "b"), 'user.it == ["a", "b"]'),
    "a mapping": ({1: Text("x")}, 'user.it[1] == "x"'),
    "a time": (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), 'user.it == timestamp("2026-01-02T03:04:05Z")'),
    "a time without a zone": (datetime(2026, 1, 2, 3, 4, 5), "user.it.getHours() == 3"),  # noqa: DTZ001 - such hosts there are
    "a day": (date(2026, 1, 2), 'user.it < timestamp("2026-01-02T00:00:01Z")'),
    "a length of time": (timedelta(hours=1), 'user.it == duration("1h")'),
    "a decimal": (Decimal("1.5"), "user.it > 1"),
    "a uuid": (UUID(int=0), 'user.it.startsWith("0000")'),
}


@pytest.mark.parametrize(("it", "text"), HOSTS.values(), ids=HOSTS)
def test_a_hosts_own_types_are_understood(it, text):
    assert asked(text, who=user(it=it)) is True


def test_an_object_of_the_hosts_is_taken_by_no_operation():
    with pytest.raises(EvaluationError):
        asked("user.it + 1", who=user(it=object()))


DOUBLED = {
    "at the top": b'{"model": "a", "model": "b"}',
    "inside": b'{"model": {"a": 1, "b": {"c": 1, "c": 2}}}',
    "in a list": b'{"model": [{"a": 1}, {"a": 1, "a": 1}]}',
    "behind an escaped quote": b'{"model": [{"x": "\\u0022\\u0022", "a": 1, "a": 2}]}',
    "behind many spaces": b'{"model":                     {"a": 1, "a": 2}}',
}


@pytest.mark.parametrize("body", DOUBLED.values(), ids=DOUBLED)
def test_a_key_that_stands_twice_below_what_is_read_is_refused(body):
    with pytest.raises(BadRequest) as raised:
        asked("size(body.model) > 0", body=body)
    assert raised.value.error_code == "duplicate_key"


ONCE = {
    "quotes in text": b'{"model": [{"a": "\\"\\"", "b": "\\u0022"}]}',
    "the same key in two objects": b'{"model": [{"a": 1}, {"a": 2}]}',
    "a key doubled elsewhere": b'{"model": [1], "x": {"a": 1, "a": 2}}',
}


@pytest.mark.parametrize("body", ONCE.values(), ids=ONCE)
def test_what_stands_once_is_read(body):
    assert asked("size(body.model) > 0", body=body) is True


def test_what_was_read_is_not_looked_through_again():
    seen = facts()
    look = program("body.messages[0].role == body.messages[0].role && size(body.messages) == 2")
    assert look.evaluate(seen) is True
    assert look.evaluate(seen) is True
    assert ("messages",) in seen.body._examined
