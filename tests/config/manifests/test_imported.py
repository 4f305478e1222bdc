"""What is imported, written down and read again decides as the manifests do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.config.load import load
from llmgw_middleware.config.manifests.imported import imported
from llmgw_middleware.config.manifests.translate import translate
from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.source import read
from llmgw_middleware.config.written import text_of_tree
from llmgw_middleware.model.plan import Plan
from tests.config.manifests.kube import http_route, openai, plan, policy, resource, rule, secret, under
from tests.fixtures import fixture_params

FOLDERS = (
    "agentgateway/k8s/golden",
    "agentgateway/k8s/e2e",
    "agentgateway/k8s/examples",
    "gateway-api/manifests",
)
ANY_KEY = {"OPENAI_SECRET": "sk-1"}


def rules(found: Plan) -> tuple[Any, ...]:
    """Return all that decides, without the places where it was written, and without keys."""
    return (
        found.paths,
        [replace(route, where="") for route in found.routes],
        {name: replace(backend, api_keys=(), headers=()) for name, backend in found.backends.items()},
        found.pools,
    )


def keyless(found: Plan) -> Plan:
    """Return the plan without credentials: what is written names variables, which nobody has set."""
    return replace(found, backends={name: replace(b, api_keys=()) for name, b in found.backends.items()})


def again(documents: list[Any], env: dict[str, str]) -> Plan | None:
    """Return the plan of what was imported, by way of its text."""
    report = Report()
    tree = translate(read(documents, report).manifests, {}, report)
    written = text_of_tree(tree)
    return from_text(written, env)


def from_text(written: str, env: dict[str, str]) -> Plan | None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "llmgw.yaml"
        file.write_text(written)
        return load(file, env=env, serving=False).plan


paths = st.sampled_from(["/", "/v1", "/v1/chat", "/v1/chat/completions"])
values = st.sampled_from(["gold", "true", "10", "1e3", "0o7", "yes", "~", "${HOME}", "a: b", "# x", "é"])
matches = st.builds(
    lambda path, value, kind: under(path, headers=[{"name": "x", "value": value, "type": kind}]),
    paths,
    values,
    st.just("Exact"),
)
weights = st.dictionaries(st.sampled_from(["llm", "other"]), st.integers(0, 3), min_size=1)
rule_sets = st.lists(
    st.builds(lambda m, to: rule(*m, to=to), st.lists(matches, max_size=3), weights), max_size=3
)


@given(rule_sets, rule_sets, st.sampled_from([[], ["a.test"], ["*.b.test", "c.test"]]))
def test_whatever_rules_there_are(first, second, hosts):
    documents = [
        openai(model="1e3", secret="openai-secret"),
        openai("other"),
        http_route("a", *first, hostnames=hosts),
        http_route("b", *second),
    ]
    written = again(documents, ANY_KEY)
    assert written is not None
    assert rules(plan(*documents, env=ANY_KEY)) == rules(written)


def files(path: Path) -> Iterator[tuple[str, list[Path]]]:
    for file in sorted(path.rglob("*.yaml")):
        beside = file.parent / "_defaults.yaml"
        if not file.name.startswith("_"):
            yield f"{file.parent.name}-{file.stem}", [*([beside] if beside.exists() else []), file]


@pytest.mark.parametrize("case", [case for folder in FOLDERS for case in fixture_params(folder, files)])
def test_every_manifest_of_the_fixtures(case, tmp_path):
    copies = []
    for number, file in enumerate(case):
        copies.append(tmp_path / f"{number}.yaml")
        copies[-1].write_text(file.read_text().split("# Output")[0])
    direct = load(copies, env={}, serving=False).plan
    target = tmp_path / "out" / "llmgw.yaml"
    target.parent.mkdir()
    target.write_text(text_of_tree(imported(copies, Report(lenient=True))))
    written = load(target, env={}, serving=False).plan
    assert (direct is None) == (written is None)
    assert direct is None or written is None or rules(keyless(direct)) == rules(keyless(written))


def test_credentials_are_written_as_variables_only():
    inline = resource(
        "AgentgatewayBackend",
        "b",
        {"ai": {"provider": {"openai": {}}}, "policies": {"auth": {"key": "sk-inline"}}},
    )
    located = policy(
        "p",
        kind="AgentgatewayBackend",
        target="llm",
        backend={
            "auth": {"secretRef": {"name": "s"}, "location": {"header": {"name": "X-Key", "prefix": "T "}}}
        },
    )
    documents = [inline, openai(), located, secret("s", "sk-kept")]
    report = Report()
    text = text_of_tree(translate(read(documents, report).manifests, {}, report))
    assert "sk-" not in text
    assert "apiKey: ${B_API_KEY}" in text
    assert "X-Key: T ${S}" in text
