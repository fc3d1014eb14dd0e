"""The packages of dpkg, from /var/lib/dpkg/status: paragraphs of `Name: value` lines (deb-control(5))."""

from __future__ import annotations

import os
from dataclasses import dataclass

from agent.host.contract import Host
from agent.integrity.errors import ResultCode, SourceUnavailableError
from agent.integrity.sources.reading import required

STATUS_PATH = "/var/lib/dpkg/status"
MAX_STATUS_BYTES = 128 * 1024 * 1024
MAX_PACKAGES = 200_000
MAX_VALUE_CHARACTERS = 1024

_MD5_DIGITS = 32
_FIELDS = frozenset({b"Package", b"Version", b"Architecture", b"Status"})
#: States in which nothing of a package is on the disk, or its configuration files only.
_GONE = frozenset({"not-installed", "config-files"})


@dataclass(frozen=True, slots=True)
class DpkgPackage:
    """One package.

    Attributes:
        version: as dpkg writes it: [epoch:]upstream[-revision].
        state: third word of its Status: "installed", or one of dpkg's states between.
        conffiles: paths of its configuration files and the MD5 digests that they came with.
    """

    name: str
    version: str
    architecture: str
    state: str
    conffiles: tuple[tuple[str, str], ...] = ()


def dpkg_packages(host: Host) -> list[DpkgPackage]:
    """The packages on this host, by name and architecture; raises SourceUnavailableError."""
    return parse_status(required(lambda: host.read_file(STATUS_PATH, MAX_STATUS_BYTES)))


def parse_status(content: bytes) -> list[DpkgPackage]:
    """The packages in a status file whose files are (or may be) on the disk."""
    packages: list[DpkgPackage] = []
    fields: dict[bytes, str] = {}
    conffiles: list[tuple[str, str]] = []
    field = b""
    for line in [*content.split(b"\n"), b""]:
        if not line.strip():
            package = _package(fields, tuple(conffiles))
            if package is not None:
                packages.append(package)
                if len(packages) > MAX_PACKAGES:
                    raise SourceUnavailableError(
                        f"{STATUS_PATH} lists more than {MAX_PACKAGES} packages", ResultCode.LIMIT_EXCEEDED
                    )
            fields, conffiles = {}, []
            continue
        # A line that begins with a blank continues the field above.
        if line.startswith(b" "):
            if field == b"Conffiles":
                conffiles.extend(_conffile(line))
            continue
        field, colon, value = line.partition(b":")
        if colon and field in _FIELDS:
            fields[field] = value.strip()[:MAX_VALUE_CHARACTERS].decode("utf-8", "replace")
    return sorted(packages, key=lambda package: (package.name, package.architecture))


def _conffile(line: bytes) -> list[tuple[str, str]]:
    """ " /etc/x 0123... obsolete": the digest is no digest while the file is only about to come."""
    path, _, rest = line.strip().partition(b" ")
    digest = rest.split(b" ")[0]
    is_known = path.startswith(b"/") and b"\0" not in path and len(digest) == _MD5_DIGITS
    return [(os.fsdecode(path), digest.decode("ascii", "replace").lower())] if is_known else []


def _package(fields: dict[bytes, str], conffiles: tuple[tuple[str, str], ...]) -> DpkgPackage | None:
    words = fields.get(b"Status", "").split()
    if b"Package" not in fields or len(words) != 3 or words[2] in _GONE:
        return None
    return DpkgPackage(
        fields[b"Package"], fields.get(b"Version", ""), fields.get(b"Architecture", ""), words[2], conffiles
    )
