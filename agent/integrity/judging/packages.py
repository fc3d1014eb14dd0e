"""Packages: beside known good values, beside the previous dossier, and each beside itself (run time, install time)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from agent.integrity.judging.findings import Finding, Kind
from agent.integrity.judging.reading import PACKAGES, Dossier, Record, Section, records_of, text_of, texts_of
from agent.integrity.packages.fingerprint import NONE
from agent.integrity.packages.known_good import KnownGood, Verdict, compare_values
from agent.integrity.packages.package_set import PackageId

UP_TO_DATE: Final = "generation-up-to-date"
_BAD_HEADER: Final = frozenset({"bad-digest", "bad-signature"})
_UNJUDGED_HEADER: Final = frozenset({"no-key", "unsigned"})
_CONFIGURATION: Final = "configuration"
#: Names and paths that a sentence has; facts have all.
_SHOWN: Final = 5

#: A file that has drifted: path, class, what changed.
Drifted = tuple[str, str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Package:
    """A package as a dossier tells it; the values are "" where there is none."""

    id: PackageId
    basis: str
    install_time: str
    run_time: str
    md5sums: str
    header_status: str
    drift: tuple[Drifted, ...]

    @property
    def has_drifted(self) -> bool:
        return bool(self.install_time and self.run_time) and self.install_time != self.run_time

    def drifted(self, *, configuration: bool) -> tuple[Drifted, ...]:
        return tuple(each for each in self.drift if (each[1] == _CONFIGURATION) is configuration)


Packages = dict[PackageId, Package]


def judge_packages(new: Dossier, baseline: Dossier | None, known_good: KnownGood | None) -> Iterator[Finding]:
    """What the packages' section says; without `known_good`, nothing of that."""
    section = new.section(PACKAGES)
    if section is None:
        return
    packages = _packages(section)
    yield from _status(section)
    if known_good is not None:
        yield from _beside_known_good(packages, known_good)
    theirs = baseline.section(PACKAGES) if baseline else None
    before = {} if theirs is None else _packages(theirs)
    for package in packages.values():
        yield from _itself(package, before.get(package.id))
    yield from _headers(packages)
    if theirs is not None:
        yield from _came_and_went(packages, before)


def _packages(section: Section) -> Packages:
    packages = {}
    for node in section.nodes():
        for database in records_of(node, "package-database"):
            manager = text_of(database, "type")
            for record in records_of(database, "package"):
                package = _package(record, manager)
                packages[package.id] = package
    return packages


def _package(record: Record, manager: str) -> Package:
    return Package(
        id=PackageId(
            manager, *(text_of(record, name) for name in ("name", "epoch", "version", "release", "architecture"))
        ),
        basis=text_of(record, "fingerprint-basis"),
        install_time=_value(record, "rpm-fingerprint-install-time"),
        run_time=_value(record, "rpm-fingerprint-run-time"),
        md5sums=_value(record, "md5sums-fingerprint"),
        header_status=text_of(record, "header-status"),
        drift=tuple(
            (text_of(each, "path"), text_of(each, "class"), texts_of(each, "change"))
            for each in records_of(record, "drift")
        ),
    )


def _value(record: Record, name: str) -> str:
    value = text_of(record, name)
    return "" if value == NONE else value


def _status(section: Section) -> Iterator[Finding]:
    for node in section.nodes():
        status = text_of(node, "fingerprint-status")
        if status != UP_TO_DATE:
            text = f"The fingerprints of the packages are not up to date ({status or 'no status'})"
            yield Finding(Kind.FINGERPRINTS_NOT_CURRENT, text, PACKAGES, facts={"status": status})


def _beside_known_good(packages: Packages, known_good: KnownGood) -> Iterator[Finding]:
    unknown = []
    for package in packages.values():
        value, install_time, run_time = compare_values(
            known_good,
            package.id,
            package.basis,
            package.install_time or NONE,
            package.run_time or NONE,
            package.md5sums,
        )
        if Verdict.MISMATCH in (install_time, run_time):
            what = "was installed" if install_time is Verdict.MISMATCH else "is on the disk"
            text = f"{package.id.text}: what {what} is not the known good package"
            facts = {
                "known-good": value,
                "install-time": install_time.value,
                "run-time": run_time.value,
                "install-time-value": package.install_time,
                "run-time-value": package.run_time,
            }
            yield Finding(Kind.KNOWN_GOOD_MISMATCH, text, PACKAGES, package.id.text, facts)
        elif Verdict.UNKNOWN in (install_time, run_time):
            unknown.append(package.id.text)
    if unknown:
        text = f"Nothing is known of {len(unknown)} of {len(packages)} packages: {_some(unknown)}"
        yield Finding(Kind.NOT_IN_KNOWN_GOOD, text, PACKAGES, facts={"packages": unknown})


def _itself(package: Package, before: Package | None) -> Iterator[Finding]:
    """One package beside itself, and beside what it was before under the same version."""
    name = package.id.text
    facts = {"install-time": package.install_time, "run-time": package.run_time}
    if (
        before is not None
        and before.install_time
        and package.install_time
        and before.basis == package.basis
        and before.install_time != package.install_time
    ):
        text = f"{name} is another package than before, under the same version"
        more = {**facts, "previous-install-time": before.install_time}
        yield Finding(Kind.OTHER_PACKAGE, text, PACKAGES, name, more)
    if package.has_drifted:
        changed = package.drifted(configuration=False)
        known = before is not None and before.has_drifted and before.run_time == package.run_time
        if known:
            text = f"{name} has drifted, as before: {_files(changed)}"
        else:
            text = f"{name} is not on the disk what was packaged: {_files(changed)}"
        kind = Kind.KNOWN_DRIFT if known else Kind.DRIFT
        yield Finding(kind, text, PACKAGES, name, {**facts, "files": _facts(changed)})
    elif before is not None and before.has_drifted and package.run_time:
        text = f"{name} is on the disk what was packaged, and was not before"
        more = {**facts, "previous-run-time": before.run_time}
        yield Finding(Kind.RUN_TIME_CHANGED, text, PACKAGES, name, more)
    if before is not None:
        known_changes = set(before.drifted(configuration=True))
        changed = tuple(each for each in package.drifted(configuration=True) if each not in known_changes)
        if changed:
            text = f"{name}: configuration files are not as packaged: {_files(changed)}"
            yield Finding(Kind.CONFIGURATION_DRIFT, text, PACKAGES, name, {"files": _facts(changed)})


def _headers(packages: Packages) -> Iterator[Finding]:
    unjudged = []
    for package in packages.values():
        if package.header_status in _BAD_HEADER:
            text = f"{package.id.text}: what rpm's database has of it was changed ({package.header_status})"
            facts = {"header-status": package.header_status}
            yield Finding(Kind.BAD_PACKAGE_SIGNATURE, text, PACKAGES, package.id.text, facts)
        elif package.header_status in _UNJUDGED_HEADER:
            unjudged.append(package.id.text)
    if unjudged:
        text = f"{len(unjudged)} packages are not signed, or by no pinned key: {_some(unjudged)}"
        yield Finding(Kind.UNSIGNED_PACKAGE, text, PACKAGES, facts={"packages": unjudged})


def _came_and_went(now: Packages, before: Packages) -> Iterator[Finding]:
    came: defaultdict[tuple[str, str, str], list[PackageId]] = defaultdict(list)
    went: defaultdict[tuple[str, str, str], list[PackageId]] = defaultdict(list)
    for ids, target in ((now.keys() - before.keys(), came), (before.keys() - now.keys(), went)):
        for each in ids:
            target[each.manager, each.name, each.architecture].append(each)
    for key in sorted(came.keys() | went.keys()):
        new, old = came[key], went[key]
        if len(new) == len(old) == 1:
            text = f"{new[0].text}, before: {old[0].text}"
            facts = {"previous": old[0].text}
            yield Finding(Kind.PACKAGE_CHANGED, text, PACKAGES, new[0].text, facts)
            continue
        for each in sorted(new, key=lambda id: id.text):
            yield Finding(Kind.PACKAGE_ADDED, f"{each.text} was installed", PACKAGES, each.text)
        for each in sorted(old, key=lambda id: id.text):
            yield Finding(Kind.PACKAGE_REMOVED, f"{each.text} was removed", PACKAGES, each.text)


def _files(drifted: tuple[Drifted, ...]) -> str:
    if not drifted:
        return "the dossier does not say which files"
    return _some([f"{path} ({', '.join(changes)})" for path, _, changes in drifted])


def _facts(drifted: tuple[Drifted, ...]) -> list[dict[str, object]]:
    return [{"path": path, "class": kind, "change": list(changes)} for path, kind, changes in drifted]


def _some(texts: list[str]) -> str:
    more = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
