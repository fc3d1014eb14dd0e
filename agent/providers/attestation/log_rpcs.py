"""The rpcs of Cisco-IOS-XR-remote-attestation-act that hand out logs."""

from __future__ import annotations

from typing import Final

from agent.host.contract import Host
from agent.integrity.ima.event import ImaEvent
from agent.integrity.ima.replay import template_hash_algorithm
from agent.integrity.ima.section import described
from agent.integrity.readable import shown
from agent.integrity.sections import asctime
from agent.integrity.sources.description import NODE_NAME, uptime_seconds
from agent.integrity.sources.ima_audit import AuditRecord, ima_audit_records
from agent.integrity.sources.reboots import kernel_start
from agent.northbound.contract import Record, RpcContext
from agent.northbound.errors import ProviderError
from agent.providers.attestation.absence import check_whole, telling_absence
from agent.providers.attestation.location import check_location
from agent.providers.attestation.watch import LogWatch

MODULE: Final = "Cisco-IOS-XR-remote-attestation-act"
#: Of the IMA log, in one reply. Who wants more asks again, from the last number on.
MAX_EVENTS: Final = 20_000
#: Of the banks that the model has names for.
_ALGORITHMS: Final = {"sha1": "SHA1", "sha256": "SHA256", "sha384": "SHA384", "sha512": "SHA512"}


class LogRpcs:
    def __init__(self, host: Host, watch: LogWatch) -> None:
        self._host = host
        self._watch = watch

    def boot_events(self, request: Record, context: RpcContext) -> Record:
        check_location(request)
        after, until = request.get("start-event-number", 0), request.get("end-event-number")
        with telling_absence():
            judgement = self._watch.boot_log()
            if judgement.evidence is None:
                raise judgement.absence
            node = {"node-location": NODE_NAME, "up-time": uptime_seconds(self._host)}
        node["event_log"] = [
            {
                "event-number": event.number,
                "event-type": event.type,
                "pcr-index": event.pcr & 0xFFFF,
                "digest-list": [
                    {"digest-hash-algorithm": _ALGORITHMS[bank], "digest": digest}
                    for bank, digest in event.digests.items()
                    if bank in _ALGORITHMS
                ],
                "event-size": len(event.data),
                "event-data": event.data,
            }
            for event in judgement.evidence.log.events
            if event.number > after and (until is None or event.number <= until)
        ]
        return {"system-boot-integrity": {"node-data": [node]}}

    def ima_events(self, request: Record, context: RpcContext) -> Record:
        check_location(request)
        after, until = request.get("start-event-number", 0), request.get("end-event-number")
        with telling_absence():
            position = self._watch.position()
            check_whole(position, until)
            last = position.events if until is None else min(until, position.events)
            check_amount(after, last, "start-event-number")
            node = {
                "node-location": NODE_NAME,
                "up-time": uptime_seconds(self._host),
                "start-time": asctime(position.boot.start),
                "ima-event-log": [ima_record(each) for each in self._watch.log.events(position, after, until)],
            }
        return {"system-ima": {"node-data": [node]}}

    def audit_events(self, request: Record, context: RpcContext) -> Record:
        check_location(request)
        with telling_absence():
            node = {
                "node-location": NODE_NAME,
                "up-time": uptime_seconds(self._host),
                "start-time": asctime(kernel_start(self._host)),
                "audit-event-log": [_audit_record(each) for each in ima_audit_records(self._host)],
            }
        return {"ima-audit-logs": {"node-data": [node]}}


def check_amount(after: int, last: int, leaf: str) -> None:
    """Refuse what would be more events than one reply may have."""
    if last - after > MAX_EVENTS:
        raise ProviderError(
            "too-big",
            f"These are {last - after} events; a reply has at most {MAX_EVENTS}. Ask for them part by part.",
            path=leaf,
            app_tag="too-many-events",
        )


def ima_record(event: ImaEvent) -> Record:
    """An event in the words that Cisco's module and RFC 9684 share."""
    file = described(event)
    record: Record = {
        "event-number": event.number,
        "ima-template": shown(event.template),
        "filename-hint": shown(file.name),
        "filedata-hash": file.digest,
        "template-hash-algorithm": template_hash_algorithm(event),
        "template-hash": event.template_hash,
        "pcr-index": event.pcr,
    }
    return record | ({"signature": file.signature} if file.signature else {})


def _audit_record(record: AuditRecord) -> Record:
    leaves: Record = {
        "filename": record.file,
        "timestamp": asctime(record.time),
        "type": record.type,
        "pid": record.pid,
        "calling_process": record.process,
        "subject": record.subject,
        "cause": record.cause,
    }
    return {name: value for name, value in leaves.items() if value not in (None, "")}
