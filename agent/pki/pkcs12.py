"""A private key with its certificates out of a PKCS #12 file (RFC 7292), and into one.

The cryptography library opens and makes the files. What it can't tell is read from the structure before, with no
password: how much work it will be to open it, and whether there are several keys. A file that hides that is refused.

Old files, with RC2, RC4, DES or 3DES, are opened: they protect the way from the CA to here, and nothing here stays in
them. Neither the key nor the password is ever in a representation or message.

What is under the encryption is not looked at before: a key that is encrypted once more inside of an encrypted part,
which no program writes, counts for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from asn1crypto import algos, core
from asn1crypto import pkcs12 as asn1_pkcs12
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat, PublicFormat, pkcs12

from agent.pki import ber
from agent.pki.certificate_bags import check_extensions, read_certificate
from agent.pki.errors import MalformedBerError, PkiError
from agent.pki.import_errors import (
    KeyNotOfCertificateError,
    Pkcs12CertificateDamagedError,
    Pkcs12DamagedError,
    Pkcs12Error,
    Pkcs12IterationsError,
    Pkcs12KeyNotSupportedError,
    Pkcs12NoCertificateError,
    Pkcs12NoKeyError,
    Pkcs12PasswordError,
    Pkcs12SeveralKeysError,
    Pkcs12TooLargeError,
    Pkcs12UnsupportedError,
    WeakExportPasswordError,
)
from agent.pki.keys import PrivateKey, check_size, identify_key

#: Bytes of a file.
PKCS12_MAX_BYTES: Final = 1024 * 1024
#: Certificates in a file.
PKCS12_MAX_CERTIFICATES: Final = 64
#: Iterations of all key derivations of a file together. The library lets no other thread run meanwhile, and this many
#: are two or three seconds. Makers use from 2,000 to 600,000 for each of three.
MAX_ITERATIONS: Final = 3_000_000
#: Characters of a password that is to protect a key.
EXPORT_PASSWORD_LENGTH: Final = range(8, 129)
#: Iterations for the encryption of the key, and of the certificates: together a tenth of a second. For the MAC the
#: library takes its own, 2,048, so that more would gain nothing: what protects a file is a long password.
EXPORT_ITERATIONS: Final = 100_000

#: Safe contents within safe contents.
_MAX_DEPTH: Final = 4
_PBMAC1: Final = "1.2.840.113549.1.5.14"
_PBES2: Final = "pbes2"
_PBKDF2: Final = "pbkdf2"
#: How asn1crypto names the schemes of PKCS #12 itself and of PBES1.
_PASSWORD_BASED: Final = ("pkcs12_", "pbes1_")


@dataclass(frozen=True, slots=True)
class Pkcs12Contents:
    """What is in a file.

    Attributes:
        key: a key of keys.py.
        certificate: the key's own.
        others: the other certificates, in the order of the file; no chain is checked.
    """

    key: PrivateKey = field(repr=False)
    certificate: x509.Certificate
    others: tuple[x509.Certificate, ...]


def read_pkcs12(data: bytes, password: str) -> Pkcs12Contents:
    """Open a file. Takes up to seconds, in which no other thread runs. Raises a Pkcs12Error."""
    if len(data) > PKCS12_MAX_BYTES:
        raise Pkcs12TooLargeError(f"{PKCS12_MAX_BYTES // 1024 // 1024} MiB")
    if "\0" in password:
        # The library panics at it, and prints the password.
        raise Pkcs12PasswordError
    _inspect(data)
    try:
        opened = pkcs12.load_pkcs12(data, password.encode())
    except UnsupportedAlgorithm as error:
        raise Pkcs12UnsupportedError("an algorithm of its own") from error
    except (ValueError, TypeError):
        # Without its cause, which may have the password in it.
        raise Pkcs12PasswordError from None
    certificates = [holder.certificate for holder in (opened.cert, *opened.additional_certs) if holder is not None]
    if opened.key is None:
        raise Pkcs12NoKeyError
    if not certificates:
        raise Pkcs12NoCertificateError
    if len(certificates) > PKCS12_MAX_CERTIFICATES:
        raise Pkcs12TooLargeError(f"{PKCS12_MAX_CERTIFICATES} certificates")
    key = _checked_key(opened.key)
    for certificate in certificates:
        _check_certificate(certificate)
    # The library finds the key's own certificate, and says None when there is none.
    own, *others = certificates
    if opened.cert is None or not _belong_together(key, own):
        raise KeyNotOfCertificateError
    return Pkcs12Contents(key, own, tuple(others))


def write_pkcs12(
    name: str, key: PrivateKey, certificate: x509.Certificate, others: Sequence[x509.Certificate], password: str
) -> bytes:
    """A file in DER: PBES2 with AES-256-CBC, HMAC with SHA-256. `name` is what programs list the key under.

    Raises WeakExportPasswordError, KeyNotOfCertificateError.
    """
    if len(password) not in EXPORT_PASSWORD_LENGTH or not (password.isascii() and password.isprintable()):
        raise WeakExportPasswordError(EXPORT_PASSWORD_LENGTH[0], EXPORT_PASSWORD_LENGTH[-1])
    if not _belong_together(key, certificate):
        raise KeyNotOfCertificateError
    protection = (
        PrivateFormat.PKCS12.encryption_builder()
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .kdf_rounds(EXPORT_ITERATIONS)
        .hmac_hash(hashes.SHA256())
        .build(password.encode())
    )
    return pkcs12.serialize_key_and_certificates(name.encode(), key, certificate, list(others), protection)


def _checked_key(key: object) -> PrivateKey:
    identified = identify_key(key)
    if identified is None:
        raise Pkcs12KeyNotSupportedError("It must be an RSA, DSA, ECDSA (P-256, P-384, P-521) or Ed25519 key.")
    try:
        check_size(*identified)
    except PkiError as error:
        raise Pkcs12KeyNotSupportedError(error.message) from error
    return key  # type: ignore[return-value]  # identify_key knows the types of PrivateKey only


def _check_certificate(certificate: x509.Certificate) -> None:
    try:
        check_extensions(read_certificate(certificate.public_bytes(Encoding.DER)))
    except MalformedBerError as error:
        raise Pkcs12CertificateDamagedError(error.reason) from error


def _belong_together(key: PrivateKey, certificate: x509.Certificate) -> bool:
    try:
        public_key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return False
    encoding = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    return public_key.public_bytes(*encoding) == key.public_key().public_bytes(*encoding)


def _inspect(data: bytes) -> None:
    """Refuse what would take too long to open, or has several keys.

    Raises Pkcs12DamagedError, Pkcs12UnsupportedError, Pkcs12IterationsError, Pkcs12SeveralKeysError.
    """
    # asn1crypto reads as it goes, and on hostile bytes raises whatever its code happens to run into.
    try:
        ber.refuse_endless_numbers(data)
        file = asn1_pkcs12.Pfx.load(data, strict=True)
        protections = list(_protections(_plain(file["auth_safe"])))
        iterations = _mac_iterations(file["mac_data"])
        iterations += sum(_iterations(protection.algorithm) for protection in protections if protection.algorithm)
    except Pkcs12Error:
        raise
    except Exception as error:
        raise Pkcs12DamagedError from error
    if iterations > MAX_ITERATIONS:
        raise Pkcs12IterationsError(iterations, MAX_ITERATIONS)
    if sum(protection.is_key for protection in protections) > 1:
        raise Pkcs12SeveralKeysError


@dataclass(frozen=True, slots=True)
class _Protection:
    """How a part of a file is encrypted, None if it is not; and whether that part is a key."""

    algorithm: Any
    is_key: bool


def _protections(authenticated_safe: bytes) -> Iterator[_Protection]:
    for part in asn1_pkcs12.AuthenticatedSafe.load(authenticated_safe, strict=True):
        if part["content_type"].native == "encrypted_data":
            info = part["content"]["encrypted_content_info"]
            yield _Protection(info["content_encryption_algorithm"], is_key=False)
        else:
            yield from _bag_protections(asn1_pkcs12.SafeContents.load(_plain(part), strict=True), 0)


def _bag_protections(bags: Any, depth: int) -> Iterator[_Protection]:
    if depth > _MAX_DEPTH:
        raise Pkcs12DamagedError
    for bag in bags:
        match bag["bag_id"].native:
            case "pkcs8_shrouded_key_bag":
                yield _Protection(bag["bag_value"]["encryption_algorithm"], is_key=True)
            case "key_bag":
                yield _Protection(None, is_key=True)
            case "safe_contents":
                yield from _bag_protections(bag["bag_value"], depth + 1)


def _plain(content_info: Any) -> bytes:
    """The octets of a ContentInfo that is not encrypted. Signed files, and those for a public key, are not opened."""
    if content_info["content_type"].native != "data":
        raise Pkcs12UnsupportedError(str(content_info["content_type"].native))
    return bytes(content_info["content"].native)


def _mac_iterations(mac_data: Any) -> int:
    """Of the key derivation for the MAC: PKCS #12's own, or that of PBMAC1 (RFC 9579)."""
    if isinstance(mac_data, core.Void):
        return 0
    algorithm = mac_data["mac"]["digest_algorithm"]
    if algorithm["algorithm"].dotted == _PBMAC1:
        return _kdf_iterations(algos.Pkcs5MacAlgorithm.load(algorithm.dump())["parameters"])
    return _count(mac_data["iterations"])


def _iterations(algorithm: Any) -> int:
    """Of the key derivation for a cipher."""
    name = str(algorithm["algorithm"].native)
    if name == _PBES2:
        return _kdf_iterations(algorithm["parameters"])
    if not name.startswith(_PASSWORD_BASED):
        raise Pkcs12UnsupportedError(name)
    return _count(algorithm["parameters"]["iterations"])


def _kdf_iterations(parameters: Any) -> int:
    derivation = parameters["key_derivation_func"]
    if derivation["algorithm"].native != _PBKDF2:
        raise Pkcs12UnsupportedError(str(derivation["algorithm"].native))
    return _count(derivation["parameters"]["iteration_count"])


def _count(number: Any) -> int:
    if number.native < 1:
        raise Pkcs12DamagedError
    return int(number.native)
