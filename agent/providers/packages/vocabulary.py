"""Packages in the words of trustconf-integrity. Names and paths may hold any bytes; what XML can't say is escaped."""

from __future__ import annotations

from agent.integrity.packages.package_set import PackageId
from agent.northbound.contract import Record


def shown(text: str) -> str:
    """`text` with backslashes, control characters and bytes that are no UTF-8 as \\xNN."""
    readable = text.replace("\\", r"\x5c").encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(each if each.isprintable() else _escaped(each) for each in readable)


def _escaped(character: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in character.encode())


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
