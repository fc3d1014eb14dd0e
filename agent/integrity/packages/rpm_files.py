"""What an rpm package says of itself and its files: by its header, as far as a digest and a signature vouch for it.

File lists come from the signed region alone. File states are rpm's notes on this machine and stand outside of it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from agent.integrity.packages import capabilities
from agent.integrity.packages.fingerprint import FileClaim, FileClass, FileFacts
from agent.integrity.packages.openpgp import Keyring, SignatureStatus
from agent.integrity.sources.rpm_header import RpmHeader, RpmHeaderError, RpmPackage, Tag, describe

MAX_FILES = 1_000_000

_CONFIG, _MISSING_OK, _GHOST = 1, 8, 64
#: %verify flags: a field is claimed if its bit is set.
_DIGEST, _LINK, _USER, _GROUP, _MODE, _DEVICE, _CAPABILITIES = 1, 4, 8, 16, 64, 128, 256
_ALL_FLAGS = 0xFFFFFFFF
_REPLACED, _NOT_INSTALLED, _NET_SHARED, _WRONG_COLOR = 1, 2, 3, 4
_DIGESTS = {1: "md5", 2: "sha1", 8: "sha256", 9: "sha384", 10: "sha512", 11: "sha224", 12: "sha3_256", 14: "sha3_512"}
_MD5 = 1


class HeaderStatus(StrEnum):
    """Whether the package's header can be believed."""

    OK = "ok"
    BAD_DIGEST = "bad-digest"
    BAD_SIGNATURE = "bad-signature"
    NO_KEY = "no-key"
    UNSUPPORTED_SIGNATURE = "unsupported-signature"
    UNSIGNED = "unsigned"
    DAMAGED = "damaged"

    @property
    def is_forged(self) -> bool:
        """What the header says is not what was built: nothing can be derived from it."""
        return self in (HeaderStatus.BAD_DIGEST, HeaderStatus.BAD_SIGNATURE, HeaderStatus.DAMAGED)


@dataclass(frozen=True, slots=True)
class RpmFiles:
    """A package by its header.

    Attributes:
        key_id: of the key that the signature names, "" if there is none.
        claims: its files; () if the header is damaged.
    """

    package: RpmPackage
    status: HeaderStatus
    key_id: str
    claims: tuple[FileClaim, ...]


_SIGNATURES = {
    SignatureStatus.OK: HeaderStatus.OK,
    SignatureStatus.BAD: HeaderStatus.BAD_SIGNATURE,
    SignatureStatus.NO_KEY: HeaderStatus.NO_KEY,
    SignatureStatus.UNSUPPORTED: HeaderStatus.UNSUPPORTED_SIGNATURE,
}
#: Of several signatures, what the best one says; a forged one counts less than one of an unknown key.
_PREFERENCE = (SignatureStatus.OK, SignatureStatus.BAD, SignatureStatus.NO_KEY, SignatureStatus.UNSUPPORTED)


def read_installed(blob: object, keyring: Keyring) -> RpmFiles:
    """An installed package, by what the database has for it. Never raises: a damaged one is told as such."""
    try:
        if not isinstance(blob, bytes):
            raise RpmHeaderError("it is not a blob")
        header = RpmHeader(blob)
        package = describe(header)
    except RpmHeaderError:
        nothing = hashlib.sha256(repr(blob).encode()).hexdigest()[:16]
        return RpmFiles(RpmPackage(f"damaged-{nothing}", None, "", "", "", None), HeaderStatus.DAMAGED, "", ())
    status, key_id = judge(header, header, keyring)
    try:
        return RpmFiles(package, status, key_id, _with_states(_claims(header.signed), header))
    except RpmHeaderError:
        return RpmFiles(package, HeaderStatus.DAMAGED, key_id, ())


def read_package(header: RpmHeader, signature: RpmHeader, keyring: Keyring) -> RpmFiles:
    """A package in a file, by its header and its header of signatures; raises RpmHeaderError."""
    status, key_id = judge(header, signature, keyring)
    return RpmFiles(describe(header), status, key_id, _claims(header.signed))


def judge(header: RpmHeader, signature: RpmHeader, keyring: Keyring) -> tuple[HeaderStatus, str]:
    """Whether `header` is what was built, and the id of the key that says so; digests and signatures of it are in
    `signature`."""
    signed = header.signed_bytes
    if signed is None:
        return HeaderStatus.UNSIGNED, ""
    try:
        packets = _signature_packets(signature)
        digests = [
            signature.text(tag) == hashlib.new(name, signed, usedforsecurity=False).hexdigest()
            for tag, name in ((Tag.SHA256_HEADER, "sha256"), (Tag.SHA1_HEADER, "sha1"))
            if signature.has(tag)
        ]
    except RpmHeaderError:
        return HeaderStatus.DAMAGED, ""
    verdicts = [keyring.verify(packet, signed) for packet in packets]
    best = min(verdicts, key=lambda verdict: _PREFERENCE.index(verdict.status), default=None)
    key_id = best.key_id if best else ""
    if not all(digests):
        return HeaderStatus.BAD_DIGEST, key_id
    return (HeaderStatus.UNSIGNED if best is None else _SIGNATURES[best.status]), key_id


def _signature_packets(signature: RpmHeader) -> list[bytes]:
    packets = [signature.binary(tag) for tag in (Tag.RSA_HEADER, Tag.DSA_HEADER)]
    try:
        several = [base64.b64decode(text, validate=True) for text in signature.texts(Tag.OPENPGP)]
    except binascii.Error:
        raise RpmHeaderError("a signature is not base64") from None
    return list(dict.fromkeys([*several, *(packet for packet in packets if packet is not None)]))


def _claims(header: RpmHeader) -> tuple[FileClaim, ...]:
    bases = header.texts(Tag.BASE_NAMES)
    count = len(bases)
    if not count:
        return ()
    if count > MAX_FILES:
        raise RpmHeaderError(f"it has more than {MAX_FILES} files")
    folders = header.texts(Tag.FOLDER_NAMES)
    digest = _DIGESTS.get(header.number(Tag.FILE_DIGEST_ALGORITHM) or _MD5)
    columns = zip(
        bases,
        _exactly(header.numbers(Tag.FOLDER_INDEXES), count),
        _exactly(header.numbers(Tag.FILE_MODES), count),
        _exactly(header.texts(Tag.FILE_USERS), count),
        _exactly(header.texts(Tag.FILE_GROUPS), count),
        _exactly(header.texts(Tag.FILE_DIGESTS) or [b""] * count, count),
        _exactly(header.texts(Tag.FILE_LINKS) or [b""] * count, count),
        _exactly(header.numbers(Tag.FILE_DEVICE_NUMBERS) or [0] * count, count),
        _exactly(header.texts(Tag.FILE_CAPABILITIES) or [b""] * count, count),
        _exactly(header.numbers(Tag.FILE_FLAGS), count),
        _exactly(header.numbers(Tag.FILE_VERIFY_FLAGS) or [_ALL_FLAGS] * count, count),
        strict=True,
    )
    claims = []
    for base, folder, mode, user, group, content, link, device, caps, flags, verify in columns:
        if folder >= len(folders):
            raise RpmHeaderError("a file is in no folder")
        path = os.fsdecode(folders[folder] + base)
        if not path.startswith("/"):
            raise RpmHeaderError("a file's path is not absolute")
        value, flag = _value(mode, content, link, device)
        claims.append(
            FileClaim(
                path,
                FileFacts(
                    mode if verify & _MODE else None,
                    os.fsdecode(user) if verify & _USER else None,
                    os.fsdecode(group) if verify & _GROUP else None,
                    value if verify & flag else None,
                    _capabilities(caps) if verify & _CAPABILITIES else None,
                ),
                _class(flags),
                digest,
            )
        )
    return tuple(claims)


def _exactly(values: Sequence[object], count: int) -> Sequence:  # type: ignore[type-arg]
    if len(values) != count:
        raise RpmHeaderError("its lists of files are of different lengths")
    return values


def _value(mode: int, content: bytes, link: bytes, device: int) -> tuple[str, int]:
    """The value of a file, and the flag that claims it."""
    if stat.S_ISREG(mode):
        return content.decode("ascii", "replace").lower(), _DIGEST
    if stat.S_ISLNK(mode):
        return os.fsdecode(link), _LINK
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        return f"{device >> 8}:{device & 0xFF}", _DEVICE
    return "", _ALL_FLAGS


def _capabilities(text: bytes) -> str:
    try:
        return capabilities.from_text(text.decode("ascii", "replace"))
    except capabilities.CapabilityError:
        raise RpmHeaderError("a file has capabilities that are not known") from None


def _class(flags: int) -> FileClass:
    if flags & _GHOST:
        return FileClass.GHOST
    return FileClass.CONFIGURATION if flags & (_CONFIG | _MISSING_OK) else FileClass.SOFTWARE


def _with_states(claims: tuple[FileClaim, ...], header: RpmHeader) -> tuple[FileClaim, ...]:
    states = header.numbers(Tag.FILE_STATES)
    if len(states) != len(claims):
        return claims
    return tuple(
        replace(
            claim,
            may_be_missing=state in (_NOT_INSTALLED, _NET_SHARED),
            is_replaced=state in (_REPLACED, _WRONG_COLOR),
        )
        if state
        else claim
        for claim, state in zip(claims, states, strict=True)
    )
