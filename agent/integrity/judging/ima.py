"""IMA: whether the log goes on from where the previous dossier's ended, event by event."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from agent.integrity.judging.findings import Finding, Kind
from agent.integrity.judging.reading import IMA, INCREMENTAL_IMA, Dossier, Record, number_of, records_of, text_of

_EVENTS: Final = "ima-event-log"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a node's log ends. `start_time` is the boot's, as the dossier writes it."""

    node: str
    boot_id: str
    start_time: str
    last_event: int


def positions(dossier: Dossier) -> tuple[Position, ...]:
    """The end of each node's log: where an incremental collection goes on."""
    return tuple(_position(node) for node in _nodes(dossier))


def judge_ima(new: Dossier, latest: Dossier | None) -> Iterator[Finding]:
    """`latest` is the newest dossier that was believed."""
    before = {text_of(node, "node-name"): node for node in _nodes(latest)} if latest else {}
    for node in _nodes(new):
        yield from _in_order(node)
        known = before.get(text_of(node, "node-name"))
        if known is not None and text_of(known, "boot-id") == text_of(node, "boot-id"):
            yield from _goes_on(node, known)


def _nodes(dossier: Dossier) -> Iterator[Record]:
    section = dossier.section(INCREMENTAL_IMA, IMA)
    return iter(()) if section is None else section.nodes()


def _position(node: Record) -> Position:
    return Position(
        node=text_of(node, "node-name"),
        boot_id=text_of(node, "boot-id"),
        start_time=text_of(node, "start-time"),
        last_event=number_of(node, "last-event") or 0,
    )


def _in_order(node: Record) -> Iterator[Finding]:
    expected: int | None = None
    for event in records_of(node, _EVENTS):
        number = number_of(event, "event-number")
        if number is None or (expected is not None and number != expected):
            yield _broken(f"After event {'?' if expected is None else expected - 1} comes event {number}")
            return
        expected = number + 1
    last = number_of(node, "last-event")
    if expected is not None and last is not None and last != expected - 1:
        yield _broken(f"The last event is said to be {last}, and is {expected - 1}")


def _goes_on(node: Record, known: Record) -> Iterator[Finding]:
    ours, theirs = _position(node), _position(known)
    if ours.last_event < theirs.last_event:
        text = f"The log ends with event {ours.last_event}; there was an event {theirs.last_event} of the same boot"
        yield _broken(text)
        return
    changed = _first_difference(node, known)
    if changed is not None:
        yield _broken(f"Event {changed} is another one than in the previous dossier")
    first = number_of(node, "first-event")
    if first is not None and first > theirs.last_event + 1 and ours.last_event > theirs.last_event:
        text = f"Events {theirs.last_event + 1} to {first - 1} are not here"
        yield Finding(Kind.IMA_GAP, text, IMA)
    violations = number_of(node, "violations"), number_of(known, "violations")
    if violations[0] is not None and violations[1] is not None and violations[0] > violations[1]:
        text = f"{violations[0] - violations[1]} more violations: files were written to while they were measured"
        facts = {"value": violations[0], "previous": violations[1]}
        yield Finding(Kind.IMA_VIOLATIONS, text, IMA, facts=facts)
    grown = ours.last_event - theirs.last_event
    if grown:
        text = f"{grown} more events, {ours.last_event} in all"
        facts = {"events": grown, "last-event": ours.last_event}
        yield Finding(Kind.IMA_GREW, text, IMA, facts=facts)


def _first_difference(node: Record, known: Record) -> int | None:
    """The first event that both logs have and that is not the same in both; both are in order."""
    theirs = _hashes(known)
    before = next(theirs, None)
    for number, value in _hashes(node):
        while before is not None and before[0] < number:
            before = next(theirs, None)
        if before is None:
            return None
        if before[0] == number and before[1] != value:
            return number
    return None


def _hashes(node: Record) -> Iterator[tuple[int, str]]:
    for event in records_of(node, _EVENTS):
        yield number_of(event, "event-number") or 0, text_of(event, "template-hash")


def _broken(text: str) -> Finding:
    return Finding(Kind.BROKEN_IMA_LOG, text, IMA)
