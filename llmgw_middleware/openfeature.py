"""Feature flags by OpenFeature: ``flags: {lookup: "llmgw_middleware.openfeature:lookup"}``.

The application sets its provider as it always does (``openfeature.api.set_provider``); install ``openfeature-sdk``.
"""

from __future__ import annotations

from llmgw_middleware.model.identity import Identity


def lookup(name: str, identity: Identity) -> bool:
    """Return whether a boolean flag is on; off where the provider does not know it.

    The identity's id is the targeting key, its attributes are the context's.
    """
    from openfeature import api
    from openfeature.evaluation_context import EvaluationContext

    context = EvaluationContext(targeting_key=identity.id or None, attributes=dict(identity.attributes))
    return bool(api.get_client("llmgw").get_boolean_value(name, False, context))  # noqa: FBT003 - the SDK's signature
