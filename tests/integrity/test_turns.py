"""One dossier at a time: who waits, who is sent away, and what becomes of those who have gone."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from agent.clock import ManualClock
from agent.integrity import turns
from agent.integrity.dossier import CollectionStoppedError
from agent.integrity.turns import QueueFullError, QueueTimeoutError, Turns

LIMIT = 30


class Line:
    """Turns, and work that lasts until it is told to end."""

    def __init__(self):
        self.clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
        self.turns = Turns(self.clock)
        self.pool = ThreadPoolExecutor(20)
        self.begun = []
        self.discarded = []
        self.go = threading.Semaphore(0)
        self.changed = threading.Condition()

    def work(self, turn):
        with self.changed:
            self.begun.append(turn.user)
            self.changed.notify_all()
        while not self.go.acquire(timeout=0.01):
            turn.progress(len(self.begun))
        return f"dossier of {turn.user}"

    def ask(self, user, abandoned=lambda: False):
        return self.pool.submit(self.turns.run, user, abandoned, self.work, self.discarded.append)

    def wait_until(self, condition):
        with self.changed:
            while not condition():
                self.changed.wait(0.01)


@pytest.fixture
def line():
    line = Line()
    yield line
    line.go.release(100)
    line.pool.shutdown()


def test_they_come_in_the_order_in_which_they_asked(line):
    asked = []
    for number in range(turns.MAX_WAITING + 1):
        asked.append(line.ask(f"u{number}"))
        line.wait_until(lambda number=number: len(line.begun) + line.turns.waiting == number + 1)
    assert (line.begun, line.turns.waiting) == (["u0"], turns.MAX_WAITING)
    assert line.turns.current.user == "u0"
    with pytest.raises(QueueFullError):
        line.ask("one too many").result(LIMIT)
    line.go.release(20)
    assert [each.result(LIMIT) for each in asked] == [f"dossier of u{n}" for n in range(turns.MAX_WAITING + 1)]
    assert line.begun == [f"u{number}" for number in range(turns.MAX_WAITING + 1)]
    assert (line.turns.current, line.turns.waiting) == (None, 0)


def test_who_waits_for_too_long_is_sent_away(line):
    line.ask("first")
    line.wait_until(lambda: line.begun)
    second = line.ask("second")
    line.wait_until(lambda: line.turns.waiting)
    line.clock.advance(timedelta(seconds=turns.WAITING_SECONDS))
    with pytest.raises(QueueTimeoutError):
        second.result(LIMIT)
    assert line.turns.waiting == 0


def test_who_has_gone_gives_up_their_place(line):
    first_gone, second_gone = threading.Event(), threading.Event()
    first = line.ask("first", first_gone.is_set)
    line.wait_until(lambda: line.begun)
    second = line.ask("second", second_gone.is_set)
    line.wait_until(lambda: line.turns.waiting == 1)
    third = line.ask("third")
    line.wait_until(lambda: line.turns.waiting == 2)
    second_gone.set()
    with pytest.raises(CollectionStoppedError):
        second.result(LIMIT)
    first_gone.set()
    with pytest.raises(CollectionStoppedError):
        first.result(LIMIT)
    line.wait_until(lambda: line.begun == ["first", "third"])
    line.go.release(1)
    assert third.result(LIMIT) == "dossier of third"


def test_work_that_does_not_look_on_is_left_behind_and_its_result_discarded(line):
    """The client is told at once; the next one waits until the work is really over."""
    gone, stuck = threading.Event(), threading.Event()

    def work(turn):
        stuck.wait(LIMIT)
        return "late"

    first = line.pool.submit(line.turns.run, "first", gone.is_set, work, line.discarded.append)
    line.wait_until(lambda: line.turns.current is not None)
    gone.set()
    with pytest.raises(CollectionStoppedError):
        first.result(LIMIT)
    second = line.ask("second")
    line.wait_until(lambda: line.turns.waiting == 1)
    stuck.set()
    line.go.release(1)
    assert second.result(LIMIT) == "dossier of second"
    assert line.discarded == ["late"]


def test_what_goes_wrong_is_told_to_who_asked_and_the_next_one_comes(line):
    def broken(turn):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        line.turns.run("first", lambda: False, broken, line.discarded.append)
    line.go.release(1)
    assert line.ask("second").result(LIMIT) == "dossier of second"


def test_the_agent_stops(line):
    first = line.ask("first")
    line.wait_until(lambda: line.begun)
    line.turns.stop()
    with pytest.raises(CollectionStoppedError):
        first.result(LIMIT)
