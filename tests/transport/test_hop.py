from __future__ import annotations

import pytest

from llmgw_middleware.transport.hop import HOP_BY_HOP, end_to_end, sendable


@pytest.mark.parametrize("name", sorted(HOP_BY_HOP))
def test_headers_of_the_connection_stay_behind(name: bytes):
    assert end_to_end([(name, b"x"), (name.title(), b"x"), (b"x-a", b"1")]) == ((b"x-a", b"1"),)


def test_headers_that_connection_names_stay_behind_in_whatever_case():
    lines = [
        (b"X-Hop", b"1"),
        (b"Connection", b"close, X-HOP"),
        (b"connection", b"x-other"),
        (b"x-other", b"2"),
        (b"X-A", b"3"),
    ]
    assert end_to_end(lines) == ((b"x-a", b"3"),)


def test_order_and_repetition_are_kept():
    lines = ((b"b", b"1"), (b"a", b"2"), (b"b", b"3"))
    assert end_to_end(lines) == lines


@pytest.mark.parametrize("name", [b"host", b"content-length", b"expect", b"Host"])
def test_what_the_transport_writes_is_not_taken_from_the_call(name: bytes):
    assert sendable([(name, b"x"), (b"accept", b"*/*")]) == ((b"accept", b"*/*"),)


def test_a_length_passes_in_answers():
    assert end_to_end([(b"Content-Length", b"5")]) == ((b"content-length", b"5"),)
