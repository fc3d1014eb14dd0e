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
from agent.host.errors import HostError
from agent.integrity.errors import unavailable
from agent.integrity.packages.dpkg_notes import read_notes
from agent.integrity.packages.fingerprint import FileClaim, FileClass, FileFacts, install_time
from agent.integrity.sources.dpkg import DpkgPackage, dpkg_packages

INFO = "/var/lib/dpkg/info"
MAX_LIST_BYTES = 64 * 1024 * 1024
MAX_INFO_FILES = 2_000_000
_MD5_DIGITS = 32


class Basis(StrEnum):
    """What an install-time value is derived from."""

    RPM_HEADER = "rpm-header"
    DEB = "deb"
    FIRST_SIGHT = "first-sight"
    MD5SUMS = "md5sums"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class DpkgFiles:
    """A package and its files.

    Attributes:
        basis: NONE if dpkg has no digests of it.
        md5sums: the install-time value by the digests of dpkg; "" if it is not known.
        is_first_sight: the claims were made right now, from the files as they are.
    """

    package: DpkgPackage
    basis: Basis
    claims: tuple[FileClaim, ...]
    md5sums: str = ""
    is_first_sight: bool = False


class DpkgDatabase:
    """The database as it is when this is made; raises SourceUnavailableError."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.packages = dpkg_packages(host)
        try:
            self._names = frozenset(host.list_dir(INFO, MAX_INFO_FILES))
            self.notes = read_notes(host)
        except HostError as error:
            raise unavailable(error) from None

    def files(self, package: DpkgPackage) -> DpkgFiles:
        """A package with the digests of dpkg."""
        conffiles = dict(package.conffiles)
        claims = [md5_claim(path, digest, FileClass.CONFIGURATION) for path, digest in conffiles.items()]
        basis = Basis.NONE
        try:
            content = self._host.read_file(self._info(package, "md5sums"), MAX_LIST_BYTES)
        except HostError:
            pass
        else:
            basis = Basis.MD5SUMS
            claims += [
                md5_claim(path, digest, FileClass.SOFTWARE)
                for path, digest in parse_md5sums(content)
                if path not in conffiles
            ]
        md5sums = "" if basis is Basis.NONE else install_time(claims)
        return DpkgFiles(package, basis, self.notes.applied(package.name, claims), md5sums)

    def stamp(self, package: DpkgPackage) -> str:
        """Another one whenever dpkg has unpacked the package again; "" if that can't be told."""
        try:
            status = self._host.stat(self._info(package, "list"))
        except HostError:
            return ""
        return f"{status.modified_ns}.{status.size}"

    def paths(self, package: DpkgPackage) -> list[str]:
        """Everything that a package has, folders too; [] if that can't be read."""
        try:
            content = self._host.read_file(self._info(package, "list"), MAX_LIST_BYTES)
        except HostError:
            return []
        return [path for path in os.fsdecode(content).split("\n") if path.startswith("/") and path != "/."]

    def _info(self, package: DpkgPackage, kind: str) -> str:
        """The path of a file of dpkg's about a package, which need not be there."""
        names = (f"{package.name}:{package.architecture}.{kind}", f"{package.name}.{kind}")
        return next((f"{INFO}/{name}" for name in names if name in self._names), f"{INFO}/{names[1]}")


def md5_claim(path: str, digest: str, file_class: FileClass) -> FileClaim:
    return FileClaim(path, FileFacts(None, None, None, digest, None), file_class, "md5")


def parse_md5sums(content: bytes) -> Iterator[tuple[str, str]]:
    """Absolute paths and digests of a file of md5sum(1)."""
    for line in content.split(b"\n"):
        digest, path = line[:_MD5_DIGITS], line[_MD5_DIGITS + 2 :].removeprefix(b"./").lstrip(b"/")
        if path and b"\0" not in path and len(digest) == _MD5_DIGITS:
            yield "/" + os.fsdecode(path), digest.decode("ascii", "replace").lower()
