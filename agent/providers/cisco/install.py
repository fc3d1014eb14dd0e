"""Cisco-IOS-XR-spirit-install-instmgr-oper and Cisco-IOS-XR-install-oper: the packages with their fingerprints.

The two modules have the same nodes for different platforms; what runs and what is committed are the same packages here.
"""

from __future__ import annotations

import contextlib
from typing import Final

from agent import __version__
from agent.host.contract import Host
from agent.host.errors import HostError
from agent.integrity.packages.package_set import PackageReport
from agent.integrity.readable import shown
from agent.integrity.sections import asctime
from agent.integrity.sources.description import NODE_NAME
from agent.integrity.sources.identity import product_id
from agent.northbound.contract import Record, StateQuery
from agent.northbound.registry import Registry
from agent.providers.packages.watch import FingerprintWatch

MODULES: Final = ("Cisco-IOS-XR-spirit-install-instmgr-oper", "Cisco-IOS-XR-install-oper")
_SETS: Final = ("active", "committed")


class InstallState:
    def __init__(self, watch: FingerprintWatch, host: Host) -> None:
        self._watch = watch
        self._host = host

    def summary(self, query: StateQuery) -> Record:
        latest = self._watch.latest
        record: Record = {"rpm-fingerprint-status": self._watch.status.value}
        if latest is not None:
            record["rpm-fingerprint-timestamp"] = asctime(latest.time)
        record["label"] = __version__
        if query.wants("package"):
            record["package"] = [_package(report) for report in self._packages()]
        return record

    def nodes(self, query: StateQuery) -> list[Record]:
        return [{"node": NODE_NAME, **self.summary(query)}]

    def version(self, query: StateQuery) -> Record:
        record: Record = {
            "label": __version__,
            "hardware-info": f"cisco {product_id(self._host)} () processor",
            "location": NODE_NAME,
        }
        with contextlib.suppress(HostError):
            record["xr-host-name"] = shown(self._host.uname().node)
        if query.wants("package"):
            record["package"] = [
                {"name": shown(report.id.name), "version": shown(report.id.version)} for report in self._packages()
            ]
        return record

    def _packages(self) -> tuple[PackageReport, ...]:
        latest = self._watch.latest
        return () if latest is None or latest.packages is None else latest.packages.packages


def register(registry: Registry, watch: FingerprintWatch, host: Host) -> None:
    state = InstallState(watch, host)
    for module in MODULES:
        top = f"/{module}:install"
        for name in _SETS:
            registry.state(f"{top}/packages/{name}/summary", state.summary)
            registry.state(f"{top}/packages/{name}/nodes/node", state.nodes)
        registry.state(f"{top}/version", state.version)
        registry.state(f"{top}/prepare", _nothing)


def _nothing(query: StateQuery) -> None:
    return None


def _package(report: PackageReport) -> Record:
    record: Record = {
        "name": shown(report.id.name),
        "version": shown(report.id.version),
        "release": shown(report.id.release),
        "gpg-key-id": report.key_id,
        "rpm-fingerprint": {
            "rpm-fingerprint-install-time": report.install_time,
            "rpm-fingerprint-run-time": report.run_time,
        },
        "architecture": shown(report.id.architecture),
        "epoch": report.id.epoch,
    }
    return {name: value for name, value in record.items() if value}
