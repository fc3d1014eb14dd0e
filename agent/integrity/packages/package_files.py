"""Package files, .rpm and .deb: what a package that is installed from one has as its install-time value.

For whoever makes known good values, not for the agent: files are read from where they are.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import os
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from agent.integrity.errors import SourceUnavailableError
from agent.integrity.packages.dpkg_files import Basis, md5_claim, parse_md5sums
from agent.integrity.packages.fingerprint import FileClass, install_time
from agent.integrity.packages.openpgp import Keyring
from agent.integrity.packages.package_set import PackageId, debian_id, rpm_id
from agent.integrity.packages.rpm_files import HeaderStatus, read_package
from agent.integrity.sources.rpm_header import MAGIC, RpmHeader, header_length

_RPM_MAGIC = b"\xed\xab\xee\xdb"
_LEAD_BYTES = 96
_ALIGNMENT = 8
#: Headers of a package file that are read at most; the largest known have some tens of MiB.
MAX_HEADERS_BYTES = 512 * 1024 * 1024

_AR_MAGIC = b"!<arch>\n"
_AR_HEADER_BYTES = 60
#: Of a Debian package, its control files and the digests among them.
_CHUNK = 1024 * 1024
MAX_CONTROL_BYTES = 64 * 1024 * 1024


class PackageFileError(Exception):
    """The file is not a package, or a damaged one; the text says what, for a person."""


@dataclass(frozen=True, slots=True)
class PackageFile:
    """What a package file says.

    Attributes:
        basis: what an installed package must have its value from to be compared.
        value: its install-time fingerprint.
        key_id: of the key that the signature names, "" if there is none.
    """

    id: PackageId
    basis: Basis
    value: str
    key_id: str


def read_package_file(path: Path) -> PackageFile:
    """The package in a file; raises PackageFileError, OSError."""
    try:
        with path.open("rb") as file:
            start = file.read(len(_AR_MAGIC))
            file.seek(0)
            if start.startswith(_RPM_MAGIC):
                return _rpm(file)
            if start == _AR_MAGIC:
                return _deb(file)
    except SourceUnavailableError as error:
        raise PackageFileError(error.reason) from None
    except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, ValueError, KeyError):
        raise PackageFileError("the package is damaged") from None
    raise PackageFileError("this is neither an rpm nor a Debian package")


def _rpm(file: IO[bytes]) -> PackageFile:
    content = file.read(MAX_HEADERS_BYTES)
    signature, end = _header(content, _LEAD_BYTES)
    header, _ = _header(content, end + -end % _ALIGNMENT)
    found = read_package(header, signature, Keyring())
    if found.status is HeaderStatus.BAD_DIGEST:
        raise PackageFileError("its header is not the one that its digest is of")
    return PackageFile(rpm_id(found.package), Basis.RPM_HEADER, install_time(found.claims), found.key_id)


def _header(content: bytes, position: int) -> tuple[RpmHeader, int]:
    if not content.startswith(MAGIC, position):
        raise PackageFileError("there is no header where one should be")
    start = position + len(MAGIC)
    end = start + header_length(content, start)
    return RpmHeader(content[start:end]), end


def _deb(file: IO[bytes]) -> PackageFile:
    members = _ar_members(file)
    control = _control_files(_tar(file, members, "control.tar"))
    fields = _fields(control["control"])
    conffiles = {line.split()[-1] for line in os.fsdecode(control.get("conffiles", b"")).splitlines() if line.strip()}
    listed = [path for path, _ in parse_md5sums(control["md5sums"])] if "md5sums" in control else None
    # What counts is what is in the package, not what it says that there is.
    digests = _digests(_tar(file, members, "data.tar"))
    paths = set(digests) if listed is None else set(listed)
    if not paths <= set(digests):
        raise PackageFileError("it lists digests of files that it does not have")
    claims = [md5_claim(path, digests[path], FileClass.SOFTWARE) for path in paths - conffiles]
    package = debian_id(fields["Package"], fields["Version"], fields["Architecture"])
    return PackageFile(package, Basis.MD5SUMS, install_time(claims), "")


def _ar_members(file: IO[bytes]) -> dict[str, tuple[int, int]]:
    """Name -> offset and size of the members of an ar archive."""
    members: dict[str, tuple[int, int]] = {}
    file.seek(len(_AR_MAGIC))
    while len(header := file.read(_AR_HEADER_BYTES)) == _AR_HEADER_BYTES:
        name, size = header[:16].decode("ascii").strip().rstrip("/"), int(header[48:58])
        members[name] = (file.tell(), size)
        file.seek(size + size % 2, io.SEEK_CUR)
    return members


def _tar(file: IO[bytes], members: Mapping[str, tuple[int, int]], stem: str) -> tarfile.TarFile:
    name = next((name for name in members if name.startswith(stem)), None)
    if name is None:
        raise PackageFileError(f"it has no {stem}")
    if name.endswith(".zst"):
        raise PackageFileError("it is compressed with Zstandard, which is not supported")
    offset, size = members[name]
    file.seek(offset)
    return tarfile.open(fileobj=_Window(file, size), mode="r|*")


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
                raise PackageFileError("its control files are too large")
            files[name] = content.read()
    if "control" not in files:
        raise PackageFileError("it has no control file")
    return files


def _fields(control: bytes) -> dict[str, str]:
    pairs = (line.partition(":") for line in control.decode("utf-8", "replace").splitlines() if line[:1].strip())
    return {name: value.strip() for name, _, value in pairs}


def _digests(archive: tarfile.TarFile) -> dict[str, str]:
    """MD5 digests of the regular files, hard links included."""
    digests: dict[str, str] = {}
    for member in archive:
        path = "/" + member.name.removeprefix("./").lstrip("/")
        if member.islnk():
            digests[path] = digests["/" + member.linkname.removeprefix("./").lstrip("/")]
        elif member.isreg():
            content = archive.extractfile(member)
            if content is None:
                raise PackageFileError("the package is damaged")
            digest = hashlib.md5(usedforsecurity=False)
            while part := content.read(_CHUNK):
                digest.update(part)
            digests[path] = digest.hexdigest()
    return digests
