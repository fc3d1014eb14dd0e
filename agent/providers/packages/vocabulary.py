"""Packages in the words of trustconf-integrity."""

from __future__ import annotations

from agent.integrity.packages.package_set import PackageId
from agent.integrity.readable import shown
from agent.northbound.contract import Record


def id_record(package: PackageId) -> Record:
    """The leaves that say which package it is; empty ones are left out."""
    leaves = {
        "manager": package.manager,
        "name": shown(package.name),
        "epoch": package.epoch,
        "version": shown(package.version),
        "release": shown(package.release),
        "architecture": shown(package.architecture),
    }
    return {name: value for name, value in leaves.items() if value}
