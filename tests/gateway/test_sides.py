"""What one side of a split is sent and the other is not."""

from llmgw_middleware.config.load import load
from llmgw_middleware.testing.upstream import ScriptedUpstream, chat
from tests.gateway.asking import ask, backend, chat_config, gateway


async def test_a_side_gets_its_own_headers_over_those_of_its_backend():
    with ScriptedUpstream() as upstream:
        upstream.default(chat("hi"))
        sides = [{"backend": "a", "headers": {"X-Side": "left", "X-Team": "two"}}, {"backend": "b"}]
        config = chat_config(
            backend("a", upstream.url, headers={"X-Team": "one"}),
            backend("b", upstream.url, headers={"X-Team": "one"}),
            route={"backends": sides, "sticky": "none"},
        )
        del config["routes"][0]["backend"]
        async with gateway(config) as gw:
            for _ in range(20):
                await ask(gw)
    told = {(s.header("authorization"), s.header("x-side"), s.header("x-team")) for s in upstream.requests}
    assert told == {("Bearer sk-a", "left", "two"), ("Bearer sk-b", None, "one")}


def test_a_header_that_no_request_can_carry_is_refused():
    side = {"backend": "a", "headers": {"Host": "x"}}
    route = {"path": "/a", "backends": [side, {"backend": "b"}]}
    assert [p.code for p in load([route], env={}, serving=False).errors] == ["bad_header"]
