import pytest

from llmgw_middleware.dialect.port import Piece
from llmgw_middleware.exchange.hold import FULL_BYTES, WINDOW_BYTES, Hold
from llmgw_middleware.model.policy import CommitRules

QUIET, TEXT = Piece(b"role", content=False), Piece(b"text", content=True)
FIRST, WINDOW, FULL = CommitRules(), CommitRules(kind="window", window=2.0), CommitRules(kind="full")

# When pieces come (seconds, pieces) and at which of them the answer is the caller's; None: not before its end.
CASES = {
    "first token: the first content": (FIRST, [(0, [QUIET]), (1, [TEXT])], 1),
    "first token: together with what was quiet": (FIRST, [(0, [QUIET, TEXT])], 0),
    "first token: nothing said": (FIRST, [(0, [QUIET]), (9, [QUIET])], None),
    "window: the first event two seconds after the first content": (
        WINDOW,
        [(0, [TEXT]), (1.9, [TEXT]), (2, [TEXT])],
        2,
    ),
    "window: quiet events close it too": (WINDOW, [(0, [TEXT]), (2, [QUIET])], 1),
    "window: it opens with content": (WINDOW, [(0, [QUIET]), (5, [TEXT]), (6, [TEXT])], None),
    "window: no event, no end": (WINDOW, [(0, [TEXT]), (9, [])], None),
    "full: never": (FULL, [(0, [TEXT]), (99, [TEXT])], None),
}


@pytest.mark.parametrize(("rules", "events", "at"), CASES.values(), ids=CASES)
def test_the_commit_point_is_where_the_rules_say(rules, events, at):
    hold = Hold(rules)
    reached = [hold.add(pieces, now=now) for now, pieces in events]
    assert (reached.index(True) if True in reached else None) == at


@pytest.mark.parametrize(
    ("rules", "size"), [(WINDOW, WINDOW_BYTES), (FULL, FULL_BYTES)], ids=["window", "full"]
)
def test_what_is_held_is_bounded(rules, size):
    hold = Hold(rules)
    assert hold.add([Piece(b"x" * (size - 1), content=True)], now=0.0) is False
    assert hold.add([Piece(b"x", content=True)], now=0.0) is True
    assert hold.has_content
