import asyncio
import logging
import os

import pytest

from llmgw_middleware import watch
from llmgw_middleware.build import build_gateway
from llmgw_middleware.errors import ConfigError
from llmgw_middleware.watch import Watcher, stamp

ROUTE = "routes: [{{name: {name}, path: /v1/chat/completions, backend: 'http://127.0.0.1:1/v1'}}]"


def write(path, name: str, when: int) -> None:
    path.write_text(ROUTE.format(name=name))
    os.utime(path, (when, when))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "llmgw.yaml"
    write(path, "one", 1)
    return path


def test_a_change_is_noticed_once(file):
    calls = []
    watcher = Watcher([str(file)], lambda: calls.append(1))
    assert watcher.look() is False
    write(file, "two", 2)
    assert (watcher.look(), watcher.look(), len(calls)) == (True, False, 1)


def test_a_folder_stands_for_its_files(tmp_path):
    before = stamp([str(tmp_path)])
    (tmp_path / "more.yaml").write_text("routes: []")
    assert stamp([str(tmp_path)]) != before


def test_a_file_that_is_gone_is_a_change(file):
    watcher = Watcher([str(file)], lambda: None)
    file.unlink()
    assert watcher.look() is True


def test_a_gateway_takes_up_its_changed_file(file):
    gateway = build_gateway(str(file), env={})
    write(file, "two", 2)
    gateway.reload()
    assert [route.name for route in gateway.plan.routes] == ["two"]


def test_a_wrong_file_keeps_the_old_configuration_and_is_logged_once(file, caplog):
    caplog.set_level(logging.ERROR, "llmgw")
    gateway = build_gateway(str(file), env={})
    watcher = Watcher(gateway.plan.sources, gateway.reload)
    file.write_text("routes: [{name: x, pth: /v1}]")
    os.utime(file, (9, 9))
    assert (watcher.look(), watcher.look()) == (True, False)
    assert [route.name for route in gateway.plan.routes] == ["one"]
    [record] = caplog.records
    assert "llmgw.yaml:1" in record.getMessage()
    assert "path" in record.getMessage()


async def test_the_watch_runs_beside_the_path_and_ends_with_it(file, monkeypatch):
    monkeypatch.setattr(watch, "INTERVAL", 0.01)
    gateway = build_gateway(str(file), env={})
    loop, reloaded = asyncio.get_running_loop(), asyncio.Event()
    monkeypatch.setattr(gateway._watcher, "_reload", lambda: loop.call_soon_threadsafe(reloaded.set))
    await gateway.aopen()
    write(file, "two", 2)
    await asyncio.wait_for(reloaded.wait(), 5)
    await gateway.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_a_configuration_that_cannot_be_used_never_starts(file):
    file.write_text("routes: [{name: x, pth: /v1}]")
    with pytest.raises(ConfigError, match="did you mean"):
        build_gateway(str(file), env={})
