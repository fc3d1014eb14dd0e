"""What storage keeps: each commit as its difference, a checkpoint now and then; a start makes running of them."""

import logging

import pytest

from agent.datastore import journal
from agent.storage.errors import DatabaseError
from tests.datastore.rig import port, speed

#: Changes in a checkpoint here.
ENOUGH = 8


@pytest.fixture(autouse=True)
def few_changes_are_enough(monkeypatch):
    monkeypatch.setattr(journal, "CHANGES_PER_CHECKPOINT", ENOUGH)


def checkpoints(rig):
    """Ids of the commits that have a checkpoint, once the background work is done."""
    rig.close()
    rig.open()
    return [row["commit_id"] for row in rig.database.query("SELECT commit_id FROM checkpoints ORDER BY commit_id")]


def commit_many(rig, count):
    """`count` commits, each of which sets the speed of a port to 100 and its number."""
    for _ in range(count):
        rig.edit(speed("a", 101 + rig.datastores.last_commit_id), "running")


def test_nothing_was_ever_committed(rig):
    assert (rig.running, rig.candidate, rig.datastores.last_commit_id) == ({}, {}, 0)
    rig.restart()
    assert (rig.running, rig.candidate, rig.datastores.last_commit_id) == ({}, {}, 0)


def test_a_restart_keeps_running_and_forgets_the_candidate_and_the_locks(rig):
    rig.put(speed("a", 1) + speed("b", 2) + "<tag>x</tag><tag>y</tag><presence/>")
    rig.edit(port("b", attributes=' nc:operation="delete"') + "<step><name>one</name></step>")
    rig.commit()
    rig.edit(speed("a", 99))
    before, last = rig.running, rig.datastores.last_commit_id
    rig.restart()
    assert rig.running == rig.candidate == before
    assert before == {
        "tag": ["x", "y"],
        "step": [{"name": "one"}],
        "port": [{"name": "a", "speed": 1}],
        "presence": {},
    }
    assert rig.datastores.last_commit_id == last
    assert rig.datastores.locks() == {}


def test_the_order_of_the_user_survives(rig):
    insert = ' xmlns:y="urn:ietf:params:xml:ns:yang:1" y:insert="first"'
    for name in ("one", "two", "three"):
        rig.edit(f"<step{insert}><name>{name}</name></step>", "running")
    rig.restart()
    assert [step["name"] for step in rig.running["step"]] == ["three", "two", "one"]


def test_a_commit_writes_its_own_difference_only(rig):
    rig.put("".join(speed(f"port-{number}", number + 20) for number in range(200)))
    rig.edit(speed("port-7", 1000))
    record = rig.log.record(rig.commit().id)
    assert len(record.diff) == 1
    assert "port-7" in str(record.diff)
    assert "port-8" not in str(record.diff)


def test_a_checkpoint_follows_every_so_many_changes(rig):
    commit_many(rig, ENOUGH - 1)
    assert checkpoints(rig) == []
    # Those before the restart count as well.
    commit_many(rig, 1)
    assert checkpoints(rig) == [ENOUGH]
    commit_many(rig, ENOUGH + 3)
    assert checkpoints(rig) == [ENOUGH, 2 * ENOUGH]
    assert rig.running == {"port": [{"name": "a", "speed": 100 + 2 * ENOUGH + 3}]}
    assert rig.datastores.last_commit_id == 2 * ENOUGH + 3


def test_a_large_commit_has_a_checkpoint_of_its_own(rig):
    rig.put(port("a"))
    rig.put("".join(port(f"p{number}") for number in range(ENOUGH)))
    assert checkpoints(rig) == [2]


def test_a_checkpoint_that_can_not_be_written_costs_nothing_but_time(rig, monkeypatch, caplog):
    def fail(*arguments):
        raise OSError("disk full")

    monkeypatch.setattr(rig.log, "checkpoint", fail)
    with caplog.at_level(logging.ERROR, logger="agent.datastore.journal"):
        commit_many(rig, ENOUGH)
        assert checkpoints(rig) == []
    assert "could not write a checkpoint" in caplog.text
    assert rig.running == {"port": [{"name": "a", "speed": 100 + ENOUGH}]}


def test_a_damaged_checkpoint_is_made_up_by_the_one_before_it(rig):
    for _ in range(2):
        commit_many(rig, ENOUGH)
        checkpoints(rig)
    running = rig.running
    _, last = checkpoints(rig)
    with rig.database.transaction() as transaction:
        transaction.execute("UPDATE checkpoints SET tree = x'00' WHERE commit_id = ?", (last,))
    rig.restart()
    assert rig.running == running
    with rig.database.transaction() as transaction:
        transaction.execute("UPDATE checkpoints SET tree = x'00'")
    with pytest.raises(DatabaseError, match="no undamaged checkpoint"):
        rig.restart()
    with rig.database.transaction() as transaction:
        transaction.execute("DELETE FROM checkpoints")
    rig.restart()
    assert rig.running == running
