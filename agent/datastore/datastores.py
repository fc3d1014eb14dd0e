"""Running and candidate: reading, editing, copying and committing them (RFC 6241 sections 5, 7 and 8).

Both are immutable trees. A reader takes the reference of the moment and is never disturbed nor waits. Whoever changes
something holds the one mutex of this room; a commit holds it while it validates, lets the participants stage what is
slow (making keys) and prepare, writes its difference to storage and publishes the new tree, in that order. Storage is
locked from preparing on. All edits are all-or-nothing, whatever the
error-option: what RFC 6241 allows `stop-on-error` to leave half done, we never leave.

A candidate edit is checked for what one edit can be wrong in (types, keys, operations); rules across nodes are checked
by `validate`, by `commit`, and by an edit that asks for `test-then-set` or `test-only` (RFC 7950 section 8.3).
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass

from lxml import etree

from agent.caller import Caller
from agent.clock import Clock
from agent.datastore.errors import CandidateModifiedError, UnsupportedDatastoreError
from agent.datastore.journal import Checkpointer, load_running
from agent.datastore.locks import LockInfo, Locks
from agent.datastore.participants import Participants
from agent.storage.commit_log import CommitLog, CommitRecord
from agent.storage.database import Database
from agent.yang.diff import DataChange, diff, to_journal
from agent.yang.edit import EditResult, apply_edit
from agent.yang.schema import Schema
from agent.yang.tree import Inner, InstancePath, empty_root
from agent.yang.validation import Validator

RUNNING = "running"
CANDIDATE = "candidate"
NAMES = (RUNNING, CANDIDATE)

#: A datastore by name, or an inline <config> element.
Source = str | etree._Element


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit that has become effective: its id in the history and what it changed."""

    id: int
    changes: tuple[DataChange, ...]


class Datastores:
    """The datastores of one agent."""

    def __init__(
        self,
        schema: Schema,
        validator: Validator,
        participants: Participants,
        database: Database,
        commit_log: CommitLog,
        clock: Clock,
    ) -> None:
        self.schema = schema
        self._validator = validator
        self._participants = participants
        self._database = database
        self._commit_log = commit_log
        self._clock = clock
        self._mutex = threading.RLock()
        self._locks = Locks()
        self._running, self.last_commit_id, uncovered = load_running(schema, commit_log)
        self._candidate = self._running
        #: Where the candidate may differ from running, in the order of the edits; None: anywhere.
        self._touched: dict[InstancePath, None] | None = {}
        self._checkpointer = Checkpointer(commit_log, uncovered)

    @property
    def running(self) -> Inner:
        return self._running

    @property
    def candidate(self) -> Inner:
        return self._candidate

    def tree(self, name: str) -> Inner:
        """The current tree of a datastore. Raises UnsupportedDatastoreError for an unknown name."""
        if name == RUNNING:
            return self._running
        if name == CANDIDATE:
            return self._candidate
        raise UnsupportedDatastoreError(f"There is no {name} datastore here; use running or candidate.")

    def close(self) -> None:
        self._checkpointer.stop()

    def edit(
        self,
        target: str,
        config: etree._Element,
        *,
        caller: Caller,
        default_operation: str = "merge",
        test_option: str | None = None,
        comment: str | None = None,
    ) -> None:
        """edit-config (RFC 6241 section 7.2). On running, the edit is a commit of its own.

        `test_option` None means: not given. Raises DataError or ValidationFailure, ProviderError, DatastoreError.
        """
        with self._mutex:
            self._require_access(target, caller)
            before = self.tree(target)
            edited = apply_edit(
                before, config, default_operation=default_operation, rewrite=self._participants.rewrite_leaf
            )
            pruned = self._validator.prune_false_whens(edited.root, before, diff(before, edited.root, edited.touched))
            result = EditResult(pruned.root, (*edited.touched, *pruned.deleted))
            self._put(target, result, caller, test_option, comment)

    def copy(self, source: Source, target: str, *, caller: Caller) -> None:
        """copy-config (RFC 6241 section 7.3): `target` becomes what `source` is, whole."""
        with self._mutex:
            self._require_access(target, caller)
            root = self.tree(source) if isinstance(source, str) else self._parse(source).root
            if target == CANDIDATE:
                self._candidate = root
                self._touched = {} if root is self._running else None
            else:
                self._commit(root, self._touched if source == CANDIDATE else None, caller, comment=None)

    def delete(self, target: str) -> None:
        """delete-config (RFC 6241 section 7.4). Always refused: running can't be deleted and there is no startup."""
        self.tree(target)
        raise UnsupportedDatastoreError(
            f"The {target} datastore can't be deleted; to empty the candidate, edit it with operation 'delete'."
        )

    def validate(self, source: Source) -> None:
        """validate (RFC 6241 section 8.6). Raises ValidationFailure or ProviderError."""
        with self._mutex:
            if source == CANDIDATE:
                self._validate(self._candidate, self._touched)
            elif isinstance(source, str):
                self._validator.validate(self.tree(source))
            else:
                self._validate(self._parse(source).root, None)

    def commit(self, *, caller: Caller, comment: str | None = None) -> Commit | None:
        """Make the candidate the running configuration (RFC 6241 section 8.3.4.1); None when nothing differs."""
        with self._mutex:
            self._require_access(RUNNING, caller)
            self._require_access(CANDIDATE, caller)
            commit = self._commit(self._candidate, self._touched, caller, comment)
            self._reset_candidate()
            return commit

    def discard(self, *, caller: Caller) -> None:
        """discard-changes (RFC 6241 section 8.3.4.2)."""
        with self._mutex:
            self._require_access(CANDIDATE, caller)
            self._reset_candidate()

    def lock(self, target: str, *, caller: Caller) -> None:
        """lock (RFC 6241 sections 7.5 and 8.3.5.2)."""
        with self._mutex:
            self.tree(target)
            if target == CANDIDATE and target not in self._locks.snapshot() and self._candidate_differs():
                raise CandidateModifiedError
            self._locks.acquire(target, caller.session_id, self._clock.now())

    def unlock(self, target: str, *, caller: Caller) -> None:
        """unlock (RFC 6241 section 7.6). Uncommitted changes go with the candidate's lock (section 8.3.5.2)."""
        with self._mutex:
            self.tree(target)
            self._locks.release(target, caller.session_id)
            if target == CANDIDATE:
                self._reset_candidate()

    def release(self, session_id: int) -> None:
        """A session has ended: its locks go, and with the candidate's lock the uncommitted changes (8.3.5.2)."""
        with self._mutex:
            if CANDIDATE in self._locks.release_all(session_id):
                self._reset_candidate()

    def locks(self) -> dict[str, LockInfo]:
        # Without the mutex: operational data does not wait for a commit that makes keys. A copy is one step.
        return self._locks.snapshot()

    def _require_access(self, target: str, caller: Caller) -> None:
        self.tree(target)
        self._locks.require_access(target, caller.session_id)

    def _parse(self, config: etree._Element) -> EditResult:
        return apply_edit(
            empty_root(self.schema.root), config, default_operation="merge", rewrite=self._participants.rewrite_leaf
        )

    def _put(
        self, target: str, result: EditResult, caller: Caller, test_option: str | None, comment: str | None
    ) -> None:
        if target == CANDIDATE:
            touched = None if self._touched is None else self._touched | dict.fromkeys(result.touched)
            if test_option in ("test-then-set", "test-only"):
                self._validate(result.root, touched)
            if test_option != "test-only":
                self._candidate = result.root
                self._touched = touched
        elif test_option == "test-only":
            self._validate(result.root, result.touched)
        else:
            self._commit(result.root, result.touched, caller, comment)

    def _validate(self, root: Inner, touched: Collection[InstancePath] | None) -> None:
        changes = diff(self._running, root, touched)
        self._validator.validate(root, self._running, changes)
        self._participants.begin(self._running, root, changes).validate()

    def _commit(
        self, new: Inner, touched: Collection[InstancePath] | None, caller: Caller, comment: str | None
    ) -> Commit | None:
        old = self._running
        changes = diff(old, new, touched)
        if not changes:
            return None
        self._validator.validate(new, old, changes)
        pending = self._participants.begin(old, new, changes)
        pending.validate()
        try:
            staged = pending.stage()
            if staged.touched:
                changes = diff(old, staged.root, None if touched is None else [*touched, *staged.touched])
                if not changes:
                    # All that differed was what the device writes itself.
                    pending.abort()
                    return None
            record = CommitRecord(
                user=caller.user,
                time=self._clock.now(),
                session_id=caller.session_id,
                comment=comment,
                diff=to_journal(changes),
                source=caller.source,
            )
            with self._database.transaction() as transaction:
                pending.prepare(transaction)
                commit_id = self._commit_log.append(transaction, record)
        except BaseException:
            pending.abort()
            raise
        self._publish(staged.root, changes, commit_id)
        pending.apply()
        return Commit(commit_id, tuple(changes))

    def _publish(self, new: Inner, changes: list[DataChange], commit_id: int) -> None:
        is_candidate_clean = self._touched == {} or self._candidate is new
        self._running = new
        self.last_commit_id = commit_id
        if is_candidate_clean:
            self._reset_candidate()
        elif self._touched is not None:
            # A candidate with changes of its own stays as it is, and now also differs where running has moved.
            self._touched |= dict.fromkeys(change.path for change in changes)
        self._checkpointer.committed(commit_id, new, len(changes))

    def _reset_candidate(self) -> None:
        self._candidate = self._running
        self._touched = {}

    def _candidate_differs(self) -> bool:
        return bool(diff(self._running, self._candidate, self._touched))
