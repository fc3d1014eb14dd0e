"""Snapshots of the filesystem: whether they follow each other, and which files changed since the previous dossier."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from agent.integrity.judging.findings import Finding, Kind
from agent.integrity.judging.reading import (
    FILESYSTEM_INVENTORY,
    Dossier,
    Record,
    Section,
    number_of,
    records_of,
    text_of,
)

FULL: Final = "full"
#: Files of each kind of change that a finding names.
MAX_NAMED: Final = 100
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Link:
    """A snapshot's place in the chain of all snapshots of a node."""

    number: int
    digest: str
    previous: str
    is_full: bool
    record: Record


@dataclass(slots=True)
class _Changes:
    """How many files changed in which way, and the names of some."""

    counts: Counter[str] = field(default_factory=Counter)
    names: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, change: str, name: str) -> None:
        self.counts[change] += 1
        if len(self.names[change]) < MAX_NAMED:
            self.names[change].append(name)


def last_blocks(dossier: Dossier) -> dict[str, int]:
    """Each node's newest snapshot, by its number."""
    section = dossier.section(FILESYSTEM_INVENTORY)
    return {} if section is None else {node: links[-1].number for node, links in _chains(section) if links}


def judge_filesystem(new: Dossier, latest: Dossier | None) -> Iterator[Finding]:
    """`latest` is the newest dossier that was believed: snapshots go on from it."""
    section = new.section(FILESYSTEM_INVENTORY)
    if section is None:
        return
    theirs = latest.section(FILESYSTEM_INVENTORY) if latest else None
    before = {} if theirs is None else dict(_chains(theirs))
    for node, links in _chains(section):
        known = before.get(node, [])
        yield from _follow_each_other(links)
        if not known:
            continue
        yield from _go_on(links, known)
        yield from _changed_files([link for link in links if link.number > known[-1].number])


def _chains(section: Section) -> Iterator[tuple[str, list[Link]]]:
    """Each node's snapshots, by number."""
    for node in section.nodes():
        links = [
            Link(
                number=number_of(snapshot, "snapshot-block-no") or 0,
                digest=text_of(snapshot, "digest"),
                previous=text_of(snapshot, "previous-digest"),
                is_full=text_of(snapshot, "snapshot-type") == FULL,
                record=snapshot,
            )
            for snapshot in records_of(node, "snapshot")
        ]
        yield text_of(node, "node-name"), sorted(links, key=lambda link: link.number)


def _follow_each_other(links: list[Link]) -> Iterator[Finding]:
    for before, after in itertools.pairwise(links):
        if after.number == before.number:
            yield _broken(after, f"There are two snapshots {after.number}")
        elif after.number == before.number + 1 and after.previous != before.digest:
            yield _broken(after, f"Snapshot {after.number} does not follow from snapshot {before.number}")


def _go_on(links: list[Link], known: list[Link]) -> Iterator[Finding]:
    if not links:
        return
    digests = {link.number: link.digest for link in known}
    for link in links:
        if digests.get(link.number, link.digest) != link.digest:
            yield _broken(link, f"Snapshot {link.number} is another one than before")
    last, first = known[-1], links[0]
    if links[-1].number < last.number:
        yield _broken(links[-1], f"Snapshots after {links[-1].number} are gone; there was a snapshot {last.number}")
    elif first.number == last.number + 1 and first.previous != last.digest:
        yield _broken(first, f"Snapshot {first.number} does not follow from the previous dossier's {last.number}")
    elif first.number > last.number + 1:
        text = f"Snapshots {last.number + 1} to {first.number - 1} are not here"
        yield Finding(Kind.INVENTORY_GAP, text, FILESYSTEM_INVENTORY)


def _broken(link: Link, text: str) -> Finding:
    return Finding(Kind.BROKEN_INVENTORY, text, FILESYSTEM_INVENTORY, str(link.number))


def _changed_files(links: Iterable[Link]) -> Iterator[Finding]:
    changes = _Changes()
    for link in links:
        if link.is_full:
            text = f"Snapshot {link.number} is a full one: which files changed before it, it does not tell"
            yield Finding(Kind.INVENTORY_GAP, text, FILESYSTEM_INVENTORY, str(link.number))
            continue
        for record in records_of(link.record, "files"):
            changes.add(text_of(record, "change-kind") or "changed", text_of(record, "name"))
    if changes.counts:
        told = [
            f"{count} {change} ({', '.join(changes.names[change][:_SHOWN])}{', ...' if count > _SHOWN else ''})"
            for change, count in sorted(changes.counts.items())
        ]
        facts = {
            "counts": dict(changes.counts),
            "files": {change: list(names) for change, names in changes.names.items()},
        }
        yield Finding(Kind.FILES_CHANGED, f"Files: {'; '.join(told)}", FILESYSTEM_INVENTORY, facts=facts)
