"""How storage fails: one exception a kind of failure, with the facts. Messages are for the person who runs the agent;
they are never sent to a client, but for an attribute `message`."""

from __future__ import annotations

from pathlib import Path


class StorageError(Exception):
    """Base of the failures of this room."""


class StateFolderInUseError(StorageError):
    """Another agent runs on the state folder. `pid` is its process id, None when it can't be told."""

    def __init__(self, folder: Path, pid: int | None) -> None:
        who = "another process" if pid is None else f"process {pid}"
        super().__init__(
            f"The state folder {folder} is in use by {who}. Stop that agent first, or choose another --state-dir."
        )
        self.folder = folder
        self.pid = pid


class StateFolderError(StorageError):
    """The state folder can't be made or is not safe to use."""


class DatabaseError(StorageError):
    """The database can't be opened: `path` is not ours, is damaged, or was written by a newer version."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class StorageUnavailableError(StorageError):
    """A read or write failed (disk full, I/O error, locked by another program). The transaction has not happened."""


class MasterKeyError(StorageError):
    """The master key is missing, has the wrong length, is readable by others, or is not the one of this database."""


class SealingError(StorageError):
    """A sealed secret can't be opened: it is damaged, or it was moved from where it belongs."""


class ImportFileError(StorageError):
    """A file of the import folder can't be taken; `message` is for the client that has named it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ImportFileNameError(ImportFileError):
    """What a client has named is no name of a file in the import folder."""
