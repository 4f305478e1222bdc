import pytest

from llmgw_middleware.exchange.headers import media_type, shown


@pytest.mark.parametrize(
    "name",
    [
        b"set-cookie",
        b"server",
        b"date",
        b"connection",
        b"transfer-encoding",
        b"openai-organization",
        b"www-authenticate",
        b"x-api-key",
        b"x-ratelimit-remaining-tokens",
    ],
    ids=bytes.decode,
)
def test_an_upstreams_own_business_stays_its_own(name):
    assert shown([(name, b"x")]) == ()


@pytest.mark.parametrize("name", [b"content-type", b"openai-processing-ms"], ids=bytes.decode)
def test_what_serves_the_caller_is_shown(name):
    assert shown([(name, b"x")]) == ((name, b"x"),)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (b"text/event-stream; charset=utf-8", b"text/event-stream"),
        (b"Application/JSON", b"application/json"),
        (b"", b""),
    ],
)
def test_the_media_type_is_read_without_its_parameters(value, kind):
    assert media_type([(b"content-type", value)]) == kind


def test_an_answer_without_a_type_has_none():
    assert media_type([(b"x", b"y")]) == b""
