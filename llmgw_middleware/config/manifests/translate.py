"""The seam: documents of Kubernetes to one document in the configuration's own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llmgw_middleware.config.manifests.backends import Backends
from llmgw_middleware.config.manifests.credentials import BackendPolicies
from llmgw_middleware.config.manifests.gateways import Gateways
from llmgw_middleware.config.manifests.policies import Policies
from llmgw_middleware.config.manifests.resource import AGENTGATEWAY, GATEWAY_API, OURS, Resource, resources
from llmgw_middleware.config.manifests.routes import RouteWriter, mentioned, rules_of
from llmgw_middleware.config.manifests.schema import judge_schema
from llmgw_middleware.config.manifests.secrets import Secrets
from llmgw_middleware.config.manifests.targets import Names, service_words
from llmgw_middleware.config.manifests.transforms import lay_transformation
from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.tree import Position, Table
from llmgw_middleware.config.writing import items, table

_KINDS = ("AgentgatewayBackend", "AgentgatewayPolicy", "Gateway", "HTTPRoute")
_CLUSTER_ONLY = frozenset({"GatewayClass", "ReferenceGrant"})


def translate(documents: Sequence[Table], env: Mapping[str, str], report: Report) -> Table:
    """Return what ``documents`` say as a configuration. What has no counterpart is reported one by one.

    ``env`` holds the credentials of Secrets that are not among the documents. Kinds of other API groups (Deployment,
    Namespace, …) are the cluster's own and passed over.
    """
    found = list(resources(documents, report))
    secrets = [one for one in found if one.kind == "Secret" and not one.group]
    ours = _ours(found, report)
    backends, routes = ours["AgentgatewayBackend"], ours["HTTPRoute"]
    gateways = Gateways(ours["Gateway"], routes)
    rules = rules_of(routes, gateways)
    names = Names(backends, mentioned(rules))
    policies = Policies(ours["AgentgatewayPolicy"], gateways, [*routes, *backends])
    credentials = BackendPolicies(Secrets(secrets, env))
    writer = RouteWriter(names, policies)
    targets = Backends(backends, credentials, called=names.of_backend, attached=policies.of_backend)
    made = [*targets.words(), *_services(names, documents)]
    written = [route for rule in rules for route in writer.words(rule)]
    at = documents[0].at if documents else Position("manifests")
    whole = table(at)
    if made:
        whole.put("backends", items(at, made), at)
    if written:
        whole.put("routes", items(at, written), at)
    _before_routing(policies, whole)
    for one in (one for kind in ours.values() for one in kind):
        if one.group in AGENTGATEWAY:
            judge_schema(one.label, one.whole.table("spec"), report)
        one.whole.skip("apiVersion", "kind", "metadata", "status", "spec")
        one.whole.rest()
    return whole


def _ours(found: Sequence[Resource], report: Report) -> dict[str, list[Resource]]:
    """Sort out the kinds that mean something here; others of their API groups are reported."""
    ours: dict[str, list[Resource]] = {kind: [] for kind in _KINDS}
    for one in found:
        fits = one.group == GATEWAY_API if one.kind in ("Gateway", "HTTPRoute") else one.group in OURS
        if one.kind in ours and fits:
            ours[one.kind].append(one)
        elif one.group in OURS and one.kind not in _CLUSTER_ONLY:
            report.warn(
                "unsupported_kind", one.at, f"{one.label}: this kind has no counterpart here and is left out."
            )
    for kind, members in ours.items():
        ours[kind] = _last_of_each(members, report)
    return ours


def _last_of_each(members: Sequence[Resource], report: Report) -> list[Resource]:
    """Return each resource once; of several with one name the last holds, as when files are applied in turn."""
    kept: dict[tuple[str, str], Resource] = {}
    for one in members:
        if one.key in kept:
            report.warn("duplicate_name", one.at, f"{one.label}: it replaces the one at {kept[one.key].at}.")
        kept[one.key] = one
    return list(kept.values())


def _services(names: Names, documents: Sequence[Table]) -> list[Table]:
    at = documents[0].at if documents else Position("manifests")
    return [service_words(one, name, at) for one, name in names.services()]


def _before_routing(policies: Policies, whole: Table) -> None:
    scratch = table(whole.at)
    for transformation in policies.before_routing():
        lay_transformation(transformation, scratch, for_rules=True)
    transform = scratch.get("transform")
    if transform is not None:
        whole.put("gateway", table(transform.at, transform=transform), transform.at)
