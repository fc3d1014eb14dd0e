"""The fingerprint fp1 (docs/fingerprint.md): a line for each file, sorted; the SHA-256 of all of them.

Nothing in here reads a file. A field that is None is not part of what is claimed, and stands as "-" on both sides.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum

ALGORITHM = "fp1"
#: What stands for a value that there is none of.
NONE = "0"
_NOT_CLAIMED = "-"
_MISSING = "missing"


class FileClass(StrEnum):
    """What a file is to its package: only software is in the fingerprint."""

    SOFTWARE = "software"
    CONFIGURATION = "configuration"
    GHOST = "ghost"


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One file, as it should be or as it is.

    Attributes:
        mode: with the bits of the type, as in stat(2).
        user, group: by name, or the decimal number where there is no name.
        value: lower-case hexadecimal digest of a regular file, target of a link, "major:minor" of a device file,
            "" of everything else.
        capabilities: in the form of capabilities.py.
    """

    mode: int | None
    user: str | None
    group: str | None
    value: str | None
    capabilities: str | None


class Absence(Enum):
    """What is found in place of a file's facts."""

    MISSING = "missing"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Override:
    """Owner, group and permissions that dpkg-statoverride has set for a file; names may be "#number"."""

    user: str
    group: str
    permissions: int


@dataclass(frozen=True, slots=True)
class FileClaim:
    """What a package says of one of its files.

    Attributes:
        path: absolute; bytes that are no UTF-8 are surrogates, as os.fsdecode makes them.
        place: where to look for it: another path if it was diverted.
        digest: hashlib's name of the algorithm of `facts.value` of a regular file; None if that is not supported.
        may_be_missing: rpm was told not to install it: its absence is no change.
        is_replaced: another package's file stands there by rpm's leave: what it is, is not compared.
        override: what was set for the file on this machine, in place of what the package says.
    """

    path: str
    facts: FileFacts
    file_class: FileClass = FileClass.SOFTWARE
    digest: str | None = "sha256"
    place: str = ""
    may_be_missing: bool = False
    is_replaced: bool = False
    override: Override | None = None

    @property
    def is_unverified(self) -> bool:
        """Whether notes on this machine, which nobody has signed, have a say in how it is compared."""
        return self.may_be_missing or self.is_replaced or self.override is not None

    @property
    def where(self) -> str:
        return self.place or self.path


Line = bytes


def line(path: str, facts: FileFacts | Absence) -> Line:
    """The line of a file."""
    if isinstance(facts, Absence):
        return os.fsencode(f"{path}\0{_MISSING}\0\0\0\0\n")
    mode = _NOT_CLAIMED if facts.mode is None else f"{facts.mode:o}"
    user = _NOT_CLAIMED if facts.user is None else facts.user
    group = _NOT_CLAIMED if facts.group is None else facts.group
    value = _NOT_CLAIMED if facts.value is None else facts.value
    caps = _NOT_CLAIMED if facts.capabilities is None else facts.capabilities
    return os.fsencode(f"{path}\0{mode}\0{user}\0{group}\0{value}\0{caps}\n")


def fingerprint(lines: Iterable[Line]) -> str:
    """64 lower-case hexadecimal digits."""
    digest = hashlib.sha256()
    for each in sorted(lines):
        digest.update(each)
    return digest.hexdigest()


def install_time(claims: Iterable[FileClaim], file_class: FileClass = FileClass.SOFTWARE) -> str:
    """The fingerprint of the files of a class as they should be."""
    return fingerprint(line(claim.path, claim.facts) for claim in claims if claim.file_class is file_class)
