"""The site's own views. None of them talks to a model: the page calls /v1/…, and the gateway answers that."""

import json
import shlex
from http import HTTPStatus

import httpx
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_http_methods

from chat import mocks
from chat.models import Profile
from chat.policy import strict_policy


@require_GET
@login_required
@ensure_csrf_cookie  # the page reads the token from this cookie and sends it with every question
@strict_policy
def chat(request: HttpRequest) -> HttpResponse:
    """Serve the page. It has no template tags: what it shows it asks of ``/me`` and ``/v1/models``."""
    return render(request, "chat.html")


@require_GET
def me(request: HttpRequest) -> JsonResponse:
    """Tell the page who is logged in and what this site offers."""
    user = request.user
    if not user.is_authenticated:
        return refusal(HTTPStatus.UNAUTHORIZED, "Nobody is logged in.")
    profile, _ = Profile.objects.get_or_create(user=user)
    return JsonResponse(
        {
            "name": user.get_username(),
            "tier": profile.tier,
            "country": profile.country,
            "staff": user.is_staff,
            "login": reverse("login"),
            "logout": reverse("logout"),
            "csrf": {"cookie": settings.CSRF_COOKIE_NAME, "header": "X-CSRFToken"},
            "providers": reverse("providers"),
            "explain": explain_command(profile),
        }
    )


def explain_command(profile: Profile) -> str:
    """Return the command that explains this user's questions; the page puts the request's body in."""
    command = ["llmgw", "explain", "sample_apps/django_chat/llmgw.yaml", "-X", "POST"]
    command += [
        "--path",
        "/v1/chat/completions",
        "--user",
        f"id={profile.user_id}",
        "--user",
        f"tier={profile.tier}",
    ]
    if profile.country:
        command += ["--country", profile.country]
    return f"{shlex.join(command)} -d '{{body}}'"


@require_http_methods(["GET", "POST"])
def providers(request: HttpRequest) -> JsonResponse:
    """Show and change what the mock providers do. Everybody may: it is a demo, and nothing real stands behind it."""
    if not request.user.is_authenticated:
        return refusal(HTTPStatus.UNAUTHORIZED, "Nobody is logged in.")
    try:
        if request.method == "POST":
            wish = json.loads(request.body)
            if wish.get("name") not in mocks.PROVIDERS or wish.get("state") not in mocks.STATES:
                return refusal(HTTPStatus.BAD_REQUEST, f"The name is one of {', '.join(mocks.PROVIDERS)}.")
            mocks.change(wish["name"], wish["state"])
        return JsonResponse({"providers": mocks.states()})
    except httpx.HTTPError:
        return refusal(HTTPStatus.BAD_GATEWAY, f"No mock provider answers at {settings.MOCK_PROVIDERS_URL}.")


def refusal(status: HTTPStatus, message: str) -> JsonResponse:
    return JsonResponse({"error": {"message": message}}, status=status)
