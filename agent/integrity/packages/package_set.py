"""All packages of a host, each with its two fingerprints and with what has drifted between them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

from agent.host.contract import Host
from agent.integrity.errors import ResultCode, SourceUnavailableError
from agent.integrity.packages.baselines import Baselines
from agent.integrity.packages.dpkg_bases import DpkgBases
from agent.integrity.packages.dpkg_files import Basis, DpkgDatabase, DpkgFiles
from agent.integrity.packages.fingerprint import NONE, Absence, FileClaim, FileClass, fingerprint, line
from agent.integrity.packages.first_sight import is_as_seen
from agent.integrity.packages.measuring import DigestCache, Drift, Measurer, drift
from agent.integrity.packages.openpgp import Keyring
from agent.integrity.packages.rpm_files import HeaderStatus, read_installed
from agent.integrity.sources.dpkg import DpkgPackage
from agent.integrity.sources.rpm import rpm_headers
from agent.integrity.sources.rpm_header import RpmPackage

RPM, DPKG = "rpm", "dpkg"
#: The pseudo package in which rpm keeps a public key. It has no files.
KEY_PACKAGE = "gpg-pubkey"


_Found = TypeVar("_Found")


class StoppedError(Exception):
    """Whoever asked for the fingerprints no longer wants them."""


@dataclass(frozen=True, slots=True)
class PackageId:
    """What a package is called. `manager` is RPM or DPKG; `epoch` is "" where there is none."""

    manager: str
    name: str
    epoch: str
    version: str
    release: str
    architecture: str

    @property
    def text(self) -> str:
        """Name, epoch, version, release and architecture as rpm writes them."""
        epoch = f"{self.epoch}:" if self.epoch else ""
        release = f"-{self.release}" if self.release else ""
        return f"{self.name}-{epoch}{self.version}{release}.{self.architecture}"


@dataclass(frozen=True, slots=True)
class PackageReport:
    """One package.

    Attributes:
        header_status: for rpm packages.
        key_id: of the key that is said to have signed it: 16 hexadecimal digits, or "".
        basis: what `install_time` is derived from.
        install_time, run_time: fingerprints, or "0" where there is none.
        configuration_install_time, configuration_run_time: the same of its configuration files.
        drift: files that are not what the package says, by path.
        files: how many files it says something of.
        unverified_files: those among them that rpm says are not installed, or replaced by another package's, or whose
            owner and mode dpkg-statoverride has set.
        md5sums: the install-time value by the digests of dpkg, if the basis rests on these; else "".
    """

    id: PackageId
    header_status: HeaderStatus | None
    key_id: str
    basis: Basis
    install_time: str
    run_time: str
    configuration_install_time: str
    configuration_run_time: str
    drift: tuple[Drift, ...]
    files: int
    unverified_files: int
    md5sums: str = ""


@dataclass(frozen=True, slots=True)
class PackageDatabase:
    """A package database of this host, and whether it could be read: `reason` is "" if so."""

    manager: str
    code: ResultCode = ResultCode.SUCCESS
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PackageSet:
    """All of them, by manager and name, and the databases that they are from; of one that can't be read there are
    none."""

    packages: tuple[PackageReport, ...]
    databases: tuple[PackageDatabase, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """Why there may be more packages."""
        return tuple(database.reason for database in self.databases if database.reason)

    @property
    def fingerprint(self) -> str:
        """Of the whole set: changes when a package comes or goes, or when one of its values changes."""
        digest = hashlib.sha256()
        for each in sorted(set_line(report) for report in self.packages):
            digest.update(each)
        return digest.hexdigest()


def set_line(report: PackageReport) -> bytes:
    fields = (report.id.manager, report.id.text, report.install_time, report.run_time)
    return "\0".join(fields).encode("utf-8", "surrogateescape") + b"\n"


def collect(
    host: Host,
    keyring: Keyring,
    digests: DigestCache,
    is_stopped: Callable[[], bool] = lambda: False,
    baselines: Baselines | None = None,
    on_file: Callable[[FileClaim], None] = lambda claim: None,
) -> PackageSet:
    """The packages of this host. Raises StoppedError, and SourceUnavailableError if the host has no package database.

    Args:
        baselines: without them, the packages of dpkg have no better basis than its own digests.
        on_file: called for each file before it is looked at, for some twice.
    """
    surroundings = _Surroundings(host, keyring, Measurer(host, digests), is_stopped, baselines, on_file)
    readers = {DPKG: _dpkg, RPM: _rpm}

    def reports(manager: str) -> list[PackageReport]:
        return [_report(subject, surroundings) for subject in readers[manager](surroundings)]

    try:
        databases, found = read_databases(readers, reports)
    finally:
        if baselines is not None:
            baselines.flush()
    packages = sorted(chain.from_iterable(found.values()), key=lambda report: (report.id.manager, report.id.text))
    return PackageSet(tuple(packages), databases)


def read_databases(
    managers: Iterable[str], read: Callable[[str], list[_Found]]
) -> tuple[tuple[PackageDatabase, ...], dict[str, list[_Found]]]:
    """The databases of this host, and what `read` has found in those that can be read. Raises SourceUnavailableError if
    there are none."""
    databases: list[PackageDatabase] = []
    absences: list[str] = []
    found: dict[str, list[_Found]] = {}
    for manager in managers:
        try:
            found[manager] = read(manager)
            databases.append(PackageDatabase(manager))
        except SourceUnavailableError as error:
            if error.code is ResultCode.NOT_PRESENT:
                absences.append(error.reason)
            else:
                databases.append(PackageDatabase(manager, error.code, error.reason))
    if not databases:
        raise SourceUnavailableError(f"there is no package database: {'; '.join(absences)}")
    return tuple(databases), found


@dataclass(frozen=True, slots=True)
class _Surroundings:
    host: Host
    keyring: Keyring
    measurer: Measurer
    is_stopped: Callable[[], bool]
    baselines: Baselines | None
    on_file: Callable[[FileClaim], None]


@dataclass(frozen=True, slots=True)
class _Subject:
    id: PackageId
    header_status: HeaderStatus | None
    key_id: str
    basis: Basis
    claims: tuple[FileClaim, ...]
    md5sums: str = ""
    is_first_sight: bool = False


def _rpm(surroundings: _Surroundings) -> Iterator[_Subject]:
    for blob in rpm_headers(surroundings.host):
        found = read_installed(blob, surroundings.keyring)
        if found.package.name != KEY_PACKAGE or found.claims:
            yield _Subject(rpm_id(found.package), found.status, found.key_id, Basis.RPM_HEADER, found.claims)


def _dpkg(surroundings: _Surroundings) -> Iterator[_Subject]:
    database = DpkgDatabase(surroundings.host)
    if surroundings.baselines is None:
        packages: Iterable[DpkgFiles] = map(database.files, database.packages)
    else:
        packages = DpkgBases(
            surroundings.host,
            database,
            surroundings.keyring,
            surroundings.measurer,
            surroundings.baselines,
            surroundings.is_stopped,
            surroundings.on_file,
        ).files()
    for found in packages:
        package = dpkg_id(found.package)
        yield _Subject(package, None, "", found.basis, found.claims, found.md5sums, found.is_first_sight)


def rpm_id(package: RpmPackage) -> PackageId:
    epoch = "" if package.epoch is None else str(package.epoch)
    return PackageId(RPM, package.name, epoch, package.version, package.release, package.architecture)


def dpkg_id(package: DpkgPackage) -> PackageId:
    return debian_id(package.name, package.version, package.architecture)


def debian_id(name: str, version: str, architecture: str) -> PackageId:
    """Debian's [epoch:]version[-release], taken apart."""
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "", version
    upstream, dash, release = rest.rpartition("-")
    return PackageId(DPKG, name, epoch, upstream if dash else rest, release if dash else "", architecture)


def _report(subject: _Subject, surroundings: _Surroundings) -> PackageReport:
    planned: dict[FileClass, list[bytes]] = {each: [] for each in FileClass}
    present: dict[FileClass, list[bytes]] = {each: [] for each in FileClass}
    unreadable: set[FileClass] = set()
    drifts: list[Drift] = []
    for claim in subject.claims:
        if surroundings.is_stopped():
            raise StoppedError
        surroundings.on_file(claim)
        is_known = subject.is_first_sight and is_as_seen(claim)
        found = claim.facts if is_known else surroundings.measurer.measure(claim)
        if found is Absence.UNREADABLE:
            unreadable.add(claim.file_class)
        should_be = is_now = line(claim.path, claim.facts)
        # Most files are what they should be.
        if found != claim.facts:
            is_now = line(claim.path, found)
            changed = drift(claim, found)
            if changed is not None:
                drifts.append(changed)
        planned[claim.file_class].append(should_be)
        present[claim.file_class].append(is_now)
    is_forged = subject.header_status is not None and subject.header_status.is_forged
    has_basis = subject.basis is not Basis.NONE and not is_forged

    def install_time(file_class: FileClass) -> str:
        return fingerprint(planned[file_class]) if has_basis else NONE

    def run_time(file_class: FileClass) -> str:
        is_known = file_class not in unreadable and subject.basis is not Basis.NONE
        is_known = is_known and subject.header_status is not HeaderStatus.DAMAGED
        return fingerprint(present[file_class]) if is_known else NONE

    return PackageReport(
        subject.id,
        subject.header_status,
        subject.key_id,
        subject.basis,
        install_time(FileClass.SOFTWARE),
        run_time(FileClass.SOFTWARE),
        install_time(FileClass.CONFIGURATION),
        run_time(FileClass.CONFIGURATION),
        tuple(sorted(drifts, key=lambda each: each.path)),
        len(subject.claims),
        sum(claim.is_unverified for claim in subject.claims),
        subject.md5sums,
    )
