"""Feature flags by OpenFeature."""

import pytest

from llmgw_middleware.model.identity import Identity
from llmgw_middleware.openfeature import lookup

api = pytest.importorskip("openfeature.api", reason="openfeature-sdk is not installed")


@pytest.fixture(autouse=True)
def provider():
    from openfeature.flag_evaluation import FlagResolutionDetails
    from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

    def for_pilots(flag, context):
        on = context.targeting_key == "alice" or context.attributes.get("tier") == "premium"
        return FlagResolutionDetails(value=on)

    flags = {
        "new-chat": InMemoryFlag("off", {"on": True, "off": False}, context_evaluator=for_pilots),
        "for-all": InMemoryFlag("on", {"on": True, "off": False}),
    }
    api.set_provider(InMemoryProvider(flags))
    yield
    api.clear_providers()


def test_the_provider_sees_who_calls():
    assert lookup("new-chat", Identity(id="alice"))
    assert lookup("new-chat", Identity(id="bob", attributes={"tier": "premium"}))
    assert not lookup("new-chat", Identity(id="bob", attributes={"tier": "free"}))
    assert not lookup("new-chat", Identity())


def test_a_flag_that_the_provider_does_not_know_is_off():
    assert lookup("for-all", Identity())
    assert not lookup("no-such-flag", Identity())
