"""What is known of the logs: Cisco-IOS-XR-attestation-agent-ima-oper, and our own container."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from agent.clock import yang_date_and_time
from agent.host.contract import Host
from agent.integrity.errors import ResultCode, SourceUnavailableError
from agent.integrity.ima.blocks import Block
from agent.integrity.ima.position import Position
from agent.integrity.sections import asctime
from agent.integrity.sources.description import NODE_NAME
from agent.northbound.contract import Record, StateQuery
from agent.providers.attestation.watch import LogWatch

CACHE: Final = "/Cisco-IOS-XR-attestation-agent-ima-oper:attestation/ima-cache"
IMA_LOG: Final = "/trustconf-integrity:integrity/ima/log"
BOOT_LOG: Final = "/trustconf-integrity:integrity/boot-log"
_MIB: Final = 1024 * 1024


class AttestationState:
    def __init__(self, host: Host, watch: LogWatch) -> None:
        self._host = host
        self._watch = watch

    def cache(self, query: StateQuery) -> Record:
        parts: dict[str, Callable[[], Record]] = {
            "ima-corrupt-stat": self._corrupt,
            "dossier-stat": self._dossiers,
            "cron-stat": self._job,
            "node-cache-summary": self._summary,
            "node-block-summary": self._blocks,
        }
        return {name: part() for name, part in parts.items() if query.wants(name)}

    def ima_log(self, query: StateQuery) -> Record:
        record: Record = {"job-status": "reading" if self._watch.is_reading else "idle"}
        record["events-read"] = self._watch.log.progress
        try:
            position = self._watch.position_at_hand()
        except SourceUnavailableError as error:
            return record | {"result-code": error.code.value, "reason": error.reason}
        if position is None:
            # The first look is under way.
            return record
        record |= {
            "result-code": (ResultCode.INCOMPLETE if position.problem else ResultCode.SUCCESS).value,
            "path": position.file.path,
            "boot-id": position.boot.id,
            "start-time": yang_date_and_time(position.boot.start),
            "events": position.events,
            "violations": position.violations,
            "duplicates": position.duplicates,
            "template-hash-mismatches": position.mismatches,
            "pcr-replay": [{"bank": bank, "value": value.hex()} for bank, value in position.replay.items()],
        }
        return record | ({"reason": position.problem} if position.problem else {})

    def boot_log(self, query: StateQuery) -> Record:
        judgement = self._watch.boot_log()
        if judgement.evidence is None:
            return {"result-code": judgement.code.value, "reason": judgement.reason}
        evidence = judgement.evidence
        return {
            "result-code": judgement.code.value,
            "path": evidence.path,
            "format": evidence.log.form,
            "events": len(evidence.log.events),
            "secure-boot": evidence.secure_boot or "not-measured",
            "boot-aggregate": judgement.aggregate.value,
            "pcr-replay": [
                {"bank": bank, "pcr": number, "value": value.hex()}
                for bank, values in evidence.registers.items()
                for number, value in values.items()
            ],
            "problem": [failure.message for failure in judgement.failures],
        }

    def _corrupt(self) -> Record:
        chunks = [{"chunk-start-event": first, "chunk-end-event": last} for first, last in self._watch.corrupt]
        return {"node": [{"node-name": NODE_NAME, "chunk": chunks}] if chunks else []}

    def _dossiers(self) -> Record:
        counts = self._watch.dossiers
        average = round(counts.seconds / counts.successes) if counts.successes else 0
        return {"success-count": counts.successes, "fail-count": counts.failures, "avg-time": average}

    def _job(self) -> Record:
        counts = self._watch.job
        runs = counts.runs or 1
        record: Record = {
            "run-time": round(counts.seconds / runs),
            "averag-blocks-read": round(counts.blocks / runs),
            "success-count": counts.successes,
            "failure-count": counts.failures,
            "periodicity": self._watch.interval,
            "no-update-count": counts.without_news,
            "node-name": NODE_NAME,
            "total-count": counts.runs,
        }
        return {"cron": [record | ({"timestamp": asctime(counts.last)} if counts.last else {})]}

    def _summary(self) -> Record:
        position = self._position()
        if position is None:
            return {}
        record: Record = {
            "total-blocks": len(position.blocks),
            "cache-size": _in_mib(sum(block.stored_bytes for block in position.blocks)),
            "total-events": position.events,
            "duplicate-events": position.duplicates,
            "unique-events": position.events - position.duplicates,
            "node-name": NODE_NAME,
        }
        if position.blocks:
            record["timestamp"] = asctime(position.blocks[-1].modified)
        return {"cache": [record]}

    def _blocks(self) -> Record:
        position = self._position()
        if position is None:
            return {}
        return {"node-block": [{"node-name": NODE_NAME, "block": [_block(block) for block in position.blocks]}]}

    def _position(self) -> Position | None:
        try:
            return self._watch.position_at_hand()
        except SourceUnavailableError:
            return None


def _block(block: Block) -> Record:
    return {
        "block-start": block.first,
        "block-end": block.last,
        "block-size": _in_mib(block.size),
        "duplicate-events": block.duplicates,
        "unique-events": block.events - block.duplicates,
        "block-name": block.name,
        "timestamp": asctime(block.modified),
        "create-time": asctime(block.created),
        "block-exists": "TRUE" if block.stored_bytes else "FALSE",
    }


def _in_mib(size: int) -> int:
    return -(-size // _MIB)
