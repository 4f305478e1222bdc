import pytest

from llmgw_middleware.match.sticky import key_reader
from llmgw_middleware.model.expression import Expression
from llmgw_middleware.model.identity import ANONYMOUS, Identity
from llmgw_middleware.model.route import Sticky
from tests.match.asking import Here, facts

BOB = Identity(id="bob", source="session", session_key="s-1")
GUEST = Identity(session_key="s-2")
SENT = (("x-session-id", "h-1"), ("x-session-id", "h-2"), ("cookie", "a=1; sid=c-1"))

READ = [
    (None, BOB, "bob"),
    (None, GUEST, "s-2"),
    (None, ANONYMOUS, None),
    (Sticky(kind="user"), BOB, "bob"),
    (Sticky(kind="user"), GUEST, None),
    (Sticky(kind="session"), BOB, "s-1"),
    (Sticky(kind="session"), ANONYMOUS, None),
    (Sticky(kind="ip"), ANONYMOUS, "192.0.2.9"),
    (Sticky(kind="header", name="x-session-id"), BOB, "h-1"),
    (Sticky(kind="header", name="X-Session-Id"), BOB, "h-1"),
    (Sticky(kind="header", name="x-none"), BOB, None),
    (Sticky(kind="cookie", name="sid"), BOB, "c-1"),
    (Sticky(kind="cookie", name="none"), BOB, None),
]


@pytest.mark.parametrize(("sticky", "identity", "key"), READ, ids=str)
def test_each_kind_of_key_is_read_from_its_place(sticky, identity, key):
    seen = facts(identity=identity, headers=SENT, at=Here(address="192.0.2.9"))
    assert key_reader(sticky)(seen) == key


@pytest.mark.parametrize(
    "sticky", [Sticky(kind="header", name="x-k"), Sticky(kind="cookie", name="k")], ids=str
)
def test_an_empty_key_is_none(sticky):
    assert key_reader(sticky)(facts(headers=(("x-k", ""), ("cookie", "k=")))) is None


def test_an_unknown_address_is_no_key():
    assert key_reader(Sticky(kind="ip"))(facts()) is None


def test_with_none_nobody_sticks():
    assert key_reader(Sticky(kind="none"))(facts(identity=BOB)) is None


KEYS = {
    "text": ("body.a", "x"),
    "a number": ("body.n + 1", "8"),
    "nothing": ("body.nothing", None),
    "an empty text": ("body.a.substring(1)", None),
    "null": ("null", None),
    "a list": ("[body.a]", None),
    "a map": ("body", None),
}


@pytest.mark.parametrize(("text", "key"), KEYS.values(), ids=KEYS)
def test_an_expression_gives_text_or_a_number_as_a_key_or_none(text, key):
    read = key_reader(Sticky(kind="expression", expression=Expression(text=text)))
    assert read(facts(body={"a": "x", "n": 7})) == key
