"""The boot log: whether its events lead to the registers that it claims, and whether their data are what was measured.
Without that it could have other events than those that the registers of a TPM stand for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from agent.integrity.boot_log.checking import BootLogClaimError, check_boot_event_log
from agent.integrity.errors import ResultCode
from agent.integrity.judging.findings import Finding, Kind
from agent.integrity.judging.reading import Dossier

_SNAPSHOT: Final = "system-integrity-snapshot"


def judge_boot_log(dossier: Dossier) -> Iterator[Finding]:
    """A log that is not there is no finding of this judge."""
    snapshot = dossier.section(_SNAPSHOT)
    for node in () if snapshot is None else snapshot.nodes():
        log = node.get("boot-event-log")
        if not isinstance(log, Mapping) or log.get("result-code") != ResultCode.SUCCESS.value:
            continue
        try:
            problems = check_boot_event_log(log)
        except BootLogClaimError:
            problems = ["The boot log makes no sense"]
        for text in problems:
            yield Finding(Kind.BOOT_LOG_MISMATCH, text, _SNAPSHOT)
