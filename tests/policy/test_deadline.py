from llmgw_middleware.model.policy import DEFAULT_TIMEOUTS, Timeouts
from llmgw_middleware.policy.deadline import Deadline


def test_the_deadline_spans_all_attempts():
    deadline = Deadline.after(10, now=100)
    assert [deadline.over(now=now) for now in (100, 109.9, 110, 111)] == [False, False, True, True]


def test_without_a_limit_there_is_no_end():
    assert not Deadline.after(None, now=0).over(now=1e9)


def test_a_backends_own_read_only_shortens():
    deadline = Deadline.after(10, now=0)
    assert deadline.attempt(3, now=2) == 5
    assert deadline.attempt(30, now=2) == 10
    assert deadline.attempt(None, now=2) == 10


def test_the_first_content_is_due_before_the_end_of_the_attempt():
    deadline = Deadline.after(10, now=0)
    assert deadline.first_content(10, Timeouts(first_token=4), now=1) == 5
    assert deadline.first_content(3, Timeouts(first_token=4), now=1) == 3
    assert deadline.first_content(10, Timeouts(), now=1) == 10


def test_timeouts_are_laid_over_one_another_key_by_key():
    merged = Timeouts(read=30).over(Timeouts(read=60, connect=1).over(DEFAULT_TIMEOUTS))
    assert (merged.read, merged.connect, merged.write) == (30, 1, 10)
