"""Where the command line finds running gateways."""

import os
import tempfile
from pathlib import Path

import pytest

from llmgw_middleware.cli import main
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


def test_what_lies_in_another_users_folder_is_not_asked(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert main(["canary", "status", "--at", str(tmp_path)]) == 1
    assert "belongs to another user" in capsys.readouterr().err
