import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.regex import LONGEST, UnsafePattern, compile_pattern, judge

ENGINES = [pytest.param(False, id="re"), pytest.param(True, id="re2")]

WHOLE = [
    ("gpt-.*", ["gpt-", "gpt-4o"], ["xgpt-4", "gpt", "gpt-4\n", "gpt-\n4"]),
    ("a|b", ["a", "b"], ["ab", "xa", ""]),
    ("^/api/v\\d+/users$", ["/api/v1/users"], ["/api/v1/users/", "/api/v/users", "/api/v1/users\n"]),
    ("(?i)gpt-4", ["GPT-4", "gpt-4"], ["gpt-5"]),
    ("[^/]+/[^/]+", ["a/b"], ["a/b/c", "/b"]),
    ("\\d+", ["42"], ["\u0664\u0662", "4 2"]),
    ("\\w+", ["a_1"], ["\u00e9", "a b"]),
    ("", [""], ["a"]),
]
SAFE = [
    "gpt-.*",
    "gpt-(4|4o|5).*",
    "(claude|gpt)-[a-z0-9.-]+",
    "(?i:gpt|claude).*",
    "[a-z]+(-[a-z]+)*",
    "(\\d{1,3}\\.){3}\\d{1,3}",
    "[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}",
    "[^@]+@[^@]+\\.[a-z]+",
    "\\d+-\\d+-\\d+-\\d+-\\d+",
    "(\\w+\\.)*\\w+",
    "(foo|bar)*",
    "(a|ab)*",
    "((ab)*c)*",
    ".*foo.*",
    ".*foo.*bar",
    "\\bword\\b.*",
    "a{1000}",
    "(\\w|\\d)*x",
    "(?i)(k|K)*",
    "(?P<name>a+)b",
    "(?:)",
    "[\\w.-]+/[\\w.-]+",
    "x*?y",
]
UNSAFE = [
    ("(a+)+", "a repeat inside a repeat"),
    ("(a*)*b", "a repeat inside a repeat"),
    ("(a+)*b", "a repeat inside a repeat"),
    ("((a|b)+)+", "a repeat inside a repeat"),
    ("(.*a){20}", "repeats can share"),
    ("(x?)*", "a repeat inside a repeat"),
    ("(a|a)*", "alternatives that begin alike"),
    ("(a|b|ab)*c", "alternatives that begin alike"),
    ("(foo|f.o)+", "alternatives that begin alike"),
    (".*.*.*x", "3 repeats can share"),
    (".*foo.*bar.*", "3 repeats can share"),
    ("(a{0,10}){0,10}", "too many ways"),
    ("(?:a{1,50}){1,50}b", "too many ways"),
    ("(a?){30}a{30}", "too many ways"),
    ("(a)\\1", "a backreference"),
    ("(?P<q>a)(?P=q)", "a backreference"),
    ("(a)?(?(1)b|c)", "a conditional group"),
    ("(?=a)a", "a lookaround"),
    ("(?<!a)b", "a lookaround"),
    ("(?>a+)b", "an atomic group"),
    ("a++b", "a possessive repeat"),
    ("(?x) a b", "the flag x"),
    ("(?i:([a-z]|xA)+)x", "alternatives that begin alike"),
    ("a{1001}", "a repetition over 1000"),
    ("a{2,}b{5,2000}", "a repetition over 1000"),
]
MALFORMED = ["(", "[a", "*a", "a{5,2}", "\\"]


@pytest.fixture
def without_re2(monkeypatch):
    monkeypatch.setitem(sys.modules, "re2", None)


@pytest.fixture(params=ENGINES)
def engine(request, monkeypatch):
    if request.param:
        pytest.importorskip("re2", reason="google-re2 is not installed")
    else:
        monkeypatch.setitem(sys.modules, "re2", None)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(("pattern", "holds", "fails"), WHOLE, ids=[row[0] for row in WHOLE])
def test_a_pattern_matches_whole_values_alike_on_both_engines(pattern, holds, fails):
    matches = compile_pattern(pattern)
    assert [value for value in (*holds, *fails) if matches(value)] == holds


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("pattern", MALFORMED)
def test_a_malformed_pattern_is_refused_by_name(pattern):
    with pytest.raises(UnsafePattern, match="the pattern " + re.escape(repr(pattern))):
        compile_pattern(pattern)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("pattern", SAFE)
def test_a_pattern_that_cannot_run_away_is_accepted(pattern):
    compile_pattern(pattern)


@pytest.mark.usefixtures("without_re2")
@pytest.mark.parametrize(("pattern", "reason"), UNSAFE, ids=[row[0] for row in UNSAFE])
def test_without_re2_a_pattern_that_can_run_away_is_refused_with_reason_and_remedy(pattern, reason):
    with pytest.raises(UnsafePattern, match=re.escape(reason)) as refusal:
        compile_pattern(pattern)
    assert "install llmgw-middleware[re2]" in str(refusal.value)


@pytest.mark.usefixtures("without_re2")
def test_without_re2_a_value_over_eight_kibibytes_never_matches():
    matches = compile_pattern("a*")
    assert LONGEST == 8192
    assert (matches("a" * LONGEST), matches("a" * (LONGEST + 1))) == (True, False)


def test_with_re2_length_does_not_matter():
    pytest.importorskip("re2", reason="google-re2 is not installed")
    assert compile_pattern("(a+)+")("a" * 100_000)
    assert not compile_pattern("(a+)+b")("a" * 100_000)


@pytest.mark.usefixtures("engine")
def test_text_that_no_encoding_has_does_not_break_a_match():
    assert not compile_pattern("a+")("\ud800")


def test_what_is_accepted_without_re2_means_the_same_with_it(monkeypatch):
    pytest.importorskip("re2", reason="google-re2 is not installed")
    values = [
        "",
        "a",
        "gpt-4o",
        "a.b",
        "foo bar",
        "1.2.3.4",
        "word",
        "x-y-z",
        "a@b.c",
        "yyy",
        "xxy",
        "a/b",
        "aab",
    ]
    linear = [[compile_pattern(pattern)(value) for value in values] for pattern in SAFE]
    monkeypatch.setitem(sys.modules, "re2", None)
    assert linear == [[compile_pattern(pattern)(value) for value in values] for pattern in SAFE]


ATOMS = st.sampled_from(["a", "b", "[ab]", "[^a]", ".", "\\w", "(?:a|b)", "(?:ab|a)", "-"])
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{0,3}", "{2}"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
    ),
    max_leaves=6,
)
PUMPED = ["a" * 60 + "!", "ab" * 30 + "!", "b" * 60 + "\n", "a-" * 30 + "!", "aab" * 20 + "!"]


@given(pattern=PATTERNS)
def test_whatever_the_judge_accepts_ends_on_pumped_text(pattern):
    # A pattern that backtracks exponentially would not come back from sixty characters in a lifetime.
    if judge(pattern) is None:
        for value in PUMPED:
            re.compile(pattern, re.ASCII).fullmatch(value)
