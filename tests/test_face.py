"""What applications import is loaded late, and typed all the same."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import llmgw_middleware

STUB = Path(llmgw_middleware.__file__).with_suffix(".pyi")
TOLD = {
    alias.name: node.module
    for node in ast.parse(STUB.read_text()).body
    if isinstance(node, ast.ImportFrom)
    for alias in node.names
}


def test_type_checkers_are_told_of_every_name_and_of_no_other():
    assert TOLD.keys() | {"__version__"} == set(vars(llmgw_middleware)["__all__"])


@pytest.mark.parametrize("name", TOLD)
def test_a_name_is_what_type_checkers_are_told(name):
    assert getattr(llmgw_middleware, name) is getattr(import_module(TOLD[name] or ""), name)


def test_a_name_that_is_not_there_is_said_to_be_missing():
    with pytest.raises(AttributeError, match="has no attribute 'Gatway'"):
        llmgw_middleware.Gatway  # type: ignore[attr-defined]  # noqa: B018 - the looking up is the test


def test_importing_the_face_loads_nothing_else():
    code = "import llmgw_middleware, sys; print(sum(name.startswith('llmgw_middleware') for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
