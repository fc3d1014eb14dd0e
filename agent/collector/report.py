"""What a run of the collector found: for a person, for a program, and as an exit status."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from agent.clock import yang_date_and_time
from agent.collector.collecting import Outcome
from agent.integrity.judging.findings import EXIT_CHANGED, Severity
from agent.integrity.judging.judge import Judgement
from agent.integrity.judging.report import finding_lines, judgement_record, printable

#: Some devices gave no evidence, and of the others there is nothing worse to tell than changes.
EXIT_NO_EVIDENCE: Final = 41


def outcome_word(outcome: Outcome) -> str:
    """What came of a device, in a word or two."""
    judgement = outcome.judgement
    if judgement is None:
        return outcome.error.obstacle.value if outcome.error else ""
    if not judgement.is_believed:
        return "NOT VERIFIED"
    return next((word for severity, word in _WORDS if judgement.has(severity)), _unchanged(judgement))


_WORDS: Final = ((Severity.ALARM, "ALARM"), (Severity.CHANGE, "changed"))


def _unchanged(judgement: Judgement) -> str:
    return "verified" if judgement.compared_with is None else "unchanged"


def report_lines(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """One line a device, and its findings below; the worst devices first."""
    for outcome in sorted(outcomes, key=lambda outcome: (_gravity(exit_status_of(outcome)), outcome.target.name)):
        yield from _device(outcome)


def _device(outcome: Outcome) -> Iterator[str]:
    name, judgement = outcome.target.name, outcome.judgement
    if judgement is None:
        if outcome.error is not None:
            yield f"{name}: no evidence ({outcome.error.obstacle.value}): {printable(outcome.error.text)}"
        return
    since = judgement.compared_with
    beside = f", compared with that of {yang_date_and_time(since)}" if since else ", the first of this device"
    yield f"{name}: {outcome_word(outcome)} (dossier {outcome.number}{beside})"
    verdict = judgement.evidence.verdict
    for failure in verdict.failures if verdict else ():
        yield f"  {failure.code}: {failure.explanation}"
    yield from finding_lines(judgement.findings, "  ")


def report_records(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """The same for programs, in the order in which the devices were named."""
    return [_record(outcome) for outcome in outcomes]


def _record(outcome: Outcome) -> dict[str, Any]:
    record: dict[str, Any] = {"device": outcome.target.name, "exit-status": exit_status_of(outcome)}
    if outcome.judgement is None:
        error = outcome.error
        return record | ({"error": error.obstacle.value, "detail": printable(error.text)} if error else {})
    return judgement_record(outcome.judgement) | record | {"dossier": outcome.number}


def exit_status_of(outcome: Outcome) -> int:
    """That of `trustconf verify` for the same evidence, or EXIT_NO_EVIDENCE."""
    return EXIT_NO_EVIDENCE if outcome.judgement is None else outcome.judgement.exit_status


def exit_status(outcomes: Sequence[Outcome]) -> int:
    """That of the worst device."""
    return min((exit_status_of(outcome) for outcome in outcomes), key=_gravity, default=0)


def _gravity(status: int) -> tuple[int, int]:
    """Sorts the worst first: what is not to be believed, alarms, no evidence, changes, nothing."""
    ranks = {0: 3, EXIT_CHANGED: 2, EXIT_NO_EVIDENCE: 1}
    return ranks.get(status, 0), status
