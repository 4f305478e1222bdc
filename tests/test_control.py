"""Where the command line finds running gateways."""

import os
import tempfile
from pathlib import Path

import pytest

from llmgw_middleware.control import run_folder

FOLDERS = {
    "said": ({"LLMGW_RUN_DIR": "/run/shop", "XDG_RUNTIME_DIR": "/run/user/1"}, Path("/run/shop")),
    "of the session": ({"XDG_RUNTIME_DIR": "/run/user/1"}, Path("/run/user/1/llmgw")),
    "else": ({}, Path(tempfile.gettempdir(), f"llmgw-{os.getuid()}")),
}


@pytest.mark.parametrize(("env", "folder"), FOLDERS.values(), ids=FOLDERS.keys())
def test_the_sockets_are_where_the_environment_says(env, folder):
    assert run_folder(env) == folder


def test_a_system_without_users_numbers_has_their_names(monkeypatch):
    monkeypatch.delattr(os, "getuid")
    assert run_folder({"USERNAME": "alice"}).name == "llmgw-alice"
