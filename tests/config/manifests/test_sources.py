"""Where manifests come from, and what is laid over them."""

import json
from pathlib import Path

import pytest

from llmgw_middleware.config.load import load
from llmgw_middleware.lint import lint
from llmgw_middleware.model.plan import Plan
from tests.config.manifests.kube import http_route, openai, plan, rule, under

DOCUMENTS = (openai(), http_route("r", rule(under("/v1"))))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of manifests."""
    made = tmp_path / "k8s"
    made.mkdir()
    for number, document in enumerate(DOCUMENTS):
        (made / f"{number}.json").write_text(json.dumps(document))
    return made


def served(source: Path) -> Plan:
    found = load(source, env={}, serving=True)
    assert found.plan is not None, found.problems
    return found.plan


def names(source):
    return [route.name for route in served(source).routes]


def test_a_folder_of_manifests_is_a_configuration(folder):
    assert names(folder) == ["r"]


def test_several_documents_of_one_file_are_a_configuration(tmp_path):
    file = tmp_path / "all.yaml"
    file.write_text("\n---\n".join(map(json.dumps, DOCUMENTS)))
    assert names(file) == ["r"]


def test_a_configuration_names_manifests_from_its_own_folder_on(folder):
    own = folder.parent / "llmgw.yaml"
    own.write_text("manifests: k8s\nroutes: [{name: mine, default: true, backend: llm}]\n")
    assert names(own) == ["r", "mine"]


def test_named_manifests_are_watched(folder):
    own = folder.parent / "llmgw.yaml"
    own.write_text("manifests: [k8s]\n")
    assert str(folder) in served(own).sources


def test_manifests_and_configurations_may_share_a_folder(folder):
    (folder / "own.yaml").write_text("backends: [{name: llm, url: 'http://127.0.0.1:1/v1'}]\n")
    assert served(folder).backends["llm"].url == "http://127.0.0.1:1/v1"


def test_a_configuration_under_manifests_is_refused(folder):
    (folder / "own.yaml").write_text("backends: []\n")
    own = folder.parent / "llmgw.yaml"
    own.write_text("manifests: k8s\n")
    assert [p.code for p in load(own, env={}, serving=True).errors] == ["not_a_manifest"]


def test_manifests_that_are_not_there_are_reported(tmp_path):
    own = tmp_path / "llmgw.yaml"
    own.write_text("manifests: k8s\n")
    assert [p.code for p in load(own, env={}, serving=True).errors] == ["cannot_read"]


def test_references_to_variables_mean_nothing_in_manifests():
    matched = rule({"headers": [{"name": "x", "value": "${HOME}"}]})
    [route] = plan(openai(), http_route("r", matched), env={"HOME": "/root"}).routes
    assert route.matches[0].headers[0].test.exact == "${HOME}"


def test_what_is_laid_over_keeps_the_rest():
    own = {"routes": [{"name": "r", "timeout": {"read": "9s"}}], "gateway": {"maxBodySize": "1MB"}}
    made = plan(*DOCUMENTS, own)
    assert (made.routes[0].timeouts.read, made.routes[0].target, made.max_body_size) == (9, "llm", 1_000_000)


def test_a_rule_can_be_led_elsewhere():
    own = {"routes": [{"name": "r", "backends": [{"backend": "llm"}, {"backend": "http://127.0.0.1:1/v1"}]}]}
    [route] = plan(*DOCUMENTS, own).routes
    assert (route.target, len(route.split)) == (None, 2)


def test_a_pool_can_stand_in_for_a_backend():
    own = {"backends": [{"name": "llm", "type": "pool", "backends": [{"name": "a", "provider": "openai"}]}]}
    made = plan(*DOCUMENTS, own)
    assert (list(made.pools), list(made.backends)) == (["llm"], ["a"])


def test_linting_knows_nothing_of_manifests():
    assert [p.code for p in lint(plan(*DOCUMENTS))] == ["no_default_route", "no_api_key"]
