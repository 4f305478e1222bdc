"""Which backend keeps a response, remembered for many of them and by several event loops."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from llmgw_middleware.dialect import responses_owner
from llmgw_middleware.dialect.responses_owner import Owners
from tests.dialect.talk import fields_of


@pytest.fixture
def owners(monkeypatch: pytest.MonkeyPatch) -> Owners:
    monkeypatch.setattr(responses_owner, "MOST_KNOWN", 4)
    monkeypatch.setattr(responses_owner, "FORGOTTEN_AT_ONCE", 2)
    found = Owners()
    for number in range(4):
        found.remember(f"r{number}", "one")
    return found


def known(owners: Owners, number: int) -> bool:
    return owners.elsewhere(fields_of({"previous_response_id": f"r{number}"}), "two")


def test_the_oldest_are_forgotten_first(owners):
    owners.remember("r4", "one")
    assert [known(owners, number) for number in range(5)] == [False, False, True, True, True]


class Rival(dict[str, str]):
    """What is found in it is gone before it can be taken out: another event loop was faster."""

    def __iter__(self) -> Iterator[str]:
        found = list(super().__iter__())
        self.clear()
        return iter(found)


def test_two_event_loops_may_forget_the_same_at_once(owners):
    owners._by_id = Rival(owners._by_id)
    owners.remember("r4", "one")
    assert known(owners, 4)
