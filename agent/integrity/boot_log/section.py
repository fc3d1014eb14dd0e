"""The boot log in a dossier's section `system-integrity-snapshot` (docs/attestation.md)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from agent.host.contract import Host
from agent.host.errors import HostError
from agent.integrity.boot_log.aggregate import Aggregate, judge
from agent.integrity.boot_log.event import BootEvent
from agent.integrity.boot_log.evidence import BootEvidence, read_boot_log
from agent.integrity.errors import ResultCode, SourceUnavailableError
from agent.integrity.ima.event import ImaLogError
from agent.integrity.ima.source import MAX_LOG_BYTES, find_log
from agent.integrity.ima.templates import MeasuredFile, TemplateError, measured_file
from agent.integrity.signed_text import base64_text

Members = dict[str, Any]


def boot_event_log(host: Host) -> Members:
    """The log with its replay; or a result-code that says why there is none."""
    try:
        evidence = read_boot_log(host)
    except SourceUnavailableError as error:
        return {"result-code": error.code.value, "reason": error.reason}
    return {
        "result-code": ResultCode.SUCCESS.value,
        "format": evidence.log.form,
        "total-events": len(evidence.log.events),
        "secure-boot": evidence.secure_boot or "not-measured",
        "firmware-errors": [event.number for event in evidence.errors],
        "data-mismatches": [event.number for event in evidence.edited],
        "pcr-replay": {
            bank: {str(number): value.hex() for number, value in values.items()}
            for bank, values in evidence.registers.items()
        },
        "boot-event": _events(evidence.log.events),
    }


def boot_aggregate(host: Host, evidence: BootEvidence | None = None) -> Aggregate:
    """Whether the IMA log begins with what the boot log leads to. `evidence`: the boot log, if it was read already."""
    if evidence is None:
        try:
            evidence = read_boot_log(host)
        except SourceUnavailableError:
            return judge(first_measurement(host), {})
    return judge(first_measurement(host), evidence.registers)


def first_measurement(host: Host) -> MeasuredFile | None:
    """What IMA has measured first; None if it has no log, or none that can be read."""
    try:
        file = find_log(host)
        event = next(file.events(host.read_chunks(file.path, max_bytes=MAX_LOG_BYTES)), None)
        return None if event is None else measured_file(event)
    except (SourceUnavailableError, HostError, ImaLogError, TemplateError):
        return None


def _events(events: Iterable[BootEvent]) -> Iterator[Members]:
    for event in events:
        yield {
            "event-number": event.number,
            "event-type": event.type,
            "event-type-name": event.type_name,
            "pcr-index": event.pcr,
            "digest-list": [
                {"digest-hash-algorithm": bank.upper(), "digest": base64_text(digest)}
                for bank, digest in event.digests.items()
            ],
            "event-size": len(event.data),
            "event-data": base64_text(event.data),
        }
