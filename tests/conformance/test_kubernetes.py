"""agentgateway's own manifests: what loads, what is refused, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from llmgw_middleware.config.load import Loaded, load
from llmgw_middleware.model.backend import Backend
from llmgw_middleware.model.plan import Plan
from llmgw_middleware.model.route import Route
from tests.fixtures import fixture_params

GOLDEN = "agentgateway/k8s/golden"
CRD = "agentgateway/k8s/crd-tests"
SCENES = ("agentgateway/k8s/e2e", "agentgateway/k8s/examples")
KINDS = ("backend", "policy")

ACCEPTED: Mapping[str, str] = {}
"""Documents that agentgateway's schema refuses and this gateway does not, and why."""

REFUSED: Mapping[str, str] = {}
"""Documents that load there and not here, and why."""

DELEGATED = "a rule that hands over to other HTTPRoutes answers 500 here: routes are not delegated"
GRANTS = "nothing asks for a ReferenceGrant here: whoever writes the files may name any backend"
MODELS = (
    "AgentgatewayModel is a kind that is left out and reported; models belong to backends and routes here"
)
INVALID = "an expression that is wrong is an error when it is loaded, not a rule that is left out"
DIFFERENT: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "delegation/route-delegation-backend-references",
            "delegation/route-delegation-labels",
            "delegation/route-delegation-multiple-parents",
            "delegation/route-delegation-policy-references",
            "delegation/route-delegation-scopes-gateway",
            "routes/multi-delegation",
        ),
        DELEGATED,
    ),
    **dict.fromkeys(
        (
            "models/httproute-parent",
            "models/llm-and-httproute",
            "models/llm-listener",
            "models/post-conversion-transformation",
        ),
        MODELS,
    ),
    "routes/to-backend-cross-ns": GRANTS,
    "trafficpolicy/cel": "response.complete_time is not known here, and an expression that reads it is refused",
    **dict.fromkeys(
        (
            "trafficpolicy/authorization-invalid-cel",
            "trafficpolicy/authorization-require-invalid-cel",
            "trafficpolicy/cel-invalid",
        ),
        INVALID,
    ),
}
"""Golden cases that come out differently, and why."""

MODELS_READ = (
    "llm.requestModel and llm.responseModel are not known here, and an expression that reads them is refused"
)
SCENES_REFUSED: Mapping[str, str] = {
    "aibackend/failover_eviction": MODELS_READ,
    "modelrouting/setup": MODELS_READ,
    "transformation/gateway-attached-transform": INVALID,
}
"""Set-ups that do not load, and why."""


@dataclass(frozen=True)
class Document:
    """One document of the schema's tests."""

    whole: dict[str, Any]
    accepted: bool


def documents(folder: Path) -> Iterator[tuple[str, Document]]:
    for kind in KINDS:
        for verdict in ("valid", "invalid"):
            text = (folder / f"agentgateway_{kind}_{verdict}.yaml").read_text()
            for number, whole in enumerate(filter(None, yaml.safe_load_all(text))):
                whole.pop("_err", None)
                yield (
                    f"{kind}-{verdict}-{number}-{whole['metadata']['name']}",
                    Document(whole, verdict == "valid"),
                )


def errors(loaded: Loaded) -> list[str]:
    return [str(problem) for problem in loaded.errors]


@pytest.mark.parametrize("document", fixture_params(CRD, documents))
def test_a_document_is_accepted_or_refused_as_by_its_schema(document, request):
    known = {**ACCEPTED, **REFUSED}.get(request.node.callspec.id)
    found = errors(load([document.whole], env={}, serving=False))
    if known is not None:
        assert document.accepted == bool(found), "this is no gap any more"
        pytest.xfail(known)
    assert document.accepted != bool(found), found


@dataclass(frozen=True)
class Golden:
    """Manifests, and what agentgateway's controller makes of them."""

    text: str
    made: list[dict[str, Any]]


def golden(folder: Path) -> Iterator[tuple[str, Golden]]:
    for file in sorted(folder.rglob("*.yaml")):
        if file.name == "_defaults.yaml":
            continue
        beside = file.parent / "_defaults.yaml"
        text, _, output = file.read_text().partition("# Output")
        made = [row.get("resource", {}) for row in (yaml.safe_load(output) or {}).get("output") or []]
        yield f"{file.parent.name}/{file.stem}", Golden(f"{beside.read_text()}\n---\n{text}", made)


@pytest.mark.parametrize("case", fixture_params(GOLDEN, golden))
def test_a_golden_case_comes_out_as_there(case, request, tmp_path):
    file = tmp_path / "case.yaml"
    file.write_text(case.text)
    loaded = load(file, env={}, serving=False)
    known = DIFFERENT.get(request.node.callspec.id)
    plan = loaded.plan
    differences = (
        errors(loaded) if plan is None else [*backends_differ(case, plan), *routes_differ(case, plan)]
    )
    if known is not None:
        assert differences, "this is no gap any more"
        pytest.xfail(known)
    assert not differences


def backends_differ(case: Golden, plan: Plan) -> Iterator[str]:
    for made in (row["backend"] for row in case.made if "backend" in row):
        name = made["name"]["name"]
        groups = made.get("ai", {}).get("providerGroups", [])
        wanted = [(rank, provider) for rank, group in enumerate(groups) for provider in group["providers"]]
        pool = plan.pools.get(name)
        if pool is not None:
            ours = [(member.priority, plan.backends[member.backend]) for member in pool.members]
        else:
            ours = [(0, plan.backends[name])] if name in plan.backends else []
        if [(rank, model_of(provider)) for rank, provider in wanted] != [
            (rank, backend.model or backend.deployment) for rank, backend in ours if wanted
        ]:
            yield f"{name}: {wanted} became {ours}"
        yield from keys_differ(made, wanted, [backend for _, backend in ours])
        if "static" in made and not any(made["static"]["host"] in (b.url or "") for _, b in ours):
            yield f"{name}: {made['static']} became {ours}"


def model_of(provider: Mapping[str, Any]) -> str | None:
    return next(
        (part.get("model") for part in provider.values() if isinstance(part, dict) and "model" in part), None
    )


def keys_differ(made: Mapping[str, Any], wanted: list[Any], ours: list[Backend]) -> Iterator[str]:
    for (_, provider), backend in zip(wanted, ours, strict=False):
        policies = [*provider.get("inlinePolicies", []), *made.get("inlinePolicies", [])]
        keys = [p["auth"]["key"]["secret"] for p in policies if "key" in p.get("auth", {})]
        if keys[:1] != [key.reveal() for key in backend.api_keys]:
            yield f"the key of {backend.name}"


def routes_differ(case: Golden, plan: Plan) -> Iterator[str]:
    for made in (row["route"] for row in case.made if "route" in row):
        route = route_of(made, plan)
        if route is None:
            yield f"{made['key']} is not there"
            continue
        hosts = {host for match in route.matches for host in match.hosts}
        if hosts != set(made.get("hostnames", [])):
            yield f"{made['key']}: hosts {hosts}"
        wanted = {
            name: side.get("weight", 1) for side in made.get("backends", []) if (name := target_of(side))
        }
        ours = {route.target: 1.0} if route.target else {side.target: side.weight for side in route.split}
        if set(wanted) != set(ours) or (len(ours) > 1 and wanted != ours):
            yield f"{made['key']}: {wanted} became {ours}"


def route_of(made: Mapping[str, Any], plan: Plan) -> Route | None:
    number = int(made["key"].split(".")[1]) + 1
    name, rule = made["name"]["name"], made["name"].get("ruleName")
    wanted = {name, f"{name}/{number}", f"{name}/{rule}", f"{made['name']['namespace']}/{name}"}
    return next((route for route in plan.routes if route.name in wanted), None)


def target_of(side: Mapping[str, Any]) -> str | None:
    backend = side.get("backend", {})
    if "service" in backend:
        return str(backend["service"]["hostname"]).partition(".")[0]
    return str(backend["backend"]).rpartition("/")[2] if "backend" in backend else None


def scenes(folder: Path) -> Iterator[tuple[str, Path]]:
    for file in sorted(folder.rglob("*.yaml")):
        yield f"{file.parent.name}/{file.stem}", file


@pytest.mark.parametrize("file", [case for folder in SCENES for case in fixture_params(folder, scenes)])
def test_a_whole_set_up_loads(file, request):
    found = errors(load(file, env={}, serving=False))
    known = SCENES_REFUSED.get(request.node.callspec.id)
    if known is not None:
        assert found, "this is no gap any more"
        pytest.xfail(known)
    assert found == []
