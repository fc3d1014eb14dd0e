"""The boot log: whether its events lead to the registers that it claims. Without that it could have other events than
those that the registers of a TPM stand for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from agent.integrity.boot_log.checking import BootLogClaimError, recomputed
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
            if recomputed(log) == log["pcr-replay"]:
                continue
            text = "The events of the boot log don't lead to the registers that it claims"
        except BootLogClaimError:
            text = "The boot log makes no sense"
        yield Finding(Kind.BOOT_LOG_MISMATCH, text, _SNAPSHOT)
