"""The site's own views. None of them talks to a model: the page calls /v1/…, and the gateway answers that."""

from __future__ import annotations

import shlex
from http import HTTPStatus

import httpx
from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    redirect,
    render_template,
    request,
    send_from_directory,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required, login_user, logout_user

import mocks
from people import TIERS, People, Person

pages = Blueprint("pages", __name__)


@pages.get("/")
@login_required
def chat() -> Response:
    """Serve the page: what it shows it asks of ``/me`` and ``/v1/models``."""
    return send_from_directory(current_app.config["CHAT_PAGE"], "chat.html", max_age=0)


@pages.route("/login/", methods=["GET", "POST"])
def login() -> ResponseReturnValue:
    if current_user.is_authenticated:
        return redirect(url_for("pages.chat"))
    name = request.form.get("username", "")
    if request.method == "POST":
        person = people().with_password(name, request.form.get("password", ""))
        if person is not None:
            login_user(person)
            return redirect(url_for("pages.chat"))
    return render_template("login.html", name=name, refused=request.method == "POST")


@pages.post("/logout/")
def logout() -> ResponseReturnValue:
    logout_user()
    return redirect(url_for("pages.login"))


@pages.get("/me")
def me() -> ResponseReturnValue:
    """Tell the page who is logged in and what this site offers."""
    if not current_user.is_authenticated:
        return refusal(HTTPStatus.UNAUTHORIZED, "Nobody is logged in.")
    return {
        "name": current_user.id,
        "tier": current_user.tier,
        "country": current_user.country,
        "staff": current_user.staff,
        "login": url_for("pages.login"),
        "logout": url_for("pages.logout"),
        "csrf": {"cookie": "csrftoken", "header": "X-CSRFToken"},
        "providers": url_for("pages.providers"),
        "explain": explain_command(current_user),
    }


def explain_command(person: Person) -> str:
    """Return the command that explains this user's questions; the page puts the request's body in."""
    command = ["llmgw", "explain", "sample_apps/flask_chat/llmgw.yaml", "-X", "POST"]
    command += [
        "--path",
        "/v1/chat/completions",
        "--user",
        f"id={person.id}",
        "--user",
        f"tier={person.tier}",
    ]
    if person.country:
        command += ["--country", person.country]
    return f"{shlex.join(command)} -d '{{body}}'"


@pages.route("/admin/", methods=["GET", "POST"])
@login_required
def admin() -> ResponseReturnValue:
    """Let staff choose everybody's tier."""
    if not current_user.staff:
        abort(HTTPStatus.FORBIDDEN)
    if request.method == "POST":
        person = people().get(request.form.get("person", ""))
        tier = request.form.get("tier")
        if person is None or tier not in TIERS:
            abort(HTTPStatus.BAD_REQUEST)
        person.tier = tier
        return redirect(url_for("pages.admin"))
    return render_template("people.html", people=people(), tiers=TIERS)


@pages.route("/demo/providers", methods=["GET", "POST"])
def providers() -> ResponseReturnValue:
    """Show and change what the mock providers do. Everybody may: it is a demo, and nothing real stands behind it."""
    if not current_user.is_authenticated:
        return refusal(HTTPStatus.UNAUTHORIZED, "Nobody is logged in.")
    url = current_app.config["MOCK_PROVIDERS_URL"]
    try:
        if request.method == "POST":
            wish = request.get_json()
            if wish.get("name") not in mocks.PROVIDERS or wish.get("state") not in mocks.STATES:
                return refusal(HTTPStatus.BAD_REQUEST, f"The name is one of {', '.join(mocks.PROVIDERS)}.")
            mocks.change(url, wish["name"], wish["state"])
        return {"providers": mocks.states(url)}
    except httpx.HTTPError:
        return refusal(HTTPStatus.BAD_GATEWAY, f"No mock provider answers at {url}.")


def people() -> People:
    found: People = current_app.extensions["people"]
    return found


def refusal(status: HTTPStatus, message: str) -> ResponseReturnValue:
    return {"error": {"message": message}}, status
