"""One device: choose a nonce, ask, verify, judge beside what the archive has, keep."""

from __future__ import annotations

import secrets
import sqlite3
import tempfile
from dataclasses import dataclass, replace
from datetime import datetime
from typing import BinaryIO, Final

from agent.clock import Clock
from agent.collector.archive import Archive
from agent.collector.asking import ask
from agent.collector.errors import ArchiveError, NoEvidenceError, Obstacle
from agent.collector.question import SELECTORS, UNCOMPRESSED, Question
from agent.collector.ssh import Access
from agent.collector.targets import Target
from agent.integrity.content import SpoolFullError
from agent.integrity.judging.filesystem import last_blocks
from agent.integrity.judging.ima import positions
from agent.integrity.judging.judge import Evidence, Judgement, Known, judge, read_evidence
from agent.integrity.judging.reading import FILESYSTEM_INVENTORY, IMA, MalformedError
from agent.integrity.packages.known_good import KnownGood

#: Bytes of chance in a nonce.
NONCE_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Plan:
    """What is the same for all devices of a run.

    Attributes:
        selectors: the sections that are asked for.
        required: those that must have data.
        known_good: known good values of packages, or None.
        is_complete: ask for everything, not only for what is new.
        compression: how devices pack their dossiers.
        is_quote_wanted: ask for quotes of TPMs, and refuse answers without.
    """

    selectors: tuple[str, ...] = SELECTORS
    required: tuple[str, ...] = ()
    known_good: KnownGood | None = None
    is_complete: bool = False
    is_quote_wanted: bool = False
    compression: str = UNCOMPRESSED


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one device: a judgement and its number in the archive, or what was in the way."""

    target: Target
    judgement: Judgement | None = None
    number: int | None = None
    error: NoEvidenceError | None = None


class Collecting:
    """Collects from one device after the other. Any thread may ask."""

    def __init__(self, archive: Archive, plan: Plan, access: Access, clock: Clock) -> None:
        self._archive = archive
        self._plan = plan
        self._access = access
        self._clock = clock

    def collect(self, target: Target) -> Outcome:
        """What was in the way is in the outcome, and in the archive. Raises ArchiveError only."""
        try:
            judgement, number = self._collect(target)
        except NoEvidenceError as error:
            return self._failed(target, error)
        except (ArchiveError, sqlite3.Error) as error:
            raise ArchiveError(f"{self._archive.path} can't be used: {error}") from error
        except Exception as error:
            # What a device sends goes through libraries of others: it must not cost the other devices.
            text = f"what the device sent was not understood ({type(error).__name__})"
            return self._failed(target, NoEvidenceError(Obstacle.FAILED, text))
        return Outcome(target, judgement, number)

    def _failed(self, target: Target, error: NoEvidenceError) -> Outcome:
        self._archive.add_failure(target.name, error, self._clock.now())
        return Outcome(target, error=error)

    def _collect(self, target: Target) -> tuple[Judgement, int]:
        anchors = self._archive.anchors(target.name)
        if not anchors:
            raise NoEvidenceError(
                Obstacle.NO_TRUST_ANCHOR,
                f"there is no root certificate of it in the archive; get it by:  trustconf trust {target.name}",
            )
        numbers = self._archive.baseline(target.name), self._archive.latest(target.name)
        latest = self._earlier(numbers[1], anchors)
        baseline = latest if numbers[0] == numbers[1] else self._earlier(numbers[0], anchors)
        question = self._question(target, latest)
        with tempfile.TemporaryFile() as envelope:
            try:
                ask(target, question, self._access, envelope)
                return self._judged(target, envelope, question.nonce, anchors, (baseline, latest), numbers[0])
            except SpoolFullError as error:
                raise NoEvidenceError(Obstacle.FAILED, f"the answer can't be unpacked: {error.reason}") from error
            except OSError as error:
                raise NoEvidenceError(Obstacle.FAILED, f"the answer can't be kept: {error.strerror}") from error

    def _judged(
        self,
        target: Target,
        envelope: BinaryIO,
        nonce: str,
        anchors: bytes,
        earlier: tuple[Evidence | None, Evidence | None],
        baseline: int | None,
    ) -> tuple[Judgement, int]:
        now = self._clock.now()
        envelope.seek(0)
        evidence = read_evidence(
            envelope, trust_anchor=anchors, nonce=nonce, at=now, is_quote_required=self._plan.is_quote_wanted
        )
        known = Known(
            baseline=earlier[0],
            latest=earlier[1],
            known_good=self._plan.known_good,
            required=self._plan.required,
            is_old=lambda digest: self._archive.has_dossier(target.name, digest),
        )
        judgement = judge(evidence, known)
        number = self._archive.add_dossier(
            target.name, envelope, judgement, method=target.method.value, nonce=nonce, baseline=baseline, at=now
        )
        return judgement, number

    def _earlier(self, number: int | None, anchors: bytes) -> Evidence | None:
        """A dossier of the archive, as evidence of the time when it came."""
        if number is None:
            return None
        kept = self._archive.dossier(number)
        with tempfile.TemporaryFile() as envelope:
            self._archive.write_envelope(number, envelope)
            envelope.seek(0)
            return read_evidence(
                envelope, trust_anchor=anchors, nonce=kept.nonce, at=datetime.fromisoformat(kept.received)
            )

    def _question(self, target: Target, latest: Evidence | None) -> Question:
        """Only what is new is asked for."""
        nonce = secrets.token_hex(NONCE_BYTES)
        question = Question(
            nonce,
            self._plan.selectors,
            include_tpm_quote=self._plan.is_quote_wanted,
            compression=self._plan.compression,
        )
        if self._plan.is_complete or latest is None or latest.dossier is None:
            return question
        try:
            logs = positions(latest.dossier) if IMA in self._plan.selectors else ()
            blocks = last_blocks(latest.dossier) if FILESYSTEM_INVENTORY in self._plan.selectors else {}
        except MalformedError:
            return question
        selectors = tuple(name for name in self._plan.selectors if name != IMA or not logs)
        return replace(question, selectors=selectors, ima=logs, first_snapshots=tuple(blocks.items()))
