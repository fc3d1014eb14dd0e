"""Packages in the words of trustconf-integrity."""

from __future__ import annotations

from agent.integrity.packages.package_set import PackageId
from agent.integrity.packages.section import id_members
from agent.northbound.contract import Record


def id_record(package: PackageId) -> Record:
    """The leaves that say which package it is; empty ones are left out."""
    return {"manager": package.manager, **id_members(package)}
