import logging

import pytest

from llmgw_middleware.model.decision import Decision
from llmgw_middleware.observe.log import RequestLog, line
from llmgw_middleware.observe.recorder import Recorder


def decision(number: int, **known) -> Decision:
    return Decision(request_id=str(number), started=0.0, **known)


def test_the_last_decisions_are_kept_newest_first():
    recorder = Recorder(size=3)
    for number in range(5):
        recorder.finished(decision(number))
    assert [d.request_id for d in recorder] == ["4", "3", "2"]
    assert (len(recorder), repr(recorder)) == (3, "<Recorder 3 of 3>")


def test_a_decision_is_found_by_its_request_id():
    recorder = Recorder()
    recorder.finished(decision(7))
    assert [getattr(recorder.find(name), "request_id", None) for name in ("7", "8")] == ["7", None]


LEVELS = {
    "served": ({"outcome": "served", "status": 200}, logging.INFO),
    "the caller's fault": ({"outcome": "error", "status": 403}, logging.INFO),
    "the upstream's fault": ({"outcome": "error", "status": 502}, logging.WARNING),
    "a truncated stream": ({"outcome": "truncated", "status": 200}, logging.WARNING),
}


@pytest.mark.parametrize(("known", "level"), LEVELS.values(), ids=LEVELS)
def test_one_line_per_request_at_the_level_of_its_outcome(caplog, known, level):
    caplog.set_level(logging.INFO, "llmgw")
    RequestLog().finished(decision(1, route="chat", **known))
    [record] = caplog.records
    assert (record.levelno, record.llmgw_route) == (level, "chat")


def test_what_is_not_known_is_left_out_of_the_line():
    assert line(decision(1, route="chat", duration=0.0123)) == (
        "request_id=1 method= path= route=chat outcome=pending attempts=0 duration_ms=12.3"
    )


def test_nothing_is_formatted_when_nobody_listens(caplog):
    caplog.set_level(logging.ERROR, "llmgw")
    RequestLog().finished(decision(1, outcome="served"))
    assert caplog.records == []
