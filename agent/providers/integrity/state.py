"""How many dossiers were collected."""

from __future__ import annotations

from agent.clock import yang_date_and_time
from agent.northbound.contract import Record, StateQuery
from agent.providers.dossier_statistics import DossierStatistics


class IntegrityState:
    def __init__(self, statistics: DossierStatistics) -> None:
        self._statistics = statistics

    def dossiers(self, query: StateQuery) -> Record:
        counts = self._statistics.counts
        record: Record = {"collected": counts.collected, "signed": counts.signed}
        if counts.last_collected is not None:
            record["last-collected"] = yang_date_and_time(counts.last_collected)
            record["last-user"] = counts.last_user
        return record
