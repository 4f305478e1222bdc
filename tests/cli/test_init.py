import pytest

from llmgw_middleware.cli import main
from llmgw_middleware.cli.init import STARTERS, starter
from llmgw_middleware.config.load import load

KEYS = [one.variable for one in STARTERS]


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for key in KEYS:
        monkeypatch.delenv(key, raising=False)


@pytest.mark.parametrize("keys", [[], *([key] for key in KEYS), KEYS], ids=["none", *KEYS, "all"])
def test_the_file_it_writes_passes_check(keys, monkeypatch, capsys):
    for key in keys:
        monkeypatch.setenv(key, "sk-1")
    assert main(["init"]) == 0
    assert main(["check", "--strict", "llmgw.yaml"]) == 0
    assert capsys.readouterr().out.endswith("ok: no problems\n")


def test_backends_are_those_whose_keys_are_there_and_fall_back_in_order():
    env = {"GROQ_API_KEY": "x", "OPENAI_API_KEY": "y", "MISTRAL_API_KEY": ""}
    text = starter(env, "llmgw.yaml")
    assert "x" not in text.split("apiKey:")[1].split("#")[0]
    assert "mistral" not in text
    assert "backend: openai\n    fallback: [groq]" in text


def test_without_a_key_the_mock_answers(tmp_path):
    (tmp_path / "c.yaml").write_text(starter({}, "c.yaml"))
    plan = load(tmp_path / "c.yaml", env={}, serving=True).plan
    assert plan is not None
    assert [backend.provider for backend in plan.backends.values()] == ["mock"]


def test_the_rule_it_suggests_loads_when_the_marks_are_taken_away(tmp_path):
    text = (
        starter({}, "c.yaml")
        .replace("  # - name: premium", "  - name: premium")
        .replace("  #   ", "    ")
        .replace("  # attr", "  attr")
        .replace("  # def", "  def")
    )
    (tmp_path / "c.yaml").write_text(text)
    plan = load(tmp_path / "c.yaml", env={}, serving=True).plan
    assert plan is not None
    assert [route.name for route in plan.routes] == ["premium", "default"]
    assert (plan.identity.attributes, plan.identity.default) == (
        {"tier": "user.profile.tier"},
        {"tier": "free"},
    )


def test_an_existing_file_is_left_as_it_is(tmp_path, capsys):
    (tmp_path / "llmgw.yaml").write_text("mine")
    assert main(["init"]) == 1
    assert (tmp_path / "llmgw.yaml").read_text() == "mine"
    assert "exists already" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_told(capsys):
    assert main(["init", "none/llmgw.yaml"]) == 2
    assert "cannot be written" in capsys.readouterr().err


def lines_of(out: str) -> list[str]:
    return out.split("\n\n")[1].splitlines()


@pytest.mark.parametrize(
    ("options", "first", "second"),
    [
        (
            ["--django"],
            'MIDDLEWARE += ["llmgw_django.middleware.LLMGatewayMiddleware"]',
            'LLMGW_CONFIG = BASE_DIR / "c.yaml"',
        ),
        (
            ["--asgi"],
            "from llmgw_middleware import LLMGatewayMiddleware",
            'app = LLMGatewayMiddleware(app, config="c.yaml")',
        ),
    ],
)
def test_it_prints_the_two_lines_to_add(options, first, second, capsys):
    assert main(["init", *options, "c.yaml"]) == 0
    one, two = lines_of(capsys.readouterr().out)
    assert one.startswith(first)
    assert two == second


def test_a_django_project_is_known_by_its_manage_py(tmp_path, capsys):
    (tmp_path / "manage.py").write_text("")
    assert main(["init"]) == 0
    assert "MIDDLEWARE" in capsys.readouterr().out
