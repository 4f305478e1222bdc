"""The gateway as a dependency of FastAPI's views."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from llmgw_fastapi.view import handle
from llmgw_middleware import Gateway, Handle


async def _handle(connection: HTTPConnection) -> Handle[Gateway]:
    return handle(connection)


LLMGW = Annotated[Handle[Gateway], Depends(_handle)]
"""The gateway's handle in a view: ``async def view(llmgw: LLMGW): llmgw.gateway``; see ``handle``."""
