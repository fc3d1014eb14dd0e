"""IMA: whether the log agrees with itself, and goes on from where the previous dossier's ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agent.integrity.errors import ResultCode
from agent.integrity.ima import checking
from agent.integrity.ima.checking import FindingKind
from agent.integrity.judging.findings import Finding, Kind
from agent.integrity.judging.reading import (
    IMA,
    INCREMENTAL_IMA,
    Dossier,
    MalformedError,
    Record,
    Section,
    number_of,
    text_of,
    time_of,
)

#: What the check of a section finds -> what it is here. Another boot is a start of the system (boots.py).
_KINDS: Final = {
    FindingKind.TEMPLATE_HASH: Kind.BROKEN_IMA_LOG,
    FindingKind.NUMBERING: Kind.BROKEN_IMA_LOG,
    FindingKind.REPLAY: Kind.BROKEN_IMA_LOG,
    FindingKind.CONTINUITY: Kind.BROKEN_IMA_LOG,
    FindingKind.GAP: Kind.IMA_GAP,
}


@dataclass(frozen=True, slots=True)
class Position:
    """Where a node's log ends, and when the boot began that it is of."""

    node: str
    boot_id: str
    start: datetime
    last_event: int


def positions(dossier: Dossier) -> tuple[Position, ...]:
    """The end of each node's log: where an incremental collection goes on."""
    section = _section(dossier)
    return () if section is None else tuple(_position(node) for node in section.nodes())


def judge_ima(new: Dossier, latest: Dossier | None) -> Iterator[Finding]:
    """`latest` is the newest dossier that was believed."""
    section = _section(new)
    if section is None:
        return
    if section.result_code == ResultCode.INCOMPLETE.value:
        text = "The device can't read its log to the end: it is damaged"
        yield Finding(Kind.BROKEN_IMA_LOG, text, section.name)
    before = _section(latest) if latest else None
    for found in checking.check_section(section.members, checking.section_end(before.members) if before else None):
        if found.kind is FindingKind.MALFORMED:
            raise MalformedError(found.message.rstrip("."))
        if found.kind in _KINDS:
            where = f"Event {found.event}: " if found.event else ""
            facts = {"check": found.kind.value, "event": found.event}
            yield Finding(_KINDS[found.kind], f"{where}{found.message.rstrip('.')}", section.name, facts=facts)
    known = {} if before is None else {text_of(node, "node-name"): node for node in before.nodes()}
    for node in section.nodes():
        earlier = known.get(text_of(node, "node-name"))
        if earlier is not None and text_of(earlier, "boot-id") == text_of(node, "boot-id"):
            yield from _grown(section.name, node, earlier)


def _grown(section: str, node: Record, known: Record) -> Iterator[Finding]:
    """Within one start of the system."""
    violations = number_of(node, "violations") or 0, number_of(known, "violations") or 0
    if violations[0] > violations[1]:
        text = f"{violations[0] - violations[1]} more violations: files were written to while they were measured"
        facts = {"value": violations[0], "previous": violations[1]}
        yield Finding(Kind.IMA_VIOLATIONS, text, section, facts=facts)
    last = _position(node).last_event
    grown = last - _position(known).last_event
    if grown > 0:
        text = f"{grown} more events, {last} in all"
        yield Finding(Kind.IMA_GREW, text, section, facts={"events": grown, "last-event": last})


def _section(dossier: Dossier) -> Section | None:
    return dossier.section(INCREMENTAL_IMA, IMA)


def _position(node: Record) -> Position:
    return Position(
        node=text_of(node, "node-name"),
        boot_id=text_of(node, "boot-id"),
        start=time_of(node, "start-time"),
        last_event=number_of(node, "last-event") or 0,
    )
