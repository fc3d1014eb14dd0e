"""The notifications about logs that can't be believed: ours tells all, Cisco's that there is something."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from agent.events import Event
from agent.host.contract import Host
from agent.integrity.boot_log.judgement import BootFailure
from agent.integrity.errors import SourceUnavailableError
from agent.integrity.ima.position import Failure, FailureKind
from agent.integrity.readable import shown
from agent.integrity.sources.description import NODE_NAME
from agent.integrity.sources.identity import device_identity
from agent.integrity.sources.ima_audit import AuditRecord
from agent.northbound.contract import Record

INTEGRITY_FAILURE: Final = "/trustconf-integrity:integrity-failure"
BOOT_FAILURE: Final = "/Cisco-IOS-XR-remote-attestation-act:boot-integrity-failure"
RUNTIME_FAILURE: Final = "/Cisco-IOS-XR-remote-attestation-act:runtime-integrity-failure"
NOTIFICATIONS: Final = (INTEGRITY_FAILURE, BOOT_FAILURE, RUNTIME_FAILURE)

_MESSAGES: Final = {
    FailureKind.TEMPLATE_HASH: "The template hash of event {event} is not that of its data.",
    FailureKind.SHRANK: "The log is shorter than it was before, in the same boot: event {event} is not there any more.",
    FailureKind.CHANGED: "The log is another one than it was before, in the same boot, from event {event} on.",
    FailureKind.DAMAGED: "Event {event} can't be read.",
}


def ima_failures(time: datetime, host: Host, failure: Failure) -> Iterator[Event]:
    about = {"filename-hint": shown(failure.name), "filedata-hash": failure.digest} if failure.name else {}
    yield _ours(time, "ima-log", failure.kind, failure.event, _MESSAGES[failure.kind], about)
    yield Event(time, RUNTIME_FAILURE, {"system-identifier": _system(host), **about})


def failed_appraisal(time: datetime, host: Host, record: AuditRecord) -> Iterator[Event]:
    about = {"filename-hint": record.file}
    message = f"The kernel's appraisal of {record.file} has failed: {record.cause}."
    content = {"source": "audit-log", "failure": "appraisal-failed", "message": message, **about}
    yield Event(time, INTEGRITY_FAILURE, content)
    yield Event(time, RUNTIME_FAILURE, {"system-identifier": _system(host), **about})


def boot_failures(time: datetime, host: Host, failure: BootFailure) -> Iterator[Event]:
    yield _ours(time, "boot-log", failure.kind, failure.event, failure.message, {})
    yield Event(time, BOOT_FAILURE, {"system-identifier": _system(host)})


def _ours(time: datetime, source: str, kind: str, event: int, message: str, about: Record) -> Event:
    content: Record = {"source": source, "failure": str(kind), "message": message.format(event=event), **about}
    return Event(time, INTEGRITY_FAILURE, content | ({"event-number": event} if event else {}))


def _system(host: Host) -> str:
    with contextlib.suppress(SourceUnavailableError):
        return device_identity(host).serial_number
    return NODE_NAME
