from __future__ import annotations

import gzip
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.transport.coding import PIECE, Inflater, inflater_for
from llmgw_middleware.transport.port import Malformed


def inflater(coding: bytes) -> Inflater:
    found = inflater_for([(b"content-encoding", coding)])
    assert found is not None
    return found


def plain(inflating: Inflater, *pieces: bytes) -> bytes:
    """What the pieces unfold to."""
    out = []
    for piece in pieces:
        inflating.feed(piece)
        while part := inflating.take():
            assert len(part) <= PIECE
            out.append(part)
    inflating.finish()
    return b"".join(out)


def squeeze(data: bytes, wbits: int) -> bytes:
    squeezing = zlib.compressobj(wbits=wbits)
    return squeezing.compress(data) + squeezing.flush()


FORMS = {
    "gzip": (b"gzip", lambda data: squeeze(data, 31)),
    "x-gzip": (b"X-GZIP", lambda data: squeeze(data, 31)),
    "zlib": (b"deflate", lambda data: squeeze(data, 15)),
    "raw deflate": (b"deflate", lambda data: squeeze(data, -15)),
}


@pytest.mark.parametrize(("coding", "form"), FORMS.values(), ids=FORMS.keys())
@given(
    data=st.binary(max_size=300),
    times=st.sampled_from([1, 2_000]),
    cuts=st.lists(st.integers(0, 400), max_size=4),
)
def test_what_was_squeezed_unfolds_wherever_it_is_cut(coding, form, data: bytes, times: int, cuts: list[int]):
    squeezed = form(data * times)
    edges = sorted({0, len(squeezed), *(min(cut, len(squeezed)) for cut in cuts)})
    pieces = [squeezed[start:end] for start, end in pairwise(edges)]
    assert plain(inflater(coding), *pieces) == data * times


@pytest.mark.parametrize(("coding", "form"), FORMS.values(), ids=FORMS.keys())
def test_every_cut_short_is_malformed(coding, form):
    squeezed = form(b"abcdefgh" * 10)
    for end in range(1, len(squeezed)):
        with pytest.raises(Malformed):
            plain(inflater(coding), squeezed[:end])


def test_an_empty_body_is_complete():
    assert plain(inflater(b"gzip")) == b""


def test_gzip_members_follow_each_other():
    assert plain(inflater(b"gzip"), gzip.compress(b"a") + gzip.compress(b"b")) == b"ab"


@pytest.mark.parametrize("coding", [b"gzip", b"deflate"])
def test_bytes_behind_the_end_are_malformed(coding: bytes):
    squeezed = squeeze(b"a", 31 if coding == b"gzip" else 15)
    with pytest.raises(Malformed):
        plain(inflater(coding), squeezed + b"more")


@pytest.mark.parametrize("value", [b"br", b"zstd", b"gzip, gzip", b"gzip, br", b"compress"])
def test_other_codings_are_malformed(value: bytes):
    with pytest.raises(Malformed, match="not asked for"):
        inflater_for([(b"content-encoding", value)])


@pytest.mark.parametrize(
    "lines", [[], [(b"content-encoding", b"identity")], [(b"content-encoding", b"")], [(b"x", b"br")]]
)
def test_plain_bodies_need_nothing(lines: list[tuple[bytes, bytes]]):
    assert inflater_for(lines) is None
