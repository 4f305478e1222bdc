from llmgw_middleware.model.decision import Decision
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
