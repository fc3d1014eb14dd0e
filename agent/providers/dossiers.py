"""The dossiers that this agent collects: in turn, into files, and with a memory of the last ones.

The rpcs and the commands of the shell have this one desk. What it gives is read piece by piece, and may be larger than
memory; it takes disk in the state folder until it is read or nobody holds it any more.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agent.clock import Clock
from agent.integrity.content import Spool
from agent.integrity.dossier import SPOOL_BYTES, CollectionStoppedError, DossierRequest, collect, selected_sections
from agent.integrity.forms.envelope_text import digest_of
from agent.integrity.sections import DossierSources
from agent.integrity.turns import Abandoned, QueueFullError, QueueTimeoutError, Turn, Turns
from agent.storage.database import Database
from agent.storage.dossier_log import DossierLog, DossierRecord, DossierSignature

#: Dossiers that are collected and not sent yet, at the same time: each may take half a gigabyte of disk.
MAX_UNSENT: Final = 8


class TooManyUnsentError(Exception):
    """MAX_UNSENT dossiers are on their way to clients that read slowly."""


class CollectedDossier:
    """A dossier's JSON text (integrity.content.Content), and its number in the log."""

    def __init__(self, spool: Spool, number: int) -> None:
        self.number = number
        self._spool = spool

    @property
    def size(self) -> int:
        return self._spool.size

    def chunks(self) -> Iterator[bytes]:
        return self._spool.chunks()

    def close(self) -> None:
        self._spool.close()


class Dossiers:
    """The desk. `folder` is where dossiers are kept until they are sent."""

    def __init__(self, database: Database, clock: Clock, folder: Path) -> None:
        self.log = DossierLog(database)
        self.turns = Turns(clock)
        self.folder = folder
        self._clock = clock
        self._unsent: weakref.WeakSet[Spool] = weakref.WeakSet()
        self._lock = threading.Lock()

    def collect(
        self, request: DossierRequest, sources: DossierSources, user: str, abandoned: Abandoned
    ) -> CollectedDossier:
        """The dossier, when the turn comes.

        Raises QueueFullError, QueueTimeoutError, TooManyUnsentError, CollectionStoppedError, SpoolFullError.
        """
        try:
            return self.turns.run(
                user, abandoned, lambda turn: self._collect(request, sources, turn), CollectedDossier.close
            )
        except CollectionStoppedError:
            self.log.count_stopped()
            raise
        except (QueueFullError, QueueTimeoutError, TooManyUnsentError):
            self.log.count_refused()
            raise

    def stop(self) -> None:
        """The agent stops."""
        self.turns.stop()

    def _collect(self, request: DossierRequest, sources: DossierSources, turn: Turn) -> CollectedDossier:
        spool = self._new_spool()
        try:
            begin = self._clock.monotonic()
            results = collect(request, sources, spool, turn)
            record = DossierRecord(
                user=turn.user,
                time=self._clock.now(),
                selectors=tuple(selected_sections(request)),
                nonce=request.nonce,
                size=spool.size,
                duration=round((self._clock.monotonic() - begin) * 1000),
                digest=digest_of(spool, "sha256").hex(),
                sections=tuple((result.name, result.code.value, result.size) for result in results),
            )
            return CollectedDossier(spool, self.log.add(record))
        except BaseException:
            spool.close()
            raise

    def _new_spool(self) -> Spool:
        with self._lock:
            if sum(not spool.closed for spool in self._unsent) >= MAX_UNSENT:
                raise TooManyUnsentError
            spool = Spool(self.folder, limit=SPOOL_BYTES)
            self._unsent.add(spool)
            return spool


__all__ = ["CollectedDossier", "DossierSignature", "Dossiers", "TooManyUnsentError"]
