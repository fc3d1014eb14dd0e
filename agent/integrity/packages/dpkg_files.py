"""What dpkg says of a package's files: MD5 digests in /var/lib/dpkg, which nobody has signed.

Modes, owners and links are not recorded there, so they are not claimed. A diverted file is looked for where it was put;
a path through a folder that has become a link (the merged /usr) leads there by itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from agent.host.contract import Host
from agent.host.errors import AbsentError, HostError
from agent.integrity.errors import unavailable
from agent.integrity.packages.fingerprint import FileClaim, FileClass, FileFacts
from agent.integrity.sources.dpkg import DpkgPackage, dpkg_packages

INFO = "/var/lib/dpkg/info"
_DIVERSIONS = "/var/lib/dpkg/diversions"
MAX_LIST_BYTES = 64 * 1024 * 1024
MAX_INFO_FILES = 2_000_000
_MD5_DIGITS = 32


class Basis(StrEnum):
    """What an install-time value is derived from."""

    RPM_HEADER = "rpm-header"
    MD5SUMS = "md5sums"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class DpkgFiles:
    """A package and its files; the basis is NONE if dpkg has no digests of it."""

    package: DpkgPackage
    basis: Basis
    claims: tuple[FileClaim, ...]


def read_dpkg(host: Host) -> Iterator[DpkgFiles]:
    """The packages of dpkg; raises SourceUnavailableError."""
    packages = dpkg_packages(host)
    try:
        names = frozenset(host.list_dir(INFO, MAX_INFO_FILES))
        diversions = read_diversions(host)
    except HostError as error:
        raise unavailable(error) from None
    for package in packages:
        candidates = (f"{package.name}:{package.architecture}.md5sums", f"{package.name}.md5sums")
        found = next((name for name in candidates if name in names), None)
        yield _files(host, package, found, diversions)


def _files(host: Host, package: DpkgPackage, found: str | None, diversions: dict[str, tuple[str, str]]) -> DpkgFiles:
    conffiles = dict(package.conffiles)
    claims = [
        md5_claim(path, digest, FileClass.CONFIGURATION, diverted_place(path, package.name, diversions))
        for path, digest in conffiles.items()
    ]
    if found is None:
        return DpkgFiles(package, Basis.NONE, tuple(claims))
    try:
        content = host.read_file(f"{INFO}/{found}", MAX_LIST_BYTES)
    except HostError:
        return DpkgFiles(package, Basis.NONE, tuple(claims))
    claims += [
        md5_claim(path, digest, FileClass.SOFTWARE, diverted_place(path, package.name, diversions))
        for path, digest in parse_md5sums(content)
        if path not in conffiles
    ]
    return DpkgFiles(package, Basis.MD5SUMS, tuple(claims))


def md5_claim(path: str, digest: str, file_class: FileClass, place: str = "") -> FileClaim:
    return FileClaim(path, FileFacts(None, None, None, digest, None), file_class, "md5", place)


def parse_md5sums(content: bytes) -> Iterator[tuple[str, str]]:
    """Absolute paths and digests of a file of md5sum(1)."""
    for line in content.split(b"\n"):
        digest, path = line[:_MD5_DIGITS], line[_MD5_DIGITS + 2 :].removeprefix(b"./").lstrip(b"/")
        if path and b"\0" not in path and len(digest) == _MD5_DIGITS:
            yield "/" + os.fsdecode(path), digest.decode("ascii", "replace").lower()


def read_diversions(host: Host) -> dict[str, tuple[str, str]]:
    """Diverted path -> where it is now, and the package whose file stands there instead (":" for none)."""
    try:
        lines = os.fsdecode(host.read_file(_DIVERSIONS, MAX_LIST_BYTES)).split("\n")
    except AbsentError:
        return {}
    triples = zip(lines[0::3], lines[1::3], lines[2::3], strict=False)
    return {path: (place, owner) for path, place, owner in triples if place.startswith("/") and "\0" not in place}


def diverted_place(path: str, package: str, diversions: dict[str, tuple[str, str]]) -> str:
    """Where a package's file is if it was diverted, else ""."""
    place, owner = diversions.get(path, ("", package))
    return "" if owner == package else place
