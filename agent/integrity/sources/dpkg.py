"""The packages of dpkg, from /var/lib/dpkg/status: paragraphs of `Name: value` lines (deb-control(5))."""

from __future__ import annotations

from dataclasses import dataclass

from agent.host.contract import Host
from agent.integrity.errors import ResultCode, SourceUnavailableError
from agent.integrity.sources.reading import required

STATUS_PATH = "/var/lib/dpkg/status"
MAX_STATUS_BYTES = 128 * 1024 * 1024
MAX_PACKAGES = 200_000
MAX_VALUE_CHARACTERS = 1024

_FIELDS = frozenset({b"Package", b"Version", b"Architecture", b"Status"})
#: States in which nothing of a package is on the disk, or its configuration files only.
_GONE = frozenset({"not-installed", "config-files"})


@dataclass(frozen=True, slots=True)
class DpkgPackage:
    """One package.

    Attributes:
        version: as dpkg writes it: [epoch:]upstream[-revision].
        state: third word of its Status: "installed", or one of dpkg's states between.
    """

    name: str
    version: str
    architecture: str
    state: str


def dpkg_packages(host: Host) -> list[DpkgPackage]:
    """The packages on this host, by name and architecture; raises SourceUnavailableError."""
    return parse_status(required(lambda: host.read_file(STATUS_PATH, MAX_STATUS_BYTES)))


def parse_status(content: bytes) -> list[DpkgPackage]:
    """The packages in a status file whose files are (or may be) on the disk."""
    packages: list[DpkgPackage] = []
    fields: dict[bytes, str] = {}
    for line in [*content.split(b"\n"), b""]:
        if not line.strip():
            package = _package(fields)
            if package is not None:
                packages.append(package)
                if len(packages) > MAX_PACKAGES:
                    raise SourceUnavailableError(
                        f"{STATUS_PATH} lists more than {MAX_PACKAGES} packages", ResultCode.LIMIT_EXCEEDED
                    )
            fields = {}
            continue
        name, colon, value = line.partition(b":")
        # A line that begins with a blank continues the field above: none of ours.
        if colon and name in _FIELDS:
            fields[name] = value.strip()[:MAX_VALUE_CHARACTERS].decode("utf-8", "replace")
    return sorted(packages, key=lambda package: (package.name, package.architecture))


def _package(fields: dict[bytes, str]) -> DpkgPackage | None:
    words = fields.get(b"Status", "").split()
    if b"Package" not in fields or len(words) != 3 or words[2] in _GONE:
        return None
    return DpkgPackage(fields[b"Package"], fields.get(b"Version", ""), fields.get(b"Architecture", ""), words[2])
