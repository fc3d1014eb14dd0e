"""Snapshots of the filesystem: whether they follow each other, and which files changed since the previous dossier."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from agent.integrity.filesystem.chain import Fault, verify_chain
from agent.integrity.judging.findings import Finding, Kind
from agent.integrity.judging.reading import (
    FILESYSTEM_INVENTORY,
    Dossier,
    MalformedError,
    Record,
    Section,
    number_of,
    record_of,
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
        yield from _chain(links, known)
        if known and links:
            yield from _beside(links, known)
            yield from _changed_files([link for link in links if link.number > known[-1].number], links, known)


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


def _chain(links: list[Link], known: list[Link]) -> Iterator[Finding]:
    """Each snapshot for itself, and behind the one before it."""
    after = None
    if known and links and links[0].number >= known[-1].number:
        after = (known[-1].number, known[-1].digest)
    unsigned = []
    for number, block in enumerate(verify_chain([link.record for link in links], after=after).blocks):
        for fault in block.faults:
            if fault is Fault.MALFORMED:
                raise MalformedError("snapshot is malformed")
            if fault is Fault.UNSIGNED:
                unsigned.append(block.number)
            elif fault is Fault.NOT_FULL or (fault is Fault.BLOCK_MISSING and number == 0):
                first = links[0].number
                text = f"Snapshots before {first} are not here"
                yield Finding(Kind.INVENTORY_GAP, text, FILESYSTEM_INVENTORY, str(first))
            else:
                yield _broken(links[number], f"Snapshot {block.number}: {_FAULTS[fault]}", fault)
    if unsigned:
        text = f"{len(unsigned)} snapshots are not signed by themselves, only in this dossier"
        yield Finding(Kind.UNSIGNED_SNAPSHOT, text, FILESYSTEM_INVENTORY, facts={"snapshots": unsigned})


_FAULTS: Final = {
    Fault.DIGEST_MISMATCH: "its digest is not that of its files",
    Fault.CHAIN_BROKEN: "it does not follow from the one before it",
    Fault.BLOCK_MISSING: "the one before it is missing",
    Fault.BAD_SIGNATURE: "its signature is not right",
    Fault.UNTRUSTED_SIGNER: "who has signed it is not trusted",
}


def _beside(links: list[Link], known: list[Link]) -> Iterator[Finding]:
    """What both dossiers have must be the same, and the newest of the previous one must not be gone."""
    digests = {link.number: link.digest for link in known}
    for link in links:
        if digests.get(link.number, link.digest) != link.digest:
            yield _broken(link, f"Snapshot {link.number} is another one than before")
    last = known[-1].number
    if links[-1].number < last:
        yield _broken(links[-1], f"Snapshots after {links[-1].number} are gone; there was a snapshot {last}")


def _broken(link: Link, text: str, fault: Fault | None = None) -> Finding:
    facts = {} if fault is None else {"check": fault.value}
    return Finding(Kind.BROKEN_INVENTORY, text, FILESYSTEM_INVENTORY, str(link.number), facts)


def _changed_files(fresh: list[Link], links: list[Link], known: list[Link]) -> Iterator[Finding]:
    """What the new snapshots tell of: by increments, else by the files of two full ones."""
    changes = _Changes()
    if any(link.is_full for link in fresh):
        ours, theirs = _files(links), _files(known)
        if ours is None or theirs is None:
            text = "There is a new full snapshot, and no earlier one here to compare its files with"
            yield Finding(Kind.INVENTORY_GAP, text, FILESYSTEM_INVENTORY)
            return
        _compare(ours, theirs, changes)
    else:
        for link in fresh:
            for record in records_of(link.record, "files"):
                change = text_of(record, "change-kind").removeprefix(_PREFIX) or "changed"
                changes.add(change, text_of(record, "name"))
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


_PREFIX: Final = "change-kind-"
_DELETED, _CREATED, _CONTENTS, _METADATA = "deleted", "created", "contents-modified", "meta-data-modified"
#: What of a file's metadata is part of what it is. (Times come and go, blocks and inodes are the disk's affair.)
_PROPERTIES: Final = ("uid", "gid", "mode", "size")

#: A file: its digest, its properties.
File = tuple[str, tuple[str, ...]]


def _files(links: list[Link]) -> dict[str, File] | None:
    """All files as they are after the last snapshot, None if there is no full one to begin with."""
    start = max((place for place, link in enumerate(links) if link.is_full), default=None)
    if start is None:
        return None
    files: dict[str, File] = {}
    for link in links[start:]:
        for record in records_of(link.record, "files"):
            name = text_of(record, "name")
            if text_of(record, "change-kind") == _PREFIX + _DELETED:
                files.pop(name, None)
                continue
            meta, digest = record_of(record, "meta"), record_of(record, "digest")
            files[name] = text_of(digest, "digest-value"), tuple(text_of(meta, each) for each in _PROPERTIES)
    return files


def _compare(ours: dict[str, File], theirs: dict[str, File], changes: _Changes) -> None:
    for name in sorted(ours.keys() | theirs.keys()):
        new, old = ours.get(name), theirs.get(name)
        if new is None or old is None:
            changes.add(_DELETED if new is None else _CREATED, name)
        elif new[0] != old[0]:
            changes.add(_CONTENTS, name)
        elif new[1] != old[1]:
            changes.add(_METADATA, name)
