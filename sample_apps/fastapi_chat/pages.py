"""The site's own views. None of them talks to a model: the page calls /v1/…, and the gateway answers that."""

from __future__ import annotations

import shlex
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel

import mocks
from people import TIERS, People, Person

HERE = Path(__file__).resolve().parent
CHAT_PAGE = HERE.parent / "chat_page"  # the page that all sample applications share
TEMPLATES = Jinja2Templates(directory=CHAT_PAGE / "templates")

# A strict policy for pages whose scripts and styles are all files of their own.
POLICY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
}

router = APIRouter(include_in_schema=False)


def everybody(request: Request) -> People:
    people: People = request.app.state.people
    return people


def caller(request: Request) -> Person | None:
    return request.user if request.user.is_authenticated else None


def staff(request: Request) -> Person:
    person = caller(request)
    if person is None or not person.staff:
        raise HTTPException(HTTPStatus.FORBIDDEN)
    return person


Everybody = Annotated[People, Depends(everybody)]
Caller = Annotated[Person | None, Depends(caller)]


@router.get("/")
def chat(person: Caller) -> Response:
    """Serve the page: what it shows it asks of ``/me`` and ``/v1/models``."""
    if person is None:
        return RedirectResponse("/login/", HTTPStatus.SEE_OTHER)
    return FileResponse(CHAT_PAGE / "chat.html", headers={**POLICY, "Cache-Control": "no-cache"})


@router.get("/login/")
def login(request: Request, person: Caller) -> Response:
    if person is not None:
        return RedirectResponse("/", HTTPStatus.SEE_OTHER)
    return TEMPLATES.TemplateResponse(request, "login.html", {"name": "", "refused": False}, headers=POLICY)


@router.post("/login/")
def log_in(
    request: Request, people: Everybody, username: Annotated[str, Form()], password: Annotated[str, Form()]
) -> Response:
    person = people.with_password(username, password)
    if person is None:
        told = {"name": username, "refused": True}
        return TEMPLATES.TemplateResponse(request, "login.html", told, headers=POLICY)
    request.session.clear()
    request.session["user_id"] = person.id
    return RedirectResponse("/", HTTPStatus.SEE_OTHER)


@router.post("/logout/")
def log_out(request: Request) -> Response:
    request.session.clear()
    return RedirectResponse("/login/", HTTPStatus.SEE_OTHER)


@router.get("/me")
def me(person: Caller) -> Response:
    """Tell the page who is logged in and what this site offers."""
    if person is None:
        return refusal(HTTPStatus.UNAUTHORIZED, "Nobody is logged in.")
    return JSONResponse(
        {
            "name": person.id,
            "tier": person.tier,
            "country": person.country,
            "staff": person.staff,
            "login": "/login/",
            "logout": "/logout/",
            "providers": "/demo/providers",
            "explain": explain_command(person),
        }
    )


def explain_command(person: Person) -> str:
    """Return the command that explains this user's questions; the page puts the request's body in."""
    command = ["llmgw", "explain", "sample_apps/fastapi_chat/llmgw.yaml", "-X", "POST"]
    command += ["--path", "/v1/chat/completions"]
    command += ["--user", f"id={person.id}", "--user", f"tier={person.tier}"]
    if person.country:
        command += ["--country", person.country]
    return f"{shlex.join(command)} -d '{{body}}'"


@router.get("/admin/", dependencies=[Depends(staff)])
def admin(request: Request, people: Everybody) -> Response:
    """Let staff choose everybody's tier."""
    told = {"people": people, "tiers": TIERS}
    return TEMPLATES.TemplateResponse(request, "people.html", told, headers=POLICY)


@router.post("/admin/", dependencies=[Depends(staff)])
def choose(
    people: Everybody, person: Annotated[str, Form()], tier: Annotated[Literal["free", "premium"], Form()]
) -> Response:
    chosen = people.get(person)
    if chosen is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    chosen.tier = tier
    return RedirectResponse("/admin/", HTTPStatus.SEE_OTHER)


class Wish(BaseModel):
    """What somebody wants of a mock provider."""

    name: Literal["openai", "azure", "anthropic"]
    state: Literal["up", "slow", "down", "cut"]


@router.get("/demo/providers")
async def providers(person: Caller) -> Response:
    """Show what the mock providers do."""
    return await switchboard(person)


@router.post("/demo/providers")
async def switch(person: Caller, wish: Wish) -> Response:
    """Change what one of them does. Everybody may: it is a demo, and nothing real stands behind it."""
    return await switchboard(person, wish)


async def switchboard(person: Person | None, wish: Wish | None = None) -> Response:
    if person is None:
        return refusal(HTTPStatus.UNAUTHORIZED, "Nobody is logged in.")
    try:
        if wish is not None:
            await mocks.change(wish.name, wish.state)
        return JSONResponse({"providers": await mocks.states()})
    except httpx.HTTPError:
        return refusal(HTTPStatus.BAD_GATEWAY, f"No mock provider answers at {mocks.address()}.")


def refusal(status: HTTPStatus, message: str) -> Response:
    content: dict[str, Any] = {"error": {"message": message}}
    return JSONResponse(content, status)
