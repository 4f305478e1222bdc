"""Resolvers that configurations name."""

from llmgw_middleware import Identity


def premium(_: object) -> Identity:
    return Identity(id="7", attributes={"tier": "premium"}, source="token")
