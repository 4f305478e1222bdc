"""What the application sees of the gateway."""

from llmgw_middleware.entry import Handle
from llmgw_middleware.model.decision import Decision, SplitChoice
from tests.doors import FakeGateway

SPLIT = SplitChoice(name="compare", key="7", bucket=1, chosen="gpt", variant="b")


def handle(**decided: object) -> Handle[FakeGateway]:
    decision = Decision(request_id="r-1", started=0.0, **decided) if decided else None  # type: ignore[arg-type]  # fields of it
    return Handle(gateway=FakeGateway(), decision=decision)


def test_the_variant_is_the_splits():
    assert handle(split=SPLIT).variant == "b"
    assert handle(route="chat").variant is None
    assert handle().variant is None


def test_a_signal_is_about_this_requests_answer_unless_another_is_named():
    found = handle(split=SPLIT)
    found.signal("liked")
    found.signal("disliked", user=7, value=0.5)
    found.signal("refund", request_id="r-0")
    assert found.gateway.signals == [
        ("liked", None, "r-1", 1.0),
        ("disliked", 7, None, 0.5),
        ("refund", None, "r-0", 1.0),
    ]
