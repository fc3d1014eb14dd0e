"""The folder that holds everything the agent keeps: private to its user (0700), used by one agent at a time.

Small files in it are written atomically and durably: a reader, or a start after a loss of power, sees the old content
or the new one.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from agent.storage.errors import StateFolderError
from agent.storage.errors import StateFolderInUseError as StateFolderInUseError

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
#: Name of the running agent's socket in its folder; for those who may talk to it without owning the folder.
CONTROL_SOCKET: Final = "control.sock"
#: What only a state folder of ours holds. A folder with other things in it is not made private, let alone filled.
_OURS: Final = ("lock", "master.key", "trustconf.db")


class StateFolder:
    """A state folder, made when it does not exist.

    Raises StateFolderError when it can't be made, belongs to another user, or is a folder of something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock_descriptor: int | None = None
        self._create()

    @property
    def database(self) -> Path:
        return self.path / "trustconf.db"

    @property
    def master_key(self) -> Path:
        return self.path / "master.key"

    @property
    def port(self) -> Path:
        """Holds the TCP port that the agent is bound to, as decimal text; there while the agent runs."""
        return self.path / "port"

    @property
    def control_socket(self) -> Path:
        return self.path / CONTROL_SOCKET

    @property
    def import_folder(self) -> Path:
        """Where a person puts files that clients may name (import_folder.py)."""
        return self.path / "import"

    @property
    def package_keys(self) -> Path:
        """Where a person pins the keys of whoever builds packages (package_keys.py)."""
        return self.path / "package-keys"

    @property
    def ima_cache(self) -> Path:
        """What was read of the IMA log of this boot (block_folder.py)."""
        return self.path / "ima-cache"

    @property
    def filesystem_inventory(self) -> Path:
        """Where the snapshots of the file system are."""
        return self.path / "filesystem-inventory"

    @property
    def lock_file(self) -> Path:
        """Locked (flock) by the agent that runs; holds its process id."""
        return self.path / "lock"

    def lock(self) -> Self:
        """Claim the folder for this process until `unlock` or its end. Raises StateFolderInUseError.

        Also a context manager: `with folder.lock(): ...`.
        """
        if self._lock_descriptor is not None:
            raise RuntimeError("this object holds the lock already")
        try:
            descriptor = os.open(self.lock_file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
        except OSError as error:
            raise StateFolderError(f"The state folder {self.path} can't be locked: {error.strerror}.") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = _parse_pid(os.pread(descriptor, 32, 0))
            os.close(descriptor)
            raise StateFolderInUseError(self.path, pid) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._lock_descriptor = descriptor
        return self

    def unlock(self) -> None:
        """Give the folder free. The lock file stays: removing it would let two agents lock two different files."""
        if self._lock_descriptor is not None:
            os.ftruncate(self._lock_descriptor, 0)
            os.close(self._lock_descriptor)
            self._lock_descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unlock()

    def write_port(self, port: int) -> None:
        replace_file(self.port, f"{port}\n".encode())

    def remove_port(self) -> None:
        self.port.unlink(missing_ok=True)

    def _create(self) -> None:
        try:
            if not self.path.is_dir():
                self.path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
                sync_directory(self.path.parent)
            status = self.path.stat()
            if status.st_uid != os.geteuid():
                raise StateFolderError(
                    f"The state folder {self.path} belongs to user id {status.st_uid}, and this process runs as"
                    f" {os.geteuid()}. Run this as the folder's owner, or choose another --state-dir."
                )
            if stat.S_IMODE(status.st_mode) != FOLDER_MODE:
                self._require_ours()
                self.path.chmod(FOLDER_MODE)
        except FileExistsError as error:
            raise StateFolderError(f"The state folder {self.path} can't be used: it is not a folder.") from error
        except OSError as error:
            raise StateFolderError(f"The state folder {self.path} can't be used: {error.strerror}.") from error

    def _require_ours(self) -> None:
        names = {entry.name for entry in os.scandir(self.path)}
        if names and names.isdisjoint(_OURS):
            raise StateFolderError(
                f"The folder {self.path} is open to others and holds other things than an agent's state. Choose a new"
                " or an empty folder as --state-dir."
            )


def replace_file(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 so that at any instant `path` has the old content or the new one, whole."""
    temporary = _write_beside(path, content)
    try:
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def create_file(path: Path, content: bytes) -> None:
    """Like `replace_file`, but raises FileExistsError when `path` is there, also if two processes try at once."""
    temporary = _write_beside(path, content)
    try:
        os.link(temporary, path)
    finally:
        temporary.unlink()
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable: syncing a file does not."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_beside(path: Path, content: bytes) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink()
        raise
    return temporary


def _parse_pid(content: bytes) -> int | None:
    text = content.strip()
    return int(text) if text.isdigit() else None
