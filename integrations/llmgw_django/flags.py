"""Feature flags by django-waffle: ``flags: {lookup: "llmgw_django.flags:waffle"}``."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError

from llmgw_django.connections import release
from llmgw_middleware import Identity


def waffle(name: str, identity: Identity) -> bool:
    """Return whether a flag is active for the caller: everyone, authenticated, staff, superusers, groups, users.

    What hangs on a request does not count: a share, a cookie, a language. For a share use a split.
    """
    from waffle import get_waffle_flag_model
    from waffle.utils import get_setting

    try:
        flag = get_waffle_flag_model().get(name)
        if flag.pk is None:  # nobody has made it
            return bool(get_setting("FLAG_DEFAULT"))
        return bool(flag.is_active_for_user(_user(identity)))
    finally:
        release()


def _user(identity: Identity) -> Any:
    model = get_user_model()
    try:
        found = model._default_manager.filter(pk=identity.id).first() if identity.id else None  # noqa: SLF001 - Django's own name for the public thing
    except (ValueError, ValidationError):
        found = None
    return AnonymousUser() if found is None else found
