"""Running and candidate: edits, copies, locks and what a session leaves behind (RFC 6241 sections 7 and 8.3)."""

import pytest

from agent.datastore.errors import (
    CandidateModifiedError,
    DatastoreInUseError,
    LockDeniedError,
    NotLockedError,
    UnsupportedDatastoreError,
)
from agent.northbound.errors import ProviderError
from agent.yang.errors import (
    DataExistsError,
    DataMissingError,
    InvalidValueError,
    UnknownElementError,
    ValidationFailure,
)
from tests.datastore.rig import ADA, BOB, config, port, speed

ONE = {"port": [{"name": "a", "speed": 1}]}
TWO = {"port": [{"name": "a", "speed": 2}]}


class TestEdit:
    def test_the_candidate_is_apart_from_running_until_it_is_committed_or_discarded(self, rig):
        rig.put(speed("a", 1))
        rig.edit(speed("a", 2))
        assert (rig.running, rig.candidate) == (ONE, TWO)
        rig.datastores.discard(caller=ADA)
        assert (rig.running, rig.candidate) == (ONE, ONE)
        assert rig.commit() is None

    def test_a_clean_candidate_follows_running(self, rig):
        rig.edit(speed("a", 1), "running")
        assert rig.candidate == ONE

    def test_a_candidate_with_changes_keeps_them_and_its_view_while_running_moves_on(self, rig):
        rig.edit("<tag>mine</tag>")
        rig.edit(speed("a", 1), "running", caller=BOB)
        assert rig.candidate == {"tag": ["mine"]}
        assert rig.running == ONE
        commit = rig.commit()
        # The candidate is what becomes running, whole (section 8.3.4.1).
        assert rig.running == {"tag": ["mine"]}
        assert {change.operation for change in commit.changes} == {"create", "delete"}

    def test_a_candidate_may_be_invalid_for_a_while(self, rig):
        rig.edit("<main-port>a</main-port>")
        with pytest.raises(ValidationFailure):
            rig.datastores.validate("candidate")
        rig.edit(port("a"))
        rig.datastores.validate("candidate")
        rig.commit()
        assert rig.running == {"main-port": "a", "port": [{"name": "a"}]}

    @pytest.mark.parametrize("target", ["running", "candidate"])
    @pytest.mark.parametrize(
        ("inside", "error"),
        [
            ("<tag>kept?</tag>" + speed("a", "many"), InvalidValueError),
            ("<tag>kept?</tag>" + port("a", "<nothing/>"), UnknownElementError),
            ("<tag>kept?</tag>" + port("a", attributes=' nc:operation="create"'), DataExistsError),
            ("<tag>kept?</tag>" + port("z", attributes=' nc:operation="delete"'), DataMissingError),
        ],
    )
    def test_an_edit_with_an_error_changes_nothing(self, rig, target, inside, error):
        rig.put(speed("a", 1))
        with pytest.raises(error):
            rig.edit(inside, target)
        assert (rig.running, rig.candidate) == (ONE, ONE)
        assert rig.commit() is None

    @pytest.mark.parametrize("target", ["running", "candidate"])
    def test_test_only_says_what_would_be_and_does_nothing(self, rig, target):
        rig.edit(speed("a", 2), target, test_option="test-only")
        with pytest.raises(ValidationFailure):
            rig.edit(speed("a", 13), target, test_option="test-only")
        assert (rig.running, rig.candidate) == ({}, {})
        assert rig.steps == [("device", "validate"), ("ports", "validate")]

    def test_test_then_set_refuses_what_set_lets_into_the_candidate(self, rig):
        with pytest.raises(ValidationFailure):
            rig.edit(speed("a", 13), test_option="test-then-set")
        assert rig.candidate == {}
        rig.edit(speed("a", 13), test_option="set")
        assert rig.candidate == {"port": [{"name": "a", "speed": 13}]}

    def test_default_operations(self, rig):
        rig.put(speed("a", 1))
        with pytest.raises(DataMissingError):
            rig.edit(port("z"), default_operation="none")
        rig.edit("<tag>only</tag>", default_operation="replace")
        assert rig.candidate == {"tag": ["only"]}
        assert rig.datastores.running is not rig.datastores.candidate
        rig.commit()
        assert rig.running == {"tag": ["only"]}

    @pytest.mark.parametrize("target", ["startup", "operational", ""])
    def test_datastores_that_are_not_there(self, rig, target):
        operations = [
            lambda: rig.edit("", target),
            lambda: rig.datastores.copy("running", target, caller=ADA),
            lambda: rig.datastores.copy(target, "candidate", caller=ADA),
            lambda: rig.datastores.delete(target),
            lambda: rig.datastores.lock(target, caller=ADA),
            lambda: rig.datastores.unlock(target, caller=ADA),
            lambda: rig.datastores.validate(target),
        ]
        for operation in operations:
            with pytest.raises(UnsupportedDatastoreError, match="use running or candidate"):
                operation()


class TestFalseWhens:
    """RFC 7950 section 8.3.2: what an edit makes conditional on something false goes with it."""

    FULL = "<mode>full</mode><tuning><gain>3</gain></tuning>"

    @pytest.mark.parametrize("target", ["running", "candidate"])
    def test_the_nodes_are_deleted(self, rig, target):
        rig.put(self.FULL + "<tag>x</tag>")
        rig.edit("<mode>plain</mode>", target)
        assert rig.candidate == {"mode": "plain", "tag": ["x"]}
        rig.commit()
        assert rig.running == {"mode": "plain", "tag": ["x"]}
        rig.restart()
        assert rig.running == {"mode": "plain", "tag": ["x"]}

    def test_they_come_back_with_discard(self, rig):
        rig.put(self.FULL)
        rig.edit("<mode>plain</mode>")
        rig.datastores.discard(caller=ADA)
        assert rig.candidate == {"mode": "full", "tuning": {"gain": 3}}

    def test_what_the_same_edit_gives_is_an_error_instead(self, rig):
        rig.put(self.FULL)
        rig.edit("<mode>plain</mode><tuning><gain>4</gain></tuning>")
        with pytest.raises(ValidationFailure):
            rig.commit()
        assert rig.running == {"mode": "full", "tuning": {"gain": 3}}


class TestCopy:
    def test_running_over_the_candidate_undoes_its_changes(self, rig):
        rig.put(speed("a", 1))
        rig.edit(speed("a", 2))
        rig.datastores.copy("running", "candidate", caller=ADA)
        assert rig.candidate == ONE
        rig.datastores.lock("candidate", caller=BOB)

    def test_the_candidate_over_running_is_a_commit(self, rig):
        rig.put(speed("a", 1))
        rig.edit(speed("a", 2))
        rig.datastores.copy("candidate", "running", caller=ADA)
        assert (rig.running, rig.candidate) == (TWO, TWO)
        assert ("ports", "apply") in rig.steps
        # The candidate has no changes of its own any more: it follows.
        rig.edit("<tag>x</tag>", "running")
        assert rig.candidate == rig.running == {**TWO, "tag": ["x"]}

    @pytest.mark.parametrize("target", ["running", "candidate"])
    def test_a_whole_configuration_takes_the_place_of_all(self, rig, target):
        rig.put(speed("a", 1) + "<tag>x</tag>")
        rig.datastores.copy(config(speed("a", 2)), target, caller=ADA)
        assert rig.candidate == TWO
        rig.commit()
        assert rig.running == TWO
        rig.datastores.copy(config(), target, caller=ADA)
        rig.commit()
        assert rig.running == {}

    def test_an_invalid_one_is_refused_for_running_only(self, rig):
        rig.put(speed("a", 1))
        with pytest.raises(ValidationFailure):
            rig.datastores.copy(config(speed("a", 13)), "running", caller=ADA)
        with pytest.raises(InvalidValueError):
            rig.datastores.copy(config(speed("a", "x")), "candidate", caller=ADA)
        assert (rig.running, rig.candidate) == (ONE, ONE)
        rig.datastores.copy(config(speed("a", 13)), "candidate", caller=ADA)
        with pytest.raises(ValidationFailure):
            rig.commit()

    def test_edits_after_a_copy_add_to_it(self, rig):
        rig.put(speed("a", 1) + "<tag>x</tag>")
        rig.datastores.copy(config(speed("a", 2)), "candidate", caller=ADA)
        rig.edit(speed("b", 3))
        rig.commit()
        assert rig.running == {"port": [{"name": "a", "speed": 2}, {"name": "b", "speed": 3}]}

    def test_nothing_can_be_deleted(self, rig):
        for target in ("running", "candidate"):
            with pytest.raises(UnsupportedDatastoreError):
                rig.datastores.delete(target)


class TestValidate:
    def test_by_name_and_inline(self, rig):
        rig.put(speed("a", 1))
        rig.datastores.validate("running")
        rig.datastores.validate("candidate")
        rig.datastores.validate(config(speed("a", 12)))
        rig.edit(speed("a", 13))
        for wrong in ("candidate", config(speed("a", 13)), config("<main-port>z</main-port>")):
            with pytest.raises(ValidationFailure):
                rig.datastores.validate(wrong)
        rig.datastores.validate("running")

    def test_providers_are_asked_and_nothing_else(self, rig):
        rig.edit(speed("a", 1))
        rig.datastores.validate("candidate")
        assert rig.steps == [("device", "validate"), ("ports", "validate")]
        rig.ports.fail_at, rig.ports.error = "validate", ProviderError("invalid-value", "No.")
        for source in ("candidate", config(speed("b", 1))):
            with pytest.raises(ProviderError):
                rig.datastores.validate(source)

    def test_of_a_candidate_that_a_copy_made(self, rig):
        rig.put(speed("a", 1))
        rig.datastores.copy(config(speed("a", 13)), "candidate", caller=ADA)
        with pytest.raises(ValidationFailure):
            rig.datastores.validate("candidate")


class TestLocks:
    def test_a_lock_keeps_others_from_changing_and_not_from_reading(self, rig):
        rig.datastores.lock("running", caller=ADA)
        with pytest.raises(DatastoreInUseError) as refusal:
            rig.edit(speed("a", 1), "running", caller=BOB)
        assert (refusal.value.target, refusal.value.session_id) == ("running", 1)
        for change in (
            lambda: rig.commit(BOB),
            lambda: rig.datastores.copy(config(), "running", caller=BOB),
            lambda: rig.edit("", "running", caller=BOB, test_option="test-only"),
        ):
            with pytest.raises(DatastoreInUseError):
                change()
        rig.edit(speed("a", 1), "running")
        rig.datastores.validate("running")
        assert rig.running == ONE

    def test_of_the_candidate(self, rig):
        rig.datastores.lock("candidate", caller=ADA)
        for change in (
            lambda: rig.edit(speed("a", 2), caller=BOB),
            lambda: rig.datastores.discard(caller=BOB),
            lambda: rig.datastores.copy("running", "candidate", caller=BOB),
            lambda: rig.commit(BOB),
        ):
            with pytest.raises(DatastoreInUseError):
                change()
        # Running is not locked.
        rig.edit(speed("a", 1), "running", caller=BOB)

    def test_is_held_once(self, rig):
        rig.datastores.lock("running", caller=ADA)
        for caller in (ADA, BOB):
            with pytest.raises(LockDeniedError) as denied:
                rig.datastores.lock("running", caller=caller)
            assert denied.value.session_id == 1

    def test_is_listed_with_its_holder_and_time(self, rig):
        rig.datastores.lock("running", caller=BOB)
        assert {name: (lock.session_id, lock.time) for name, lock in rig.datastores.locks().items()} == {
            "running": (2, rig.clock.now())
        }

    def test_is_released_by_its_holder_only(self, rig):
        with pytest.raises(NotLockedError):
            rig.datastores.unlock("running", caller=ADA)
        rig.datastores.lock("running", caller=ADA)
        with pytest.raises(LockDeniedError):
            rig.datastores.unlock("running", caller=BOB)
        rig.datastores.unlock("running", caller=ADA)
        rig.datastores.lock("running", caller=BOB)

    def test_a_modified_candidate_can_not_be_locked(self, rig):
        rig.edit(speed("a", 1))
        for caller in (ADA, BOB):
            with pytest.raises(CandidateModifiedError):
                rig.datastores.lock("candidate", caller=caller)
        rig.edit(port("a", attributes=' nc:operation="delete"'))
        rig.datastores.lock("candidate", caller=ADA)

    def test_whoever_holds_it_is_told_so_rather_than_that_it_is_modified(self, rig):
        rig.datastores.lock("candidate", caller=ADA)
        rig.edit(speed("a", 1))
        with pytest.raises(LockDeniedError):
            rig.datastores.lock("candidate", caller=BOB)

    @pytest.mark.parametrize(
        "end",
        [lambda store: store.unlock("candidate", caller=ADA), lambda store: store.release(ADA.session_id)],
        ids=["unlock", "end of the session"],
    )
    def test_uncommitted_changes_go_with_the_lock_of_the_candidate(self, rig, end):
        rig.datastores.lock("candidate", caller=ADA)
        rig.edit(speed("a", 1))
        end(rig.datastores)
        assert rig.candidate == {}
        rig.datastores.lock("candidate", caller=BOB)

    def test_the_end_of_a_session_without_locks_changes_nothing(self, rig):
        rig.edit(speed("a", 1))
        rig.datastores.lock("running", caller=BOB)
        rig.datastores.release(ADA.session_id)
        rig.datastores.release(77)
        assert rig.candidate == ONE
        assert set(rig.datastores.locks()) == {"running"}
        rig.datastores.release(BOB.session_id)
        assert rig.candidate == ONE
        assert rig.datastores.locks() == {}

    def test_a_commit_under_both_locks_keeps_them(self, rig):
        for name in ("running", "candidate"):
            rig.datastores.lock(name, caller=ADA)
        rig.edit(speed("a", 1))
        rig.commit()
        assert rig.running == ONE
        assert set(rig.datastores.locks()) == {"running", "candidate"}
