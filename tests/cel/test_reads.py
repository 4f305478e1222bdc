"""A program says what it reads, so that nothing else has to be prepared for it."""

import pytest

from llmgw_middleware.cel.variables import reads_body, reads_secret
from tests.cel.asking import facts, program

READS = {
    "a field": ("body.model", {("body", "model")}),
    "a field by index": ('body["model"]', {("body", "model")}),
    "an item": ("body.messages[0].role", {("body", "messages", 0, "role")}),
    "the body by another name": ("json(request.body).model", {("body", "model")}),
    "the body through the request": ("request.body.model", {("request", "body", "model")}),
    "the same by index": ('request["body"]["model"]', {("request", "body", "model")}),
    "an index that is computed": ("body[user.id]", {("body",), ("user", "id")}),
    "a loop": ("body.messages.all(m, m.role == user.id)", {("body", "messages"), ("user", "id")}),
    "a variable that hides": ("[1].all(body, body > 0)", set()),
    "presence": ("has(user.tier)", {("user", "tier")}),
    "a region": ('inRegion("EU")', {("geo",)}),
    "a flag": ('flag("new")', {("user",)}),
    "chance": ("random() < 0.5", set()),
    "nothing": ("1 + 1 == 2", set()),
}


@pytest.mark.parametrize(("text", "reads"), READS.values(), ids=READS)
def test_reads(text, reads):
    assert program(text).reads == reads


@pytest.mark.parametrize(
    "text",
    ["body.model == ''", "model == ''", "llm.stream", 'request["body"] == b""', "request.bodyPrefix == b''",
     "request[user.id] == 1", "size(variables()) > 0", "has(body.x)", "body.size() > 0"],
)  # fmt: skip
def test_an_expression_that_may_look_into_the_body_says_so(text):
    assert reads_body(program(text).reads)


@pytest.mark.parametrize(
    "text", ["user.id == ''", "request.path == ''", 'request.headers["x"] == ""', "geo.country == ''"]
)
def test_an_expression_that_does_not_need_the_body_leaves_it_alone(text):
    assert not reads_body(program(text).reads)


def test_a_field_is_decoded_and_nothing_else():
    seen = facts()
    assert program("model == 'gpt-4o'").evaluate(seen) is True
    assert list(seen.body._values) == [("model",)]


def test_a_body_of_which_no_field_is_read_is_not_touched():
    seen = facts(body=b"{broken")
    assert program("request.path != '' || body.model == ''").evaluate(seen) is True
    assert not seen.body_failed


def test_what_may_show_a_secret_is_known():
    assert reads_secret(program('request.headers["Authorization"] == ""').reads)
    assert reads_secret(program("request.headers[user.id] == ''").reads)
    assert reads_secret(program("size(request.headers) > 0").reads)
    assert not reads_secret(program('request.headers["x-team"] == ""').reads)


def test_terms_are_programs_of_their_own():
    terms = program('user.tier == "a" && (body.x == 1 && model == "m") || true').terms
    assert len(terms) == 1
    terms = program('user.tier == "a" && (body.x == 1 && model == "m")').terms
    assert [term.source for term in terms] == ['user.tier == "a"', "body.x == 1", 'model == "m"']
    assert [term.reads for term in terms] == [{("user", "tier")}, {("body", "x")}, {("model",)}]
