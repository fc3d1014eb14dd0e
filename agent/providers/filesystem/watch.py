"""When the file system is scanned: by the interval since the last snapshot, but not in the first minutes after the
start; as soon as the inventory is switched on; and when somebody asks. One scan at a time, in a thread of its own.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

from agent.clock import Clock
from agent.events import EventBus
from agent.host.contract import Host
from agent.host.errors import HostError
from agent.integrity.errors import ResultCode, SourceUnavailableError
from agent.integrity.filesystem.inventory import Inventory, Order, Outcome, Signature
from agent.integrity.filesystem.scan import StoppedError
from agent.integrity.filesystem.scope import Scope
from agent.integrity.filesystem.section import collect, read_options
from agent.integrity.filesystem.store import CHAIN, DATABASE_NAME, InventoryStore, Snapshot, StoreError
from agent.northbound.contract import ConfigView
from agent.providers.filesystem.configured import Configured, configured
from agent.providers.filesystem.events import scan_failed, scan_finished, snapshot_damaged

log = logging.getLogger(__name__)

#: Why there is no snapshot when somebody has broken off the scan.
STOPPED: Final = "the scan was stopped before its end"

#: A device that has just started has more urgent things to do.
FIRST_DELAY: Final = timedelta(minutes=5)
#: When it is time for a scan and another one is under way.
RETRY: Final = timedelta(minutes=1)
#: Seconds that a scan gets to end when the agent stops.
STOP_SECONDS: Final = 1.0
_NEXT: Final = "filesystem-inventory/next"
_IDLE: Final = "idle"

Work = Callable[[], Awaitable[None]]


class Planner(Protocol):
    """What is needed of the scheduler."""

    def at(self, key: str, moment: datetime, work: Work) -> None: ...

    def cancel(self, key: str) -> None: ...

    async def in_thread(self, function: Callable[[], None]) -> None: ...


class ScanRefusedError(Exception):
    """A scan that was asked for can't be begun, with the error that a client gets."""

    def __init__(self, tag: str, app_tag: str, message: str, leaf: str | None = None) -> None:
        super().__init__(message)
        self.tag = tag
        self.app_tag = app_tag
        self.message = message
        self.leaf = leaf


@dataclass(frozen=True, slots=True)
class ScanReport:
    """The scan that is under way: its phase (None before the first) and how many files it has seen, and expects."""

    directory_set: int
    started: datetime
    phase: str | None
    files: int
    expected: int | None


@dataclass(frozen=True, slots=True)
class Report:
    """What is being done. `damages`: by the number of a snapshot, what is wrong with it."""

    status: str
    next_scan: datetime | None
    scan: ScanReport | None
    last_finished: datetime | None
    last_error: str | None
    problems: tuple[str, ...]
    damages: Mapping[int, str]


@dataclass(slots=True)
class _Running:
    """A scan that is under way."""

    directory_set: int
    started: datetime
    stop: threading.Event
    thread: threading.Thread | None = None
    inventory: Inventory | None = None


class InventoryWatch:
    """The inventory of one host, in `folder`. Any thread may call it."""

    def __init__(
        self,
        *,
        folder: Path,
        host: Host,
        clock: Clock,
        bus: EventBus,
        config: ConfigView,
        planner: Planner,
        sign: Callable[[bytes], Signature | None],
    ) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self._host = host
        self._clock = clock
        self._bus = bus
        self._config = config
        self._planner = planner
        self._sign = sign
        self._lock = threading.RLock()
        self._store: InventoryStore | None = None
        self._running: _Running | None = None
        self._next: datetime | None = None
        #: When a scan of everything was begun last, whatever became of it.
        self._tried: datetime | None = None
        self._is_closed = False
        self._last_finished: datetime | None = None
        self._last_error: str | None = None
        self._problems: tuple[str, ...] = ()
        self._damages: dict[int, str] = {}

    def start(self) -> None:
        settings = configured(self._config)
        if settings is not None:
            first = self._clock.now() + FIRST_DELAY
            self._plan(max(first, self._due(settings) or first))

    def stop(self) -> None:
        """Break off what is under way, and close the store."""
        with self._lock:
            self._is_closed = True
            running = self._running
        self.stop_scan()
        if running is not None and running.thread is not None:
            running.thread.join(STOP_SECONDS)
        with self._lock:
            if self._store is not None and self._running is None:
                self._store.close()

    def reconfigured(self) -> None:
        """The configuration has changed: begin, end, or plan anew."""
        if configured(self._config) is not None:
            self._plan(self._clock.now())
            return
        self._planner.cancel(_NEXT)
        with self._lock:
            self._next = None
        self.stop_scan()

    def scan_now(self, directory_set: int = CHAIN, *, reads_all: bool = False) -> None:
        """Begin a scan; `reads_all`: of every file, with a full snapshot. Raises ScanRefusedError."""
        settings = configured(self._config)
        if settings is None:
            raise ScanRefusedError(
                "operation-failed",
                "inventory-not-enabled",
                "The inventory is not configured: create /integrity/filesystem-inventory.",
            )
        if directory_set != CHAIN and directory_set not in settings.directory_sets:
            raise ScanRefusedError(
                "data-missing",
                "no-directory-set",
                f"There is no directory set {directory_set}: configure it first.",
                "directory-set",
            )
        self._begin(settings, directory_set, reads_all=reads_all)

    def stop_scan(self) -> None:
        """Break off the scan that is under way, if there is one."""
        with self._lock:
            if self._running is not None:
                self._running.stop.set()

    def report(self) -> Report:
        with self._lock:
            running = self._running
            is_on = self._next is not None or configured(self._config) is not None
            return Report(
                "scanning" if running else "waiting" if is_on else "disabled",
                self._next if running is None else None,
                _scan_report(running) if running is not None else None,
                self._last_finished,
                self._last_error,
                self._problems,
                dict(self._damages),
            )

    def store(self) -> InventoryStore:
        """The store, opened if it is not. Raises StoreError."""
        with self._lock:
            if self._is_closed:
                raise StoreError("The agent is ending.")
            if self._store is None:
                self._store = InventoryStore(self._folder)
            return self._store

    def snapshots(self, directory_set: int | None = None) -> list[Snapshot]:
        """Those of a set, or of all, oldest first. Raises StoreError."""
        return self.store().snapshots(directory_set) if self._has_store() else []

    def _has_store(self) -> bool:
        """False as long as there was no scan: asking does not make a store."""
        return self._store is not None or (self._folder / DATABASE_NAME).exists()

    def section(self, options: Mapping[str, Any] | None) -> dict[str, Any]:
        """The dossier's section. Raises SourceUnavailableError."""
        read_options(options)
        if not self._has_store():
            raise SourceUnavailableError("no snapshot of the file system was taken yet", ResultCode.NOT_PRESENT)
        try:
            return collect(self.store(), options)
        except StoreError as error:
            raise SourceUnavailableError(str(error), ResultCode.FAILED) from None

    # Scanning --------------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Begin a scan if it is time for one, and plan the next look."""
        settings = configured(self._config)
        if settings is None:
            return
        now = self._clock.now()
        due = self._due(settings)
        if due is None or due <= now:
            try:
                self._begin(settings, CHAIN, reads_all=False)
                due = now + settings.interval
            except ScanRefusedError:
                due = now + RETRY
        self._plan(due)

    def _due(self, settings: Configured) -> datetime | None:
        """When the next scan is to begin; None for at once."""
        with self._lock:
            latest = self._tried
        try:
            kept = self.snapshots(CHAIN)
        except StoreError:
            kept = []
        if kept and (latest is None or kept[-1].time > latest):
            latest = kept[-1].time
        # A clock that was set back must not make the device wait for ever.
        return None if latest is None or latest > self._clock.now() else latest + settings.interval

    def _plan(self, moment: datetime) -> None:
        with self._lock:
            self._next = moment
        self._planner.at(_NEXT, moment, self._look)

    async def _look(self) -> None:
        await self._planner.in_thread(self.look)

    def _begin(self, settings: Configured, directory_set: int, *, reads_all: bool) -> None:
        with self._lock:
            if self._running is not None or self._is_closed:
                raise ScanRefusedError(
                    "in-use", "scan-in-progress", "A scan is under way: wait for scan-finished, or call stop-scan."
                )
            running = _Running(directory_set, self._clock.now(), threading.Event())
            if directory_set == CHAIN:
                self._tried = running.started
            running.thread = threading.Thread(
                target=self._scan,
                args=(settings, running, reads_all),
                name="filesystem-inventory",
                daemon=True,
            )
            self._running = running
            # Under the lock: whoever sees it may wait for it.
            running.thread.start()

    def _scan(self, settings: Configured, running: _Running, reads_all: bool) -> None:
        log.info("a scan of the file system begins (directory set %d)", running.directory_set)
        reason: str | None = None
        outcome: Outcome | None = None
        try:
            outcome = self._scanned(settings, running, reads_all)
        except StoppedError:
            log.info("the scan of the file system was stopped")
        except StoreError as error:
            # A scan that is broken off may be so before it has a store.
            reason = None if running.stop.is_set() else str(error)
        except HostError as error:
            reason = f"{error.subject}: {error.reason}"
        except Exception:
            log.exception("the scan of the file system failed")
            reason = "internal error; the agent's log has the details"
        now = self._clock.now()
        with self._lock:
            self._running = None
            if outcome is not None:
                self._last_finished, self._last_error, self._problems = now, None, outcome.problems
            else:
                self._last_error = reason or STOPPED
        self._tell(now, running, outcome, reason)

    def _scanned(self, settings: Configured, running: _Running, reads_all: bool) -> Outcome:
        store = self.store()
        running.inventory = Inventory(store, self._host, self._clock, self._sign, running.stop.wait)
        order = Order(
            Scope(skipped=settings.skipped, max_file_bytes=settings.max_file_bytes, own=_own(store)),
            settings.retention,
            settings.budget,
            directory_set=running.directory_set,
            is_full=reads_all or settings.is_full,
            reads_all=reads_all,
        )
        if running.directory_set != CHAIN:
            folders = settings.directory_sets[running.directory_set]
            order = replace(order, scope=replace(order.scope, folders=folders))
        return running.inventory.scan(order)

    def _tell(self, now: datetime, running: _Running, outcome: Outcome | None, reason: str | None) -> None:
        if outcome is None:
            if reason is not None:
                log.error("there is no snapshot of the file system: %s", reason)
            self._bus.publish(scan_failed(now, running.directory_set, reason))
            return
        log.info(
            "snapshot %d of the file system: %d files, %d created, %d modified, %d with other metadata, %d deleted",
            outcome.snapshot.number,
            outcome.counts.files,
            outcome.counts.created,
            outcome.counts.contents_modified,
            outcome.counts.metadata_modified,
            outcome.counts.deleted,
        )
        if running.directory_set == CHAIN:
            with self._lock:
                self._damages = {
                    number: problem for number, problem in self._damages.items() if number >= outcome.first_kept
                }
        for damage in outcome.damages:
            with self._lock:
                is_known = damage.number in self._damages
                self._damages[damage.number] = damage.problem
            if not is_known:
                self._bus.publish(snapshot_damaged(now, damage))
        self._bus.publish(scan_finished(now, outcome))


def _scan_report(running: _Running) -> ScanReport:
    progress = running.inventory.progress if running.inventory else None
    if progress is None or progress.phase == _IDLE:
        return ScanReport(running.directory_set, running.started, None, 0, None)
    return ScanReport(running.directory_set, running.started, progress.phase, progress.files, progress.expected)


def _own(store: InventoryStore) -> frozenset[tuple[int, int]]:
    """The state folder, in which the store is."""
    found = os.stat(store.folder.parent)
    return frozenset({(found.st_dev, found.st_ino)})
