"""Package files, .rpm and .deb: what a package that is installed from one has as its install-time value.

For whoever makes known good values, not for the agent: files are read from where they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO

from agent.integrity.errors import SourceUnavailableError
from agent.integrity.packages.deb_claims import deb_claims
from agent.integrity.packages.deb_file import AR_MAGIC, Deb, DebError, read_deb
from agent.integrity.packages.dpkg_files import Basis, md5_claim, parse_md5sums
from agent.integrity.packages.fingerprint import FileClaim, FileClass, install_time
from agent.integrity.packages.openpgp import Keyring
from agent.integrity.packages.package_set import PackageId, debian_id, rpm_id
from agent.integrity.packages.rpm_files import HeaderStatus, read_package
from agent.integrity.sources.rpm_header import MAGIC, RpmHeader, header_length

_RPM_MAGIC = b"\xed\xab\xee\xdb"
_LEAD_BYTES = 96
_ALIGNMENT = 8
#: Headers of a package file that are read at most; the largest known have some tens of MiB.
MAX_HEADERS_BYTES = 512 * 1024 * 1024

#: Those by which the value for each basis is made.
_DIGESTS = ("sha256", "md5")


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


def read_package_file(path: Path) -> tuple[PackageFile, ...]:
    """The package in a file, once for each basis that an installed one may have; raises PackageFileError, OSError."""
    try:
        with path.open("rb") as file:
            start = file.read(len(AR_MAGIC))
            file.seek(0)
            if start.startswith(_RPM_MAGIC):
                return (_rpm(file),)
            if start == AR_MAGIC:
                return _deb(file)
    except SourceUnavailableError as error:
        raise PackageFileError(error.reason) from None
    except DebError as error:
        raise PackageFileError(str(error)) from None
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


def _deb(file: IO[bytes]) -> tuple[PackageFile, ...]:
    deb = read_deb(file, _DIGESTS)
    package = debian_id(deb.fields["Package"], deb.fields["Version"], deb.fields["Architecture"])
    return (
        PackageFile(package, Basis.DEB, install_time(deb_claims(deb)), ""),
        PackageFile(package, Basis.MD5SUMS, install_time(_md5_claims(deb)), ""),
    )


def _md5_claims(deb: Deb) -> list[FileClaim]:
    """What dpkg will have in its list of digests once the package is installed."""
    digests = {entry.path: entry.digests["md5"] for entry in deb.entries if entry.digests}
    paths = set(digests) if deb.md5sums is None else {path for path, _ in parse_md5sums(deb.md5sums)}
    if not paths <= set(digests):
        raise PackageFileError("it lists digests of files that it does not have")
    return [md5_claim(path, digests[path], FileClass.SOFTWARE) for path in paths - deb.conffiles]
