"""A dossier's sections `ima` and `incremental-ima`: the log of this boot, or what of it is new to whoever asks.

Names are those of Cisco-IOS-XR-remote-attestation-act where it has them; docs/attestation.md describes all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from agent.host.contract import Host
from agent.integrity.errors import ResultCode, SourceUnavailableError
from agent.integrity.ima.event import ImaEvent
from agent.integrity.ima.kept_log import KeptLog
from agent.integrity.ima.position import Position
from agent.integrity.ima.replay import template_hash_algorithm
from agent.integrity.ima.templates import MeasuredFile, TemplateError, measured_file, plain_data
from agent.integrity.readable import shown
from agent.integrity.sections import Members, asctime
from agent.integrity.signed_text import base64_text
from agent.integrity.sources.description import NODE_NAME, uptime_seconds

MODEL: Final = "Cisco-IOS-XR-remote-attestation-act"
REVISION: Final = "2022-09-20"
#: The kernel derives the time of its start from a clock that is set meanwhile: so far apart may two derivations be.
SAME_START: Final = timedelta(seconds=2)
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ASCTIME: Final = re.compile(
    rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ({'|'.join(_MONTHS)}) {{1,2}}(\d{{1,2}}) (\d\d):(\d\d):(\d\d) (\d{{4}})",
    re.ASCII,
)
MAX_EVENT_NUMBER: Final = 2**64 - 1
_STARTS: Final = "ima_start"
_EVENT: Final = "start_event"
_TIME: Final = "start_time"


@dataclass(frozen=True, slots=True)
class Start:
    """Where whoever asks wants the events to begin.

    Attributes:
        event: the number of the last one that is known already; 0: none is.
        time: when the boot started that this number belongs to, or None.
    """

    event: int = 0
    time: datetime | None = None


def read_start(options: Mapping[str, Any] | None) -> Start:
    """The argument `incremental-ima` of the guide: {"ima_start": [{node: {"start_event": 1000, "start_time": ...}}]}.

    Raises SourceUnavailableError for what can't be understood, and for another node.
    """
    starts = (options or {}).get(_STARTS)
    if not isinstance(starts, list) or not all(isinstance(start, dict) for start in starts) or len(options or {}) > 1:
        raise _invalid(f"incremental-ima needs a list of nodes, named {_STARTS}, and nothing else")
    nodes = [(node, wanted) for start in starts for node, wanted in start.items()]
    if len(nodes) != 1:
        raise _invalid(f"incremental-ima names {len(nodes)} nodes; this device has one, {NODE_NAME}")
    node, wanted = nodes[0]
    if node != NODE_NAME:
        reason = f"incremental-ima names a node that this device does not have; it has {NODE_NAME} only"
        raise SourceUnavailableError(reason, ResultCode.NODE_NOT_AVAILABLE)
    if not isinstance(wanted, dict) or not wanted.keys() <= {_EVENT, _TIME}:
        # A misspelt start would be none, and all of the log the answer.
        raise _invalid(f"a node of incremental-ima has {_EVENT} and {_TIME}")
    event = wanted.get(_EVENT, 0)
    if type(event) is not int or not 0 <= event <= MAX_EVENT_NUMBER:
        raise _invalid("start_event is a number from 0, that of the last event that is known")
    time = wanted.get(_TIME)
    return Start(event, None if time is None else _moment(time))


def _moment(text: object) -> datetime:
    match = _ASCTIME.fullmatch(text) if isinstance(text, str) else None
    try:
        if match is not None:
            month, day, hour, minute, second, year = match.groups()
            return datetime(
                int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=UTC
            )
    except ValueError:
        pass
    raise _invalid("start_time is the start of a boot in UTC, written as Tue Feb 16 09:15:17 2021")


def _invalid(reason: str) -> SourceUnavailableError:
    return SourceUnavailableError(reason, ResultCode.INVALID_OPTION)


def section(log: KeptLog, position: Position, host: Host, start: Start | None = None) -> Members:
    """The section's members. Raises SourceUnavailableError.

    A start that belongs to another boot has a result-code of its own, and all events of this boot.
    """
    members: Members = {}
    after = start.event if start else 0
    if start and start.time is not None and abs(start.time - position.boot.start) > SAME_START:
        members = {
            "result-code": ResultCode.BOOT_CHANGED.value,
            "reason": f"start_time is not that of this boot, which started {asctime(position.boot.start)}; all of its"
            " events are here",
        }
        after = 0
    elif position.problem:
        members = {"result-code": ResultCode.INCOMPLETE.value, "reason": position.problem}
    # Without events the first one is the one that will come next.
    first = min(after, position.events) + 1
    node = {
        "node-name": NODE_NAME,
        "up-time": uptime_seconds(host),
        "start-time": asctime(position.boot.start),
        "boot-id": position.boot.id,
        "first-event": first,
        "last-event": position.events,
        "total-events": position.events,
        "violations": position.violations,
        "duplicate-events": position.duplicates,
        "template-hash-mismatches": position.mismatches,
        "pcr-replay-before": _hex(log.registers_before(position, first)),
        "pcr-replay": _hex(position.replay),
        "ima-event-log": _events(log, position, first - 1),
    }
    return {**members, "node": [node]}


def _hex(registers: Mapping[str, bytes]) -> dict[str, str]:
    return {bank: value.hex() for bank, value in registers.items()}


def _events(log: KeptLog, position: Position, after: int) -> Iterator[Members]:
    for event in log.events(position, after):
        yield event_members(event)


def event_members(event: ImaEvent) -> Members:
    """One event as JSON; bytes in base64. `template-data` is there where the other members don't say all of it."""
    file = described(event)
    members: Members = {
        "event-number": event.number,
        "pcr-index": event.pcr,
        "ima-template": shown(event.template),
        "template-hash-algorithm": template_hash_algorithm(event),
        "template-hash": base64_text(event.template_hash),
        "filename-hint": shown(file.name),
        "filedata-hash-algorithm": shown(file.algorithm),
        "filedata-hash": base64_text(file.digest),
    }
    if file.signature:
        members["signature"] = base64_text(file.signature)
    if plain_data(event.template, file) != event.data or shown(file.name).encode() != file.name:
        members["template-data"] = base64_text(event.data)
    return members


def described(event: ImaEvent) -> MeasuredFile:
    """What was measured; of data that are not of their template, nothing."""
    try:
        return measured_file(event)
    except TemplateError:
        return MeasuredFile(b"", "", b"")
