"""Which basis the values of a Debian package have: the strongest one that there is.

1. `deb`: the package file that it was installed from, which a pinned key vouches for (apt_archive.py). It is read once;
   what it says is kept for as long as that version is installed and that key is pinned.
2. `first-sight`: what its files were when they were seen first (first_sight.py), kept until dpkg unpacks the package
   again.
3. `md5sums`: the digests that dpkg keeps. 4. `none`: not even these.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator

from agent.host.contract import Host
from agent.host.errors import HostError
from agent.integrity.packages.apt_archive import (
    MAX_DEB_BYTES,
    ArchivedDeb,
    archived,
    file_name,
    lists_stamp,
    vouched_for,
)
from agent.integrity.packages.baselines import Baseline, Baselines, Content
from agent.integrity.packages.deb_claims import DIGEST, deb_claims
from agent.integrity.packages.deb_file import DebError, read_deb
from agent.integrity.packages.dpkg_files import Basis, DpkgDatabase, DpkgFiles
from agent.integrity.packages.fingerprint import FileClaim
from agent.integrity.packages.first_sight import first_sight, list_claim
from agent.integrity.packages.measuring import Measurer
from agent.integrity.packages.openpgp import Keyring
from agent.integrity.sources.dpkg import DpkgPackage

_CHUNK = 1024 * 1024

log = logging.getLogger(__name__)


class DpkgBases:
    """The bases of the packages of one host, in one round."""

    def __init__(
        self,
        host: Host,
        database: DpkgDatabase,
        keyring: Keyring,
        measurer: Measurer,
        baselines: Baselines,
        is_stopped: Callable[[], bool],
        on_file: Callable[[FileClaim], None],
    ) -> None:
        self._host = host
        self._database = database
        self._keyring = keyring
        self._measurer = measurer
        self._baselines = baselines
        self._is_stopped = is_stopped
        self._on_file = on_file
        self._shared: frozenset[int] | None = None

    def files(self) -> Iterator[DpkgFiles]:
        """Each package with the strongest claims that there are."""
        self._read_package_files()
        for package in self._database.packages:
            yield self._of_package_file(package) or self._of_first_sight(package)
        self._baselines.keep(frozenset((each.name, each.architecture) for each in self._database.packages))

    def _of_package_file(self, package: DpkgPackage) -> DpkgFiles | None:
        found = self._package_file(package)
        content = found and found.content
        return self._with(package, Basis.DEB, content) if content else None

    def _package_file(self, package: DpkgPackage) -> Baseline | None:
        found = self._baselines.get(package.name, package.architecture, Basis.DEB)
        is_current = found is not None and found.version == package.version and found.signer in self._keyring.key_ids
        return found if is_current else None

    def _of_first_sight(self, package: DpkgPackage) -> DpkgFiles:
        stamp = self._database.stamp(package)
        found = self._baselines.get(package.name, package.architecture, Basis.FIRST_SIGHT)
        if found is not None and stamp and (found.version, found.stamp) == (package.version, stamp):
            content = found.content
            if content is not None:
                return self._with(package, Basis.FIRST_SIGHT, content)
        files = self._database.files(package)
        if files.basis is Basis.NONE or not stamp:
            return files
        for claim in files.claims:
            self._on_file(claim)
        paths = {claim.path for claim in files.claims}
        others = (list_claim(path) for path in self._database.paths(package) if path not in paths)
        noted = self._database.notes.applied(package.name, others)
        claims = first_sight(self._measurer, files.claims, noted, self._is_shared, self._is_stopped)
        if claims is None:
            return files
        content = Content(claims, files.md5sums)
        self._baselines.put(_names(package), Basis.FIRST_SIGHT, content, stamp=stamp)
        return DpkgFiles(package, Basis.FIRST_SIGHT, claims, content.md5sums, is_first_sight=True)

    def _with(self, package: DpkgPackage, basis: Basis, content: Content) -> DpkgFiles:
        claims = self._database.notes.applied(package.name, content.claims)
        return DpkgFiles(package, basis, claims, content.md5sums)

    def _is_shared(self, path: str) -> bool:
        if self._shared is None:
            self._shared = _in_several(map(self._database.paths, self._database.packages))
        return hash(path) in self._shared

    def _read_package_files(self) -> None:
        """Keep what package files say that have come since the last round."""
        there = archived(self._host) if self._keyring.key_ids else {}
        if not there:
            return
        wanted: dict[str, DpkgPackage] = {}
        for package in self._database.packages:
            name = file_name(*_names(package))
            if name in there and self._package_file(package) is None:
                wanted |= dict.fromkeys(there[name], package)
        look = (frozenset(wanted), self._keyring.key_ids, lists_stamp(self._host))
        if not wanted or look == self._baselines.fruitless:
            return
        good = vouched_for(self._host, self._keyring, self._measurer.digests, wanted)
        for found in good:
            self._read_package_file(found, wanted[found.path])
        self._baselines.flush()
        if not good:
            self._baselines.fruitless = look

    def _read_package_file(self, found: ArchivedDeb, package: DpkgPackage) -> None:
        try:
            with self._host.open_file(found.path, MAX_DEB_BYTES) as file:
                # It is the very file that was vouched for that is read.
                digest = hashlib.new(DIGEST)
                while part := file.read(_CHUNK):
                    digest.update(part)
                if digest.hexdigest() != found.digest:
                    return
                deb = read_deb(file, (DIGEST,), self._is_stopped)
        except (HostError, OSError, DebError):
            log.warning("the package file %s can't be read", found.path)
            return
        if (deb.fields["Package"], deb.fields["Version"], deb.fields["Architecture"]) != _names(package):
            log.warning("the package file %s is another package than its name says", found.path)
            return
        self._baselines.put(_names(package), Basis.DEB, Content(deb_claims(deb)), signer=found.signer)


def _names(package: DpkgPackage) -> tuple[str, str, str]:
    return package.name, package.version, package.architecture


def _in_several(lists: Iterable[Iterable[str]]) -> frozenset[int]:
    """Hashes of the paths that are in more than one of the lists; the paths themselves would need much more memory."""
    seen: set[int] = set()
    shared: set[int] = set()
    for each in lists:
        paths = set(map(hash, each))
        shared |= paths & seen
        seen |= paths
    return frozenset(shared)
