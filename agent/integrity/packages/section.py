"""The dossier's section `packages` (docs/dossier.md): the values of the last generation, or, before there is one, what
is installed without values.

The names are those of Cisco-IOS-XR-spirit-install-instmgr-oper where it has any. Packages are made as they are written:
a host may have many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from agent.clock import yang_date_and_time
from agent.host.contract import Host
from agent.integrity.errors import SourceUnavailableError
from agent.integrity.packages.dpkg_files import Basis
from agent.integrity.packages.fingerprint import ALGORITHM, NONE
from agent.integrity.packages.package_set import (
    DPKG,
    KEY_PACKAGE,
    RPM,
    PackageDatabase,
    PackageId,
    PackageReport,
    PackageSet,
    dpkg_id,
    read_databases,
    rpm_id,
)
from agent.integrity.readable import shown
from agent.integrity.sources.description import NODE_NAME
from agent.integrity.sources.dpkg import dpkg_packages
from agent.integrity.sources.rpm import rpm_packages

MODEL = "Cisco-IOS-XR-spirit-install-instmgr-oper"
REVISION = "2020-10-06"
#: The status before anything has been computed.
PENDING = "to-be-regenerated-at-apply"

Members = dict[str, Any]


def computed(found: PackageSet, time: datetime, status: str) -> Members:
    """The values of a generation. Raises SourceUnavailableError if no package database could be read."""
    members = {
        "fingerprint-timestamp": yang_date_and_time(time),
        "fingerprint-algorithm": ALGORITHM,
        "packages-fingerprint": found.fingerprint,
    }

    def packages(manager: str) -> Iterator[Members]:
        return (_report(report) for report in found.packages if report.id.manager == manager)

    return _node(status, members, found.databases, packages)


def listed(host: Host, status: str = PENDING) -> Members:
    """The packages without values. Raises SourceUnavailableError if there is no database, or none can be read."""
    databases, found = read_databases(_LISTS, lambda manager: _LISTS[manager](host))

    def packages(manager: str) -> Iterator[Members]:
        return ({**id_members(package), **_values(NONE, NONE)} for package in found[manager])

    return _node(status, {"fingerprint-algorithm": ALGORITHM}, databases, packages)


def _node(
    status: str,
    members: Members,
    databases: tuple[PackageDatabase, ...],
    packages: Callable[[str], Iterator[Members]],
) -> Members:
    # One database that can't be read must not look like success, unless another one could be.
    if all(database.reason for database in databases):
        raise SourceUnavailableError(databases[0].reason, databases[0].code)
    written = [
        {"type": database.manager, "result-code": database.code.value}
        | ({"reason": database.reason} if database.reason else {"package": packages(database.manager)})
        for database in databases
    ]
    node = {"node-name": NODE_NAME, "fingerprint-status": status, **members, "package-database": written}
    return {"node": [node]}


def _report(report: PackageReport) -> Members:
    members = id_members(report.id)
    if report.header_status is not None:
        members["header-status"] = report.header_status.value
    if report.key_id:
        members["gpg-key-id"] = report.key_id
    members["fingerprint-basis"] = report.basis.value
    members |= _values(report.install_time, report.run_time)
    if report.basis is Basis.FIRST_SIGHT:
        # For known good values, which can't know what was seen here.
        members["md5sums-fingerprint"] = report.md5sums
    if report.drift:
        members["drift"] = drift_members(report)
    return members


def drift_members(report: PackageReport) -> list[Members]:
    """The files that are not what the package says, and what has changed of each."""
    return [
        {"path": shown(each.path), "class": each.file_class.value, "change": list(each.changes)}
        for each in report.drift
    ]


def _values(install_time: str, run_time: str) -> Members:
    return {"rpm-fingerprint-install-time": install_time, "rpm-fingerprint-run-time": run_time}


def id_members(package: PackageId) -> Members:
    """What it is called; epoch and release only where there are any."""
    members = {
        "name": shown(package.name),
        "epoch": package.epoch,
        "version": shown(package.version),
        "release": shown(package.release),
        "architecture": shown(package.architecture),
    }
    return {name: value for name, value in members.items() if value}


_LISTS: dict[str, Callable[[Host], list[PackageId]]] = {
    DPKG: lambda host: [dpkg_id(each) for each in dpkg_packages(host)],
    RPM: lambda host: [rpm_id(each) for each in rpm_packages(host) if each.name != KEY_PACKAGE],
}
