"""A judgement, said to a person or to a program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from agent.clock import yang_date_and_time
from agent.integrity.judging.findings import Finding, Severity
from agent.integrity.judging.judge import Judgement
from agent.integrity.verdict import human_report, json_report

#: Characters of a text, and items of a list, in a report.
MAX_TEXT: Final = 2000
MAX_LISTED: Final = 1000

#: Severity -> how a person reads it. The order is that of the report.
_HEADINGS: Final = {
    Severity.FAILURE: "Not to be believed:",
    Severity.ALARM: "Needs an explanation:",
    Severity.CHANGE: "Changed:",
    Severity.NOTE: "Notes:",
}


def judgement_text(judgement: Judgement) -> str:
    """Lines for a person, worst first, without a line feed at the end. What a device wrote can't control a terminal."""
    return "\n".join(_lines(judgement))


def _lines(judgement: Judgement) -> Iterator[str]:
    evidence = judgement.evidence
    if evidence.verdict is None:
        yield "NOT SIGNED."
    else:
        first, *rest = human_report(evidence.verdict).rstrip("\n").split("\n")
        refused = evidence.is_authentic and not judgement.is_believed
        yield "The signature is right, but NOT ACCEPTED." if refused else first
        yield from rest
    if evidence.dossier is not None:
        yield f"  collected:           {yang_date_and_time(evidence.dossier.start)}"
    if judgement.compared_with is not None:
        yield f"  compared with:       the dossier of {yang_date_and_time(judgement.compared_with)}"
    yield from finding_lines(judgement.findings)
    if judgement.is_in_order and judgement.compared_with is not None and not judgement.has(Severity.CHANGE):
        yield "Nothing has changed."


def finding_lines(findings: tuple[Finding, ...], indent: str = "") -> Iterator[str]:
    """The findings under headings."""
    for severity, heading in _HEADINGS.items():
        found = [finding for finding in findings if finding.kind.severity is severity]
        if found:
            yield indent + heading
        for finding in found:
            yield f"{indent}  {finding.kind.code}: {printable(finding.text)}."


def judgement_record(judgement: Judgement) -> dict[str, Any]:
    """The same for programs, as values for JSON. docs/verify.md has the names."""
    evidence = judgement.evidence
    record: dict[str, Any] = {"verified": False, "failures": []}
    if evidence.verdict is not None:
        record = json.loads(json_report(evidence.verdict))
    record["signed"] = evidence.verdict is not None
    record["accepted"] = judgement.is_believed
    record["exit-status"] = judgement.exit_status
    if evidence.dossier is not None:
        record["collected"] = yang_date_and_time(evidence.dossier.start)
        record["dossier-sha256"] = evidence.dossier.digest
    if judgement.compared_with is not None:
        record["compared-with"] = yang_date_and_time(judgement.compared_with)
    record["findings"] = [finding_record(finding) for finding in judgement.findings]
    return record


def finding_record(finding: Finding) -> dict[str, Any]:
    """One finding for programs."""
    return {
        "name": finding.kind.code,
        "severity": finding.kind.severity.value,
        "text": printable(finding.text),
        **({"section": _short(finding.section)} if finding.section else {}),
        **({"subject": _short(finding.subject)} if finding.subject else {}),
        **({"facts": _short(dict(finding.facts))} if finding.facts else {}),
    }


def _short(value: Any) -> Any:
    """The same, as far as it is not longer than a report may be: a device may send names of megabytes."""
    if isinstance(value, str):
        return value if len(value) <= MAX_TEXT else value[:MAX_TEXT] + "..."
    if isinstance(value, dict):
        return {_short(name): _short(member) for name, member in list(value.items())[:MAX_LISTED]}
    if isinstance(value, list | tuple):
        return [_short(item) for item in value[:MAX_LISTED]]
    return value


def printable(text: str) -> str:
    """Without what could control a terminal, and of limited length."""
    return "".join(character if character.isprintable() else "?" for character in _short(text))
