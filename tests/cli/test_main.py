import subprocess
import sys
from importlib import import_module

import pytest

import llmgw_middleware.cli as command_line
from llmgw_middleware.cli import COMMANDS, main, parser
from llmgw_middleware.errors import ConfigError


def test_the_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    out = capsys.readouterr().out
    assert {*COMMANDS} <= {line.split()[0] for line in out.splitlines() if line.strip()}


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["chek"],
        ["check"],
        ["check", "--what", "f"],
        ["mock", "--port", "65536"],
        ["serve", "f", "--port", "-1"],
        ["explain", "f", "--ip", "999"],
    ],
    ids=["none", "unknown", "no file", "option", "port of the mock", "port to serve at", "address"],
)
def test_a_wrong_command_line_is_refused(words, capsys):
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 2
    assert "usage: llmgw" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help(name, capsys):
    with pytest.raises(SystemExit) as left:
        main([name, "--help"])
    assert left.value.code == 0
    assert f"usage: llmgw {name}" in capsys.readouterr().out


def test_the_version_is_printed(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.startswith("llmgw-middleware ")


@pytest.mark.parametrize(
    ("error", "code"),
    [(ConfigError("x.yaml:1:1 code Text."), 1), (KeyboardInterrupt(), 130)],
    ids=["configuration", "ctrl-c"],
)
def test_an_error_becomes_an_exit_code(monkeypatch, capsys, error, code):
    class Broken:
        def add(self, commands):
            def run(_):
                raise error

            commands.add_parser("check").set_defaults(run=run)

    monkeypatch.setattr(command_line, "import_module", lambda _: Broken())
    assert main(["check"]) == code
    assert ("x.yaml:1:1 code Text." in capsys.readouterr().err) is (code == 1)


def test_a_reader_that_left_is_no_error():
    program = "import sys; from llmgw_middleware.cli import main; sys.exit(main(['schema']))"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(timeout=60) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_the_help_imports_neither_pydantic_nor_a_server():
    program = (
        "import sys; from llmgw_middleware.cli import parser; parser().format_help();"
        "print([name for name in ('pydantic', 'httpx', 'uvicorn', 'yaml', 'django') if name in sys.modules])"
    )
    out = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert out.strip() == "[]"


def test_only_the_command_that_is_asked_for_is_imported(monkeypatch):
    imported = []

    def noting(name):
        imported.append(name)
        return import_module(name)

    monkeypatch.setattr(command_line, "import_module", noting)
    parser(["check", "f"])
    assert imported == ["llmgw_middleware.cli.check"]


def test_a_file_that_cannot_be_written_is_named(tmp_path, capsys):
    (tmp_path / "llmgw.yaml").write_text("routes: []\n")
    page = tmp_path / "nowhere" / "page.md"
    assert main(["docs", str(tmp_path / "llmgw.yaml"), "-o", str(page)]) == 2
    assert capsys.readouterr().err == f"llmgw docs: {page}: No such file or directory\n"
