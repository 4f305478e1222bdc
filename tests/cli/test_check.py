import json
from pathlib import Path

import pytest

from llmgw_middleware.cli import main

SEEDS = Path(__file__).parent.parent / "seeds"
GOOD = "routes: [{name: r, default: true, backend: b}]\nbackends: [{name: b, url: 'http://a/v1'}]\n"
WARNED = "routes: [{name: r, default: true, backend: b}]\n"
BAD = "routes:\n  - name: r\n    bakend: b\n"


@pytest.fixture
def check(tmp_path, capsys):
    def checking(text, *options):
        file = tmp_path / "llmgw.yaml"
        file.write_text(text)
        code = main(["check", str(file), *options])
        return code, capsys.readouterr().out.replace(f"{tmp_path}/", "")

    return checking


def test_a_good_file_is_ok(check):
    assert check(GOOD) == (0, "ok: no problems\n")


def test_a_warning_is_told_and_ok(check):
    code, out = check(WARNED)
    assert code == 0
    assert out.splitlines()[0].startswith("llmgw.yaml:1:44 unresolved_backend ")
    assert out.splitlines()[-1] == "ok: no errors, 1 warning (unresolved_backend 1)"


def test_a_misspelt_key_is_told_with_line_column_and_the_right_word(check):
    code, out = check(BAD)
    assert code == 1
    assert 'llmgw.yaml:3:5 unknown_key A route has no key "bakend". (did you mean "backend"?)\n' in out
    assert out.splitlines()[-1].startswith("2 errors")


@pytest.mark.parametrize(("text", "code"), [(GOOD, 0), (WARNED, 1), (BAD, 1)], ids=["good", "warned", "bad"])
def test_strict_counts_warnings(check, text, code):
    assert check(text, "--strict")[0] == code


@pytest.mark.parametrize(
    ("text", "ok"), [(GOOD, True), (WARNED, True), (BAD, False)], ids=["good", "warned", "bad"]
)
def test_json_is_one_object_of_the_documented_shape(check, text, ok):
    shape = json.loads(check(text, "--json")[1])
    assert set(shape) == {"ok", "problems"}
    assert shape["ok"] is ok
    for problem in shape["problems"]:
        assert list(problem) == ["severity", "file", "line", "column", "code", "message", "hint"]
        assert problem["severity"] in {"error", "warning"}
        assert (problem["file"], type(problem["line"]), type(problem["column"])) == ("llmgw.yaml", int, int)


def test_strict_decides_ok_in_json_too(check):
    code, out = check(WARNED, "--json", "--strict")
    assert (code, json.loads(out)["ok"]) == (1, False)


def test_findings_of_lint_are_told_in_order_of_their_lines(check):
    _, out = check("routes:\n  - {path: /a, backend: b}\n  - {path: /a, backend: c}\n")
    assert [line.split()[0] for line in out.splitlines()[:-1]] == [
        "llmgw.yaml:2:25",
        *["llmgw.yaml:3:1"] * 2,
        "llmgw.yaml:3:25",
    ]


def test_a_missing_variable_is_a_warning_and_is_taken_from_the_environment(check, monkeypatch):
    text = GOOD.replace("'http://a/v1'", "'${LLM_URL}'")
    monkeypatch.delenv("LLM_URL", raising=False)
    assert "missing_env" in check(text)[1]
    monkeypatch.setenv("LLM_URL", "http://a/v1")
    assert check(text) == (0, "ok: no problems\n")


def test_a_file_that_cannot_be_read_has_its_own_exit_code(tmp_path, capsys):
    assert main(["check", str(tmp_path / "none.yaml")]) == 2
    assert (
        "none.yaml cannot_read The file cannot be read: No such file or directory." in capsys.readouterr().out
    )


def test_a_file_that_is_no_yaml_is_a_problem_with_a_place(check):
    code, out = check("a: [1\n")
    assert code == 1
    assert out.startswith("llmgw.yaml:2:1 syntax ")


@pytest.mark.parametrize(
    "name",
    ["000-rules", "000-rule-types", "004-routes", "004-pool", "004-timeouts", "004-retry", "004-breaker"],
)
def test_the_seeds_examples_have_no_errors(name):
    assert main(["check", str(SEEDS / f"{name}.yaml")]) == 0


def test_several_files_are_one_configuration(capsys):
    assert main(["check", *(str(SEEDS / f"004-{part}.yaml") for part in ("routes", "pool", "timeouts"))]) == 0
    assert "beta-backend" in capsys.readouterr().out
