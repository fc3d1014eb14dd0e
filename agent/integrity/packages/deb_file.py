"""What is in a Debian package (deb(5)): an ar archive of two tar archives, control files and data.

What counts is what is in the package, not what it says that there is: digests are of the files in it.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import os
import stat
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import zstandard

from agent.integrity.packages import capabilities
from agent.integrity.packages.capabilities import CapabilityError

AR_MAGIC = b"!<arch>\n"
_AR_HEADER_BYTES = 60
MAX_MEMBERS = 32
#: Of the control files, and the digests among them.
MAX_CONTROL_BYTES = 64 * 1024 * 1024
#: Of all files in it.
MAX_DATA_BYTES = 64 * 1024 * 1024 * 1024
MAX_FILES = 1_000_000
#: Memory that a packer may make its unpacker use; packages need 8 MiB (64 MiB with --ultra).
MAX_WINDOW_BYTES = 128 * 1024 * 1024
_CHUNK = 1024 * 1024
#: Where tar keeps the attribute of file capabilities.
_XATTR = f"SCHILY.xattr.{capabilities.ATTRIBUTE}"

_TYPES: dict[bytes, int] = {
    tarfile.DIRTYPE: stat.S_IFDIR,
    tarfile.SYMTYPE: stat.S_IFLNK,
    tarfile.CHRTYPE: stat.S_IFCHR,
    tarfile.BLKTYPE: stat.S_IFBLK,
    tarfile.FIFOTYPE: stat.S_IFIFO,
}


class DebError(Exception):
    """The file is not a Debian package, or a damaged one; the text says what, for a person."""


@dataclass(frozen=True, slots=True)
class DebEntry:
    """One file of a package.

    Attributes:
        path: absolute; bytes that are no UTF-8 are surrogates, as os.fsdecode makes them.
        mode: with the bits of the type.
        user, group: by name, or the number where there is no name.
        value: of a link its target, of a device file "major:minor", of a regular file "".
        digests: of a regular file, lower-case hexadecimal, by algorithm.
        capabilities: in the form of capabilities.py.
    """

    path: str
    mode: int
    user: str
    group: str
    value: str
    digests: Mapping[str, str]
    capabilities: str


@dataclass(frozen=True, slots=True)
class Deb:
    """A package.

    Attributes:
        fields: of its control file.
        conffiles: paths of its configuration files.
        md5sums: the list of digests that comes with it; None if there is none.
        entries: everything that is in it, folders too.
    """

    fields: Mapping[str, str]
    conffiles: frozenset[str]
    md5sums: bytes | None
    entries: tuple[DebEntry, ...]


def read_deb(file: IO[bytes], algorithms: tuple[str, ...], is_stopped: Callable[[], bool] = lambda: False) -> Deb:
    """The package in a file that can be sought in. Raises DebError, OSError."""
    try:
        members = _ar_members(file)
        with _tar(file, members, "control.tar") as archive:
            control = _control_files(archive)
        with _tar(file, members, "data.tar") as archive:
            entries = tuple(_entries(archive, algorithms, is_stopped))
    except (
        tarfile.TarError,
        lzma.LZMAError,
        zlib.error,
        zstandard.ZstdError,
        CapabilityError,
        EOFError,
        ValueError,
        KeyError,
        MemoryError,
    ):
        raise DebError("the package is damaged") from None
    fields = _fields(control["control"])
    if not {"Package", "Version", "Architecture"} <= fields.keys():
        raise DebError("its control file does not say what it is")
    lines = os.fsdecode(control.get("conffiles", b"")).splitlines()
    conffiles = frozenset(line.split()[-1] for line in lines if line.strip())
    return Deb(fields, conffiles, control.get("md5sums"), entries)


def _ar_members(file: IO[bytes]) -> dict[str, tuple[int, int]]:
    """Name -> offset and size of the members of an ar archive."""
    members: dict[str, tuple[int, int]] = {}
    file.seek(0)
    if file.read(len(AR_MAGIC)) != AR_MAGIC:
        raise DebError("this is no Debian package")
    while len(header := file.read(_AR_HEADER_BYTES)) == _AR_HEADER_BYTES:
        name, size = header[:16].decode("ascii").strip().rstrip("/"), int(header[48:58])
        if size < 0 or len(members) >= MAX_MEMBERS:
            raise DebError("the package is damaged")
        members.setdefault(name, (file.tell(), size))
        file.seek(size + size % 2, io.SEEK_CUR)
    return members


@contextmanager
def _tar(file: IO[bytes], members: Mapping[str, tuple[int, int]], stem: str) -> Iterator[tarfile.TarFile]:
    name = next((name for name in members if name.startswith(stem)), None)
    if name is None:
        raise DebError(f"it has no {stem}")
    offset, size = members[name]
    file.seek(offset)
    window: Any = _Window(file, size)
    mode = "r|*"
    if name.endswith(".zst"):
        decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES)
        window, mode = decompressor.stream_reader(window, read_across_frames=True), "r|"
    with tarfile.open(fileobj=window, mode=mode) as archive:  # type: ignore[call-overload]
        yield archive


class _Window(io.RawIOBase):
    """The next bytes of a file as a stream of their own."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._left = size

    def read(self, size: int = -1) -> bytes:
        part = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(part)
        return part


def _control_files(archive: tarfile.TarFile) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    left = MAX_CONTROL_BYTES
    for member in archive:
        name = member.name.removeprefix("./")
        if name in ("control", "md5sums", "conffiles") and member.isreg():
            left -= member.size
            content = archive.extractfile(member) if left >= 0 else None
            if content is None:
                raise DebError("its control files are too large")
            files[name] = content.read()
    if "control" not in files:
        raise DebError("it has no control file")
    return files


def _fields(control: bytes) -> dict[str, str]:
    pairs = (line.partition(":") for line in control.decode("utf-8", "replace").splitlines() if line[:1].strip())
    return {name: value.strip() for name, _, value in pairs}


def _entries(
    archive: tarfile.TarFile, algorithms: tuple[str, ...], is_stopped: Callable[[], bool]
) -> Iterator[DebEntry]:
    regular: dict[str, DebEntry] = {}
    left = MAX_DATA_BYTES
    for number, member in enumerate(archive):
        # tarfile remembers every member that it has seen.
        archive.members = []  # type: ignore[attr-defined]
        path = _path(member.name)
        if number >= MAX_FILES or left < member.size:
            raise DebError("it is too large")
        left -= member.size
        digests: dict[str, str] = {}
        value = ""
        if member.islnk():
            yield _renamed(regular[_path(member.linkname)], path)
            continue
        if member.isreg():
            digests = _digests(archive, member, algorithms, is_stopped)
        elif member.issym():
            value = member.linkname
        elif member.ischr() or member.isblk():
            value = f"{member.devmajor}:{member.devminor}"
        attribute = member.pax_headers.get(_XATTR)
        kind = _TYPES.get(member.type, stat.S_IFREG)
        entry = DebEntry(
            path,
            # Links have no permissions of their own: Linux gives them all.
            kind | (0o777 if kind == stat.S_IFLNK else member.mode & 0o7777),
            member.uname or str(member.uid),
            member.gname or str(member.gid),
            value,
            digests,
            capabilities.from_attribute(None if attribute is None else os.fsencode(attribute)),
        )
        if member.isreg():
            regular[path] = entry
        yield entry


def _path(name: str) -> str:
    return "/" + name.removeprefix("./").strip("/")


def _renamed(entry: DebEntry, path: str) -> DebEntry:
    return DebEntry(path, entry.mode, entry.user, entry.group, entry.value, entry.digests, entry.capabilities)


def _digests(
    archive: tarfile.TarFile, member: tarfile.TarInfo, algorithms: tuple[str, ...], is_stopped: Callable[[], bool]
) -> dict[str, str]:
    content = archive.extractfile(member)
    if content is None:
        raise DebError("the package is damaged")
    running = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
    left = member.size
    while part := content.read(_CHUNK):
        left -= len(part)
        for digest in running.values():
            digest.update(part)
        if is_stopped():
            raise DebError("reading it was stopped")
    if left:
        raise DebError("the package is damaged")
    return {name: digest.hexdigest() for name, digest in running.items()}
