"""OpenPGP signatures as rpm has them, judged by keys that somebody has pinned (RFC 4880, RFC 9580; versions 3 and 4).

Just what is needed for that: public keys, subkeys that their primary key vouches for, signatures over bytes. A pinned
file is trusted as a whole for as long as it is pinned: expirations and revocations in it are not looked at, whoever no
longer trusts a key takes its file away. MD5 and SHA-1 vouch for nothing. The bytes may be anything.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import islice

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa, utils

MAX_PACKETS = 10_000
#: Over one file.
MAX_SIGNATURES = 32

_SIGNATURE, _PUBLIC_KEY, _PUBLIC_SUBKEY = 2, 6, 14
_SUBKEY_BINDING = 0x18
_BINARY_DOCUMENT, _TEXT_DOCUMENT = 0x00, 0x01
_ISSUER, _ISSUER_FINGERPRINT = 16, 33
_KEY_ID_BYTES = 8
_HASHES: dict[int, hashes.HashAlgorithm] = {
    8: hashes.SHA256(),
    9: hashes.SHA384(),
    10: hashes.SHA512(),
    11: hashes.SHA224(),
}
_CURVES: dict[bytes, ec.EllipticCurve] = {
    bytes.fromhex("2a8648ce3d030107"): ec.SECP256R1(),
    bytes.fromhex("2b81040022"): ec.SECP384R1(),
    bytes.fromhex("2b81040023"): ec.SECP521R1(),
}
_ED25519_LEGACY = bytes.fromhex("2b06010401da470f01")
_RSA, _RSA_SIGN_ONLY, _DSA, _ECDSA, _EDDSA, _ED25519 = 1, 3, 17, 19, 22, 27
_ARMOR = re.compile(
    rb"-----BEGIN PGP (?:PUBLIC KEY BLOCK|SIGNATURE)-----\r?\n(?:[^\r\n]+: [^\r\n]*\r?\n)*\r?\n(.*?)"
    rb"(?:\r?\n=[A-Za-z0-9+/]{4})?\r?\n-----END PGP",
    re.DOTALL,
)

_CLEARTEXT = re.compile(
    rb"-----BEGIN PGP SIGNED MESSAGE-----\r?\n(?:[^\r\n]+: [^\r\n]*\r?\n)*\r?\n(?P<text>.*?)\r?\n"
    rb"(?P<signatures>-----BEGIN PGP SIGNATURE-----.*-----END PGP SIGNATURE-----)\s*",
    re.DOTALL,
)

#: Raises InvalidSignature. Arguments: the numbers of the signature, the digest, its algorithm.
_Verifier = Callable[[list[bytes], bytes, hashes.HashAlgorithm], None]


class OpenPgpError(ValueError):
    """The bytes are not OpenPGP, or of a kind that is not known here."""


class SignatureStatus(Enum):
    """What a signature is worth."""

    OK = "ok"
    BAD = "bad"
    NO_KEY = "no-key"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class SignatureVerdict:
    """A signature's status, and the id of the key that it names: 16 hexadecimal digits, "" if it names none."""

    status: SignatureStatus
    key_id: str


@dataclass(frozen=True, slots=True)
class _Key:
    body: bytes
    algorithm: int
    verify: _Verifier

    @property
    def fingerprint(self) -> bytes:
        return hashlib.sha1(_key_prefix(self.body) + self.body, usedforsecurity=False).digest()

    @property
    def key_id(self) -> str:
        return self.fingerprint[-_KEY_ID_BYTES:].hex()


@dataclass(frozen=True, slots=True)
class _Signature:
    kind: int
    algorithm: int
    digest: hashes.HashAlgorithm | None
    trailer: bytes
    key_id: str
    numbers: list[bytes]


class Keyring:
    """Pinned public keys."""

    def __init__(self) -> None:
        self._keys: dict[str, _Key] = {}

    def add(self, content: bytes) -> None:
        """Pin the keys of a file, binary or armored. Keys of unknown kinds are passed over; raises OpenPgpError."""
        primary: _Key | None = None
        subkey: _Key | None = None
        for tag, body in _packets(dearmored(content)):
            if tag == _PUBLIC_KEY:
                primary, subkey = _optional_key(body), None
                if primary is not None:
                    self._keys[primary.key_id] = primary
            elif tag == _PUBLIC_SUBKEY:
                subkey = _optional_key(body)
            elif tag == _SIGNATURE and primary is not None and subkey is not None and _binds(primary, subkey, body):
                self._keys[subkey.key_id] = subkey

    @property
    def key_ids(self) -> frozenset[str]:
        return frozenset(self._keys)

    def verify(self, packet: bytes, data: bytes) -> SignatureVerdict:
        """Judge a signature packet over `data`."""
        try:
            return self._verdict(*next(_packets(packet)), data, _BINARY_DOCUMENT)
        except (OpenPgpError, StopIteration):
            return SignatureVerdict(SignatureStatus.UNSUPPORTED, "")

    def signer_of_file(self, signatures: bytes, data: bytes) -> str:
        """The id of the first key that vouches for a file by one of the signatures beside it (binary or armored); ""
        if none does."""
        return self._signer(signatures, data, _BINARY_DOCUMENT)

    def signer_of_text(self, content: bytes) -> tuple[str, bytes]:
        """Of a text with its signatures around it (RFC 9580, section 7): the id of the first key that vouches for it,
        and the text; ("", b"") if none does. Nothing outside of the signed text is in it."""
        match = _CLEARTEXT.fullmatch(content)
        if match is None:
            return "", b""
        lines = [line.removeprefix(b"- ").rstrip(b" \t\r") for line in match["text"].split(b"\n")]
        signer = self._signer(match["signatures"], b"\r\n".join(lines), _TEXT_DOCUMENT)
        return (signer, b"\n".join(lines)) if signer else ("", b"")

    def _signer(self, signatures: bytes, data: bytes, kind: int) -> str:
        try:
            packets = list(islice(_packets(dearmored(signatures)), MAX_SIGNATURES))
        except OpenPgpError:
            return ""
        for tag, body in packets:
            with contextlib.suppress(OpenPgpError):
                verdict = self._verdict(tag, body, data, kind)
                if verdict.status is SignatureStatus.OK:
                    return verdict.key_id
        return ""

    def _verdict(self, tag: int, body: bytes, data: bytes, kind: int) -> SignatureVerdict:
        if tag != _SIGNATURE:
            raise OpenPgpError("not a signature")
        signature = _parse_signature(body)
        return SignatureVerdict(self._judge(signature, data, kind), signature.key_id)

    def _judge(self, signature: _Signature, data: bytes, kind: int) -> SignatureStatus:
        key = self._keys.get(signature.key_id)
        if key is None:
            return SignatureStatus.NO_KEY
        if signature.digest is None or signature.kind != kind:
            return SignatureStatus.UNSUPPORTED
        return SignatureStatus.OK if _is_valid(key, signature, data) else SignatureStatus.BAD


def dearmored(content: bytes) -> bytes:
    """The packets in a text or binary file."""
    if b"-----BEGIN PGP" not in content:
        return content
    try:
        return b"".join(base64.b64decode(match[1]) for match in _ARMOR.finditer(content))
    except binascii.Error:
        raise OpenPgpError("the armor is damaged") from None


def _is_valid(key: _Key, signature: _Signature, data: bytes) -> bool:
    if signature.digest is None or _family(signature.algorithm) != _family(key.algorithm):
        return False
    digest = hashes.Hash(signature.digest)
    digest.update(data)
    digest.update(signature.trailer)
    try:
        key.verify(signature.numbers, digest.finalize(), signature.digest)
    except (InvalidSignature, ValueError, UnsupportedAlgorithm, IndexError):
        return False
    return True


def _family(algorithm: int) -> int:
    return _RSA if algorithm == _RSA_SIGN_ONLY else algorithm


def _binds(primary: _Key, subkey: _Key, body: bytes) -> bool:
    try:
        signature = _parse_signature(body)
    except OpenPgpError:
        return False
    bound = b"".join(_key_prefix(key.body) + key.body for key in (primary, subkey))
    return signature.kind == _SUBKEY_BINDING and _is_valid(primary, signature, bound)


def _key_prefix(body: bytes) -> bytes:
    return b"\x99" + len(body).to_bytes(2, "big")


class _Reader:
    """Takes bytes off the front; raises OpenPgpError where there are too few."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.position = 0

    def take(self, count: int) -> bytes:
        part = self._content[self.position : self.position + count]
        if len(part) != count:
            raise OpenPgpError("it ends too early")
        self.position += count
        return part

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def mpi(self) -> bytes:
        return self.take((self.number(2) + 7) // 8)

    @property
    def is_at_end(self) -> bool:
        return self.position >= len(self._content)


def _packets(content: bytes) -> Iterator[tuple[int, bytes]]:
    reader = _Reader(content)
    for _ in range(MAX_PACKETS):
        if reader.is_at_end:
            return
        head = reader.number(1)
        if not head & 0x80:
            raise OpenPgpError("not a packet")
        if head & 0x40:
            tag, length = head & 0x3F, _new_length(reader)
        else:
            if head & 3 == 3:
                raise OpenPgpError("a packet of unknown length")
            tag, length = (head >> 2) & 0x0F, reader.number(1 << (head & 3))
        yield tag, reader.take(length)
    raise OpenPgpError("too many packets")


def _new_length(reader: _Reader) -> int:
    first = reader.number(1)
    if first < 192:
        return first
    if first < 224:
        return ((first - 192) << 8) + reader.number(1) + 192
    if first == 255:
        return reader.number(4)
    raise OpenPgpError("a packet in parts")


def _parse_signature(body: bytes) -> _Signature:
    reader = _Reader(body)
    version = reader.number(1)
    if version == 3:
        if reader.number(1) != 5:
            raise OpenPgpError("a signature of unknown layout")
        trailer = reader.take(5)
        kind, key_id = trailer[0], reader.take(_KEY_ID_BYTES).hex()
        algorithm, digest = reader.number(1), reader.number(1)
    elif version == 4:
        kind, algorithm, digest = reader.number(1), reader.number(1), reader.number(1)
        hashed = reader.take(reader.number(2))
        end = reader.position
        unhashed = reader.take(reader.number(2))
        key_id = _issuer(hashed) or _issuer(unhashed)
        trailer = body[:end] + b"\x04\xff" + end.to_bytes(4, "big")
    else:
        raise OpenPgpError("a signature of unknown version")
    reader.take(2)
    numbers = [reader.take(64)] if algorithm == _ED25519 else []
    while not reader.is_at_end:
        numbers.append(reader.mpi())
    return _Signature(kind, algorithm, _HASHES.get(digest), trailer, key_id, numbers)


def _issuer(subpackets: bytes) -> str:
    reader = _Reader(subpackets)
    while not reader.is_at_end:
        content = reader.take(_new_length(reader))
        kind = content[0] & 0x7F if content else 0
        if kind == _ISSUER:
            return content[1 : 1 + _KEY_ID_BYTES].hex()
        if kind == _ISSUER_FINGERPRINT:
            return content[-_KEY_ID_BYTES:].hex()
    return ""


def _optional_key(body: bytes) -> _Key | None:
    """The key in a packet; None if it is of a kind that is not known here."""
    try:
        reader = _Reader(body)
        if reader.number(1) != 4:
            return None
        reader.take(4)
        algorithm = reader.number(1)
        make = _KEYS.get(algorithm)
        return None if make is None else _Key(body, algorithm, make(reader))
    except (OpenPgpError, ValueError, UnsupportedAlgorithm):
        return None


def _integer(number: bytes) -> int:
    return int.from_bytes(number, "big")


def _rsa_key(reader: _Reader) -> _Verifier:
    modulus, exponent = _integer(reader.mpi()), _integer(reader.mpi())
    key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    size = (key.key_size + 7) // 8

    def verify(numbers: list[bytes], digest: bytes, algorithm: hashes.HashAlgorithm) -> None:
        key.verify(numbers[0].rjust(size, b"\0"), digest, padding.PKCS1v15(), utils.Prehashed(algorithm))

    return verify


def _dsa_key(reader: _Reader) -> _Verifier:
    p, q, g, y = (_integer(reader.mpi()) for _ in range(4))
    key = dsa.DSAPublicNumbers(y, dsa.DSAParameterNumbers(p, q, g)).public_key()

    def verify(numbers: list[bytes], digest: bytes, algorithm: hashes.HashAlgorithm) -> None:
        signature = utils.encode_dss_signature(_integer(numbers[0]), _integer(numbers[1]))
        key.verify(signature, digest, utils.Prehashed(algorithm))

    return verify


def _ecdsa_key(reader: _Reader) -> _Verifier:
    curve = _CURVES.get(reader.take(reader.number(1)))
    if curve is None:
        raise OpenPgpError("an unknown curve")
    key = ec.EllipticCurvePublicKey.from_encoded_point(curve, reader.mpi())

    def verify(numbers: list[bytes], digest: bytes, algorithm: hashes.HashAlgorithm) -> None:
        signature = utils.encode_dss_signature(_integer(numbers[0]), _integer(numbers[1]))
        key.verify(signature, digest, ec.ECDSA(utils.Prehashed(algorithm)))

    return verify


def _legacy_ed25519_key(reader: _Reader) -> _Verifier:
    if reader.take(reader.number(1)) != _ED25519_LEGACY:
        raise OpenPgpError("an unknown curve")
    key = ed25519.Ed25519PublicKey.from_public_bytes(reader.mpi()[1:])

    def verify(numbers: list[bytes], digest: bytes, algorithm: hashes.HashAlgorithm) -> None:
        key.verify(numbers[0].rjust(32, b"\0") + numbers[1].rjust(32, b"\0"), digest)

    return verify


def _ed25519_key(reader: _Reader) -> _Verifier:
    key = ed25519.Ed25519PublicKey.from_public_bytes(reader.take(32))

    def verify(numbers: list[bytes], digest: bytes, algorithm: hashes.HashAlgorithm) -> None:
        key.verify(numbers[0], digest)

    return verify


_KEYS: dict[int, Callable[[_Reader], _Verifier]] = {
    _RSA: _rsa_key,
    _RSA_SIGN_ONLY: _rsa_key,
    _DSA: _dsa_key,
    _ECDSA: _ecdsa_key,
    _EDDSA: _legacy_ed25519_key,
    _ED25519: _ed25519_key,
}
