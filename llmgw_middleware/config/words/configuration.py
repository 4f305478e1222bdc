"""The whole configuration as words."""

from typing import Annotated

from llmgw_middleware.config.words.backend import Target
from llmgw_middleware.config.words.field import Field, Manual
from llmgw_middleware.config.words.gateway import FlagsWord, GatewayWord, GeoWord, IdentityWord, StateWord
from llmgw_middleware.config.words.kinds import Paths, Text
from llmgw_middleware.config.words.route import RouteWord
from llmgw_middleware.config.words.traffic import PoliciesWord
from llmgw_middleware.config.words.trial import CanaryWord, ExperimentWord
from llmgw_middleware.config.words.word import Word


class Configuration(Word):
    """The configuration of llmgw-middleware."""

    schema_url: Annotated[
        Text | None,
        Field(alias="$schema", description="For editors: where the output of `llmgw schema` lies."),
    ] = None
    gateway: Annotated[GatewayWord, Field(description="What holds for every request.")] = GatewayWord()
    identity: Annotated[IdentityWord, Field(description="What is asked of the host's user.")] = IdentityWord()
    flags: Annotated[FlagsWord, Field(description="Where feature flags are looked up.")] = FlagsWord()
    geo: Annotated[GeoWord, Field(description="How a caller's country is found.")] = GeoWord()
    manifests: Annotated[
        Paths,
        Field(
            description="Files or folders of agentgateway and Gateway API manifests, from this file's folder on. What "
            "stands here is laid over them by name."
        ),
    ] = ()
    routes: Annotated[
        tuple[RouteWord, ...],
        Field(description="The rules, considered by priority and then in this order."),
        Manual(kind="list of routes"),
    ] = ()
    canaries: Annotated[
        tuple[CanaryWord, ...],
        Field(description="New backends that get a growing share of a route."),
        Manual(kind="list of canaries"),
    ] = ()
    experiments: Annotated[
        tuple[ExperimentWord, ...],
        Field(description="Comparisons of several backends on one route."),
        Manual(kind="list of experiments"),
    ] = ()
    state: Annotated[StateWord, Field(description="Where it is kept how far canaries have come.")] = (
        StateWord()
    )
    policies: Annotated[PoliciesWord, Field(description="What happens when a backend fails.")] = (
        PoliciesWord()
    )
    backends: Annotated[
        tuple[Target, ...],
        Field(description="Upstreams, and pools of them."),
        Manual(kind="list of backends and pools"),
    ] = ()
