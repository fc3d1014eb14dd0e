"""Walking a whole file system: folders that stay open while somebody looks into them.

A path may lead elsewhere the next moment. An open folder stays the one that was opened, so whoever walks by open
folders never leaves through a link that was put in a folder's place. Names are bytes, because that is what they are.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import threading
from collections.abc import Callable
from functools import cache
from itertools import islice
from typing import Protocol

from agent.host.contract import DIGEST_SECONDS, MAX_ATTRIBUTE_BYTES
from agent.host.errors import AbsentError, HostError, TimeLimitError, TooLargeError, UnreadableError, from_os_error

#: Names of one folder that are taken at most: what a memory of 250 MiB can hold with the rest.
MAX_NAMES = 2_000_000
_CHUNK = 256 * 1024
_buffers = threading.local()
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC


class StoppedReadingError(Exception):
    """Whoever asked for a digest no longer wants it."""


class Folder(Protocol):
    """An open folder. Raises HostError; the subject of an error is a name, or "." for the folder itself."""

    def names(self, max_names: int = MAX_NAMES) -> list[bytes]:
        """What is in it, sorted by bytes, without "." and ".."."""

    def status(self, name: bytes) -> os.stat_result:
        """lstat of an entry."""

    def own_status(self) -> os.stat_result:
        """fstat of the folder."""

    def folder(self, name: bytes) -> Folder:
        """A folder in it, opened; a link is not followed."""

    def digest(self, name: bytes, algorithm: str, seen: os.stat_result, is_stopped: Callable[[], bool]) -> bytes:
        """The digest of a regular file, which must be the one that `seen` tells of.

        `algorithm` is a name of hashlib. The time of last access stays as it is, where the owner may have that. Raises
        StoppedReadingError as well.
        """

    def link(self, name: bytes) -> bytes:
        """Where a symbolic link in it points."""

    def attribute(self, name: bytes, attribute: str) -> bytes | None:
        """An extended attribute of an entry, which may be a link itself; None if there is none."""

    def close(self) -> None:
        """Needed: an open folder is one of the process's descriptors."""


class OpenFolder:
    """A `Folder` of the operating system. `monotonic` tells seconds, for the time limit of a digest."""

    def __init__(self, descriptor: int, monotonic: Callable[[], float]) -> None:
        self._descriptor = descriptor
        self._monotonic = monotonic
        self._attributes = os.fsencode(f"/proc/self/fd/{descriptor}/")

    @classmethod
    def at(cls, place: str, shown: str, monotonic: Callable[[], float]) -> OpenFolder:
        """The folder at a path, which errors call `shown`; links on the way are followed, and one at its end is not."""
        try:
            return cls(_opened(os.fsencode(place), _FOLDER_FLAGS, None), monotonic)
        except OSError as error:
            raise _error(os.fsencode(shown), error) from None

    def names(self, max_names: int = MAX_NAMES) -> list[bytes]:
        encode = os.fsencode
        try:
            with os.scandir(self._descriptor) as entries:
                found = [encode(entry.name) for entry in islice(entries, max_names + 1)]
        except OSError as error:
            raise from_os_error(".", error) from None
        if len(found) > max_names:
            raise TooLargeError(".", f"has more than {max_names} entries")
        found.sort()
        return found

    def status(self, name: bytes) -> os.stat_result:
        try:
            return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        except OSError as error:
            raise _error(name, error) from None

    def own_status(self) -> os.stat_result:
        return os.fstat(self._descriptor)

    def folder(self, name: bytes) -> OpenFolder:
        try:
            return OpenFolder(_opened(name, _FOLDER_FLAGS, self._descriptor), self._monotonic)
        except OSError as error:
            raise _error(name, error) from None

    def digest(self, name: bytes, algorithm: str, seen: os.stat_result, is_stopped: Callable[[], bool]) -> bytes:
        try:
            descriptor = _opened(name, _FILE_FLAGS, self._descriptor)
            try:
                found = os.fstat(descriptor)
                if not stat.S_ISREG(found.st_mode):
                    raise UnreadableError(_shown(name), "is not a regular file")
                if (found.st_ino, found.st_dev) != (seen.st_ino, seen.st_dev):
                    raise AbsentError(_shown(name), "was replaced by another file")
                return self._read(descriptor, name, found.st_size, algorithm, is_stopped)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _error(name, error) from None

    def _read(self, descriptor: int, name: bytes, size: int, algorithm: str, is_stopped: Callable[[], bool]) -> bytes:
        digest = _constructor(algorithm)(usedforsecurity=False)
        # One buffer for all files: memory that is asked for anew with each of them costs more than their digests.
        buffer = _buffer()
        count = os.readv(descriptor, (buffer,))
        digest.update(buffer[:count])
        # Most files are small, and end here.
        if count == len(buffer) or count != size:
            deadline = self._monotonic() + DIGEST_SECONDS
            while count := os.readv(descriptor, (buffer,)):
                digest.update(buffer[:count])
                if is_stopped():
                    raise StoppedReadingError
                if self._monotonic() > deadline:
                    raise TimeLimitError(_shown(name), f"could not be read within {DIGEST_SECONDS:g} seconds")
        return digest.digest()

    def link(self, name: bytes) -> bytes:
        try:
            return os.readlink(name, dir_fd=self._descriptor)
        except OSError as error:
            raise _error(name, error) from None

    def attribute(self, name: bytes, attribute: str) -> bytes | None:
        try:
            # There is no getxattr relative to a folder: the way through /proc is the same.
            value = os.getxattr(self._attributes + name, attribute, follow_symlinks=False)
        except OSError as error:
            if error.errno in (errno.ENODATA, errno.ENOTSUP):
                return None
            raise _error(name, error) from None
        return value[:MAX_ATTRIBUTE_BYTES]

    def close(self) -> None:
        os.close(self._descriptor)


@cache
def _constructor(algorithm: str) -> Callable[..., hashlib._Hash]:
    """What hashlib.new would look for each time."""
    constructor: Callable[..., hashlib._Hash] = getattr(hashlib, algorithm)
    return constructor


def _buffer() -> memoryview:
    """Of this thread."""
    buffer: memoryview | None = getattr(_buffers, "buffer", None)
    if buffer is None:
        buffer = _buffers.buffer = memoryview(bytearray(_CHUNK))
    return buffer


def _opened(name: bytes, flags: int, folder: int | None) -> int:
    """Without a trace in the time of last access where the owner may have that."""
    try:
        return os.open(name, flags | os.O_NOATIME, dir_fd=folder)
    except PermissionError:
        return os.open(name, flags, dir_fd=folder)


def _error(name: bytes, error: OSError) -> HostError:
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        # What was a folder, or a file, a moment ago is a link, or something else, now.
        return UnreadableError(_shown(name), "is not what it was")
    return from_os_error(_shown(name), error)


def _shown(name: bytes) -> str:
    return os.fsdecode(name)
