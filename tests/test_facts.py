import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgw_middleware.errors import BadRequest
from llmgw_middleware.facts import MISSING, Body
from llmgw_middleware.model.identity import Identity
from llmgw_middleware.model.place import Place
from tests.match.asking import Here, facts, user

DEEP = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"

UNREADABLE = [
    pytest.param(b"", "invalid_json", "no body", id="empty"),
    pytest.param(b" \n", "invalid_json", "no body", id="blank"),
    pytest.param(b"[]", "invalid_json", "no object", id="list"),
    pytest.param(b'"text"', "invalid_json", "no object", id="text"),
    pytest.param(b"null", "invalid_json", "no object", id="null"),
    pytest.param(b'{"a":1', "invalid_json", "no JSON", id="cut"),
    pytest.param(b'{"a":1} x', "invalid_json", "no JSON", id="more-behind-it"),
    pytest.param(b'{"a":NaN}', "invalid_json", "no JSON", id="nan"),
    pytest.param(b'{"a":1,}', "invalid_json", "no JSON", id="trailing-comma"),
    pytest.param(b'\xef\xbb\xbf{"a":1}', "invalid_json", "no JSON", id="byte-order-mark"),
    pytest.param('{"a":1}'.encode("utf-16"), "invalid_json", "no JSON", id="utf-16"),
    pytest.param(b'{"\xff":1}', "invalid_json", "no JSON", id="key-is-no-utf-8"),
    pytest.param(DEEP, "json_too_deep", "nested too deeply", id="deep"),
]

# Body, the path that is read, and whether some key on it is doubled.
DOUBLED = [
    pytest.param(b'{"model":"a","model":"b"}', "model", True, id="top-level"),
    pytest.param(b'{"model": "a", "model": "b"}', "model", True, id="with-spaces"),
    pytest.param(b'{"model":"a","mod\\u0065l":"b"}', "model", True, id="escaped"),
    pytest.param(
        b'{"\\u006d\\u006f\\u0064\\u0065\\u006c":"a","model":"b"}', "model", True, id="escaped-first"
    ),
    pytest.param(b'{"a/b":1,"a\\/b":2}', "a/b", True, id="escaped-slash"),
    pytest.param('{"é":1,"\\u00e9":2}'.encode(), "é", True, id="escaped-letter-beyond-ascii"),
    pytest.param(b'{"x":1,"x":2,"model":"a"}', "model", False, id="another-key"),
    pytest.param(b'{"model":"a","tools":{"model":1,"model":2}}', "model", False, id="same-key-deeper"),
    pytest.param(b'{"model":"a","text":"\\"model\\":1"}', "model", False, id="same-key-in-text"),
    pytest.param(b'{"m":{"team":"a","team":"b"}}', "m.team", True, id="nested"),
    pytest.param(b'{"m":{"team":"a"},"m":{"team":"b"}}', "m.team", True, id="on-the-way"),
    pytest.param(b'{"m":[{"team":"a"},{"team":"b"}]}', "m.0.team", False, id="in-another-item"),
    pytest.param(b'{"m":[{"team":"a","team":"b"}]}', "m.0.team", True, id="in-an-item"),
    pytest.param(b'{"a":[{"c": 2, "b": 3}],"a":1,"b":2}', "a", True, id="misleading-nested-text"),
]


@pytest.mark.parametrize(("raw", "code", "words"), UNREADABLE)
def test_what_is_no_json_object_is_refused_with_its_reason(raw, code, words):
    body = Body(raw)
    with pytest.raises(BadRequest, match=words) as refusal:
        body.fields()
    assert (refusal.value.error_code, refusal.value.status_code, body.readable, body.failed) == (
        code,
        400,
        False,
        True,
    )


def test_refusing_again_says_the_same():
    body = Body(b"[]")
    for read in (body.fields, lambda: body.get(("a",)), lambda: body.text("a")):
        with pytest.raises(BadRequest, match="no object"):
            read()


def test_asking_whether_a_body_is_readable_never_raises():
    assert Body(b"{}").readable
    assert not Body(b"{").readable


def test_an_unread_body_has_not_failed():
    assert not Body(b"nonsense").failed


def test_a_part_that_is_no_json_makes_the_whole_unreadable():
    body = Body(b'{"a":"\xff","b":1}')
    assert body.readable
    with pytest.raises(BadRequest) as refusal:
        body.get(("a",))
    assert (refusal.value.error_code, body.readable) == ("invalid_json", False)


@pytest.mark.parametrize(("raw", "path", "doubled"), DOUBLED)
def test_a_doubled_key_is_refused_when_and_only_when_it_is_read(raw, path, doubled):
    body = Body(raw)
    if not doubled:
        assert body.get(tuple(path.split("."))) is not MISSING
        return
    with pytest.raises(BadRequest, match="more than once") as refusal:
        body.get(tuple(path.split(".")))
    assert refusal.value.error_code == "duplicate_key"
    assert f"{path}.".startswith(f"{refusal.value.param}.")


def test_a_doubled_key_is_refused_by_every_way_of_reading_it():
    body = Body(b'{"stream":false,"stream":true}')
    for read in (body.text, body.true):
        with pytest.raises(BadRequest, match="stream"):
            read("stream")
    assert body.readable


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("model", "gpt-4o"),
        ("metadata.team", "search"),
        ("messages.0.role", "user"),
        ("messages.1.role", "assistant"),
        ("messages.1", {"role": "assistant"}),
        ("temperature", 0.5),
        ("user", None),
        ("stream", True),
    ],
)
def test_a_path_reaches_into_objects_and_lists(path, value):
    document = {
        "model": "gpt-4o",
        "metadata": {"team": "search"},
        "messages": [{"role": "user"}, {"role": "assistant"}],
        "temperature": 0.5,
        "user": None,
        "stream": True,
    }
    assert facts(body=document).body.get(tuple(path.split("."))) == value


@pytest.mark.parametrize(
    "path", ["b", "a.x", "a.0", "l.1", "l.-1", "l.x", "l.²", "l.99999999999999999999", "t.0", "n.x"]
)
def test_what_is_not_there_is_missing(path):
    body = facts(body={"a": {"y": 1}, "l": [1], "t": "text", "n": None}).body
    assert body.get(tuple(path.split("."))) is MISSING


def test_only_text_is_text_and_only_true_is_true():
    body = facts(body={"model": "m", "n": 1, "yes": True, "one": 1, "word": "true"}).body
    assert [body.text(name) for name in ("model", "n", "none")] == ["m", None, None]
    assert [body.true(name) for name in ("yes", "one", "word", "none")] == [True, False, False, False]


SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8)
DOCUMENTS = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    ),
    max_size=5,
)
WRITERS = [
    pytest.param({"separators": (",", ":")}, id="tight"),
    pytest.param({}, id="spaced"),
    pytest.param({"ensure_ascii": False}, id="utf-8"),
    pytest.param({"indent": 2}, id="indented"),
]


@pytest.mark.parametrize("style", WRITERS)
@given(document=DOCUMENTS)
def test_every_way_of_writing_an_object_is_read_as_json_reads_it(style, document):
    body = Body(json.dumps(document, **style).encode())
    assert {key: body.get((key,)) for key in document} == document


@pytest.mark.parametrize("style", WRITERS)
@given(document=DOCUMENTS, extra=SCALARS, choice=st.randoms(use_true_random=False))
def test_a_doubled_key_is_found_however_it_is_written(style, document, extra, choice):
    key = choice.choice(sorted(document) or ["k"])
    document.setdefault(key, 1)
    pairs = [*document.items(), (key, extra)]
    choice.shuffle(pairs)
    comma, colon = style.get("separators", (", ", ": "))
    body = Body(
        ("{" + comma.join(json.dumps(k) + colon + json.dumps(v, **style) for k, v in pairs) + "}").encode()
    )
    with pytest.raises(BadRequest, match="more than once"):
        body.get((key,))


def test_a_body_says_what_became_of_it():
    body = Body(b"{")
    assert repr(body) == "<Body 1 bytes, unread>"
    assert not body.readable
    assert repr(body) == "<Body 1 bytes, unreadable>"


def test_repeated_header_lines_stay_apart_and_in_order():
    seen = facts(headers=(("x-tag", "a"), ("accept", "*/*"), ("x-tag", "b,c")))
    assert seen.headers(b"x-tag") == ["a", "b,c"]
    assert seen.headers(b"x-none") == []


def test_a_header_with_an_underscore_is_never_seen():
    seen = facts(headers=(("x_user_tier", "premium"), ("x-user-tier", "free")))
    assert seen.headers(b"x-user-tier") == ["free"]
    assert seen.headers(b"x_user_tier") == []


def test_header_bytes_beyond_ascii_are_read_as_latin_1():
    assert facts(headers=(("x-name", "é"),)).headers(b"x-name") == ["é"]


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("model=gpt-4", "gpt-4"),
        ("a=1&model=gpt-4", "gpt-4"),
        ("model=first&model=second", "first"),
        ("model=gpt%2D4+turbo", "gpt-4 turbo"),
        ("model=a%26b%3Dc", "a&b=c"),
        ("mod%65l=x", "x"),
        ("model", ""),
        ("model=", ""),
        ("model=a=b", "a=b"),
        ("model=%ff", "\ufffd"),
        ("model=%zz", "%zz"),
        ("&&model=x", "x"),
        ("", None),
        ("models=x", None),
        ("a;model=x", None),
    ],
)
def test_the_first_value_of_a_parameter_counts_decoded(query, value):
    assert facts(query=query).query("model") == value


@pytest.mark.parametrize(
    ("lines", "value"),
    [
        (("sid=abc",), "abc"),
        (("a=1; sid=abc; b=2",), "abc"),
        (("sid=first; sid=second",), "first"),
        (("a=1", "sid=abc"), "abc"),
        (('sid="abc"',), "abc"),
        (("sid=a=b",), "a=b"),
        (("sid",), None),
        ((), None),
    ],
)
def test_a_cookie_is_found_among_others(lines, value):
    assert facts(headers=tuple(("cookie", line) for line in lines)).cookie("sid") == value


def test_attributes_are_the_hosts_word_and_dotted_names_walk_into_them():
    seen = facts(identity=user("7", tier="premium", org={"plan": {"name": "gold"}}, **{"a.b": 1}))
    names = ("id", "authenticated", "tier", "org.plan.name", "a.b")
    assert [seen.attribute(name) for name in names] == ["7", True, "premium", "gold", 1]


@pytest.mark.parametrize("name", ["id", "tier", "org.plan", "tier.x", "unset"])
def test_an_attribute_that_nobody_gave_is_missing(name):
    assert facts(identity=Identity(attributes={"unset": None})).attribute(name) is MISSING


def test_anonymous_callers_are_not_authenticated():
    assert facts().attribute("authenticated") is False


def test_the_place_is_worked_out_once_and_only_when_asked_for():
    here = Here(Place(country="DE"))
    seen = facts(at=here)
    assert here.asked == 0
    assert (seen.place, seen.place) == (Place(country="DE"), Place(country="DE"))
    assert here.asked == 1


def test_the_address_is_what_the_locator_says():
    assert facts(at=Here(address="192.0.2.7")).address == "192.0.2.7"
    assert facts(peer="192.0.2.1").address is None


def test_facts_say_of_what_request_they_are_without_its_content():
    assert repr(facts("GET", "/v1/models", body={"secret": 1})) == "<Facts of GET /v1/models>"


def test_a_body_that_no_transform_changed_is_decoded_once():
    before = facts(body={"model": "m"})
    assert before.seen_as(replace(before.request, headers=()), {}).body is before.body
    assert before.seen_as(replace(before.request, body=b"{}"), {}).body is not before.body


KEYS = st.sampled_from(["a", 'b"', "c\\", "d\\u0022", "ä", ""])
VALUES = st.recursive(
    st.none() | st.integers() | st.text(alphabet='ab"\\u02é😀', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def written(value, draw, *, double=False):
    """JSON as somebody else might write it: quotation marks by number or not, a key twice or not."""
    if isinstance(value, dict):
        pairs = [f"{spelled(key, draw)}:{written(item, draw, double=double)}" for key, item in value.items()]
        if double and pairs:
            pairs.insert(draw(st.integers(0, len(pairs))), pairs[0])
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(written(item, draw, double=double) for item in value) + "]"
    return spelled(value, draw) if isinstance(value, str) else json.dumps(value)


def spelled(text, draw):
    parts = [r"\u0022" if c == '"' and draw(st.booleans()) else json.dumps(c)[1:-1] for c in text]
    return '"' + "".join(parts) + '"'


def objects(value):
    if isinstance(value, dict):
        return bool(value) or any(map(objects, value.values()))
    return isinstance(value, list) and any(map(objects, value))


@given(VALUES, st.data(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_a_doubled_key_is_seen_wherever_it_stands_and_nothing_else_is_taken_for_one(value, data, double):
    raw = written(value, data.draw, double=double).encode()
    body = Body(b'{"x": ' + raw + b"}")
    if double and objects(value):
        with pytest.raises(BadRequest) as raised:
            body.whole(("x",))
        assert raised.value.error_code == "duplicate_key"
    else:
        assert body.whole(("x",)) == value
