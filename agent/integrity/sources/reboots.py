"""How often this device has started, and why: from wtmp, else the journal, else the kernel alone.

Causes: Linux does not record why it started. What can be told is whether a shutdown was recorded before: then the
restart was orderly, else the machine crashed, lost power or was reset. The code of the first is the one that the
guide's sample has for a graceful reload; the others are ours and lie above 10000, outside of what the samples show.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from agent.host.commands import JOURNAL_BOOTS
from agent.host.contract import Host
from agent.host.errors import AbsentError, HostError
from agent.integrity.errors import ResultCode, SourceUnavailableError, unavailable
from agent.integrity.sources.reading import required
from agent.integrity.sources.wtmp import PowerEvent, PowerRecord, power_records

#: Oldest first. A rotated, uncompressed file is read before the current one.
WTMP_PATHS = ("/var/log/wtmp.1", "/var/log/wtmp")
MAX_WTMP_BYTES = 64 * 1024 * 1024
MAX_STAT_BYTES = 4 * 1024 * 1024
#: Only so many newest restarts are given; their numbers still count from the oldest one known.
MAX_REBOOTS = 1000


class Cause(Enum):
    """Why the device started: (cause-code, reason)."""

    GRACEFUL = (1, "User initiated graceful reload")
    UNCLEAN = (10001, "No shutdown recorded before this start (crash, power loss or reset)")
    FIRST = (10002, "First recorded start")
    UNKNOWN = (10003, "Cause not recorded")

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Reboot:
    """One start of the device.

    Attributes:
        number: 1 is the oldest one known.
        time: when it started, UTC.
        cause: as far as it can be told.
    """

    number: int
    time: datetime
    cause: Cause


def reboot_history(host: Host) -> list[Reboot]:
    """Known starts, oldest first, at least one; raises SourceUnavailableError."""
    refusals: list[HostError] = []
    starts: list[tuple[datetime, Cause]] = []
    for source in (_from_wtmp, _from_journal, _from_kernel):
        try:
            starts = source(host)
        except HostError as error:
            refusals.append(error)
        if starts:
            break
    if not starts:
        # A source that is there but closed says more than one that does not exist.
        telling = [error for error in refusals if not isinstance(error, AbsentError)] or refusals
        if telling:
            raise unavailable(telling[0])
        raise SourceUnavailableError("neither wtmp nor the journal nor /proc/stat tells of a start")
    numbered = [Reboot(number, time, cause) for number, (time, cause) in enumerate(starts, 1)]
    return numbered[-MAX_REBOOTS:]


def _from_wtmp(host: Host) -> list[tuple[datetime, Cause]]:
    machine = host.uname().machine
    records: list[PowerRecord] = []
    refusal: HostError | None = None
    for path in WTMP_PATHS:
        try:
            records += power_records(host.read_file(path, MAX_WTMP_BYTES), machine)
        except AbsentError:
            continue
        except HostError as error:
            refusal = error
    if refusal is not None and not records:
        raise refusal
    return _starts(records)


def _starts(records: list[PowerRecord]) -> list[tuple[datetime, Cause]]:
    starts: list[tuple[datetime, Cause]] = []
    before: PowerEvent | None = None
    for record in records:
        if record.event is PowerEvent.BOOT:
            starts.append((record.time, _CAUSE_AFTER[before]))
        before = record.event
    return starts


#: What was recorded before a boot -> its cause.
_CAUSE_AFTER = {None: Cause.FIRST, PowerEvent.SHUTDOWN: Cause.GRACEFUL, PowerEvent.BOOT: Cause.UNCLEAN}


def _from_journal(host: Host) -> list[tuple[datetime, Cause]]:
    result = host.run(JOURNAL_BOOTS)
    if result.status != 0:
        return []
    try:
        boots = json.loads(result.stdout)
        moments = sorted(datetime.fromtimestamp(int(boot["first_entry"]) / 1e6, UTC) for boot in boots)
    except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError):
        # Before systemd 252 the option --output is ignored here: a table, not JSON.
        return []
    return [(moment, Cause.UNKNOWN) for moment in moments]


def kernel_start(host: Host) -> datetime:
    """When the running kernel started (`btime` of /proc/stat); raises SourceUnavailableError."""
    starts = required(lambda: _from_kernel(host))
    if not starts:
        raise SourceUnavailableError("/proc/stat has no time of start", ResultCode.FAILED)
    return starts[0][0]


def _from_kernel(host: Host) -> list[tuple[datetime, Cause]]:
    for line in host.read_file("/proc/stat", MAX_STAT_BYTES).splitlines():
        name, _, value = line.partition(b" ")
        if name == b"btime" and value.strip().isdigit():
            try:
                return [(datetime.fromtimestamp(int(value), UTC), Cause.UNKNOWN)]
            except (ValueError, OverflowError, OSError):
                return []
    return []
