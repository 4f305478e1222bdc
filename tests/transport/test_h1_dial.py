"""Addresses, and which of them is taken."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from llmgw_middleware.transport.h1_connection import Connection
from llmgw_middleware.transport.h1_dial import KNOWN_FOR, Names, connect, first, interleaved, resolve
from llmgw_middleware.transport.h1_request import Origin
from llmgw_middleware.transport.port import Unreachable
from tests.transport.wire import wired

# Order

ORDERS = {
    "one family": (["1.1.1.1", "2.2.2.2"], ("1.1.1.1", "2.2.2.2")),
    "the first family first": (["::1", "::2", "1.1.1.1"], ("::1", "1.1.1.1", "::2")),
    "the other first": (["1.1.1.1", "::1", "::2", "::3"], ("1.1.1.1", "::1", "::2", "::3")),
    "repeats": (["1.1.1.1", "1.1.1.1", "::1"], ("1.1.1.1", "::1")),
    "none": ([], ()),
}


@pytest.mark.parametrize("name", ORDERS)
def test_families_take_turns(name: str):
    addresses, order = ORDERS[name]
    assert interleaved(addresses) == order


# Names


class Book:
    """Answers questions for names, when told; counts them."""

    def __init__(self, *addresses: str, error: Exception | None = None) -> None:
        self.addresses = addresses
        self.error = error
        self.asked = 0
        self.open = threading.Event()
        self.open.set()

    def __call__(self, host: str, port: int) -> list[str]:
        assert (host, port) == ("h", 80)
        self.asked += 1
        assert self.open.wait(5)
        if self.error is not None:
            raise self.error
        return [*self.addresses]


async def test_an_address_is_not_asked_for():
    book = Book()
    names = Names(book)
    for address in ("127.0.0.1", "::1", "fe80::1%lo"):
        assert await names.addresses(address, 80) == (address,)
    assert book.asked == 0


async def test_a_name_is_asked_for_once_in_a_while(monkeypatch: pytest.MonkeyPatch):
    book = Book("1.1.1.1", "::1")
    names = Names(book)
    assert [await names.addresses("h", 80) for _ in range(3)] == [("1.1.1.1", "::1")] * 3
    assert book.asked == 1
    loop = asyncio.get_running_loop()
    later = loop.time() + KNOWN_FOR + 1
    monkeypatch.setattr(loop, "time", lambda: later)
    await names.addresses("h", 80)
    assert book.asked == 2


async def test_many_who_ask_at_once_ask_one_question():
    book = Book("1.1.1.1")
    book.open.clear()
    names = Names(book)
    tasks = [asyncio.create_task(names.addresses("h", 80)) for _ in range(20)]
    await asyncio.sleep(0)
    assert repr(names) == "<Names [known: 0, asked: 1]>"
    book.open.set()
    assert await asyncio.gather(*tasks) == [("1.1.1.1",)] * 20
    assert (book.asked, repr(names)) == (1, "<Names [known: 1, asked: 0]>")


async def test_who_leaves_does_not_stop_the_question_of_others():
    book = Book("1.1.1.1")
    book.open.clear()
    names = Names(book)
    leaving, staying = [asyncio.create_task(names.addresses("h", 80)) for _ in range(2)]
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait((leaving,))
    book.open.set()
    assert await staying == ("1.1.1.1",)
    assert leaving.cancelled()


ERRORS = [socket.gaierror(-2, "unknown"), UnicodeError("label empty or too long"), OSError("no memory")]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_a_name_without_address_is_unreachable_and_asked_for_again(error: Exception):
    book = Book(error=error)
    names = Names(book)
    for _ in range(2):
        with pytest.raises(Unreachable, match="'h' has no address"):
            await names.addresses("h", 80)
    assert book.asked == 2


async def test_an_error_that_nobody_waits_for_any_more_is_no_noise():
    book = Book(error=OSError("x"))
    book.open.clear()
    names = Names(book)
    task = asyncio.create_task(names.addresses("h", 80))
    await asyncio.sleep(0)
    question = names._asked["h", 80]
    task.cancel()
    book.open.set()
    await asyncio.wait((task, question))
    assert not names._asked  # and no "exception was never retrieved", which would fail this test


async def test_a_name_whose_addresses_do_not_answer_is_asked_for_again():
    book = Book("127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        unused = listener.getsockname()[1]
    names = Names(lambda host, _: book(host, 80))
    for _ in range(2):
        with pytest.raises(Unreachable):
            await connect(names, Origin("http", "h", unused), lambda: wired()[0])
    assert book.asked == 2


def test_the_system_knows_this_machine():
    assert "127.0.0.1" in resolve("localhost", 80)


# Attempts


class Attempts:
    """Addresses that answer, fail or stay silent, as told."""

    def __init__(self, **outcomes: str) -> None:
        self.outcomes = outcomes
        self.begun: list[str] = []
        self.made: dict[str, Connection] = {}
        self.given_up: list[str] = []
        self.all_begun = asyncio.Event()

    async def __call__(self, address: str) -> Connection:
        self.begun.append(address)
        if len(self.begun) == len(self.outcomes):
            self.all_begun.set()
        if self.outcomes[address] == "fails":
            raise Unreachable(f"{address} fails")
        if self.outcomes[address] == "is silent":
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.given_up.append(address)
                raise
        self.made[address], _ = wired()
        return self.made[address]


async def taken(attempts: Attempts, stagger: float = 0.01) -> str:
    connection = await first(tuple(attempts.outcomes), attempts, stagger=stagger)
    return next(address for address, made in attempts.made.items() if made is connection)


async def test_the_first_address_that_answers_is_taken():
    attempts = Attempts(a="answers", b="answers")
    assert await taken(attempts, stagger=60.0) == "a"
    assert attempts.begun == ["a"]


async def test_the_next_address_is_tried_when_the_first_is_silent():
    attempts = Attempts(a="is silent", b="answers", c="answers")
    assert await taken(attempts) == "b"
    await asyncio.sleep(0)
    assert (attempts.begun, attempts.given_up) == (["a", "b"], ["a"])


async def test_the_next_address_is_tried_at_once_when_the_first_fails():
    attempts = Attempts(a="fails", b="fails", c="answers")
    assert await taken(attempts, stagger=60.0) == "c"


async def test_when_no_address_answers_all_are_named():
    with pytest.raises(Unreachable, match="a fails; b fails"):
        await taken(Attempts(a="fails", b="fails"))


async def test_a_single_address_is_tried_without_a_task():
    attempts, mine = Attempts(a="is silent"), asyncio.current_task()
    task = asyncio.create_task(first(("a",), attempts))
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {mine, task}
    task.cancel()
    await asyncio.wait((task,))
    assert attempts.given_up == ["a"]


async def test_leaving_gives_all_attempts_up():
    attempts = Attempts(a="is silent", b="is silent")
    task = asyncio.create_task(taken(attempts))
    await attempts.all_begun.wait()
    task.cancel()
    await asyncio.wait((task,))
    await asyncio.sleep(0)
    assert sorted(attempts.given_up) == ["a", "b"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_connection_that_comes_too_late_is_closed():
    attempts = Attempts(a="answers", b="answers")
    stubborn, _ = wired()

    async def both(address: str) -> Connection:
        if address == "b":
            return await attempts(address)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return stubborn
        raise AssertionError

    connection = await first(("a", "b"), both, stagger=0.01)
    assert connection is attempts.made["b"]
    for _ in range(3):
        await asyncio.sleep(0)
    assert (stubborn.closed, connection.closed) == (True, False)


async def test_a_connection_that_comes_in_the_moment_of_leaving_is_closed():
    made: list[Connection] = []
    gate = asyncio.Event()

    async def attempt(_: str) -> Connection:
        await gate.wait()
        made.append(wired()[0])
        return made[-1]

    task = asyncio.create_task(first(("a", "b"), attempt, stagger=60.0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gate.set()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait((task,))
    for _ in range(3):
        await asyncio.sleep(0)
    assert task.cancelled()
    assert all(connection.closed for connection in made)
