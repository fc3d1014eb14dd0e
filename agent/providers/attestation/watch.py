"""The logs of this boot: looked at by a job, and whenever somebody asks; what is wrong with them is told.

The job compares all of the IMA log with what was read before, on a thread of its own. Whoever asks gets what is there
now: only what is new has to be read for that.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from agent.clock import Clock
from agent.events import EventBus
from agent.host.contract import Host
from agent.integrity.boot_log.judgement import BootFailure, BootJudgement, judge_boot_log
from agent.integrity.errors import ResultCode, SourceUnavailableError
from agent.integrity.ima.blocks import BlockStore
from agent.integrity.ima.kept_log import KeptLog
from agent.integrity.ima.looking import MAX_FAILURES
from agent.integrity.ima.position import Look, LookStoppedError, Position
from agent.integrity.ima.source import read_boot
from agent.integrity.niceness import be_nice
from agent.integrity.sources.ima_audit import AuditRecord, ima_audit_records
from agent.northbound.contract import ConfigView, Record
from agent.providers.attestation.events import boot_failures, failed_appraisal, ima_failures

log = logging.getLogger(__name__)

INTERVAL_PATH: Final = "/trustconf-integrity:integrity/ima/cache-job-interval"
CISCO_JOB_PATH: Final = "/Cisco-IOS-XR-attestation-agent-cfg:attestation/ima/cache/job"
#: Minutes.
DEFAULT_INTERVAL: Final = 240
#: A device that has just started has more urgent things to do.
FIRST_DELAY: Final = timedelta(minutes=1)
#: Between two looks at whether it is time.
SWEEP: Final = timedelta(minutes=1)
#: Seconds that a look gets to end when the agent stops.
STOP_SECONDS: Final = 1.0
_NEXT: Final = "ima-cache/next"
MAX_CORRUPT: Final = 1000

Work = Callable[[], Awaitable[None]]


class Planner(Protocol):
    """What is needed of the scheduler."""

    def at(self, key: str, moment: datetime, work: Work) -> None: ...

    async def in_thread(self, function: Callable[[], None]) -> None: ...


@dataclass(frozen=True, slots=True)
class JobCounts:
    """The job since the agent was started. `seconds`, `blocks`: of all runs together."""

    runs: int = 0
    successes: int = 0
    failures: int = 0
    without_news: int = 0
    seconds: float = 0.0
    blocks: int = 0
    last: datetime | None = None


@dataclass(frozen=True, slots=True)
class DossierCounts:
    """Dossiers with IMA events since the agent was started. `seconds`: of the successful ones together."""

    successes: int = 0
    failures: int = 0
    seconds: float = 0.0


class LogWatch:
    """The IMA log and the boot log of one host. Any thread may call it."""

    def __init__(
        self,
        *,
        host: Host,
        clock: Clock,
        bus: EventBus,
        config: ConfigView,
        planner: Planner,
        store: BlockStore,
    ) -> None:
        self._host = host
        self._clock = clock
        self._bus = bus
        self._config = config
        self._planner = planner
        self.log = KeptLog(host, clock, store)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._latest: Position | None = None
        self._stop = threading.Event()
        self._ran: float | None = None
        self.job = JobCounts()
        self.dossiers = DossierCounts()
        self.corrupt: tuple[tuple[int, int], ...] = ()
        self._boot: tuple[str, bytes] = ("", b"")
        self._told: set[tuple[str, BootFailure]] = set()
        #: Failures that were told; used by the job alone.
        self._appraised: frozenset[AuditRecord] = frozenset()

    def start(self) -> None:
        self._planner.at(_NEXT, self._clock.now() + FIRST_DELAY, self._look)

    def stop(self) -> None:
        """Break off what is under way."""
        self._stop.set()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join(STOP_SECONDS)

    @property
    def is_reading(self) -> bool:
        with self._lock:
            return self._thread is not None

    @property
    def interval(self) -> int:
        """Minutes between two runs of the job. Cisco's leaf counts where it says something else than its default."""
        theirs = self._job_of_cisco().get("interval", DEFAULT_INTERVAL)
        if theirs != DEFAULT_INTERVAL:
            return int(theirs)
        ours = self._config.get(INTERVAL_PATH)
        return DEFAULT_INTERVAL if ours is None else int(ours)

    def position(self) -> Position:
        """The IMA log as it is now. Raises SourceUnavailableError."""
        return self._looked(whole=False).position

    def position_at_hand(self) -> Position | None:
        """The same for those who would rather not wait: while the job reads, what was known before, None if nothing
        was. Raises SourceUnavailableError."""
        with self._lock:
            if self._thread is not None:
                return self._latest
        return self.position()

    def boot_log(self) -> BootJudgement:
        """The boot log as it is now."""
        boot_id = self._boot_id()
        with self._lock:
            known_id, known_digest = self._boot
        judgement = judge_boot_log(self._host, known_digest if known_id == boot_id else b"")
        with self._lock:
            if judgement.digest:
                self._boot = (boot_id, judgement.digest)
            news = [each for each in judgement.failures if (boot_id, each) not in self._told]
            self._told |= {(boot_id, each) for each in news}
        for failure in news:
            for event in boot_failures(self._clock.now(), self._host, failure):
                self._bus.publish(event)
        return judgement

    def count_dossier(self, seconds: float | None) -> None:
        """A dossier had the events of the log, after so many seconds, or (None) it had not."""
        with self._lock:
            counts = self.dossiers
            self.dossiers = replace(
                counts,
                successes=counts.successes + (seconds is not None),
                failures=counts.failures + (seconds is None),
                seconds=counts.seconds + (seconds or 0.0),
            )

    def look(self) -> None:
        """Begin a run of the job if it is time for one."""
        # First, so that a look that fails is not the last one.
        self._planner.at(_NEXT, self._clock.now() + SWEEP, self._look)
        with self._lock:
            if self._thread is not None or self._stop.is_set() or self._job_of_cisco().get("disable", False):
                return
            now = self._clock.monotonic()
            if self._ran is not None and now - self._ran < self.interval * 60:
                return
            self._ran = now
            self._thread = threading.Thread(target=self._run, name="ima-cache", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        be_nice()
        started = self._clock.monotonic()
        look: Look | None = None
        is_absent = False
        try:
            self.boot_log()
            self._tell_appraisals()
            look = self._looked(whole=True)
            log.info("the IMA log has %d events, %d of them new", look.position.events, look.new_events)
        except LookStoppedError:
            return
        except SourceUnavailableError as error:
            # A host without IMA is no failure of the job.
            is_absent = error.code is ResultCode.NOT_PRESENT
            log.info("the IMA log was not read: %s", error.reason)
        except Exception:
            log.exception("the IMA log could not be read")
        finally:
            self._count(started, look, is_absent)

    def _tell_appraisals(self) -> None:
        """What the kernel has refused, or would have, since it was started; each record once."""
        try:
            start = read_boot(self._host).start
            failed = [each for each in ima_audit_records(self._host) if each.is_failed_appraisal and each.time >= start]
        except SourceUnavailableError:
            return
        news = [each for each in failed if each not in self._appraised]
        self._appraised = frozenset(failed)
        for record in news[-MAX_FAILURES:]:
            for event in failed_appraisal(self._clock.now(), self._host, record):
                self._bus.publish(event)

    def _count(self, started: float, look: Look | None, is_absent: bool) -> None:
        with self._lock:
            counts = self.job
            self.job = JobCounts(
                runs=counts.runs + 1,
                successes=counts.successes + (look is not None or is_absent),
                failures=counts.failures + (look is None and not is_absent),
                without_news=counts.without_news + (look is None or not look.new_events),
                seconds=counts.seconds + self._clock.monotonic() - started,
                blocks=counts.blocks + (look.blocks_read if look else 0),
                last=self._clock.now(),
            )
            self._thread = None

    def _looked(self, *, whole: bool) -> Look:
        look = self.log.look(whole=whole, is_stopped=self._stop.is_set)
        with self._lock:
            self._latest = look.position
        if look.corrupt:
            with self._lock:
                self.corrupt = (*self.corrupt, *look.corrupt)[-MAX_CORRUPT:]
        for failure in look.failures:
            for event in ima_failures(self._clock.now(), self._host, failure):
                self._bus.publish(event)
        return look

    def _boot_id(self) -> str:
        try:
            return read_boot(self._host).id
        except SourceUnavailableError:
            return ""

    def _job_of_cisco(self) -> Record:
        return dict(self._config.get(CISCO_JOB_PATH) or {})

    async def _look(self) -> None:
        await self._planner.in_thread(self.look)
