"""Public keys with which users log in, in every form that people have them in:

- a line of OpenSSH, as in a .pub file, without options (sshd(8), "AUTHORIZED_KEYS FILE FORMAT");
- RFC 4716, what `ssh-keygen -e` prints;
- PEM: SubjectPublicKeyInfo ("BEGIN PUBLIC KEY", RFC 7468) or PKCS #1 ("BEGIN RSA PUBLIC KEY");
- the bytes under these: the blob of RFC 4253 section 6.6, or DER (IOS XR imports base64 that was decoded before).

All become the same value: the blob is written anew by us, so that one key has one blob in whatever form it came.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
    load_ssh_public_key,
)

from agent.pki.keys import KeyType
from agent.pki.user_key_errors import InvalidUserKeyError, PrivateKeyGivenError, UserKeyNotSupportedError

#: Bytes of a key in any form; the largest RSA key in PEM has 3 KiB.
MAX_KEY_BYTES: Final = 16 * 1024
#: Bits of the modulus of an RSA key. Shorter ones can be broken, longer ones OpenSSL does not use.
RSA_BITS: Final = range(1024, 16384 + 1)
#: Characters of a comment that are kept.
MAX_COMMENT: Final = 64

#: Key type -> its name in SSH (RFC 4253 section 6.6, RFC 5656 section 6.2.1, RFC 8709), the usual ones first. "ssh-rsa"
#: names the format of the key here, not the SHA-1 signature of that name.
SSH_ALGORITHMS: Final[Mapping[KeyType, str]] = MappingProxyType(
    {
        KeyType.ED25519: "ssh-ed25519",
        KeyType.ECDSA_NISTP256: "ecdsa-sha2-nistp256",
        KeyType.ECDSA_NISTP384: "ecdsa-sha2-nistp384",
        KeyType.ECDSA_NISTP521: "ecdsa-sha2-nistp521",
        KeyType.RSA: "ssh-rsa",
    }
)
_ACCEPTED: Final = ", ".join(SSH_ALGORITHMS.values())
_CURVES: Final = {
    "secp256r1": KeyType.ECDSA_NISTP256,
    "secp384r1": KeyType.ECDSA_NISTP384,
    "secp521r1": KeyType.ECDSA_NISTP521,
}

_NO_DSA: Final = (
    "Nobody can log in with a DSA key: in SSH it signs with SHA-1, which this device does not accept. Use an Ed25519,"
    " ECDSA or RSA key."
)
#: What the names of algorithms look like that people try and that open nothing, and why.
_UNSUPPORTED: Final = (
    (re.compile(r".*-cert-v\d+@openssh\.com"), "This is a certificate: give the public key alone, without -cert."),
    (re.compile(r"ssh-dss"), _NO_DSA),
    (re.compile(r"sk-.*"), "Keys of FIDO authenticators are not supported: use an Ed25519, ECDSA or RSA key."),
)

_FORMS: Final = (
    "Give a public key as a line of OpenSSH (the content of a .pub file), as RFC 4716 (ssh-keygen -e) or as PEM (BEGIN"
    " PUBLIC KEY, BEGIN RSA PUBLIC KEY)"
)

_LINE_END: Final = re.compile(r"\r\n|\n|\r")
#: How a line of a private key in PEM, of ssh.com or of PuTTY begins.
_PRIVATE: Final = re.compile(r"-{4,5} ?BEGIN .*PRIVATE KEY|PuTTY-User-Key-File")
_PEM_BEGIN: Final = re.compile(r"-----BEGIN (.*?)-----")
_PEM_LABELS: Final = ("PUBLIC KEY", "RSA PUBLIC KEY")
_RFC4716_BEGIN: Final = "---- BEGIN SSH2 PUBLIC KEY ----"
_RFC4716_END: Final = "---- END SSH2 PUBLIC KEY ----"
#: A DER SEQUENCE begins with this byte: no form of text does.
_DER_SEQUENCE: Final = 0x30
#: Bytes of the longest algorithm name that is looked at; all blobs begin with its length, so with three zeros.
_MAX_NAME: Final = 64
_BLOB_BEGIN: Final = b"\0\0\0"


@dataclass(frozen=True, slots=True)
class UserPublicKey:
    """A public key that may open a login.

    Attributes:
        type, size: what it is; the size in bits of the modulus or the curve.
        blob: the key in the encoding of RFC 4253 section 6.6.
        comment: what its owner calls it; printable, may be empty.
    """

    type: KeyType
    size: int
    blob: bytes
    comment: str = ""

    @property
    def algorithm(self) -> str:
        """The name of the key's format in SSH."""
        return SSH_ALGORITHMS[self.type]

    @property
    def base64(self) -> str:
        """The second field of an OpenSSH line."""
        return base64.b64encode(self.blob).decode("ascii")

    @property
    def line(self) -> str:
        """The key as a line of OpenSSH, with its comment."""
        return f"{self.algorithm} {self.base64} {self.comment}".rstrip()

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` prints it: "SHA256:" and the digest in base64 without padding."""
        return f"SHA256:{base64.b64encode(hashlib.sha256(self.blob).digest()).decode('ascii').rstrip('=')}"

    @property
    def public_key_der(self) -> bytes:
        """The key as a SubjectPublicKeyInfo."""
        key = load_ssh_public_key(f"{self.algorithm} {self.base64}".encode("ascii"))
        return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def parse_user_key(data: bytes) -> UserPublicKey:
    """The key in `data`, which may be of any of the forms above.

    Raises InvalidUserKeyError, PrivateKeyGivenError, UserKeyNotSupportedError.
    """
    if len(data) > MAX_KEY_BYTES:
        raise InvalidUserKeyError(f"A public key has at most {MAX_KEY_BYTES} bytes; this is something else.")
    if data.startswith(_BLOB_BEGIN):
        return _of_blob(data, "")
    if data[:1] == bytes([_DER_SEQUENCE]):
        return _of_der(data)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidUserKeyError(f"{_FORMS}; this is neither text nor a key in binary.") from None
    return _of_text(text)


def _of_text(text: str) -> UserPublicKey:
    lines = [line.strip() for line in _LINE_END.split(text) if line.strip()]
    if any(_PRIVATE.match(line) for line in lines):
        raise PrivateKeyGivenError
    labels = [begin[1] for begin in map(_PEM_BEGIN.match, lines) if begin]
    if labels:
        return _of_pem("\n".join(lines), labels)
    if lines and lines[0].startswith("---- "):
        return _of_rfc4716(lines)
    return _of_openssh([line for line in lines if not line.startswith("#")])


def _of_openssh(lines: list[str]) -> UserPublicKey:
    if len(lines) != 1:
        raise InvalidUserKeyError(f"{_FORMS}; a line of OpenSSH is one line, and there are {len(lines)}.")
    algorithm, data, comment = [*lines[0].split(None, 2), "", "", ""][:3]
    if not _is_algorithm(algorithm):
        if any(_is_algorithm(word) for word in lines[0].split()):
            raise InvalidUserKeyError("Options before a key are not accepted: leave out all that stands before it.")
        raise InvalidUserKeyError(f"{_FORMS}; a line of OpenSSH begins with one of {_ACCEPTED}.")
    _require_supported(algorithm)
    mismatch = f"The data after {algorithm} is not a key of that type: give the whole line."
    blob = _decode_base64(data, mismatch)
    if not blob.startswith(len(algorithm).to_bytes(4, "big") + algorithm.encode()):
        raise InvalidUserKeyError(mismatch)
    return _of_blob(blob, comment)


def _of_rfc4716(lines: list[str]) -> UserPublicKey:
    """RFC 4716 section 3: markers, header fields that may go on in the next line after a backslash, base64."""
    if lines[0] != _RFC4716_BEGIN or lines[-1] != _RFC4716_END or _RFC4716_BEGIN in lines[1:]:
        raise InvalidUserKeyError(
            f"A key in the form of RFC 4716 is one key from the line {_RFC4716_BEGIN} to the line {_RFC4716_END}."
        )
    comment = ""
    body = lines[1:-1]
    while body and ":" in body[0]:
        field = body.pop(0)
        while field.endswith("\\") and body:
            field = field[:-1] + body.pop(0)
        tag, _, value = field.partition(":")
        if tag.strip().lower() == "comment":
            comment = value.strip().removeprefix('"').removesuffix('"')
    blob = _decode_base64("".join(body), "The lines between the headers and the end are not base64: give them all.")
    return _of_blob(blob, comment)


def _of_pem(text: str, labels: list[str]) -> UserPublicKey:
    if len(labels) != 1:
        raise InvalidUserKeyError(f"There are {len(labels)} PEM texts: give one, the public key.")
    if labels[0] not in _PEM_LABELS:
        raise InvalidUserKeyError(
            f"This PEM text is no public key: give one that begins with BEGIN {' or BEGIN '.join(_PEM_LABELS)}."
        )
    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidUserKeyError("The PEM text is damaged, or is no public key: give it again, whole.") from None
    return _of_key(key, "")


def _of_der(data: bytes) -> UserPublicKey:
    try:
        key = load_der_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidUserKeyError(
            "The bytes are no public key in DER (SubjectPublicKeyInfo or PKCS #1): give them again, whole."
        ) from None
    return _of_key(key, "")


def _of_blob(blob: bytes, comment: str) -> UserPublicKey:
    algorithm = _algorithm_of(blob)
    _require_supported(algorithm)
    try:
        key = load_ssh_public_key(b" ".join((algorithm.encode("ascii"), base64.b64encode(blob))))
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidUserKeyError(f"The key of type {algorithm} is damaged: give it again, whole.") from None
    return _of_key(key, comment)


def _of_key(key: object, comment: str) -> UserPublicKey:
    """The key, if it is one that the SSH server accepts."""
    if isinstance(key, dsa.DSAPublicKey):
        raise UserKeyNotSupportedError(_NO_DSA)
    if isinstance(key, ed25519.Ed25519PublicKey):
        key_type, size = KeyType.ED25519, 256
    elif isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        key_type, size = _CURVES[key.curve.name], key.curve.key_size
    elif isinstance(key, rsa.RSAPublicKey):
        key_type, size = KeyType.RSA, key.key_size
        if size not in RSA_BITS:
            raise UserKeyNotSupportedError(
                f"An RSA key to log in with has {RSA_BITS[0]} to {RSA_BITS[-1]} bits, and this one has {size}."
            )
    else:
        raise UserKeyNotSupportedError(
            "Nobody can log in with a key of this type: use an Ed25519 key, ECDSA on P-256, P-384 or P-521, or RSA."
        )
    encoded = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split(b" ")[1]
    return UserPublicKey(key_type, size, base64.b64decode(encoded), _clean(comment))


def _algorithm_of(blob: bytes) -> str:
    """The name at the beginning of a blob. Raises InvalidUserKeyError."""
    length = int.from_bytes(blob[:4], "big")
    name = blob[4 : 4 + length]
    if not 0 < length <= _MAX_NAME or len(name) != length or not name.isascii():
        raise InvalidUserKeyError(f"{_FORMS}; the bytes are no key of SSH (RFC 4253, section 6.6).")
    return name.decode("ascii")


def _is_algorithm(word: str) -> bool:
    """Whether a word names keys of SSH, supported or not."""
    return word in SSH_ALGORITHMS.values() or any(name.fullmatch(word) for name, _ in _UNSUPPORTED)


def _require_supported(algorithm: str) -> None:
    """Raises UserKeyNotSupportedError with the reason."""
    if algorithm in SSH_ALGORITHMS.values():
        return
    reasons = [reason for name, reason in _UNSUPPORTED if name.fullmatch(algorithm)]
    raise UserKeyNotSupportedError((*reasons, f"Nobody can log in with a key of this type: use {_ACCEPTED}.")[0])


def _decode_base64(text: str, complaint: str) -> bytes:
    try:
        return binascii.a2b_base64(text.encode(), strict_mode=True)
    except binascii.Error:
        raise InvalidUserKeyError(complaint) from None


def _clean(comment: str) -> str:
    return "".join(filter(str.isprintable, comment)).strip()[:MAX_COMMENT].rstrip()
