import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.errors import BadRequest
from llmgw_middleware.match.paths import Interceptor, check_path
from llmgw_middleware.match.table import RouteTable
from tests.match.asking import facts, match, path, route

INTERCEPTOR = Interceptor([path("/v1/*"), path("/api/chat"), path("~/models/[a-z]+")])

OURS = ["/v1", "/v1/", "/v1/chat/completions", "/api/chat", "/models/gpt"]
NOT_OURS = [
    "/",
    "",
    "/v1x",
    "/v2/chat",
    "/api/chat/",
    "/api/chatx",
    "/API/chat",
    "/models/gpt4",
    "/x/v1",
    "v1",
    "/a%20b",
    "/.x",
]

AMBIGUOUS = [
    "//v1/chat",
    "/v1//chat",
    "/api//chat",
    "/./api/chat",
    "/api/./chat",
    "/static/../api/chat",
    "/v1/../admin",
    "/v1/chat/..",
    "/api%2fchat",
    "/api%2Fchat",
    "/api%5cchat",
    "/api\\chat",
    "\\v1\\chat",
    "/api;x=1/chat",
    "/api/chat;jsessionid=1",
    "/v1;/chat",
    "/api/chat%00",
    "/api/chat%00.png",
    "/api/chat\x00",
    "/api/%63hat",
    "/%76%31/chat",
    "/v%31/chat",
    "/api/%2563hat",
    "/api/%2e/chat",
    "/x/%2e%2e/api/chat",
    "/x/..%2fapi/chat",
    "/models/%67pt",
    "/v1/\xe9",
    "/v1/%ff",
    "/v1/%c3%28",
    "/v1/%zz",
    "/v1/%4",
    "/v1/%",
    "/v1/a b",
    "/v1/%0d%0ax",
    "/v1/a#b",
    "/v1/a?b",
]
PLAIN = [
    "/v1",
    "/v1/",
    "/v1/models/gpt-4o.5_x~",
    "/v1/models/a%3Ab",
    "/v1/r%C3%A9sum%C3%A9",
    "/v1/a%20b",
    "/v1/...",
    "/v1/.x",
    "/v1/@x:y",
    "",
]


@pytest.mark.parametrize("raw", OURS)
def test_intercepted_paths_are_ours(raw):
    assert INTERCEPTOR.covers(raw)


@pytest.mark.parametrize("raw", NOT_OURS)
def test_other_paths_stay_the_hosts(raw):
    assert not INTERCEPTOR.covers(raw)


@pytest.mark.parametrize("raw", AMBIGUOUS)
def test_another_spelling_of_an_intercepted_path_is_ours_and_refused(raw):
    assert INTERCEPTOR.covers(raw)
    with pytest.raises(BadRequest, match="ambiguous") as refusal:
        check_path(raw)
    assert (refusal.value.status_code, refusal.value.error_code) == (400, "bad_path")


@pytest.mark.parametrize(
    "raw", ["/static//x", "/a/../b", "/a;b", "/caf%C3%A9", "/%2e%2e/x", "/a%00", "/files/a%2Fb"]
)
def test_the_hosts_own_odd_spellings_stay_the_hosts(raw):
    assert not INTERCEPTOR.covers(raw)


@pytest.mark.parametrize("raw", PLAIN)
def test_plain_paths_pass_the_check(raw):
    check_path(raw)


def test_a_path_must_begin_with_a_slash():
    with pytest.raises(BadRequest, match="no slash at its beginning"):
        check_path("v1/chat")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("/v1//x", "the text '//'"),
        ("/v1\\x", "a backslash"),
        ("/v1/../x", "a dot segment"),
        ("/v1/%2Fx", "the encoded character %2F"),
        ("/v1/%63", "the encoded character %63, which is written 'c'"),
        ("/v1/%2563hat", "the character %63 encoded twice"),
        ("/v1/%zz", "a % that is followed by no code"),
        ("/v1/%ff", "encoded bytes that are no UTF-8"),
        ("/v1/ä", "characters that have to be percent-encoded"),
    ],
)
def test_the_refusal_says_what_is_ambiguous(raw, reason):
    with pytest.raises(BadRequest) as refusal:
        check_path(raw)
    assert (
        refusal.value.message
        == f"The path of this request is ambiguous: it has {reason}. Send its plain spelling."
    )


def test_nothing_is_intercepted_where_no_path_is_named():
    interceptor = Interceptor([])
    assert not any(interceptor.covers(raw) for raw in (*OURS, *AMBIGUOUS))
    assert repr(interceptor) == "<Interceptor [nothing]>"


@pytest.mark.parametrize("root", ["/*", "//*"])
def test_the_root_prefix_takes_everything(root):
    assert all(Interceptor([path(root)]).covers(raw) for raw in ("", "/", "/x", "/x/y%20"))


def test_a_trailing_slash_of_a_prefix_is_ignored():
    interceptor = Interceptor([path("/api//*")])
    assert [interceptor.covers(raw) for raw in ("/api", "/api/x", "/apix")] == [True, True, False]


SEGMENTS = st.sampled_from(
    ["v1", "api", "chat", "models", "gpt", "..", ".", "", "%2e%2e", "%63hat", "a;b", "x", "%2f", "\\", "%00"]
)
SPELLINGS = st.lists(SEGMENTS, max_size=5).map(lambda parts: "/" + "/".join(parts))


@given(raw=SPELLINGS)
def test_what_a_rule_matches_is_always_ours(raw):
    matched = (
        RouteTable([route("r", match("/v1/*", "/api/chat", "~/models/[a-z]+"))]).select(facts(path=raw)).route
    )
    assert matched is None or INTERCEPTOR.covers(raw)


@given(raw=SPELLINGS)
def test_a_path_that_passes_the_check_has_one_reading(raw):
    try:
        check_path(raw)
    except BadRequest:
        return
    assert "%2f" not in raw.lower()
    assert not {"", ".", ".."} & set(raw.split("/")[1:-1])


@given(raw=st.text(max_size=30))
def test_any_text_is_either_plain_or_refused(raw):
    INTERCEPTOR.covers(raw)
    try:
        check_path(raw)
    except BadRequest as refusal:
        assert refusal.error_code == "bad_path"  # noqa: PT017 - passing is as good
