"""What a scan looks at, and what it leaves alone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from agent.host.contract import Host
from agent.host.errors import HostError

#: Folders that the kernel or the boot makes up.
ALWAYS_SKIPPED: Final = (b"/proc", b"/sys", b"/dev", b"/run")
#: File systems that have no files of their own, and those that are on another machine.
# fmt: off
_PSEUDO: Final = frozenset((
    "autofs", "binder", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs",
    "efivarfs", "fusectl", "hugetlbfs", "mqueue", "nsfs", "proc", "pstore", "ramfs", "rpc_pipefs", "securityfs",
    "selinuxfs", "smackfs", "sysfs", "tracefs",
))
_REMOTE: Final = frozenset((
    "9p", "afs", "beegfs", "ceph", "cifs", "coda", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "smb3", "smbfs",
    "virtiofs",
))
# fmt: on
_MOUNTS: Final = "/proc/self/mountinfo"
_MAX_MOUNTS_BYTES: Final = 8 * 1024 * 1024
DEFAULT_MAX_FILE_BYTES: Final = 4096 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Scope:
    """The files of a scan.

    Attributes:
        folders: where it begins; absolute, without a slash at the end; b"" for the root folder.
        skipped: absolute paths of folders and files that are left out, with all that is in them.
        max_file_bytes: larger files have no digest.
        own: device and inode of folders that are left out wherever they are: the agent's own.
    """

    folders: tuple[bytes, ...] = (b"",)
    skipped: Collection[bytes] = ()
    max_file_bytes: int = DEFAULT_MAX_FILE_BYTES
    own: frozenset[tuple[int, int]] = frozenset()

    @property
    def stamp(self) -> bytes:
        """A value that is another one when the scope is: then what is missing was not deleted."""
        digest = hashlib.sha256()
        for each in (*sorted(self.folders), b"", *sorted(self.skipped)):
            digest.update(each + b"\0")
        return digest.digest()


@dataclass(slots=True)
class Skipping:
    """A scope on a certain machine, ready for fast questions."""

    own: frozenset[tuple[int, int]]
    names: dict[bytes, frozenset[bytes]] = field(default_factory=dict)
    devices: frozenset[int] = frozenset()

    @classmethod
    def of(cls, scope: Scope, host: Host) -> Skipping:
        names: dict[bytes, set[bytes]] = {}
        for path in (*ALWAYS_SKIPPED, *scope.skipped):
            folder, _, name = path.rpartition(b"/")
            names.setdefault(folder, set()).add(name)
        return cls(scope.own, {folder: frozenset(each) for folder, each in names.items()}, _devices(host))

    def in_folder(self, folder: bytes) -> frozenset[bytes]:
        """The names in a folder that are left out."""
        return self.names.get(folder, frozenset())

    def is_foreign(self, status: os.stat_result, device: int) -> bool:
        """Whether a folder in one on `device` is on a file system that is left out, or is the agent's own."""
        is_elsewhere = status.st_dev != device and status.st_dev in self.devices
        return is_elsewhere or (status.st_dev, status.st_ino) in self.own


def _devices(host: Host) -> frozenset[int]:
    """The devices of pseudo and remote file systems, by proc(5): "36 35 98:0 /root /mnt rw - ext3 /dev/root rw"."""
    try:
        content = host.read_file(_MOUNTS, _MAX_MOUNTS_BYTES)
    except HostError:
        return frozenset()
    return frozenset(_foreign(content.decode("utf-8", "replace").splitlines()))


def _foreign(lines: Iterable[str]) -> Iterable[int]:
    for line in lines:
        words, _, rest = line.partition(" - ")
        before, after = words.split(" "), rest.split(" ")
        kind = after[0]
        if len(before) < 5 or not (kind in _PSEUDO or kind in _REMOTE or kind.startswith("fuse.")):
            continue
        major, _, minor = before[2].partition(":")
        if major.isdecimal() and minor.isdecimal():
            yield os.makedev(int(major), int(minor))
