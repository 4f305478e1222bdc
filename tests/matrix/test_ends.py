"""A server that is told to stop while a stream is open ends in time, and the stream never looks finished."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import pytest

from llmgw_middleware.testing.streams import stream
from tests.e2e.gateways import STREAMED
from tests.e2e.servers import GRACE
from tests.matrix.conftest import Measured
from tests.matrix.rows import Row, Running, rows, running

pytestmark = pytest.mark.slow


@pytest.fixture(params=rows(lambda row: row.crowd_often))
def site(request: pytest.FixtureRequest) -> Iterator[Running]:
    """A server of the test's own, which it may end."""
    row: Row = request.param
    if row.outlives is not None and sys.version_info >= row.outlives:
        pytest.skip("on this Python the server waits for open connections without end, whatever they carry")
    with running(row) as started:
        yield started


def test_a_live_stream_holds_the_end_no_longer_than_the_grace_and_never_looks_finished(
    site: Running, measured: Measured
):
    site.upstream.script(stream("a", stall_after=1))
    with site.caller() as caller:
        caller.send_request(body=STREAMED)
        caller.read_until(b'"a"')
        at = time.monotonic()
        site.process.stop()
        seconds = time.monotonic() - at
        measured("T6", seconds)
        assert seconds <= GRACE + 1
        site.upstream.wait_left(0)
        try:
            while caller.read_some():
                pass
        except ConnectionResetError:
            pass  # a process that is killed says goodbye no other way
    assert b"[DONE]" not in caller.received
    assert b'"finish_reason":"stop"' not in caller.received.replace(b" ", b"")
    # A server that ends the application's lifespan before it cuts the connection leaves time to say what happened.
    told = b'data: {"error"' in caller.received
    assert told or not caller.received.endswith(b"0\r\n\r\n")
