"""Known answers from AWS's own examples: the Signature Version 4 test suite and the IAM user guide."""

from datetime import UTC, datetime

import pytest

from llmgw_middleware.transport.port import Call
from llmgw_middleware.transport.sigv4 import AwsKey, signed

KEY = AwsKey(id="AKIDEXAMPLE", secret="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwt"
    "hAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVX"
    "AkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)
WITH_TOKEN = AwsKey(id=KEY.id, secret=KEY.secret, token=TOKEN)
NOW = datetime(2015, 8, 30, 12, 36, tzinfo=UTC).timestamp()
HOST = "https://example.amazonaws.com"
FORM = (b"content-type", b"application/x-www-form-urlencoded")

# method, url, headers, body, key, the signed headers, the signature
ANSWERS = {
    "get-vanilla": (
        "GET", HOST + "/", (), b"", KEY, "host;x-amz-date",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    "get-vanilla-query-order-key-case": (
        "GET", HOST + "/?Param2=value2&Param1=value1", (), b"", KEY, "host;x-amz-date",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    "post-vanilla": (
        "POST", HOST + "/", (), b"", KEY, "host;x-amz-date",
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ),
    "post-x-www-form-urlencoded": (
        "POST", HOST + "/", (FORM,), b"Param1=value1", KEY, "content-type;host;x-amz-date",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
    "post-sts-header-before": (
        "POST", HOST + "/", (), b"", WITH_TOKEN, "host;x-amz-date;x-amz-security-token",
        "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
    ),
}  # fmt: skip


def proof(call: Call) -> str:
    return dict(call.headers)[b"authorization"].decode()


@pytest.mark.parametrize("case", ANSWERS.values(), ids=ANSWERS)
def test_the_suites_requests_are_signed_as_it_says(case):
    method, url, headers, body, key, names, signature = case
    call = signed(
        Call(method=method, url=url, headers=headers, body=body),
        key,
        region="us-east-1",
        service="service",
        now=NOW,
    )
    assert proof(call) == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    assert dict(call.headers)[b"x-amz-date"] == b"20150830T123600Z"


def test_the_example_of_the_user_guide():
    call = Call(
        method="GET",
        url="https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
        headers=((b"content-type", b"application/x-www-form-urlencoded; charset=utf-8"),),
    )
    sent = signed(call, KEY, region="us-east-1", service="iam", now=NOW)
    assert proof(sent).endswith("Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7")


def test_a_path_that_is_encoded_already_is_encoded_once_more():
    # The signature that botocore gives for this call.
    call = Call(
        method="POST",
        url="https://bedrock-runtime.us-east-1.amazonaws.com/model/us.amazon.nova-micro-v1%3A0/converse",
        headers=((b"content-type", b"application/json"),),
        body=b"{}",
    )
    sent = signed(call, KEY, region="us-east-1", service="bedrock", now=NOW)
    assert proof(sent).endswith("Signature=ef7b92cac5639cc01abfde8d2e37f6d7124ca6e0daf558d6457ab773d974c6ba")


def test_headers_that_a_proxy_may_change_are_not_signed_and_none_is_sent_twice():
    headers = (
        (b"user-agent", b"x"),
        (b"authorization", b"Bearer old"),
        (b"x-amz-date", b"old"),
        (b"accept", b"*/*"),
    )
    sent = signed(
        Call(method="GET", url=HOST + "/", headers=headers),
        KEY,
        region="us-east-1",
        service="service",
        now=NOW,
    )
    assert "SignedHeaders=host;x-amz-date," in proof(sent)
    names = [name for name, _ in sent.headers]
    assert sorted(names) == sorted({*names})


def test_a_credential_does_not_show_its_secret():
    assert "wJalr" not in repr(WITH_TOKEN)
    assert TOKEN[:10] not in repr(WITH_TOKEN)
