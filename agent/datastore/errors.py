"""How a datastore operation is refused: facts only. The NETCONF border makes an rpc-error of each."""

from __future__ import annotations


class DatastoreError(Exception):
    """Base of the refusals of this room; `message` is for a person."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class LockDeniedError(DatastoreError):
    """The lock is held by another session: `lock-denied` with that session-id (0: not a NETCONF session)."""

    def __init__(self, target: str, session_id: int) -> None:
        super().__init__(f"The {target} datastore is locked by session {session_id}; try again when it is released.")
        self.target = target
        self.session_id = session_id


class CandidateModifiedError(DatastoreError):
    """The candidate can't be locked while it holds uncommitted changes (RFC 6241 8.3.5.2): `lock-denied`, session 0."""

    session_id = 0

    def __init__(self) -> None:
        super().__init__(
            "The candidate datastore has uncommitted changes and can't be locked; commit or discard them first."
        )


class DatastoreInUseError(DatastoreError):
    """An edit, commit or copy needs a datastore that another session has locked: `in-use`."""

    def __init__(self, target: str, session_id: int) -> None:
        super().__init__(f"The {target} datastore is locked by session {session_id}; nothing was changed.")
        self.target = target
        self.session_id = session_id


class NotLockedError(DatastoreError):
    """unlock of a datastore whose lock this session does not hold: `operation-failed`."""

    def __init__(self, target: str) -> None:
        super().__init__(f"This session does not hold the lock of the {target} datastore.")
        self.target = target


class UnsupportedDatastoreError(DatastoreError):
    """The operation does not exist for this datastore (e.g. delete-config of running): `operation-not-supported`."""
