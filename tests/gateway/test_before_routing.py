"""Rules on headers that a transform takes out of the body."""

import pytest

from tests.gateway.asking import ask, chat_config, error_of, gateway

SET = {"name": "x-model", "value": "json(request.body).model"}
READS = {"gateway": {"transform": {"request": {"set": [SET]}}}}
FIXED = {"gateway": {"transform": {"request": {"set": [{"name": "x-model", "value": "'none'"}]}}}}


def config(transform):
    only = {"name": "b", "url": "http://127.0.0.1:1/v1"}
    return chat_config(only, route={"headers": {"x-model": "gpt"}}, **transform)


@pytest.mark.parametrize(
    ("transform", "body", "status", "code"),
    [
        pytest.param(READS, b'{"model": ', 400, "invalid_json", id="a body that cannot be read"),
        pytest.param(READS, b'{"model": "claude"}', 404, "no_route", id="a body that leads nowhere"),
        pytest.param(FIXED, b'{"model": ', 404, "no_route", id="a body that nobody asked for"),
    ],
)
async def test_a_caller_is_told_of_a_body_that_the_rules_needed(transform, body, status, code):
    async with gateway(config(transform)) as gw:
        answer = await ask(gw, body=body)
    assert (answer.status, error_of(answer)["code"]) == (status, code)
