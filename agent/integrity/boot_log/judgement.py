"""Whether a boot log can be believed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from agent.host.contract import Host
from agent.integrity.boot_log.aggregate import Aggregate
from agent.integrity.boot_log.evidence import BootEvidence, read_boot_log
from agent.integrity.boot_log.section import boot_aggregate
from agent.integrity.errors import ResultCode, SourceUnavailableError


class BootFailureKind(StrEnum):
    """What is wrong with a boot log."""

    DAMAGED = "log-damaged"
    CHANGED = "log-changed"
    FIRMWARE = "firmware-error"
    EDITED = "event-data-mismatch"
    AGGREGATE = "boot-aggregate-mismatch"


@dataclass(frozen=True, slots=True)
class BootFailure:
    """Something that must not be; `event`: the number of the event that it is about, 0 for none."""

    kind: BootFailureKind
    event: int
    message: str


@dataclass(frozen=True, slots=True)
class BootJudgement:
    """A look at the boot log.

    Attributes:
        evidence: the log; None if there is none.
        code, reason: why there is none; Success and "" if there is one.
        aggregate: whether the IMA log begins where it ends.
        digest: SHA-256 of all its events; b"" if there is none.
        failures: what is wrong.
    """

    evidence: BootEvidence | None
    code: ResultCode
    reason: str
    aggregate: Aggregate
    digest: bytes
    failures: tuple[BootFailure, ...]

    @property
    def absence(self) -> SourceUnavailableError:
        """Why there is no log, for whoever needs one."""
        return SourceUnavailableError(self.reason, self.code)


def judge_boot_log(host: Host, known_digest: bytes = b"") -> BootJudgement:
    """Look at the boot log. `known_digest`: what an earlier look in the same boot has found, b"" if there was none."""
    try:
        evidence = read_boot_log(host)
    except SourceUnavailableError as error:
        damaged = (BootFailure(BootFailureKind.DAMAGED, 0, error.reason),) if error.code is ResultCode.FAILED else ()
        return BootJudgement(None, error.code, error.reason, Aggregate.UNKNOWN, b"", damaged)
    aggregate = boot_aggregate(host, evidence)
    digest = hashlib.sha256(b"".join(event.record for event in evidence.log.events)).digest()
    failures = [
        BootFailure(BootFailureKind.FIRMWARE, each.number, f"The firmware has noted an error in event {each.number}.")
        for each in evidence.errors
    ]
    failures += [
        BootFailure(BootFailureKind.EDITED, each.number, f"The data of event {each.number} are not what was measured.")
        for each in evidence.edited
    ]
    if known_digest and digest != known_digest:
        text = "The boot log is another one than it was before, in the same boot."
        failures.append(BootFailure(BootFailureKind.CHANGED, 0, text))
    if aggregate is Aggregate.MISMATCH:
        text = "IMA's first measurement, boot_aggregate, is not what the boot log leads to."
        failures.append(BootFailure(BootFailureKind.AGGREGATE, 0, text))
    return BootJudgement(evidence, ResultCode.SUCCESS, "", aggregate, digest, tuple(failures))
