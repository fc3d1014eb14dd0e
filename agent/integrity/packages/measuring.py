"""What a package's files are now, and how that differs from what the package says of them.

Files that have not changed since they were hashed (same inode, size, and times of modification and change) are not
hashed again, if whoever asks allows that. All reading goes through the Host.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from agent.host.contract import FileStatus, Host
from agent.host.errors import AbsentError, HostError
from agent.integrity.packages import capabilities
from agent.integrity.packages.fingerprint import Absence, FileClaim, FileClass, FileFacts

_ACCOUNTS = {"user": "/etc/passwd", "group": "/etc/group"}
_ROOT = "root"
#: Files whose digests are remembered at most.
MAX_REMEMBERED = 2_000_000


@dataclass(frozen=True, slots=True)
class Drift:
    """A file that is not what its package says.

    Attributes:
        changes: "missing", "unreadable", "type", "contents", "link", "device", "mode", "user", "group",
            "capabilities": at least one, in this order.
    """

    path: str
    file_class: FileClass
    changes: tuple[str, ...]


class DigestCache:
    """Digests of files by where they are on the disk. Packed, because a host has a hundred thousand files."""

    def __init__(self) -> None:
        self._known: dict[int, bytes] = {}

    def forget(self) -> None:
        self._known.clear()

    def remember(self, status: FileStatus, algorithm: str, digest: bytes) -> None:
        """`digest` is that of the file that had this status."""
        place = _place(status)
        if place in self._known or len(self._known) < MAX_REMEMBERED:
            self._known[place] = _stamp(status, algorithm) + digest

    def digest(self, status: FileStatus, algorithm: str, read: Callable[[], bytes]) -> str:
        """The digest of the file of `status`: a remembered one if nothing has changed, else what `read` gives."""
        stamp = _stamp(status, algorithm)
        known = self._known.get(_place(status))
        if known is not None and known.startswith(stamp):
            return known[len(stamp) :].hex()
        found = read()
        self.remember(status, algorithm, found)
        return found.hex()


def _place(status: FileStatus) -> int:
    return status.device << 64 | status.inode


def _stamp(status: FileStatus, algorithm: str) -> bytes:
    """Of one length for each algorithm, and of no two that begin alike: the name is first."""
    return algorithm.encode() + _STAMP.pack(status.size, status.modified_ns, status.changed_ns)


_STAMP = struct.Struct("=xQqq")


@dataclass(slots=True)
class Measurer:
    """Measures files of one host; made anew for each round, because it remembers the names of owners."""

    host: Host
    digests: DigestCache
    _names: dict[str, dict[int, list[str]]] = field(default_factory=dict)

    def measure(self, claim: FileClaim) -> FileFacts | Absence:
        """The facts of the claim's file, as far as they are claimed."""
        if claim.is_replaced:
            return claim.facts
        try:
            return self._facts(claim, self.host.stat(claim.where, follow=False))
        except AbsentError:
            return claim.facts if claim.may_be_missing else Absence.MISSING
        except (HostError, capabilities.CapabilityError):
            return Absence.UNREADABLE

    def everything(self, where: str, status: FileStatus, value: str) -> FileFacts:
        """All facts of what is at a path and has this status, but the value; raises HostError, CapabilityError."""
        caps = ""
        if stat.S_ISREG(status.file_type):
            caps = capabilities.from_attribute(self.host.attribute(where, capabilities.ATTRIBUTE))
        owners = self._name("user", status.user, ""), self._name("group", status.group, "")
        return FileFacts(status.file_type | status.mode, *owners, value, caps)

    def _facts(self, claim: FileClaim, status: FileStatus) -> FileFacts | Absence:
        claimed = claim.facts
        is_regular = stat.S_ISREG(status.file_type)
        value: str | None = None
        # What a ghost has in it is nobody's claim.
        if claimed.value is not None and claim.file_class is not FileClass.GHOST:
            if is_regular and claim.digest is None:
                return Absence.UNREADABLE
            value = self._value(claim, status)
        caps: str | None = None
        if claimed.capabilities is not None:
            attribute = self.host.attribute(claim.where, capabilities.ATTRIBUTE) if is_regular else None
            caps = capabilities.from_attribute(attribute)
        override = claim.override
        mode: int | None = None
        if claimed.mode is not None:
            mode = status.file_type | status.mode
            if override is not None:
                mode = _exchanged(mode, claimed.mode, status.file_type | override.permissions)
        return FileFacts(
            mode,
            self._owner("user", status.user, claimed.user, None if override is None else override.user),
            self._owner("group", status.group, claimed.group, None if override is None else override.group),
            value,
            caps,
        )

    def owner(self, kind: str, text: str) -> str:
        """The name that dpkg means by a name or "#number"; the decimal number where there is no name."""
        number = text.removeprefix("#")
        return self._name(kind, int(number), "") if number != text and number.isdecimal() else text

    def _owner(self, kind: str, number: int, claimed: str | None, override: str | None) -> str | None:
        if claimed is None:
            return None
        found = self._name(kind, number, claimed)
        if override is None:
            return found
        overriding = self.owner(kind, override)
        if self._name(kind, number, overriding) == overriding:
            found = overriding
        return _exchanged(found, claimed, overriding)

    def _value(self, claim: FileClaim, status: FileStatus) -> str:
        where = claim.where
        if stat.S_ISREG(status.file_type):
            algorithm = claim.digest or ""
            return self.digests.digest(status, algorithm, lambda: self.host.digest_file(where, algorithm))
        return self.small_value(where, status)

    def small_value(self, where: str, status: FileStatus) -> str:
        """The value of what is no regular file; raises HostError."""
        if stat.S_ISLNK(status.file_type):
            return self.host.read_link(where)
        if stat.S_ISCHR(status.file_type) or stat.S_ISBLK(status.file_type):
            return f"{os.major(status.device_number)}:{os.minor(status.device_number)}"
        return ""

    def _name(self, kind: str, number: int, claimed: str) -> str:
        """The claimed name if it is one of the number's, else the first one, else the number."""
        if kind not in self._names:
            self._names[kind] = self._accounts(_ACCOUNTS[kind])
        names = self._names[kind].get(number, [])
        if claimed in names:
            return claimed
        return names[0] if names else str(number)

    def _accounts(self, path: str) -> dict[int, list[str]]:
        names: dict[int, list[str]] = {0: [_ROOT]}
        try:
            content = os.fsdecode(self.host.read_file(path))
        except HostError:
            return names
        for each in content.splitlines():
            fields = each.split(":")
            if len(fields) > 2 and fields[2].isascii() and fields[2].isdigit():
                names.setdefault(int(fields[2]), []).append(fields[0])
        return names


_T = TypeVar("_T", int, str)


def _exchanged(found: _T, claimed: _T, overriding: _T) -> _T:
    """What is found, as if the file were claimed to be as the override has it: so a file that follows the override is
    what it should be, and one that is as it was packaged is not."""
    if found == overriding:
        return claimed
    return overriding if found == claimed else found


def drift(claim: FileClaim, found: FileFacts | Absence) -> Drift | None:
    """How `found` differs from the claim; None if it does not."""
    if isinstance(found, Absence):
        if found is Absence.MISSING and claim.file_class is FileClass.GHOST:
            return None
        return Drift(claim.path, claim.file_class, (found.value,))
    claimed = claim.facts
    if claim.file_class is FileClass.GHOST:
        claimed = replace(claimed, value=None)
    changes = []
    if claimed.mode != found.mode and claimed.mode is not None and found.mode is not None:
        if stat.S_IFMT(claimed.mode) != stat.S_IFMT(found.mode):
            changes.append("type")
        if stat.S_IMODE(claimed.mode) != stat.S_IMODE(found.mode):
            changes.append("mode")
    if claimed.value != found.value:
        changes.append(_kind_of_value(claimed.mode))
    changes += [name for name in ("user", "group", "capabilities") if getattr(claimed, name) != getattr(found, name)]
    return Drift(claim.path, claim.file_class, tuple(sorted(changes, key=CHANGES.index))) if changes else None


CHANGES = (
    "missing",
    "unreadable",
    "type",
    "contents",
    "link",
    "device",
    "mode",
    "user",
    "group",
    "capabilities",
)


def _kind_of_value(mode: int | None) -> str:
    if mode is None or stat.S_ISREG(mode):
        return "contents"
    return "link" if stat.S_ISLNK(mode) else "device"
