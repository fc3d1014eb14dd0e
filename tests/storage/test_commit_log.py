"""The commit log: what the history lists, and what a start reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agent.storage import commit_log
from agent.storage.commit_log import CommitLog, CommitRecord
from agent.storage.database import Database
from agent.storage.errors import DatabaseError

START = datetime(2026, 3, 27, 14, 0, 20, 954000, tzinfo=UTC)


def record(number, **changes):
    values = {
        "user": "admin",
        "time": START + timedelta(seconds=number),
        "session_id": number,
        "comment": None,
        "diff": [{"path": "/a", "new": number}],
    }
    return CommitRecord(**(values | changes))


@pytest.fixture
def log(database):
    return CommitLog(database)


@pytest.fixture
def append(database, log):
    def append(number, **changes):
        with database.transaction() as transaction:
            return log.append(transaction, record(number, **changes))

    return append


def test_commits_come_back_whole_and_in_order(log, append):
    ids = [append(number, comment="wegen Ätna", source="192.0.2.1", label="before-upgrade") for number in range(3)]
    assert ids == sorted(set(ids))
    expected = [record(number, comment="wegen Ätna", source="192.0.2.1", label="before-upgrade") for number in range(3)]
    assert list(log.since(0)) == list(zip(ids, expected, strict=True))
    assert list(log.since(ids[1])) == [(ids[2], expected[2])]
    assert log.record(ids[0]) == expected[0]
    assert log.record(999) is None


def test_more_commits_than_one_read_takes_come_in_order(log, database):
    with database.transaction() as transaction:
        ids = [log.append(transaction, record(number)) for number in range(600)]
    assert [commit_id for commit_id, _ in log.since(0)] == ids


def test_the_history_lists_the_newest_first(log, append):
    ids = [append(number) for number in range(5)]
    summaries = log.records(3)
    assert [summary.id for summary in summaries] == ids[:1:-1]
    assert (summaries[0].user, summaries[0].time, summaries[0].session_id) == ("admin", record(4).time, 4)


def test_a_commit_that_fails_is_not_in_the_history(database, log):
    def fail():
        with database.transaction() as transaction:
            log.append(transaction, record(1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert log.records(10) == []


def test_there_is_no_checkpoint_at_first(log):
    assert log.latest_checkpoint() is None


def test_the_latest_checkpoint_counts_and_two_are_kept(log, append, database):
    for number in range(4):
        log.checkpoint(append(number), {"tree": number, "text": "Ätna"})
    assert log.latest_checkpoint() == (4, {"tree": 3, "text": "Ätna"})
    assert len(database.query("SELECT * FROM checkpoints")) == 2


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(log, append, database):
    log.checkpoint(append(0), {"tree": 0})
    log.checkpoint(append(1), {"tree": 1})
    with database.transaction() as transaction:
        transaction.execute("UPDATE checkpoints SET tree = x'00' WHERE commit_id = 2")
    last, tree = log.latest_checkpoint()
    assert (last, tree) == (1, {"tree": 0})
    assert [commit_id for commit_id, _ in log.since(last)] == [2]
    with database.transaction() as transaction:
        transaction.execute("UPDATE checkpoints SET tree = x'00'")
    with pytest.raises(DatabaseError, match="checkpoint"):
        log.latest_checkpoint()


def test_a_damaged_commit_is_told(log, append, database):
    append(0)
    with database.transaction() as transaction:
        transaction.execute("UPDATE commits SET diff = '[{'")
    with pytest.raises(DatabaseError, match="commit 1"):
        list(log.since(0))


def test_old_commits_go_only_when_no_checkpoint_needs_them(log, append, monkeypatch):
    monkeypatch.setattr(commit_log, "KEPT_COMMITS", 5)
    for number in range(20):
        append(number)
    log.checkpoint(2, {})
    assert [summary.id for summary in log.records(100)] == list(range(20, 2, -1))
    log.checkpoint(18, {})
    log.checkpoint(20, {})
    assert [summary.id for summary in log.records(100)] == list(range(20, 15, -1))


def test_an_id_is_never_used_again(log, append, database, tmp_path):
    last = append(0)
    with database.transaction() as transaction:
        transaction.execute("DELETE FROM commits")
    database.close()
    again = Database.open(tmp_path / "test.db")
    with again.transaction() as transaction:
        assert CommitLog(again).append(transaction, record(1)) > last
    again.close()
