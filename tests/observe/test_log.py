import logging

import pytest

from llmgw_middleware.model.decision import Decision
from llmgw_middleware.observe.log import RequestLog, line


def decision(number: int, **known) -> Decision:
    return Decision(request_id=str(number), started=0.0, **known)


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


def test_a_cost_is_written_as_a_person_would():
    assert "cost_usd=0.000101" in line(decision(1, cost=0.00010099999999999999)).split()


@pytest.mark.parametrize("name", ["m\nrequest_id=2", "m status=200", 'm"', "m\u2028x", "m\x1b[2J"])
def test_a_model_begins_no_line_and_no_word_of_its_own(name):
    written = line(decision(1, model_sent=name, status=200))
    assert written.isprintable()
    assert written.count("status=") == (2 if "status" in name else 1)
    assert written.index('model="') < written.rindex('"') < written.index(" status=200", written.rindex('"'))
