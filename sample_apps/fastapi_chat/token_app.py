"""The same rules for callers with a token: an API without pages or cookies. What the gateway needs: <-- llmgw.

``uvicorn token_app:app`` serves it from this folder. The token is the key of any OpenAI client::

    token = httpx.post(f"{site}/token", data={"username": "bob", "password": "bob"}).json()["access_token"]
    OpenAI(base_url=f"{site}/v1", api_key=token)
"""

from __future__ import annotations

import os
import time
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordRequestForm

from llmgw_fastapi import LLMGatewayMiddleware, bearer  # <-- llmgw
from people import People

HERE = Path(__file__).resolve().parent
LIFETIME = 3600
"""Seconds that a token is good for."""

# Fit for a sample on your own machine: a real API has a key of its own.
KEY = os.environ.get("SECRET_KEY", "fastapi-insecure-sample-site-on-your-own-machine")
PEOPLE = People()


def decode(token: str) -> dict[str, Any]:
    """Return what a token of ours says: ``sub`` is the caller, ``tier`` and ``country`` are what llmgw.yaml asks for."""
    claims: dict[str, Any] = jwt.decode(token, KEY, algorithms=["HS256"], options={"require": ["exp", "sub"]})
    return claims


app = FastAPI(title="Chat API")

# <-- llmgw: a FastAPI dependency that reads tokens is out of a middleware's sight; the gateway is told how to by itself.
app.add_middleware(
    LLMGatewayMiddleware, config=HERE / "llmgw.yaml", identify=bearer(decode, invalid=jwt.InvalidTokenError)
)


@app.post("/token")
def token(form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> dict[str, str]:
    """Give a token for a name and password."""
    person = PEOPLE.with_password(form.username, form.password)
    if person is None:
        raise HTTPException(HTTPStatus.UNAUTHORIZED, "That name and password do not belong together.")
    claims = {"sub": person.id, "tier": person.tier, "exp": int(time.time()) + LIFETIME}
    if person.country:
        claims["country"] = person.country
    return {"access_token": jwt.encode(claims, KEY, algorithm="HS256"), "token_type": "bearer"}
