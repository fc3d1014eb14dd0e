"""When fingerprints are made: some minutes after the start, when a package database has changed, on a schedule, and
when somebody asks; never while packages are being installed.

What changes behind the back of the package manager is found on the schedule. Files that have not changed since they
were hashed are hashed again once a day, and whenever somebody asks. What was told last is kept over a restart, the
values are not: until new ones are made, there are none.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from agent.clock import Clock
from agent.events import EventBus
from agent.host.contract import Host
from agent.integrity.errors import SourceUnavailableError
from agent.integrity.niceness import be_nice
from agent.integrity.packages.baselines import Baselines
from agent.integrity.packages.measuring import DigestCache
from agent.integrity.packages.package_set import PackageSet, StoppedError, collect
from agent.integrity.packages.pinned_keys import PinnedKeys, read_pinned_keys
from agent.integrity.packages.transactions import Stamp, database_stamp, is_transaction_under_way
from agent.northbound.contract import ConfigView
from agent.providers.packages.changes import Detection, PackageChanges, PackagedFiles
from agent.providers.packages.events import fingerprint_changed, fingerprints_generated
from agent.providers.packages.history import FingerprintHistory
from agent.storage.errors import StorageUnavailableError
from agent.storage.package_evidence import PackageEvidence

log = logging.getLogger(__name__)

INTERVAL_PATH: Final = "/trustconf-integrity:integrity/packages/regeneration-interval"
DEFAULT_INTERVAL: Final = 60
#: A device that has just started has more urgent things to do.
FIRST_DELAY: Final = timedelta(minutes=5)
#: Between two looks at the package databases.
SWEEP: Final = timedelta(seconds=30)
#: Seconds after which files are hashed again that seem not to have changed.
FULL_SECONDS: Final = 24 * 3600.0
#: Seconds that a generation gets to end when the agent stops.
STOP_SECONDS: Final = 1.0
_NEXT: Final = "package-fingerprints/next"
_CHANGED: Final = "package-fingerprints/changed"
#: After a change, others are waited for: until nothing has happened for QUIET, but for LONGEST_WAIT at most.
QUIET: Final = timedelta(seconds=2)
LONGEST_WAIT: Final = timedelta(seconds=10)
#: After a generation that was made for a changed file, others are left alone for so many times as long as it took, but
#: for LONGEST_REST at most.
REST: Final = 10
LONGEST_REST: Final = timedelta(seconds=60)

Work = Callable[[], Awaitable[None]]


class Status(StrEnum):
    """How up-to-date the fingerprints are, in the words of the Cisco-named models."""

    UP_TO_DATE = "generation-up-to-date"
    IN_PROGRESS = "generation-in-progress"
    PENDING = "to-be-regenerated-at-apply"


@dataclass(frozen=True, slots=True)
class Generation:
    """What was found last. `packages` is None if that failed; `problems` say why, or what is left out."""

    time: datetime
    packages: PackageSet | None
    problems: tuple[str, ...]


class Planner(Protocol):
    """What is needed of the scheduler."""

    def at(self, key: str, moment: datetime, work: Work) -> None: ...

    async def in_thread(self, function: Callable[[], None]) -> None: ...


class FingerprintWatch:
    """The fingerprints of one host. Any thread may call it."""

    def __init__(
        self,
        *,
        host: Host,
        clock: Clock,
        bus: EventBus,
        config: ConfigView,
        planner: Planner,
        key_files: Callable[[], Mapping[str, bytes]],
        evidence: PackageEvidence,
    ) -> None:
        self._host = host
        self._clock = clock
        self._bus = bus
        self._config = config
        self._planner = planner
        self._key_files = key_files
        self._baselines = Baselines(evidence)
        self._history = FingerprintHistory(evidence)
        self._lock = threading.Lock()
        self._digests = DigestCache()
        self._latest: Generation | None = None
        self._stamp: Stamp | None = None
        self._made = 0.0
        self._made_in_full = 0.0
        self._is_wanted = False
        self._is_wanted_in_full = False
        #: A packaged file has changed; since when, and when it may be looked at.
        self._is_changed = False
        self._is_by_change = False
        self._changed_since = 0.0
        self._not_before = 0.0
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._changes = PackageChanges(host, self._database_changed, self._files_changed)

    def start(self) -> None:
        self._changes.start()
        self._planner.at(_NEXT, self._clock.now() + FIRST_DELAY, self._look)

    def stop(self) -> None:
        """Break off what is under way."""
        self._stop.set()
        self._changes.stop()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join(STOP_SECONDS)

    def regenerate(self) -> None:
        """Make all values anew, at once or after the package transaction that is under way."""
        with self._lock:
            self._is_wanted = self._is_wanted_in_full = True
        self._planner.at(_NEXT, self._clock.now(), self._look)

    @property
    def latest(self) -> Generation | None:
        with self._lock:
            return self._latest

    @property
    def status(self) -> Status:
        stamp = database_stamp(self._host)
        with self._lock:
            if self._thread is not None:
                return Status.IN_PROGRESS
            is_current = self._latest is not None and self._stamp == stamp
            is_current = is_current and not self._is_wanted and not self._is_changed
            return Status.UP_TO_DATE if is_current else Status.PENDING

    @property
    def detection(self) -> Detection:
        """How changes are found."""
        return self._changes.detection

    def pinned_keys(self) -> PinnedKeys:
        """The keys as they are pinned now."""
        return read_pinned_keys(self._key_files())

    def look(self) -> None:
        """Begin a generation if it is time for one."""
        # First, so that a look that fails is not the last one.
        self._planner.at(_NEXT, self._clock.now() + SWEEP, self._look)
        stamp = database_stamp(self._host)
        with self._lock:
            if self._thread is not None or self._stop.is_set():
                return
            elapsed = self._clock.monotonic() - self._made
            if self._latest is None or self._stamp != stamp or elapsed >= self._interval() * 60:
                self._is_wanted = True
            is_due = self._is_changed and self._clock.monotonic() >= self._not_before
            if not (self._is_wanted or is_due) or is_transaction_under_way(self._host):
                return
            self._begin(stamp)

    def _begin(self, stamp: Stamp) -> None:
        now = self._clock.monotonic()
        if self._is_wanted_in_full or now - self._made_in_full >= FULL_SECONDS:
            self._digests.forget()
            self._made_in_full = now
        self._is_by_change = not self._is_wanted
        self._is_wanted = self._is_wanted_in_full = self._is_changed = False
        self._thread = threading.Thread(target=self._generate, args=(stamp,), name="package-fingerprints", daemon=True)
        self._thread.start()

    def _interval(self) -> int:
        configured = self._config.get(INTERVAL_PATH)
        return DEFAULT_INTERVAL if configured is None else int(configured)

    def _database_changed(self) -> None:
        """More changes are to come: a package manager writes many files."""
        self._planner.at(_CHANGED, self._clock.now() + QUIET, self._look)

    def _files_changed(self) -> None:
        now = self._clock.monotonic()
        with self._lock:
            if not self._is_changed:
                self._is_changed, self._changed_since = True, now
            moment = min(now + QUIET.total_seconds(), self._changed_since + LONGEST_WAIT.total_seconds())
            seconds = max(moment, self._not_before) - now
        self._planner.at(_CHANGED, self._clock.now() + timedelta(seconds=seconds), self._look)

    def _generate(self, stamp: Stamp) -> None:
        be_nice()
        found: Generation | None = None
        began = self._clock.monotonic()
        files = self._changes.look_begins()
        try:
            found = self._collected(files)
        except StoppedError:
            return
        except Exception:
            log.exception("the fingerprints of packages could not be made")
            found = Generation(self._clock.now(), None, ("An internal error; the agent's log tells more.",))
        finally:
            with self._lock:
                self._latest = found or self._latest
                # A change meanwhile makes this stamp another one than the database's, and is seen by the next look.
                self._stamp = stamp
                self._made = self._clock.monotonic()
                rest = min(REST * (self._made - began), LONGEST_REST.total_seconds())
                self._not_before = self._made + (rest if self._is_by_change else 0.0)
                self._thread = None
            self._changes.look_ends(files)
        self._tell(found)

    def _collected(self, files: PackagedFiles) -> Generation:
        keys = self.pinned_keys()
        try:
            packages = collect(self._host, keys.packages, self._digests, self._stop.is_set, self._baselines, files.add)
        except SourceUnavailableError as error:
            return Generation(self._clock.now(), None, (error.reason, *keys.problems))
        except StorageUnavailableError:
            # Without what was seen first, everything would be seen first again.
            log.exception("the fingerprints of packages could not be made")
            problem = "The state folder can't be read or written; the agent's log tells more."
            return Generation(self._clock.now(), None, (problem, *keys.problems))
        return Generation(self._clock.now(), packages, (*packages.problems, *keys.problems))

    def _tell(self, found: Generation) -> None:
        if found.packages is None:
            return
        changed = fingerprint_changed(found.time, self._history.replace(found.packages), found.packages)
        if changed is not None:
            self._bus.publish(changed)
        self._bus.publish(fingerprints_generated(found.time, found.packages))

    async def _look(self) -> None:
        await self._planner.in_thread(self.look)
