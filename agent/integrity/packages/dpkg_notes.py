"""What was set for single files on this machine: dpkg's diversions and overrides of owners and modes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from agent.host.contract import Host
from agent.host.errors import AbsentError
from agent.integrity.packages.fingerprint import FileClaim, Override

DIVERSIONS = "/var/lib/dpkg/diversions"
OVERRIDES = "/var/lib/dpkg/statoverride"
MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class DpkgNotes:
    """Attributes:
    diversions: path -> where it is now, and the package whose file stands there instead (":" for none).
    overrides: path -> owner and mode.
    """

    diversions: dict[str, tuple[str, str]] = field(default_factory=dict)
    overrides: dict[str, Override] = field(default_factory=dict)

    def applied(self, package: str, claims: Iterable[FileClaim]) -> tuple[FileClaim, ...]:
        """The claims of a package with what was set for its files."""
        noted = self.diversions.keys() | self.overrides.keys()
        return tuple(self._applied(package, claim) if claim.path in noted else claim for claim in claims)

    def _applied(self, package: str, claim: FileClaim) -> FileClaim:
        place = diverted_place(claim.path, package, self.diversions)
        # An override is for what stands at the path itself.
        return replace(claim, place=place, override=None if place else self.overrides.get(claim.path))


def read_notes(host: Host) -> DpkgNotes:
    """The notes of this host; raises HostError."""
    overrides = {}
    for line in _lines(host, OVERRIDES):
        words = line.split(" ", 3)
        if len(words) == 4 and words[2] and set(words[2]) <= set("01234567"):
            overrides[words[3]] = Override(words[0], words[1], int(words[2], 8) & 0o7777)
    return DpkgNotes(read_diversions(host), overrides)


def read_diversions(host: Host) -> dict[str, tuple[str, str]]:
    """Diverted path -> where it is now, and the package whose file stands there instead (":" for none)."""
    lines = _lines(host, DIVERSIONS)
    triples = zip(lines[0::3], lines[1::3], lines[2::3], strict=False)
    return {path: (place, owner) for path, place, owner in triples if place.startswith("/") and "\0" not in place}


def diverted_place(path: str, package: str, diversions: dict[str, tuple[str, str]]) -> str:
    """Where a package's file is if it was diverted, else ""."""
    place, owner = diversions.get(path, ("", package))
    return "" if owner == package else place


def _lines(host: Host, path: str) -> list[str]:
    try:
        return os.fsdecode(host.read_file(path, MAX_BYTES)).split("\n")
    except AbsentError:
        return []
