"""Which package has which file, by the lists of dpkg and the headers of rpm.

Lists tell paths as they were packaged. Where a folder on the way has become a link (the merged /usr), the file is
elsewhere: paths are told as a walk over the file system finds them. A diverted file is told where it was put.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from agent.host.contract import Host
from agent.host.errors import HostError
from agent.integrity.errors import ResultCode, SourceUnavailableError
from agent.integrity.filesystem.records import PackageKind
from agent.integrity.packages.dpkg_files import INFO, MAX_INFO_FILES, MAX_LIST_BYTES
from agent.integrity.packages.dpkg_notes import diverted_place, read_diversions
from agent.integrity.sources.dpkg import DpkgPackage, dpkg_packages
from agent.integrity.sources.rpm import rpm_headers
from agent.integrity.sources.rpm_header import RpmHeader, RpmHeaderError, Tag, describe

_MAX_LINKS: Final = 40


@dataclass(frozen=True, slots=True)
class Owner:
    """A package: its kind, its name, and its version as its package manager writes it."""

    kind: PackageKind
    name: str
    version: str


def owned_files(host: Host, problems: list[str]) -> Iterator[tuple[Owner, list[tuple[bytes, bytes]]]]:
    """The packages with their files: folder (b"" for the root folder, else absolute, without a slash at its end) and
    name of each. Why a list is missing is added to `problems`."""
    folders = _Folders(host)
    for read in (_rpm, _dpkg):
        try:
            for owner, paths in read(host):
                yield owner, [folders.place(path) for path in paths]
        except SourceUnavailableError as error:
            if error.code is not ResultCode.NOT_PRESENT:
                problems.append(error.reason)


def _dpkg(host: Host) -> Iterator[tuple[Owner, list[bytes]]]:
    packages = dpkg_packages(host)
    try:
        names = frozenset(host.list_dir(INFO, MAX_INFO_FILES))
        diverted = read_diversions(host)
    except HostError as error:
        raise SourceUnavailableError(str(error), ResultCode.FAILED) from None
    for package in packages:
        candidates = (f"{package.name}:{package.architecture}.list", f"{package.name}.list")
        found = next((name for name in candidates if name in names), None)
        if found is None:
            continue
        try:
            content = host.read_file(f"{INFO}/{found}", MAX_LIST_BYTES)
        except HostError:
            continue
        paths = [line for line in content.split(b"\n") if line.startswith(b"/") and b"\0" not in line and line != b"/."]
        yield _dpkg_owner(package), [_placed(path, package.name, diverted) for path in paths]


def _dpkg_owner(package: DpkgPackage) -> Owner:
    return Owner(PackageKind.DPKG, package.name, package.version)


def _placed(path: bytes, package: str, diverted: dict[str, tuple[str, str]]) -> bytes:
    return os.fsencode(diverted_place(os.fsdecode(path), package, diverted)) or path if diverted else path


def _rpm(host: Host) -> Iterator[tuple[Owner, list[bytes]]]:
    for blob in rpm_headers(host):
        try:
            if not isinstance(blob, bytes):
                raise RpmHeaderError("it is not a blob")
            header = RpmHeader(blob)
            package = describe(header)
            files = header.signed
            folders = files.texts(Tag.FOLDER_NAMES)
            pairs = zip(files.texts(Tag.BASE_NAMES), files.numbers(Tag.FOLDER_INDEXES), strict=False)
            paths = [folders[index] + base for base, index in pairs if index < len(folders)]
        except RpmHeaderError:
            # The fingerprints tell of it; its files are nobody's.
            continue
        epoch = f"{package.epoch}:" if package.epoch else ""
        version = f"{epoch}{package.version}-{package.release}"
        yield Owner(PackageKind.RPM, package.name, version), [path for path in paths if path.startswith(b"/")]


class _Folders:
    """Where folders really are."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._known: dict[bytes, bytes] = {b"": b""}

    def place(self, path: bytes) -> tuple[bytes, bytes]:
        """Folder and name of a path, with the links in its folders followed, but not itself."""
        folder, _, name = path.rstrip(b"/").rpartition(b"/")
        known = self._known.get(folder)
        if known is None:
            try:
                known = self._folder(folder, _MAX_LINKS)
            except RecursionError:
                known = folder
        return known, name

    def _folder(self, folder: bytes, links: int) -> bytes:
        known = self._known.get(folder)
        if known is None:
            parent, _, name = folder.rpartition(b"/")
            here = self._folder(parent, links) + b"/" + name
            known = self._known[folder] = self._followed(here, links)
        return known

    def _followed(self, here: bytes, links: int) -> bytes:
        shown = os.fsdecode(here)
        try:
            if not links or self._host.stat(shown, follow=False).kind != "link":
                return here
            target = self._host.read_link(shown)
        except (HostError, ValueError):
            return here
        path = os.fsencode(posixpath.normpath(posixpath.join(posixpath.dirname(shown), target)))
        return self._folder(path.rstrip(b"/"), links - 1)
