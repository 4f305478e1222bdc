import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from llmgw_middleware.testing.clock import FakeClock
from llmgw_middleware.transport.credential import EARLY, PAUSE, Bearing, Kept, Signing, Token
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
    assert (await tokens.current()).text == "t1"
    source.clock.advance(EARLY)
    with pytest.raises(NoCredential):
        await tokens.current()


async def test_a_provider_that_is_down_is_not_asked_by_every_request(source):
    tokens = kept(source)
    source.fails = True
    for _ in range(3):
        with pytest.raises(NoCredential, match="none"):
            await tokens.current()
    assert source.asked == 1
    source.clock.advance(PAUSE)
    source.fails = False
    assert (await tokens.current()).text == "t2"


async def test_who_waits_for_a_provider_takes_no_thread_of_the_loop(source):
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(1))
    tokens, source.hold = kept(source), threading.Event()
    waiting = [asyncio.create_task(tokens.current()) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.wait_for(asyncio.to_thread(lambda: None), 5)
    waiting[0].cancel()
    source.hold.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert (found[1], source.asked) == (found[2], 1)


async def test_a_token_that_is_always_about_to_end_is_not_fetched_for_every_request(source):
    tokens = kept(source)
    await tokens.current()
    source.clock.advance(3600 - 1)
    source.fails = True
    for _ in range(3):
        await tokens.current()
        await asyncio.to_thread(join_renewals)
    assert source.asked == 2


async def test_what_a_providers_own_code_raises_is_no_credential_and_is_not_repeated(caplog):
    def fetch() -> Token:
        raise RuntimeError("secret=hunter2")

    with pytest.raises(NoCredential) as caught:
        await Kept(fetch).current()
    assert "hunter2" not in str(caught.value) + caplog.text
    assert "RuntimeError" in caplog.text


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


async def test_a_token_that_comes_while_it_is_looked_for_is_taken(source):
    tokens = kept(source)

    def looked_for_late() -> float:
        # The clock is read between the look at the value and the look at what is being fetched.
        if source.asked == 0:
            tokens._value = source()
            tokens._ended = 0.0
        return float(source.clock())

    tokens._clock = looked_for_late
    assert (await tokens.current()).text == "t1"
    assert source.asked == 1
