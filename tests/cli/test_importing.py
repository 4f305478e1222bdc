import json

import pytest

from llmgw_middleware.cli import main
from llmgw_middleware.config.load import load
from tests.config.manifests.kube import http_route, openai, policy, rule, secret, under

FILTER = {"type": "CORS", "cors": {}}


@pytest.fixture
def manifests(tmp_path):
    documents = [
        openai(model="gpt-4o", secret="openai-secret"),
        secret("openai-secret", "sk-1"),
        http_route("chat", rule(under("/v1"), filters=[FILTER])),
    ]
    folder = tmp_path / "k8s"
    folder.mkdir()
    (folder / "all.yaml").write_text("\n---\n".join(map(json.dumps, documents)))
    return folder


def test_what_is_written_loads(manifests, tmp_path, capsys):
    target = tmp_path / "llmgw.yaml"
    assert main(["import", "agentgateway", str(manifests), "-o", str(target)]) == 0
    plan = load(target, env={"OPENAI_SECRET": "sk-2"}, serving=True).plan
    assert plan is not None
    assert [(route.name, route.target) for route in plan.routes] == [("chat", "llm")]
    assert [key.reveal() for key in plan.backends["llm"].api_keys] == ["sk-2"]
    assert capsys.readouterr().out == ""


def test_what_is_left_out_is_listed_in_both_streams(manifests, capsys):
    assert main(["import", "agentgateway", str(manifests)]) == 0
    told = capsys.readouterr()
    line = "spec.rules[0].filters[0].cors is the host application's business"
    assert line in told.err
    assert any(text.startswith("#") and line in text for text in told.out.splitlines())


def test_no_key_is_written(manifests, capsys):
    main(["import", "agentgateway", str(manifests)])
    assert "sk-1" not in capsys.readouterr().out


def test_with_strict_anything_left_out_is_an_error_and_nothing_is_written(manifests, tmp_path):
    target = tmp_path / "llmgw.yaml"
    assert main(["import", "agentgateway", str(manifests), "-o", str(target), "--strict"]) == 1
    assert not target.exists()


def test_what_is_no_manifest_is_an_error(tmp_path, capsys):
    (tmp_path / "llmgw.yaml").write_text("routes: []\n")
    assert main(["import", "agentgateway", str(tmp_path)]) == 1
    assert "not_a_manifest" in capsys.readouterr().err


def test_check_counts_what_is_left_out_only_with_strict(manifests, capsys):
    assert main(["check", str(manifests)]) == 0
    assert main(["check", str(manifests), "--strict"]) == 1
    assert "unsupported_field" in capsys.readouterr().out


def test_explain_knows_manifests(manifests, capsys):
    asked = ["--path", "/v1/chat/completions", "-d", '{"model": "x", "messages": []}', "--json"]
    assert main(["explain", str(manifests), *asked]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["route"], told["backend"], told["model"]) == ("chat", "llm", "gpt-4o")


def test_a_guard_that_cannot_be_kept_is_told_in_check(manifests, capsys):
    (manifests / "guard.json").write_text(json.dumps(policy("p", traffic={"csrf": {}})))
    assert main(["check", str(manifests)]) == 0
    assert "unsupported_guard" in capsys.readouterr().out
