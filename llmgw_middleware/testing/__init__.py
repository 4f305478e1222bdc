"""What tests of a gateway need: a scripted upstream on a real socket, a clock that is told the time, mock providers.

Shipped with the package and used by its own tests. Nothing is imported here: take what you need from its module,
such as ``from llmgw_middleware.testing.upstream import ScriptedUpstream``.
"""
