"""Django's check against forged requests, for a request that never reaches a view.

``CsrfViewMiddleware`` checks in ``process_view``, which does not run when a middleware answers. A foreign page must
not spend what the visitor's session allows.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from llmgw_middleware import Forbidden

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class CSRFCheck(CsrfViewMiddleware):
    """The stock check, with all its settings, that returns the reason of a refusal instead of a page."""

    def _reject(self, request: HttpRequest, reason: str) -> str:  # noqa: ARG002 - Django's signature
        return reason


def check_csrf(request: HttpRequest) -> None:
    """Refuse, with ``csrf_failed``, what the project's own views would refuse."""
    if request.method in SAFE_METHODS:
        return
    check = CSRFCheck(_no_view)  # made per request, as it caches settings
    check.process_request(request)
    reason = check.process_view(request, _no_view, (), {})
    if reason is not None:
        raise Forbidden(
            f"{reason} A browser's session needs Django's CSRF token: send the csrftoken cookie's value as X-CSRFToken.",
            code="csrf_failed",
        )


def _no_view(_: HttpRequest) -> HttpResponse:
    raise AssertionError("the check asks for no view")
