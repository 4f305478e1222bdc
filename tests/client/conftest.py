from collections.abc import Iterator

import pytest

from llmgw_middleware.gateway import Gateway
from llmgw_middleware.testing.upstream import Script, ScriptedUpstream, Seen, chat, stream
from tests.client.calling import config, serving


def hello(seen: Seen) -> Script:
    """Say hello, as a stream where that is asked for."""
    return stream("hello") if b'"stream"' in seen.body else chat("hello")


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        upstream.default(hello)
        yield upstream


@pytest.fixture
def gateway(upstream: ScriptedUpstream) -> Iterator[Gateway]:
    with serving(config(upstream.url)) as gateway:
        yield gateway
