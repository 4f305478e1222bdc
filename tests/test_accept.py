"""A host may refuse a configuration that it cannot serve, at the start and while it runs."""

import json

import pytest

from llmgw_middleware.build import build_gateway
from llmgw_middleware.errors import ConfigError
from llmgw_middleware.extensions import Extensions
from llmgw_middleware.startup import gateway_for


def config(path):
    return {"routes": [{"name": "only", "path": path, "backend": "http://127.0.0.1:1"}]}


def only_v1(plan):
    strange = [path.value for path in plan.paths if not path.value.startswith("/v1")]
    if strange:
        raise ConfigError(f"no rule leads to {strange[0]}")


EXTENSIONS = Extensions(accept=only_v1)


def test_what_is_refused_never_starts():
    with pytest.raises(ConfigError, match="no rule leads to /v2/x"):
        build_gateway(config("/v2/x"), env={}, extensions=EXTENSIONS)


def test_a_door_hands_it_on():
    with pytest.raises(ConfigError, match="no rule leads to /v2/x"):
        gateway_for(config("/v2/x"), extensions=EXTENSIONS)


def test_what_is_accepted_starts():
    assert build_gateway(config("/v1/x"), env={}, extensions=EXTENSIONS).intercepts("POST", "/v1/x")


def test_a_reload_that_is_refused_keeps_what_was(tmp_path):
    file = tmp_path / "llmgw.json"
    file.write_text(json.dumps(config("/v1/x")))
    gateway = build_gateway(file, env={}, extensions=EXTENSIONS)
    file.write_text(json.dumps(config("/v2/x")))
    with pytest.raises(ConfigError, match="/v2/x"):
        gateway.reload()
    assert gateway.intercepts("POST", "/v1/x")
    assert not gateway.intercepts("POST", "/v2/x")
