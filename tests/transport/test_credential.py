import asyncio
import threading
from dataclasses import dataclass

import pytest

from llmgw_middleware.testing.clock import FakeClock
from llmgw_middleware.transport.credential import EARLY, Bearing, Kept, Signing, Token
from llmgw_middleware.transport.port import Call, NoCredential
from llmgw_middleware.transport.sigv4 import AwsKey

CALL = Call(method="POST", url="https://h/x", headers=((b"authorization", b"old"), (b"accept", b"*/*")))


@dataclass
class Source:
    """Gives one token after another; each lives an hour."""

    clock: FakeClock
    asked: int = 0
    fails: bool = False
    hold: threading.Event | None = None

    def __call__(self) -> Token:
        self.asked += 1
        if self.hold is not None:
            self.hold.wait(5)
        if self.fails:
            raise NoCredential("none")
        return Token(text=f"t{self.asked}", expires=self.clock() + 3600)


def join_renewals() -> None:
    for thread in threading.enumerate():
        if thread.name == "llmgw credential":
            thread.join(5)


@pytest.fixture
def source() -> Source:
    return Source(FakeClock())


def kept(source: Source) -> Kept[Token]:
    return Kept(source, clock=source.clock)


async def test_a_token_is_fetched_once_and_kept(source):
    tokens = kept(source)
    found = await asyncio.gather(*(tokens.current() for _ in range(8)))
    assert {token.text for token in found} == {"t1"}
    assert source.asked == 1


async def test_a_token_that_has_ended_is_fetched_again(source):
    tokens = kept(source)
    await tokens.current()
    source.clock.advance(3600)
    assert (await tokens.current()).text == "t2"


async def test_shortly_before_its_end_a_token_is_renewed_and_nobody_waits(source):
    tokens = kept(source)
    await tokens.current()
    source.clock.advance(3600 - EARLY + 1)
    source.hold = threading.Event()
    assert (await tokens.current()).text == "t1"
    assert (await tokens.current()).text == "t1"
    source.hold.set()
    await asyncio.to_thread(join_renewals)
    assert ((await tokens.current()).text, source.asked) == ("t2", 2)


async def test_a_renewal_that_fails_hurts_nobody_while_the_old_token_is_good(source):
    tokens = kept(source)
    await tokens.current()
    source.clock.advance(3600 - EARLY + 1)
    source.fails = True
    assert (await tokens.current()).text == "t1"
    await asyncio.to_thread(join_renewals)
    source.clock.advance(EARLY)
    with pytest.raises(NoCredential):
        await tokens.current()


async def test_a_token_is_sent_in_place_of_any_other(source):
    sent = await Bearing(kept(source)).authorize(CALL)
    assert sent.headers == ((b"accept", b"*/*"), (b"authorization", b"Bearer t1"))


async def test_a_call_is_signed_at_the_time_of_the_clock(source):
    keys = Kept(lambda: AwsKey(id="AKID", secret="s"))
    sent = await Signing(keys, region="eu-west-1", service="bedrock", clock=lambda: 0.0).authorize(CALL)
    headers = dict(sent.headers)
    assert headers[b"x-amz-date"] == b"19700101T000000Z"
    assert b"Credential=AKID/19700101/eu-west-1/bedrock/aws4_request" in headers[b"authorization"]


async def test_nothing_tells_a_token(source):
    tokens = kept(source)
    token = await tokens.current()
    assert "t1" not in repr((tokens, token, Bearing(tokens)))
