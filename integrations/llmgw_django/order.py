"""Where the gateway stands among the project's middleware."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.module_loading import import_string


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is wrong with the project's settings. ``code`` is ``E001`` or ``W001``, as Django numbers them."""

    code: str
    message: str
    hint: str = ""

    @property
    def is_error(self) -> bool:
        """Whether it keeps the server from starting."""
        return self.code.startswith("E")

    def __str__(self) -> str:
        return f"llmgw.{self.code} {self.message} {self.hint}"


def order(middleware: Sequence[str], gateway: type, *, asks_who: bool) -> Iterator[Finding]:
    """Compare the order of ``MIDDLEWARE`` with the one the gateway needs.

    ``gateway``: the class that is looked for; ``asks_who``: whether the configuration needs ``request.user``, so that
    its absence is an error. Subclasses count. Yields nothing where the gateway is not listed.
    """
    classes = [_class(path) for path in middleware]
    ours = _place(classes, gateway)
    if ours is None:
        return
    for code, stock in (("E001", SessionMiddleware), ("E002", AuthenticationMiddleware)):
        place = _place(classes, stock)
        if place is not None and place > ours:
            yield Finding(
                code=code,
                message=f"LLMGatewayMiddleware stands above {stock.__name__}, so it cannot know who calls.",
                hint=f"Move {middleware[ours]!r} below {middleware[place]!r} in MIDDLEWARE.",
            )
        elif place is None and asks_who:
            yield Finding(
                code=code,
                message=f"The configuration asks who calls, but {stock.__name__} is not in MIDDLEWARE.",
                hint=f"Add '{stock.__module__}.{stock.__qualname__}' above {middleware[ours]!r}, or set LLMGW_IDENTIFY.",
            )
    csrf = _place(classes, CsrfViewMiddleware)
    if csrf is None or csrf > ours:
        yield Finding(
            code="W002",
            message=f"CsrfViewMiddleware is {'not in MIDDLEWARE' if csrf is None else 'below LLMGatewayMiddleware'}.",
            hint="The gateway checks CSRF tokens all the same; put it above, so that pages get the csrftoken cookie.",
        )


def lists(middleware: Sequence[str], gateway: type) -> bool:
    """Whether ``gateway`` or a subclass of it is listed."""
    return _place([_class(path) for path in middleware], gateway) is not None


def _class(path: str) -> Any:
    try:
        return import_string(path)
    except ImportError:
        return None  # Django says so itself, and better, when it builds the chain


def _place(classes: Sequence[Any], wanted: type) -> int | None:
    return next((n for n, c in enumerate(classes) if isinstance(c, type) and issubclass(c, wanted)), None)
