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


def test_a_commit_validates_all_then_prepares_all_then_applies_all(filled):
    commit = filled.commit(comment="because")
    assert filled.running == filled.candidate == AFTER
    # The providers in the order in which the changes meet them: the device is above its ports.
    assert filled.steps == [(name, step) for step in ("validate", "prepare", "apply") for name in ("device", "ports")]
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
@pytest.mark.parametrize("step", ["validate", "prepare"])
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
    ("failing", "aborted"),
    [("device", {("device", "abort")}), ("ports", {("device", "abort"), ("ports", "abort")})],
)
def test_those_who_began_to_prepare_are_told_to_abort(filled, failing, aborted):
    getattr(filled, failing).fail_at = "prepare"
    with pytest.raises(RuntimeError):
        filled.commit()
    assert aborted <= set(filled.steps)


def test_providers_abort_in_the_opposite_order_and_one_that_fails_there_keeps_nobody_from_it(filled):
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
