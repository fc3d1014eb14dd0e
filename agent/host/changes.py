"""Being told of changes in folders, by inotify(7).

The kernel has a limit of folders that a user may watch, and a folder must be readable for that: whoever watches is told
how many could be. Changes that come faster than they are read are told as one that may be anywhere.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import select
import struct
import threading
from collections.abc import Callable, Sequence

from agent.host.errors import AbsentError, HostError

_CLOEXEC, _NONBLOCK = os.O_CLOEXEC, os.O_NONBLOCK
_MODIFY, _ATTRIB, _CLOSE_WRITE = 0x2, 0x4, 0x8
_MOVED_FROM, _MOVED_TO, _CREATE, _DELETE, _DELETE_SELF, _MOVE_SELF = 0x40, 0x80, 0x100, 0x200, 0x400, 0x800
_OVERFLOW, _IGNORED = 0x4000, 0x8000
_ONLY_FOLDERS, _NO_UNLINKED = 0x01000000, 0x04000000
_CHANGES = _MODIFY | _ATTRIB | _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF
_MASK = _CHANGES | _ONLY_FOLDERS | _NO_UNLINKED
_EVENT = struct.Struct("iIII")
_READ_BYTES = 256 * 1024

#: Folder and name in it; "" for the folder itself. ("", "") stands for a change that may be anywhere.
Change = tuple[str, str]
ANYWHERE: Change = ("", "")


def watch(place: Callable[[str], str]) -> FolderWatch | None:
    """None if the kernel has no inotify, or too many are in use."""
    try:
        return FolderWatch(place)
    except (OSError, AttributeError):
        return None


class FolderWatch:
    """Tells of changes in folders. `add` and `follow` are called by one thread, `wait` by another, `close` by any.

    Args:
        place: where in the real file system a path is; raises HostError.
    """

    def __init__(self, place: Callable[[str], str]) -> None:
        """Raises OSError if the kernel has no inotify, or too many are in use."""
        self._place = place
        self._library = ctypes.CDLL(None, use_errno=True)
        self._lock = threading.Lock()
        self._folders: dict[int, set[str]] = {}
        self._descriptor = self._call("inotify_init1", _CLOEXEC | _NONBLOCK)
        self._woken, self._wake = os.pipe2(_CLOEXEC | _NONBLOCK)
        self._is_closed = False

    def add(self, folder: str) -> None:
        """Watch one more folder, if that is possible."""
        with contextlib.suppress(HostError, OSError):
            number = self._add(folder)
            with self._lock:
                self._folders.setdefault(number, set()).add(folder)

    def follow(self, folders: Sequence[str]) -> int:
        """Watch these folders and no others, the most important ones first. Returns how many could not be watched;
        those that are not there don't count."""
        found: dict[int, set[str]] = {}
        refused = 0
        for position, folder in enumerate(folders):
            try:
                number = self._add(folder)
            except HostError as error:
                refused += not isinstance(error, AbsentError)
                continue
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    refused += error.errno not in (errno.ENOENT, errno.ENOTDIR)
                    continue
                if not self._drop_others(found):
                    refused += len(folders) - position
                    break
                try:
                    number = self._add(folder)
                except OSError:
                    refused += len(folders) - position
                    break
            found.setdefault(number, set()).add(folder)
        self._drop_others(found)
        return refused

    @property
    def count(self) -> int:
        """How many paths of folders are watched."""
        with self._lock:
            return sum(map(len, self._folders.values()))

    def _add(self, folder: str) -> int:
        place = os.fsencode(self._place(folder))
        return self._call("inotify_add_watch", self._descriptor, ctypes.c_char_p(place), _MASK)

    def _drop_others(self, kept: dict[int, set[str]]) -> bool:
        """Whether there were any."""
        with self._lock:
            others = self._folders.keys() - kept.keys()
            self._folders = {number: set(folders) for number, folders in kept.items()}
        for number in others:
            # A folder that has gone has taken its watch with it.
            with contextlib.suppress(OSError):
                self._call("inotify_rm_watch", self._descriptor, number)
        return bool(others)

    def wait(self) -> Sequence[Change] | None:
        """The next changes, whenever there are any; None after `close`."""
        poll = select.poll()
        for descriptor in (self._descriptor, self._woken):
            poll.register(descriptor, select.POLLIN)
        poll.poll()
        if self._is_closed:
            for descriptor in (self._descriptor, self._woken, self._wake):
                os.close(descriptor)
            return None
        try:
            return self._changes(os.read(self._descriptor, _READ_BYTES))
        except BlockingIOError:
            return ()

    def close(self) -> None:
        """Have `wait` end; there must be somebody who waits."""
        self._is_closed = True
        os.write(self._wake, b"\0")

    def _changes(self, events: bytes) -> list[Change]:
        changes: list[Change] = []
        position = 0
        with self._lock:
            while position < len(events):
                number, mask, _, length = _EVENT.unpack_from(events, position)
                position += _EVENT.size
                name = os.fsdecode(events[position : position + length].rstrip(b"\0"))
                position += length
                if mask & _OVERFLOW:
                    changes.append(ANYWHERE)
                elif not mask & _IGNORED:
                    changes.extend((folder, name) for folder in self._folders.get(number, ()))
        return changes

    def _call(self, name: str, *arguments: object) -> int:
        result = getattr(self._library, name)(*arguments)
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return int(result)
