"""What is known of the files of a Debian package beyond what dpkg keeps, remembered until the package changes.

Two kinds: what the package file had in it (basis `deb`), and what was found at first sight (basis `first-sight`).
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.integrity.packages.fingerprint import FileClaim, FileClass, FileFacts

#: Written at a time.
BATCH = 50
#: Of one package, unpacked.
MAX_BYTES = 512 * 1024 * 1024

#: Name, architecture, basis; version, stamp, signer, claims.
Row = tuple[str, str, str, str, str, str, bytes]


class BaselineStore(Protocol):
    """Where they are kept: one for each package and basis."""

    def baseline(self, name: str, architecture: str, basis: str) -> Row | None: ...

    def put_baselines(self, rows: Sequence[Row]) -> None: ...

    def keep_baselines(self, packages: frozenset[tuple[str, str]]) -> None:
        """Forget all but those of these packages: names and architectures."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a baseline says.

    Attributes:
        claims: of the package's files.
        md5sums: the fingerprint by the digests that dpkg had when the claims were made; "" if they don't rest on these.
    """

    claims: tuple[FileClaim, ...]
    md5sums: str = ""


@dataclass(frozen=True, slots=True)
class Baseline:
    """A baseline as it is kept.

    Attributes:
        version: of the package that it is of.
        stamp: other than that of the package now if dpkg has unpacked it again since.
        signer: id of the key that vouches for it, "" if none does.
    """

    version: str
    stamp: str
    signer: str
    packed: bytes

    @property
    def content(self) -> Content | None:
        """None if it is damaged."""
        return _unpacked(self.packed)


class Baselines:
    """The baselines of one host.

    Attributes:
        fruitless: where package files were looked for the last time without finding any; whoever looks sets it.
    """

    def __init__(self, store: BaselineStore) -> None:
        self._store = store
        self._waiting: list[Row] = []
        self.fruitless: object = None

    def get(self, name: str, architecture: str, basis: str) -> Baseline | None:
        row = self._store.baseline(name, architecture, basis)
        return None if row is None else Baseline(*row[3:])

    def put(
        self, package: tuple[str, str, str], basis: str, content: Content, *, stamp: str = "", signer: str = ""
    ) -> None:
        """Keep what is known of a package: name, version, architecture. It is found once it has been written."""
        name, version, architecture = package
        self._waiting.append((name, architecture, basis, version, stamp, signer, _packed(content)))
        if len(self._waiting) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Write what waits to be written."""
        rows, self._waiting = self._waiting, []
        if rows:
            self._store.put_baselines(rows)

    def keep(self, packages: frozenset[tuple[str, str]]) -> None:
        self._store.keep_baselines(packages)


def _packed(content: Content) -> bytes:
    document = {"md5sums": content.md5sums, "claims": [_row(claim) for claim in content.claims]}
    return zlib.compress(json.dumps(document).encode("ascii"))


def _row(claim: FileClaim) -> list[object]:
    facts = claim.facts
    values = (facts.mode, facts.user, facts.group, facts.value, facts.capabilities)
    return [claim.path, claim.file_class.value, claim.digest, *values]


def _unpacked(packed: bytes) -> Content | None:
    try:
        document = json.loads(zlib.decompressobj().decompress(packed, MAX_BYTES))
        claims = tuple(
            FileClaim(path, FileFacts(*facts), _CLASSES[file_class], digest)
            for path, file_class, digest, *facts in document["claims"]
        )
        return Content(claims, str(document["md5sums"]))
    except (zlib.error, ValueError, TypeError, KeyError):
        return None


_CLASSES = {each.value: each for each in FileClass}
