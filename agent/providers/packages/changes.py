"""Being told when a packaged file or a package database changes, where the kernel tells of it.

Of the files only a hash is kept: a change that is taken for one of a packaged file costs a look, no more.
"""

from __future__ import annotations

import logging
import threading
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from agent.host.changes import ANYWHERE, Change, FolderWatch
from agent.host.contract import Host
from agent.integrity.packages.fingerprint import FileClaim
from agent.integrity.packages.transactions import DATABASE_FILES

log = logging.getLogger(__name__)

#: A host has some 20,000 folders of packages; the kernel has a limit of its own.
MAX_FOLDERS: Final = 200_000
#: Changes that are remembered while files are looked at.
MAX_MEANWHILE: Final = 10_000
_DATABASE_FOLDERS: Final = frozenset(path.rpartition("/")[0] for path in DATABASE_FILES) | {"/var/lib/dpkg/info"}


class Method(StrEnum):
    """How changes are found."""

    EVENTS = "events"
    PARTLY_EVENTS = "events-in-part"
    SWEEP = "sweep"


@dataclass(frozen=True, slots=True)
class Detection:
    """How changes are found, and of how many folders the kernel tells, or does not."""

    method: Method
    watched: int = 0
    unwatched: int = 0


class PackagedFiles:
    """The places of packaged files, in the order in which they are looked at.

    Args:
        on_folder: called with each folder before a file in it is looked at.
    """

    def __init__(self, on_folder: Callable[[str], None]) -> None:
        self._on_folder = on_folder
        self._folders: Counter[str] = Counter()
        self._hashes = array("q")

    def add(self, claim: FileClaim) -> None:
        folder, name = _split(claim.where)
        if folder not in self._folders:
            self._on_folder(folder)
        self._folders[folder] += 1
        self._hashes.append(hash((folder, name)))

    def done(self) -> tuple[list[str], Callable[[Change], bool]]:
        """The folders, those with most files first, and whether a change is one of a packaged file or its folders."""
        folders = [folder for folder, _ in self._folders.most_common()]
        known = set(folders)
        for folder in folders:
            parent, name = _split(folder)
            self._hashes.append(hash((parent, name)))
            if parent not in known:
                # The list grows until it has all folders above, too.
                known.add(parent)
                folders.append(parent)
        hashes = array("q", sorted(self._hashes))

        def is_packaged(change: Change) -> bool:
            wanted = hash(change)
            position = bisect_left(hashes, wanted)
            return position < len(hashes) and hashes[position] == wanted

        return folders[:MAX_FOLDERS], is_packaged


def _split(path: str) -> tuple[str, str]:
    folder, _, name = path.rpartition("/")
    return folder or "/", name


class PackageChanges:
    """Calls `database_changed` and `files_changed` in a thread of its own."""

    def __init__(self, host: Host, database_changed: Callable[[], None], files_changed: Callable[[], None]) -> None:
        self._host = host
        self._database_changed = database_changed
        self._files_changed = files_changed
        self._watch: FolderWatch | None = None
        self._lock = threading.Lock()
        self._is_packaged: Callable[[Change], bool] = lambda change: False
        #: What has changed while the files are looked at; None at other times.
        self._meanwhile: set[Change] | None = None
        self.detection = Detection(Method.SWEEP)

    def start(self) -> None:
        self._watch = self._host.watch()
        if self._watch is None:
            log.info("the kernel does not tell of changed files; packages are looked at now and then")
            return
        for folder in sorted(_DATABASE_FOLDERS):
            self._watch.add(folder)
        threading.Thread(target=self._listen, args=(self._watch,), name="package-changes", daemon=True).start()

    def stop(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()

    def look_begins(self) -> PackagedFiles:
        """Whoever looks at the files tells what they are, before each one."""
        with self._lock:
            self._meanwhile = set()
        watch = self._watch
        return PackagedFiles(watch.add if watch is not None else lambda folder: None)

    def look_ends(self, files: PackagedFiles) -> None:
        """Be told of these files from now on. What has changed meanwhile may have been looked at before that."""
        watch = self._watch
        folders, is_packaged = files.done()
        with self._lock:
            meanwhile, self._meanwhile = self._meanwhile or set(), None
            self._is_packaged = is_packaged
        if watch is not None:
            refused = watch.follow([*sorted(_DATABASE_FOLDERS), *folders])
            method = Method.PARTLY_EVENTS if refused else Method.EVENTS
            self.detection = Detection(method, watch.count, refused)
        if any(change == ANYWHERE or is_packaged(change) for change in meanwhile):
            self._files_changed()

    def _listen(self, watch: FolderWatch) -> None:
        while (changes := watch.wait()) is not None:
            with self._lock:
                is_packaged = self._is_packaged
                if self._meanwhile is not None:
                    self._meanwhile.update(changes if len(self._meanwhile) < MAX_MEANWHILE else (ANYWHERE,))
            if any(change == ANYWHERE or is_packaged(change) for change in changes):
                self._files_changed()
            elif any(folder in _DATABASE_FOLDERS for folder, _ in changes):
                self._database_changed()
