import os
from pathlib import Path

import pytest

from llmgw_middleware.config.settings import ProcessSettings
from llmgw_middleware.errors import ConfigError


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    for name in list(os.environ):
        if name.startswith("LLMGW_"):
            monkeypatch.delenv(name)


def test_nothing_is_set_by_default():
    settings = ProcessSettings()
    assert (settings.config, settings.enabled, settings.log_level, settings.debug) == (
        None,
        None,
        None,
        False,
    )


def test_the_environment_is_read(monkeypatch):
    for name, value in {
        "CONFIG": f"a.yaml{os.pathsep}conf",
        "ENABLED": "false",
        "LOG_LEVEL": "debug",
        "DEBUG": "1",
    }.items():
        monkeypatch.setenv(f"LLMGW_{name}", value)
    settings = ProcessSettings()
    assert settings.config == (Path("a.yaml"), Path("conf"))
    assert (settings.enabled, settings.log_level, settings.debug) == (False, "DEBUG", True)


def test_an_empty_variable_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("LLMGW_CONFIG", "")
    monkeypatch.setenv("LLMGW_ENABLED", "")
    assert (ProcessSettings().config, ProcessSettings().enabled) == (None, None)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("LLMGW_ENABLED", "maybe", "LLMGW_ENABLED: "),
        ("LLMGW_LOG_LEVEL", "loud", "LLMGW_LOG_LEVEL: "),
        (
            "LLMGW_REDIS_URL",
            "redis://:hunter2@x",
            "LLMGW_REDIS_URL: State in Redis is not available in this version.",
        ),
    ],
)
def test_a_value_that_is_not_taken_is_told_by_its_variable(monkeypatch, name, value, says):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        ProcessSettings()
    assert says in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_every_variable_that_is_wrong_is_told(monkeypatch):
    monkeypatch.setenv("LLMGW_ENABLED", "maybe")
    monkeypatch.setenv("LLMGW_LOG_LEVEL", "loud")
    with pytest.raises(ConfigError) as caught:
        ProcessSettings()
    assert str(caught.value).splitlines() == [
        "LLMGW_ENABLED: This takes true or false.",
        "LLMGW_LOG_LEVEL: This takes one of DEBUG, INFO, WARNING, ERROR.",
    ]
