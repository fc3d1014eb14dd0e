"""A commit happens whole or not at all, whoever fails and when."""

import pytest

from agent.datastore.datastores import Commit
from agent.northbound.errors import ProviderError
from agent.yang.errors import ValidationFailure
from tests.datastore.rig import ADA, config, port, shown, speed

BEFORE = {"port": [{"name": "a", "speed": 1}]}
AFTER = {"port": [{"name": "a", "speed": 2}, {"name": "b"}], "tag": ["x"]}
EDIT = speed("a", 2) + port("b") + "<tag>x</tag>"


@pytest.fixture
def filled(rig):
    rig.put(speed("a", 1))
    rig.edit(EDIT)
    return rig


STEPS = ("validate", "stage", "prepare", "apply")


def test_each_step_of_a_commit_is_done_by_all_before_the_next_one(filled):
    commit = filled.commit(comment="because")
    assert filled.running == filled.candidate == AFTER
    # The providers in the order in which the changes meet them: the device is above its ports.
    assert filled.steps == [(name, step) for step in STEPS for name in ("device", "ports")]
    assert isinstance(commit, Commit)
    assert [(str(change.path), change.operation) for change in commit.changes] == [
        ("/test-device:device/port[name='a']/speed", "modify"),
        ("/test-device:device/port[name='b']", "create"),
        ("/test-device:device/tag", "create"),
    ]
    record = filled.log.record(commit.id)
    assert (record.user, record.session_id, record.source, record.comment) == ("ada", 1, "192.0.2.1", "because")
    assert record.time == filled.clock.now()


@pytest.mark.parametrize("provider", ["device", "ports"])
@pytest.mark.parametrize("step", STEPS[:-1])
@pytest.mark.parametrize("error", [ProviderError("resource-denied", "No."), RuntimeError("a fault")])
def test_a_provider_that_fails_leaves_nothing_behind(filled, provider, step, error):
    failing = getattr(filled, provider)
    failing.fail_at, failing.error = step, error
    last = filled.datastores.last_commit_id
    prepared = filled.prepared
    with pytest.raises(type(error)):
        filled.commit()
    assert filled.running == BEFORE
    assert filled.candidate == AFTER, "the client's work is lost"
    assert filled.datastores.last_commit_id == last == filled.log.records(1)[0].id
    assert filled.prepared == prepared
    assert "apply" not in [step for _, step in filled.steps]

    failing.fail_at = None
    filled.commit()
    assert filled.running == AFTER
    filled.restart()
    assert filled.running == AFTER


@pytest.mark.parametrize(
    ("failing", "step", "aborted"),
    [
        ("device", "validate", []),
        ("ports", "validate", []),
        ("device", "stage", ["device"]),
        ("ports", "stage", ["ports", "device"]),
        ("device", "prepare", ["ports", "device"]),
        ("ports", "prepare", ["ports", "device"]),
    ],
)
def test_those_who_have_begun_are_told_to_abort_the_last_one_first(filled, failing, step, aborted):
    getattr(filled, failing).fail_at = step
    with pytest.raises(RuntimeError):
        filled.commit()
    assert [name for name, told in filled.steps if told == "abort"] == aborted


def test_who_fails_to_abort_keeps_nobody_from_it(filled):
    filled.log.broken = True
    filled.ports.fail_at = "abort"
    with pytest.raises(OSError, match="disk full"):
        filled.commit()
    assert filled.steps[-2:] == [("ports", "abort"), ("device", "abort")]


def test_a_history_that_cannot_be_written_fails_the_commit(filled):
    filled.log.broken = True
    prepared = filled.prepared
    with pytest.raises(OSError, match="disk full"):
        filled.commit()
    assert filled.running == BEFORE
    assert filled.prepared == prepared
    filled.restart()
    assert filled.running == BEFORE


def test_who_cannot_apply_does_not_undo_what_is_durable(filled):
    filled.device.fail_at = "apply"
    filled.commit()
    assert filled.running == AFTER
    assert ("ports", "apply") in filled.steps


def test_an_invalid_candidate_is_refused_and_no_provider_hears_of_it(filled):
    filled.edit(speed("b", 13))
    with pytest.raises(ValidationFailure) as failure:
        filled.commit()
    assert [error.message for error in failure.value.errors] == ["13 is no speed; use 12 or 14."]
    assert filled.running == BEFORE
    assert filled.journal == []


def test_a_commit_without_a_difference_is_none(rig):
    rig.put(speed("a", 1))
    last = rig.datastores.last_commit_id
    assert rig.commit() is None
    # Changed and changed back: still the same configuration.
    rig.edit(speed("a", 2))
    rig.edit(speed("a", 1))
    assert rig.commit() is None
    assert rig.journal == []
    assert rig.datastores.last_commit_id == last


def test_readers_keep_the_tree_that_they_took(filled):
    taken = filled.datastores.running
    filled.commit()
    filled.edit(port("c"), "running")
    assert shown(taken) == BEFORE
    assert shown(filled.datastores.running) != BEFORE


def test_an_edit_of_running_is_a_commit_of_its_own(rig):
    rig.edit(speed("a", 1), "running", comment="at once")
    assert rig.running == rig.candidate == BEFORE
    assert rig.log.records(1)[0].comment == "at once"
    rig.ports.fail_at = "prepare"
    with pytest.raises(RuntimeError):
        rig.edit(speed("a", 2), "running")
    assert rig.running == rig.candidate == BEFORE


def test_passwords_enter_both_datastores_rewritten(rig):
    rig.edit("<password>s</password>")
    assert rig.candidate == {"password": "hash of s"}
    rig.edit("<password>t</password>", "running")
    assert rig.running == {"password": "hash of t"}
    rig.datastores.copy(config("<password>u</password>"), "running", caller=ADA)
    assert rig.running == {"password": "hash of u"}


class TestLeavesOfTheDevice:
    """A provider may write leaves of its own into the configuration of a commit."""

    SPEED = "/test-device:device/port[name='a']/speed"
    MARK = "/test-device:device/presence/note"

    def test_are_part_of_the_commit(self, filled):
        filled.ports.writes = {self.SPEED: 77, self.MARK: "made"}
        commit = filled.commit()
        expected = {"port": [{"name": "a", "speed": 77}, {"name": "b"}], "tag": ["x"], "presence": {"note": "made"}}
        assert filled.running == filled.candidate == expected
        changed = {str(change.path): change.operation for change in commit.changes}
        assert changed[self.SPEED] == "modify"
        assert changed["/test-device:device/presence"] == "create"
        filled.restart()
        assert filled.running == expected

    def test_can_be_removed(self, filled):
        filled.ports.writes = {self.SPEED: None, self.MARK: None}
        filled.commit()
        assert filled.running["port"] == [{"name": "a"}, {"name": "b"}]

    def test_that_undo_the_only_change_leave_nothing_to_commit(self, rig):
        rig.put(speed("a", 1))
        last = rig.datastores.last_commit_id
        rig.ports.writes = {self.SPEED: 1}
        rig.edit(speed("a", 2))
        assert rig.commit() is None
        assert rig.running == rig.candidate == BEFORE
        assert rig.datastores.last_commit_id == last
        assert rig.steps[-2:] == [("ports", "abort"), ("device", "abort")]

    def test_are_gone_with_a_commit_that_fails(self, filled):
        filled.ports.writes = {self.SPEED: 77}
        filled.log.broken = True
        with pytest.raises(OSError, match="disk full"):
            filled.commit()
        assert (filled.running, filled.candidate) == (BEFORE, AFTER)
