"""What a process has in hand for callers, for tests that ask whether everything is given back."""

from __future__ import annotations

import asyncio
import gc
import os
from pathlib import Path
from typing import Any

from llmgw_middleware.policy.endpoint import Endpoint
from llmgw_middleware.transport.h1_pool import Pool

SERVERS = {"gunicorn", "hypercorn", "uvicorn"}


def leftovers() -> dict[str, Any]:
    """Return leases held, upstream connections in use, callers who wait for one, tasks that are not done, and memory.

    Tasks are ours, the framework's and the project's; a server's own end when the server pleases. Memory is the resident set in MiB, 0 where there is no /proc. Found by looking at every object of the process, so
    that no part of it can be left out.
    """
    gc.collect()
    found = gc.get_objects()
    endpoints = [each for each in found if isinstance(each, Endpoint)]
    pools = [each for each in found if isinstance(each, Pool)]
    tasks = [
        each
        for each in found
        if isinstance(each, asyncio.Task) and not each.done() and not _of_a_server(each)
    ]
    return {
        "leases": sum(each.in_flight for each in endpoints),
        "connections": sum(each.active for each in pools),
        "waiting": sum(each.waiting for each in pools),
        "tasks": sorted(_name(each) for each in tasks if not each.get_loop().is_closed()),
        "memory": resident(),
    }


def resident() -> int:
    """Return this process's resident set in MiB."""
    status = Path("/proc/self/statm")
    if not status.exists():
        return 0
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20


def _of_a_server(task: asyncio.Task[Any]) -> bool:
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and bool(SERVERS & set(Path(code.co_filename).parts))


def _name(task: asyncio.Task[Any]) -> str:
    return str(getattr(task.get_coro(), "__qualname__", "?"))
