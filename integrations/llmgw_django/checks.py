"""What ``manage.py check`` says of the gateway. ``middleware.py`` refuses to start for the same reasons."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks

from llmgw_django import shared
from llmgw_django.conf import source_in_force
from llmgw_django.findings import findings
from llmgw_django.middleware import LLMGatewayMiddleware
from llmgw_django.order import Finding, lists
from llmgw_middleware import ConfigError
from llmgw_middleware.cli.check import problems_of

TAG = "llmgw"


def check_settings(**_: Any) -> list[checks.CheckMessage]:
    """Report a wrong order, resolver or configuration: E001, E002, E003, E010, W002."""
    return [_message(each) for each in findings(LLMGatewayMiddleware)]


def check_installed(**_: Any) -> list[checks.CheckMessage]:
    """Report an application that is installed and does nothing: W001."""
    if lists(settings.MIDDLEWARE, LLMGatewayMiddleware):
        return []
    absent = Finding(
        code="W001",
        message="llmgw_django is installed, but its middleware is not in MIDDLEWARE: no request is answered by it.",
        hint="Add 'llmgw_django.middleware.LLMGatewayMiddleware' below AuthenticationMiddleware.",
    )
    return [_message(absent)]


def check_configuration(**_: Any) -> list[checks.CheckMessage]:
    """Report what is legal in the configuration but hardly meant, as ``llmgw check`` does: W010."""
    try:
        if shared.door() is None:
            return []
    except ConfigError:  # E010 has said so
        return []
    hint = "`manage.py llmgw check` prints all findings with their codes."
    found = (Finding(code="W010", message=str(each), hint=hint) for each in problems_of(source_in_force()))
    return [_message(each) for each in found]


CHECKS = (check_settings, check_installed, check_configuration)


def _message(finding: Finding) -> checks.CheckMessage:
    kind = checks.Error if finding.is_error else checks.Warning
    return kind(finding.message, hint=finding.hint or None, id=f"{TAG}.{finding.code}")
