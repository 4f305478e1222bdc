from __future__ import annotations

import pytest

from llmgw_middleware.usage.estimate import MOST_MODELS, PER_IMAGE, Estimator, Size


def test_a_text_is_a_quarter_of_its_bytes():
    assert Estimator().tokens("m", Size(text=400, messages=0)) == 100


def test_media_count_as_constants():
    plain, seen = Size(text=0, messages=0), Size(text=0, messages=0, images=2)
    assert seen.tokens - plain.tokens == 2 * PER_IMAGE


def test_nothing_is_one_token():
    assert Estimator().tokens(None, Size(text=0, messages=0)) == 1


def test_the_first_count_corrects_at_once_and_later_ones_slowly():
    estimator, size = Estimator(), Size(text=400, messages=0)
    estimator.learn("m", size, 150)
    assert estimator.tokens("m", size) == 150
    estimator.learn("m", size, 100)
    assert estimator.tokens("m", size) == 140


def test_models_are_corrected_apart():
    estimator, size = Estimator(), Size(text=400, messages=0)
    estimator.learn("m", size, 150)
    assert estimator.tokens("other", size) == 100


@pytest.mark.parametrize(("counted", "tokens"), [(100_000, 400), (1, 25), (0, 100)])
def test_a_strange_count_corrects_within_bounds_and_none_not_at_all(counted, tokens):
    estimator, size = Estimator(), Size(text=400, messages=0)
    estimator.learn("m", size, counted)
    assert estimator.tokens("m", size) == tokens


def test_names_of_callers_do_not_fill_the_memory():
    estimator = Estimator()
    for number in range(MOST_MODELS + 10):
        estimator.learn(f"m{number}", Size(text=4), 1)
    assert repr(estimator) == "<Estimator of 10 models>"
