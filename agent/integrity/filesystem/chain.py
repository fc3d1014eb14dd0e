"""Are these the snapshots that the device has made? For whoever has them from a dossier, without the device.

Each snapshot is over its files and over the digest of the snapshot before it, and is signed. Nothing in here reads a
file or the time. Whatever the snapshots are, the answer is a verdict.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from agent.integrity.certificate_path import check_path
from agent.integrity.filesystem.records import canonical
from agent.integrity.signatures import ALGORITHMS, UnsupportedKeyError, algorithm_for, is_valid

#: What stands for the digest of the snapshot before the first one.
NO_DIGEST: Final = "0" * 64
SIGNATURE_VERSION: Final = 1
#: `signature-type` of a snapshot that is not signed.
UNSIGNED: Final = "signature-invalid"
#: The members of a snapshot that are its header.
HEADER: Final = (
    "chassis-serial-number",
    "container",
    "directory-set",
    "previous-digest",
    "release-version",
    "snap-time",
    "snapshot-block-no",
    "snapshot-type",
)
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TIME: Final = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4})")


class Fault(StrEnum):
    """What is wrong with a snapshot, or with its place among the others."""

    MALFORMED = "malformed"
    DIGEST_MISMATCH = "digest-mismatch"
    CHAIN_BROKEN = "chain-broken"
    BLOCK_MISSING = "block-missing"
    NOT_FULL = "not-full"
    UNSIGNED = "unsigned"
    BAD_SIGNATURE = "bad-signature"
    UNTRUSTED_SIGNER = "untrusted-signer"


@dataclass(frozen=True, slots=True)
class BlockVerdict:
    """One snapshot. `number` is None if it has none; `digest` is hexadecimal, as the snapshot tells it."""

    number: int | None
    digest: str
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class ChainVerdict:
    """All of them, in the order in which they came."""

    blocks: tuple[BlockVerdict, ...]

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Everything that is wrong somewhere, in the order of Fault."""
        found = {fault for block in self.blocks for fault in block.faults}
        return tuple(fault for fault in Fault if fault in found)


def signed_text(number: int, digest: str) -> bytes:
    """What the signature of a snapshot is over: one line of ASCII."""
    return f"trustconf filesystem-inventory {SIGNATURE_VERSION} {number} {digest}\n".encode("ascii")


def signature_type(algorithm: str) -> str:
    """`signature-type` for a name of signatures.ALGORITHMS: rsa, ecdsa, ed25519, dsa."""
    return algorithm.partition("-")[0] or UNSIGNED


def verify_chain(
    snapshots: Iterable[object],
    *,
    anchors: Sequence[x509.Certificate] | None = None,
    after: tuple[int, str] | None = None,
) -> ChainVerdict:
    """Judge the snapshots of one node of a dossier's section, in their order.

    Args:
        snapshots: the members of `snapshot`; read one at a time, as are the files in each.
        anchors: certificates that are trusted as they stand. None: who has signed is not judged, only that the
            signature is that of the certificate in the snapshot.
        after: block number and digest of a snapshot that was verified before, to which these must go on, or which is
            among them.
    """
    blocks: list[BlockVerdict] = []
    before = after
    for snapshot in snapshots:
        faults, number, digest = _judged(snapshot, anchors)
        if number is not None and isinstance(snapshot, Mapping):
            faults |= _place(snapshot, number, digest, before)
            before = (number, digest)
        blocks.append(BlockVerdict(number, digest, tuple(fault for fault in Fault if fault in faults)))
    return ChainVerdict(tuple(blocks))


def _place(snapshot: Mapping[str, Any], number: int, digest: str, before: tuple[int, str] | None) -> set[Fault]:
    """What is wrong with a snapshot behind another one, or at the beginning."""
    previous = snapshot.get("previous-digest")
    if before is None:
        faults = set() if snapshot.get("snapshot-type") == "full" else {Fault.NOT_FULL}
        return faults | ({Fault.CHAIN_BROKEN} if number == 0 and previous != NO_DIGEST else set())
    if number == before[0]:
        # The one that was verified before, once more.
        return set() if digest == before[1] else {Fault.CHAIN_BROKEN}
    if number != before[0] + 1:
        return {Fault.BLOCK_MISSING} if number > before[0] else {Fault.CHAIN_BROKEN}
    return set() if previous == before[1] else {Fault.CHAIN_BROKEN}


def _judged(snapshot: object, anchors: Sequence[x509.Certificate] | None) -> tuple[set[Fault], int | None, str]:
    if not isinstance(snapshot, Mapping):
        return {Fault.MALFORMED}, None, ""
    digest = snapshot.get("digest")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        return {Fault.MALFORMED}, None, ""
    number = snapshot.get("snapshot-block-no")
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        return {Fault.MALFORMED}, None, digest
    faults: set[Fault] = set()
    try:
        if digest_of_snapshot(snapshot) != digest:
            faults.add(Fault.DIGEST_MISMATCH)
    except (TypeError, ValueError, RecursionError):
        faults.add(Fault.MALFORMED)
    return faults | _signature_faults(snapshot, number, digest, anchors), number, digest


def digest_of_snapshot(snapshot: Mapping[str, Any]) -> str:
    """The digest over a snapshot's header and files, in hexadecimal. Raises TypeError, ValueError for what is none."""
    header = {name: snapshot[name] for name in HEADER if name in snapshot}
    digest = hashlib.sha256(canonical(header))
    for file in snapshot.get("files", ()):
        if not isinstance(file, Mapping):
            raise TypeError("a file is no object")
        digest.update(canonical(file))
    return digest.hexdigest()


def _signature_faults(
    snapshot: Mapping[str, Any], number: int, digest: str, anchors: Sequence[x509.Certificate] | None
) -> set[Fault]:
    if snapshot.get("signature-type") in (None, UNSIGNED):
        return {Fault.UNSIGNED}
    try:
        signature = base64.b64decode(snapshot["signature"], validate=True)
        chain = [base64.b64decode(each, validate=True) for each in snapshot["signing-certificate"]]
        key = x509.load_der_x509_certificate(chain[0]).public_key()
        algorithm = algorithm_for(key)
    except (KeyError, IndexError, TypeError, ValueError, binascii.Error, UnsupportedKeyError, UnsupportedAlgorithm):
        return {Fault.BAD_SIGNATURE}
    is_good = (
        snapshot.get("signature-version") == SIGNATURE_VERSION
        and snapshot["signature-type"] == signature_type(algorithm)
        and is_valid(ALGORITHMS[algorithm], key, signature, signed_text(number, digest))
    )
    faults = set() if is_good else {Fault.BAD_SIGNATURE}
    if anchors is not None:
        time = _moment(snapshot.get("snap-time"))
        # The certificates need only have been valid when the snapshot was made.
        if time is None or check_path(chain, anchors, time).faults:
            faults.add(Fault.UNTRUSTED_SIGNER)
    return faults


def _moment(text: object) -> datetime | None:
    """ "Wed Feb 19 15:25:11 2020", in UTC."""
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None or match[1] not in _MONTHS:
        return None
    day, hour, minute, second, year = map(int, match.group(2, 3, 4, 5, 6))
    try:
        return datetime(year, _MONTHS.index(match[1]) + 1, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
