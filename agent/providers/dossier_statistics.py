"""How many dossiers were collected, and by whom last: in memory, since the agent was started."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True)
class DossierCounts:
    """The numbers of one moment; `last_collected` and `last_user` are None before the first dossier."""

    collected: int = 0
    signed: int = 0
    last_collected: datetime | None = None
    last_user: str | None = None


class DossierStatistics:
    """Counts from any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = DossierCounts()

    @property
    def counts(self) -> DossierCounts:
        return self._counts

    def record(self, time: datetime, user: str, *, signed: bool) -> None:
        """A dossier was collected, and signed in the same go."""
        with self._lock:
            counts = self._counts
            self._counts = replace(
                counts,
                collected=counts.collected + 1,
                signed=counts.signed + signed,
                last_collected=time,
                last_user=user,
            )
