from typing import Any

import pytest


def paths(load_text: Any, text: str) -> list[tuple[str, str]]:
    return [(path.kind, path.value) for path in load_text(text).plan.paths]


def test_the_paths_of_all_routes_are_intercepted_each_once(load_text):
    text = "routes: [{path: ['/a/*', /b], respond: {}}, {path: /b, respond: {}}, {match: [{path: {regex: '/c.'}}], respond: {}}]"
    assert paths(load_text, text) == [("prefix", "/a"), ("exact", "/b"), ("regex", "/c.")]


def test_beside_a_chat_path_comes_its_model_listing(load_text):
    text = "routes: [{path: /llm/chat/completions, respond: {}}]"
    assert paths(load_text, text) == [("exact", "/llm/chat/completions"), ("exact", "/llm/models")]


def test_beside_a_prefix_of_chat_comes_the_listing_too(load_text):
    text = "routes: [{path: /llm/chat/completions/*, respond: {}}]"
    assert paths(load_text, text) == [("prefix", "/llm/chat/completions"), ("exact", "/llm/models")]


def test_beside_messages_come_the_counting_of_tokens_and_the_listing(load_text):
    text = "routes: [{path: /llm/messages, respond: {}}]"
    assert {value for _, value in paths(load_text, text)} == {
        "/llm/messages",
        "/llm/messages/count_tokens",
        "/llm/models",
    }


@pytest.mark.parametrize("route", ["default: true", "headers: {A: b}", "match: [{methods: [POST]}]"])
def test_a_route_without_a_path_adds_the_known_operations_and_nothing_else(load_text, route):
    assert {value for _, value in paths(load_text, f"routes: [{{respond: {{}}, {route}}}]")} == {
        "/v1/chat/completions",
        "/v1/responses",
        "/v1/messages",
        "/v1/messages/count_tokens",
        "/v1/models",
        "/v1/embeddings",
    }


def test_what_is_listed_is_what_is_intercepted(load_text):
    text = "gateway: {paths: ['/v1/*', /x]}\nroutes: [{path: /y, respond: {}}]"
    assert paths(load_text, text) == [("prefix", "/v1"), ("exact", "/x")]


def test_without_routes_nothing_is_intercepted(load_text):
    assert paths(load_text, "gateway: {}") == []


def test_a_disabled_route_adds_no_path(load_text):
    assert paths(load_text, "routes: [{path: /y, enabled: false, respond: {}}]") == []


def test_a_path_that_is_none_is_an_error_in_its_place(load_text):
    (problem,) = load_text("gateway:\n  paths:\n    - /a\n    - b\n").errors
    assert (problem.code, problem.line, problem.column) == ("bad_path", 4, 7)
