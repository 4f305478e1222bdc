import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.config.spelling import closest, did_you_mean

KEYS = ("backend", "backends", "firstToken", "maxBodySize", "path")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("bakend", "backend"),
        ("FIRSTTOKEN", "firstToken"),
        ("first-token", "firstToken"),
        ("maxbodysise", "maxBodySize"),
        ("zzz", None),
    ],
)
def test_the_nearest_word_is_found(word, meant):
    assert closest(word, KEYS) == meant


def test_the_hint_is_a_question_or_nothing():
    assert did_you_mean("pth", KEYS) == 'did you mean "path"?'
    assert did_you_mean("zzz", KEYS) is None


@given(st.sampled_from(KEYS))
def test_a_right_word_is_its_own_nearest(word):
    assert closest(word, KEYS) == word
