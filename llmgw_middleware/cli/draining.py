"""A uvicorn server that lets the gateway say goodbye before it ends."""

from __future__ import annotations

import asyncio
import socket

import uvicorn

from llmgw_middleware.gateway import Gateway

LOOK = 0.1
"""Seconds between two looks whether a second signal asks for haste."""


class DrainingServer(uvicorn.Server):
    """On SIGTERM, first drains: new LLM requests get 503, open streams go on for ``gateway.drainTimeout``.

    What is left then is told in band. uvicorn itself would cut it off, too late for the application to say a word.
    """

    def __init__(self, config: uvicorn.Config, gateway: Gateway) -> None:
        super().__init__(config)
        self._gateway = gateway

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain, then end as uvicorn does."""
        drained = asyncio.create_task(self._gateway.drain())
        while not drained.done() and not self.force_exit:
            await asyncio.wait([drained], timeout=LOOK)
        drained.cancel()
        await super().shutdown(sockets)
