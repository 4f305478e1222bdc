import pytest

from llmgw_middleware.policy.keys import KeyRing


def test_keys_take_turns():
    ring = KeyRing(3)
    assert [ring.pick(0.0) for _ in range(7)] == [0, 1, 2, 0, 1, 2, 0]


def test_a_key_that_rests_is_left_out_until_its_end():
    ring = KeyRing(3)
    ring.cool(1, 0.0, 10.0)
    assert [ring.pick(5.0) for _ in range(4)] == [0, 2, 0, 2]
    assert {ring.pick(10.0) for _ in range(3)} == {0, 1, 2}


def test_when_all_rest_the_shortest_rest_says_how_long():
    ring = KeyRing(2)
    ring.cool(0, 0.0, 10.0)
    ring.cool(1, 0.0, 4.0)
    assert (ring.pick(1.0), ring.until(1.0), ring.usable(1.0)) == (None, 4.0, False)
    assert (ring.pick(4.0), ring.until(6.0)) == (1, 6.0)


def test_clearing_lets_all_of_them_work():
    ring = KeyRing(2)
    for index in range(2):
        ring.cool_long(index, 0.0)
    ring.clear()
    assert ring.usable(1.0)


@pytest.mark.parametrize("count", [0, -1])
def test_a_ring_without_keys_is_refused(count):
    with pytest.raises(ValueError, match="at least one key"):
        KeyRing(count)


def test_a_ring_shows_rests_and_no_key():
    ring = KeyRing(2)
    ring.cool(1, 0.0, 3.0)
    assert len(ring) == 2
    assert repr(ring) == "<KeyRing [<Cooldown none, 0 without a hint>, <Cooldown until 3, 0 without a hint>]>"
