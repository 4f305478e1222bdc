"""What translation costs per event of a stream, beside passing it through: ``python -m benchmarks.translation``.

One process, no sockets: a stream of 2000 deltas is fed to the tap, an event at a time, the best of thirty runs. The
target is at most 6 µs per event over passing through.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from llmgw_middleware.dialect.chat_port import Means
from llmgw_middleware.dialect.port import Asked, Operation, StreamTap
from llmgw_middleware.dialect.provider import profile_of
from llmgw_middleware.dialect.registry import conversation
from llmgw_middleware.dialect.terms import TermsOf
from llmgw_middleware.model.backend import Backend

DELTAS, RUNS = 2000, 30
ASKED: dict[Operation, dict[str, Any]] = {
    Operation.CHAT: {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]},
    Operation.MESSAGES: {
        "model": "m",
        "stream": True,
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "hi"}],
    },
}


def event(name: str, **data: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), json.dumps({"type": name, **data}).encode())


def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    said = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: %b\n\n" % json.dumps(said).encode()


def messages() -> list[bytes]:
    start = {"id": "msg_1", "role": "assistant", "model": "m", "content": [], "usage": {"input_tokens": 1}}
    said = [{"type": "text_delta", "text": f" token{number % 50}"} for number in range(DELTAS)]
    return [
        event("message_start", message=start),
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        *(event("content_block_delta", index=0, delta=delta) for delta in said),
        event("content_block_stop", index=0),
        event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": DELTAS}),
        event("message_stop"),
    ]


def chunks() -> list[bytes]:
    said = [chunk({"content": f" token{number % 50}"}) for number in range(DELTAS)]
    return [chunk({"role": "assistant", "content": ""}), *said, chunk({}, "stop"), b"data: [DONE]\n\n"]


def taps(operation: Operation, provider: str) -> Callable[[], StreamTap]:
    """Return what makes fresh taps for callers of ``operation`` before a backend of ``provider``."""
    backend = Backend(name="b", provider=provider)
    row = profile_of(backend)
    means = Means(
        terms=TermsOf(backend, row),
        mint=lambda: "0" * 24,
        clock=time.time,
        estimate=lambda _model, _request: 1,
        learn=lambda _model, _request, _counted: None,
        max_event=backend.max_event_size,
    )
    talk = conversation(operation, row, bare=False, means=means)
    assert talk is not None
    fields = msgspec.json.decode(json.dumps(ASKED[operation]), type=dict[str, msgspec.Raw])
    outgoing = talk.outgoing(Asked(fields=fields, raw=b"{}", model="m", stream=True))

    def fresh() -> StreamTap:
        tap = talk.tap(outgoing, "text/event-stream", show_usage=False)
        assert tap is not None
        return tap

    return fresh


def cost(fresh: Callable[[], StreamTap], events: Sequence[bytes]) -> float:
    """Return microseconds per event, of the best run."""
    best = float("inf")
    for _ in range(RUNS):
        tap = fresh()
        began = time.perf_counter()
        for data in events:
            tap.feed(data)
        tap.close()
        best = min(best, time.perf_counter() - began)
        assert tap.done
    return best / len(events) * 1e6


def main() -> None:
    rows = (
        ("Anthropic", messages(), Operation.MESSAGES, Operation.CHAT, "anthropic"),
        ("OpenAI chat", chunks(), Operation.CHAT, Operation.MESSAGES, "openai"),
    )
    print("| stream of | passed through, µs per event | translated | over it |\n| --- | --- | --- | --- |")
    for name, events, same, other, provider in rows:
        passed, translated = cost(taps(same, provider), events), cost(taps(other, provider), events)
        print(f"| {name} | {passed:.2f} | {translated:.2f} | {translated - passed:.2f} |")


if __name__ == "__main__":
    main()
