"""A Django project with the gateway, or (``BENCH_SIDE=constant``) with a view that answers a constant."""

from __future__ import annotations

import os

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from benchmarks.configuration import configuration

GATEWAY = (
    () if os.environ.get("BENCH_SIDE") == "constant" else ("llmgw_django.middleware.LLMGatewayMiddleware",)
)

settings.configure(
    SECRET_KEY="bench",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "django.contrib.sessions",
        "llmgw_django",
    ],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    LOGGING_CONFIG=None,
    LLMGW=configuration(os.environ["BENCH_UPSTREAM"]),
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        *GATEWAY,
    ],
)
django.setup()


@csrf_exempt
def constant(_: HttpRequest) -> JsonResponse:
    """Answer a constant."""
    return JsonResponse({"object": "chat.completion"})


urlpatterns = [path("v1/chat/completions", constant)]
app = get_wsgi_application()
