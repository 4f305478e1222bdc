import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from llmgw_middleware.cli import main

CONFIG = """
identity: {default: {tier: free}}
routes:
  - {name: premium, path: /v1/chat/completions, user: {tier: premium}, backend: large, fallback: [small]}
  - {name: german, path: /v1/chat/completions, country: [DE], backend: small}
  - name: split
    path: /v1/chat/completions
    headers: {X-Client: web}
    backends: [{backend: large, weight: 80%}, {backend: small, weight: 20%}]
    sticky: STICKY
  - {name: blocked, path: /v1/embeddings, respond: {status: 403, code: no_embeddings}}
backends:
  - {name: large, url: http://a/v1, model: big}
  - {name: small, url: http://b/v1}
"""
CHAT = "{body: {model: gpt-4o, messages: []}}"
WEB = "{headers: {X-Client: web}, body: {model: m, messages: []}}"


@pytest.fixture
def run(tmp_path, capsys):
    """Run tests given as YAML; return the exit code and what was printed."""

    def told(tests: str, *options: str, sticky: str = "user"):
        (tmp_path / "llmgw.yaml").write_text(CONFIG.replace("STICKY", sticky))
        (tmp_path / "tests.yaml").write_text(f"tests:\n{tests}")
        code = main(["test", str(tmp_path / "llmgw.yaml"), str(tmp_path / "tests.yaml"), *options])
        return code, capsys.readouterr()

    return told


PASSING = {
    "a route and its backend": f"{{request: {CHAT}, user: {{id: 1, tier: premium}}, expect: {{route: premium, backend: large, model: big}}}}",
    "the plan": f"{{request: {CHAT}, user: {{tier: premium}}, expect: {{plan: [large, small]}}}}",
    "a country": f"{{request: {CHAT}, country: DE, expect: {{route: german, model: gpt-4o}}}}",
    "no route": f"{{request: {CHAT}, expect: {{outcome: no_route}}}}",
    "an answer": "{request: {path: /v1/embeddings, body: {}}, expect: {route: blocked, status: 403, code: no_embeddings}}",
    "a path that is the host's": "{request: {path: /about}, expect: {outcome: pass}}",
    "a curl command": """{request: "curl http://x/v1/chat/completions -H 'X-Client: web' -d '{}'", expect: {route: split}}""",
    "a side": f"{{request: {WEB}, user: {{id: 7}}, expect: {{side: large}}}}",
    "shares": f"{{request: {WEB}, expect: {{route: split, shares: {{large: 80%, small: 20%}}}}}}",
    "a tolerance of its own": f"{{request: {WEB}, users: 100, tolerance: 15%, expect: {{shares: {{small: 0.2}}}}}}",
}


@pytest.mark.parametrize("test", PASSING.values(), ids=PASSING.keys())
def test_what_is_as_expected_passes(run, test):
    code, printed = run(f"  - {test}")
    assert (code, printed.out.splitlines()[0]) == (0, "ok   test 1")


FAILING = {
    "another route": (
        f"{{request: {CHAT}, expect: {{route: premium}}}}",
        "route: expected premium, got nothing",
    ),
    "another backend": (
        f"{{request: {CHAT}, user: {{tier: premium}}, expect: {{backend: small}}}}",
        "backend: expected small, got large",
    ),
    "another share": (
        f"{{request: {WEB}, expect: {{shares: {{small: 50%}}}}}}",
        "shares: expected 50 % ± 1.5 % on small, got",
    ),
    "a split that is none": (
        f"{{request: {CHAT}, country: DE, expect: {{shares: {{small: 50%}}}}}}",
        "shares: german has no split",
    ),
}


@pytest.mark.parametrize(("test", "fault"), FAILING.values(), ids=FAILING.keys())
def test_what_is_not_as_expected_fails_and_says_why(run, test, fault):
    code, printed = run(f"  - {test}")
    assert code == 1
    assert printed.out.startswith(f"FAIL test 1\n  {fault}")


def test_a_route_that_was_not_taken_says_why(run):
    _, printed = run(f"  - {{request: {CHAT}, expect: {{route: premium}}}}")
    assert "    premium: user.tier is 'free', not 'premium'" in printed.out


@pytest.mark.parametrize("sticky", ["user", "session", "ip", "header:X-Session-Id", "cookie:side"])
def test_shares_are_counted_by_whatever_the_route_sticks_by(run, sticky):
    code, _ = run(f"  - {PASSING['shares']}", sticky=sticky)
    assert code == 0


def test_the_routes_that_no_test_reaches_are_named(run):
    tests = f"  - {PASSING['a country']}\n  - {PASSING['shares']}"
    code, printed = run(tests)
    assert code == 0
    assert printed.out.endswith("2 of 4 routes reached; no test reaches premium, blocked\n")
    code, printed = run(tests, "--min-coverage", "100%")
    assert code == 1
    assert printed.err == "fewer than 100 % of the routes are tested\n"


def test_json_holds_every_result(run):
    code, printed = run(f"  - {PASSING['a country']}\n  - {FAILING['another route'][0]}", "--json")
    told = json.loads(printed.out)
    assert (code, told["ok"]) == (1, False)
    assert [test["passed"] for test in told["tests"]] == [True, False]
    assert told["coverage"] == {"reached": ["german"], "missed": ["premium", "split", "blocked"]}


def test_junit_names_the_test_its_place_and_its_fault(run, tmp_path):
    file = tmp_path / "out.xml"
    run(f"  - {PASSING['a country']}\n  - {FAILING['another route'][0]}", "--junit", str(file))
    suite = ET.parse(file).getroot()[0]
    good, bad = suite
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert (good.get("name"), good.get("line"), list(good)) == ("test 1", "2", [])
    assert bad[0].get("message") == "route: expected premium, got nothing"


UNUSABLE = {
    "an unknown key": ("{request: {}, expect: {rout: a}}", 'no key "rout". (did you mean "route"?)'),
    "nothing expected": ("{request: {}, expect: {}}", "nothing_expected"),
    "no expect": ("{request: {}}", 'The key "expect" is needed here.'),
    "a bad share": ("{expect: {shares: {a: 300%}}}", "bad_value"),
}


@pytest.mark.parametrize(("test", "said"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_a_file_of_tests_that_is_wrong_is_refused_with_its_place(run, test, said):
    code, printed = run(f"  - {test}")
    assert code == 2
    assert said in printed.err
    assert "tests.yaml:2:" in printed.err


def test_a_file_that_is_not_there_cannot_be_used(tmp_path, capsys):
    (tmp_path / "llmgw.yaml").write_text(CONFIG.replace("STICKY", "user"))
    assert main(["test", str(tmp_path / "llmgw.yaml"), str(Path(tmp_path, "none.yaml"))]) == 2
    assert "cannot_read" in capsys.readouterr().err
