"""Texts of any size, read piece by piece: what is in memory, and what is in a file that has no name.

A dossier may be larger than the memory that the agent may use. So nothing that collects, signs, sends or verifies one
holds it: it goes into a Spool, and is read from there as often as needed, in pieces of CHUNK_BYTES at most.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

#: Bytes of a piece at most: a multiple of 3, so that base64 of pieces is base64 of the whole.
CHUNK_BYTES = 192 * 1024


class Content(Protocol):
    """Bytes that can be read from the beginning, any number of times; one reader at a time."""

    @property
    def size(self) -> int:
        """Bytes of the whole."""

    def chunks(self) -> Iterator[bytes]:
        """All of it in pieces; every piece but the last has CHUNK_BYTES."""

    def close(self) -> None:
        """Let go of it. May be repeated."""


@dataclass(frozen=True, slots=True)
class BytesContent:
    """What is in memory."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def chunks(self) -> Iterator[bytes]:
        for start in range(0, len(self.data), CHUNK_BYTES):
            yield self.data[start : start + CHUNK_BYTES]

    def close(self) -> None:
        return


def joined(content: Content) -> bytes:
    """All of a content that is known to be small; it is closed."""
    try:
        return b"".join(content.chunks())
    finally:
        content.close()


class SpoolError(Exception):
    """Nothing more can be written: `reason` says why, for a person."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SpoolLimitError(SpoolError):
    """It would be larger than is allowed."""


class SpoolFullError(SpoolError):
    """The disk has no room for it."""

    def __init__(self) -> None:
        super().__init__("there is no room for it on the disk")


#: A spool that is larger than this looks at the disk before it grows by as much again.
_LOOK_EVERY = 4 * 1024 * 1024
#: Bytes that a spool leaves free on the disk, for what is more important: the configuration.
RESERVED_BYTES = 64 * 1024 * 1024


class Spool:
    """Content in a file that nobody else can open and that goes with this process, whatever happens to it.

    Writing raises SpoolLimitError when it would become larger than `limit` bytes, and SpoolFullError when it would
    leave less than RESERVED_BYTES of the disk.
    """

    def __init__(self, folder: Path | None = None, *, limit: int) -> None:
        """`folder` is where the file is (None: the system's place for temporary files)."""
        self._file: BinaryIO = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 (see close)
        self._limit = limit
        self._size = 0
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._looked_at = 0

    @property
    def size(self) -> int:
        return self._size

    def write(self, data: bytes) -> None:
        if self._size + len(data) > self._limit:
            raise SpoolLimitError(f"larger than the limit of {self._limit} bytes")
        self._pending.append(data)
        self._pending_bytes += len(data)
        self._size += len(data)
        if self._pending_bytes >= CHUNK_BYTES:
            self._flush()

    def mark(self) -> int:
        """The size so far, for `cut`."""
        self._flush()
        return self._size

    def cut(self, mark: int) -> None:
        """Forget what was written since `mark` was got."""
        self._pending.clear()
        self._pending_bytes = 0
        os.ftruncate(self._file.fileno(), mark)
        self._size = self._looked_at = mark

    def chunks(self) -> Iterator[bytes]:
        self._flush()
        at = 0
        while at < self._size:
            piece = os.pread(self._file.fileno(), CHUNK_BYTES, at)
            if not piece:
                raise OSError("a spool is shorter than what was written")
            at += len(piece)
            yield piece

    def mapped(self) -> bytes | mmap.mmap:
        """See the function of this name."""
        self._flush()
        # Nothing is nothing to map.
        return mmap.mmap(self._file.fileno(), self._size, access=mmap.ACCESS_READ) if self._size else b""

    @property
    def closed(self) -> bool:
        return self._file.closed

    def close(self) -> None:
        self._file.close()

    def _flush(self) -> None:
        if self._size - self._looked_at >= _LOOK_EVERY:
            disk = os.fstatvfs(self._file.fileno())
            if disk.f_bavail * disk.f_frsize < RESERVED_BYTES:
                raise SpoolFullError
            self._looked_at = self._size
        data = memoryview(b"".join(self._pending))
        at = self._size - self._pending_bytes
        self._pending.clear()
        self._pending_bytes = 0
        try:
            while data:
                written = os.pwrite(self._file.fileno(), data, at)
                data = data[written:]
                at += written
        except OSError as error:
            raise SpoolFullError from error


def mapped(content: Content) -> bytes | mmap.mmap:
    """All of a content. That of a Spool is read from its file when it is used, and stays when the Spool is closed."""
    return content.mapped() if isinstance(content, Spool) else b"".join(content.chunks())
