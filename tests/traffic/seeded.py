"""Seed 004 as it stands, all its files together, with addresses for the backends that it only names."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from llmgw_middleware.build import build_gateway
from llmgw_middleware.extensions import Extensions
from llmgw_middleware.facts import Facts
from llmgw_middleware.gateway import Gateway
from llmgw_middleware.model.http import Response
from llmgw_middleware.model.identity import ANONYMOUS
from llmgw_middleware.policy.blocked import Blocked
from llmgw_middleware.policy.condition import Condition
from llmgw_middleware.policy.lease import Lease
from llmgw_middleware.policy.pool import Target
from llmgw_middleware.policy.trail import Trail
from llmgw_middleware.testing.upstream import Script, ScriptedUpstream, answer
from tests.gateway.asking import ask, request

SEEDS = Path(__file__).parent.parent / "seeds"
NAMES = ("004-routes", "004-pool", "004-timeouts", "004-retry", "004-breaker")
BACKENDS = ("openai-backend", "anthropic-backend", "azure-backend", "beta-backend")
BETA = {"x-beta-user": "true"}
NOWHERE = "http://127.0.0.1:9"
EMBEDDING = {"model": "text-embedding-3-small", "input": "Hi"}


@asynccontextmanager
async def seeded(
    folder: Path,
    urls: dict[str, str] | str,
    *,
    change: Callable[[str], str] = lambda text: text,
    more: dict[str, Any] | None = None,
    **extensions: Any,
) -> AsyncIterator[Gateway]:
    """Build a gateway for the seed. ``urls`` by backend, or one for all; ``change`` edits its text; ``more`` is merged."""
    for name in NAMES:
        (folder / f"{name}.yaml").write_text(change((SEEDS / f"{name}.yaml").read_text()))
    where = dict.fromkeys(BACKENDS, urls) if isinstance(urls, str) else urls
    backends = [{"name": name, "url": f"{url}/v1", "apiKey": "sk"} for name, url in where.items()]
    overlay = {"backends": backends, **(more or {})}
    (folder / "overlay.yaml").write_text(json.dumps(overlay))
    files = [folder / f"{name}.yaml" for name in (*NAMES, "overlay")]
    gateway = build_gateway(files, env={}, extensions=Extensions(**extensions))
    try:
        yield gateway
    finally:
        await gateway.aclose()


def beta_at(url: str) -> dict[str, str]:
    """Return addresses where only the beta backend answers: the pool's checks do not reach its upstream."""
    return dict.fromkeys(BACKENDS, NOWHERE) | {"beta-backend": url}


def in_turn(upstream: ScriptedUpstream, *scripts: Script) -> None:
    """Answer prompts with one script after another; health checks, which come when they like, take none away."""
    left = iter(scripts)
    upstream.default(lambda seen: next(left) if seen.method == "POST" else answer(200, json={"data": []}))


def prompts(upstream: ScriptedUpstream) -> int:
    """Count what arrived, without health checks."""
    return sum(seen.method == "POST" for seen in upstream.requests)


def replaced(old: str, new: str) -> Callable[[str], str]:
    """Return a change of the seed's text; ``old`` has to be there where its line is."""
    return lambda text: text.replace(old, new)


async def embed(gw: Gateway) -> Response:
    return await ask(gw, path="/v1/embeddings", body=EMBEDDING)


async def ask_beta(gw: Gateway, **asked: Any) -> Response:
    return await ask(gw, headers=BETA, **asked)


def pool_of(gw: Gateway) -> Target:
    facts = Facts(request(), ANONYMOUS, gw.locator)  # there is no split: nothing is looked at
    return gw.snapshot.choosers["chat-completions"].choose(facts, chance=0.0).targets[0]


def condition(gw: Gateway, name: str | None) -> Condition:
    assert name is not None
    return gw.snapshot.conditions[name]


def leased(target: Target, **asked: Any) -> Lease:
    """Take a lease for a new request."""
    lease = target.lease(tried=Trail(), **asked)
    assert not isinstance(lease, Blocked)
    return lease


def trip(condition: Condition, *, opened_at: float, failures: int = 20) -> None:
    """Let the backend fail so often that its circuit opens at that time."""
    for _ in range(failures):
        permit = condition.breaker.admit(opened_at)
        assert permit is not None
        condition.breaker.record(permit, ok=False, now=opened_at)
