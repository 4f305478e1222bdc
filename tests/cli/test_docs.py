from pathlib import Path

import pytest

from llmgw_middleware.build import load_plan
from llmgw_middleware.cli import main
from llmgw_middleware.cli.docs import page
from llmgw_middleware.cli.flow import flow

SEEDS = Path(__file__).parent.parent / "seeds"
CONFIG = """
routes:
  - name: premium
    description: Who pays gets the large model.
    path: [/v1/chat/completions, "/v2/*"]
    headers: {X-Client: {oneOf: [web, mobile]}}
    user: {tier: premium}
    region: [EU]
    when: size(body.messages) > 20
    priority: 5
    backends: [{backend: large, weight: 80%}, {backend: pool, weight: 20%}]
    sticky: user
    fallback: [small]
  - {name: blocked, body: {model: {prefix: "old|"}}, respond: {status: 403, code: blocked}}
  - name: tried
    path: /v1/embeddings
    when: size(user.id) > 3
    enabled: {flag: new}
    backend: small
    mirror: {backend: pool, percent: 5%}
  - {name: rest, default: true, backend: small}
canaries:
  - {name: roll, route: tried, canary: large, stages: [10%]}
backends:
  - {name: large, url: "https://llm.example/v1", apiKey: sk-secret, model: big}
  - {name: small, provider: openai, apiKey: sk-secret}
  - {name: pool, type: pool, backends: [{name: large, weight: 3}, {name: small, weight: 1}]}
"""


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "llmgw.yaml"
    file.write_text(CONFIG)
    return file


@pytest.fixture
def text(config):
    return page(load_plan(config, {}))


PROMISES = [
    "## 1. premium\n\nWho pays gets the large model.\n",
    "the path is `/v1/chat/completions` or the path is at or below `/v2`",
    "header `x-client` is one of `web`, `mobile` and the user's `tier` is `premium`",
    "`size(body.messages) > 20` is true and the region is `EU`",
    "* **goes to** `large` 80 %, `pool` 20 %\n* **sticks by** user\n* **then** `small`",
    "* **taken when** field `model` starts with `old\\|`",
    "nobody: 403 `blocked`",
    "* **taken when** no other rule takes it",
    'path is `/v1/embeddings` and `flag("new")` is true and `size(user.id) > 3` is true',
    "* **goes to** `small` (stable) 90 %, `large` (canary) 10 %\n* **on trial** `roll`, the shares at its beginning",
    "* **copied to** `pool`, 5 %",
    "| `large` | openai-compatible at `llm.example` | `big` |",
    "| `pool` | pool, round-robin | `large` 3, `small` 1 |",
]


@pytest.mark.parametrize("promised", PROMISES)
def test_the_page_tells_what_a_rule_asks_and_where_it_sends(text, promised):
    assert promised in text


def test_the_page_holds_no_secret(text):
    assert "sk-secret" not in text


def test_the_diagram_leads_from_the_caller_through_rules_and_pools_to_backends(text):
    diagram = text.split("```mermaid\n")[1].split("```")[0]
    for line in (
        'caller --> r1["1. premium"]',
        'r1 -->|"80 %"| b2',
        'r1 -->|"20 %"| b1',
        "r1 -.-> b3",
        'r2 --> a403[/"403 blocked"/]',
        'r3 -. "copy 5 %" .-> b1',
        'b1 -->|"3"| b2',
        'b3(["small"])',
    ):
        assert f"  {line}\n" in diagram


def test_a_name_cannot_break_the_diagram():
    plan = load_plan({"routes": [{"name": 'a"]; b<i>#', "path": "/x", "backend": "http://h/v1"}]}, {})
    assert '["1. a#quot;]; b#lt;i>#35;"]' in flow(plan)


@pytest.mark.parametrize("seed", sorted(SEEDS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_seed_has_a_page(seed):
    assert page(load_plan(seed, {}, serving=False)).startswith("# Routing rules\n")


def test_a_page_is_written_and_then_is_current(config, tmp_path, capsys):
    written = tmp_path / "rules.md"
    words = ["docs", str(config), "-o", str(written)]
    assert main([*words, "--check"]) == 1
    assert main(words) == 0
    assert main([*words, "--check"]) == 0
    assert main(["docs", str(config)]) == 0
    assert capsys.readouterr().out == written.read_text()
