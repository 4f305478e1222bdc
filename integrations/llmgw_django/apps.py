"""The application that ``INSTALLED_APPS`` names: start-up checks and the management command, no models."""

from django.apps import AppConfig
from django.core.checks import register


class LlmgwConfig(AppConfig):
    """Registers the checks. It starts nothing: ``ready`` also runs in ``migrate`` and before a server forks."""

    name = "llmgw_django"
    label = "llmgw"
    verbose_name = "LLM gateway"

    def ready(self) -> None:
        """Register the checks under the tag ``llmgw``."""
        from llmgw_django import checks

        for check in checks.CHECKS:
            register(check, checks.TAG)
