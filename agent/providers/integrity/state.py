"""The dossiers: how many, the one under way, and the last ones."""

from __future__ import annotations

from agent.clock import yang_date_and_time
from agent.northbound.contract import Record, StateQuery
from agent.providers.dossiers import Dossiers
from agent.storage.dossier_log import DossierRecord


class IntegrityState:
    def __init__(self, dossiers: Dossiers) -> None:
        self._dossiers = dossiers

    def dossiers(self, query: StateQuery) -> Record:
        counts = self._dossiers.log.counts()
        newest = self._dossiers.log.newest()
        record: Record = {
            "collected": counts.collected,
            "signed": counts.signed,
            "refused": counts.refused,
            "stopped": counts.stopped,
            "waiting": self._dossiers.turns.waiting,
            "dossier": [_dossier(number, kept) for number, kept in newest],
        }
        if newest:
            _, last = newest[0]
            record |= {"last-collected": yang_date_and_time(last.time), "last-user": last.user}
        turn = self._dossiers.turns.current
        if turn is not None:
            record["in-progress"] = {
                "user": turn.user,
                "started": yang_date_and_time(turn.started),
                "size": turn.size,
                **({"section": turn.section} if turn.section is not None else {}),
            }
        return record


def _dossier(number: int, kept: DossierRecord) -> Record:
    record: Record = {
        "number": number,
        "time": yang_date_and_time(kept.time),
        "user": kept.user,
        "selector": list(kept.selectors),
        "size": kept.size,
        "duration": kept.duration,
        "digest": kept.digest,
        "section": [{"name": name, "result-code": code, "size": size} for name, code, size in kept.sections],
    }
    if kept.nonce is not None:
        record["nonce"] = kept.nonce
    if kept.signature is not None:
        record["signature"] = {"form": kept.signature.form, "compression": kept.signature.compression}
        if kept.signature.nonce is not None:
            record["signature"]["nonce"] = kept.signature.nonce
    return record
