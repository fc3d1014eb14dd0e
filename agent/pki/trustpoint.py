"""What a trustpoint with `enrollment self` is configured to do (the guide: "Generate System Trust Point for the Leaf
and Root Certificate")."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from agent.pki.errors import DigestNotSupportedError, InvalidSubjectNameError, InvalidTrustpointError
from agent.pki.keys import KeyType
from agent.pki.names import UNSTRUCTURED_ADDRESS, UNSTRUCTURED_NAME, parse_subject

NAME_MAX_LENGTH: Final = 128
#: Days that a certificate is valid.
LIFETIME_DAYS: Final = range(30, 5475)
LIFETIME_DEFAULT: Final = 200
CA_LIFETIME_DAYS: Final = range(30, 5476)
CA_LIFETIME_DEFAULT: Final = 365

_FQDN: Final = re.compile(r"[\x21-\x7e]{1,255}")
#: PrintableString, which X.520 prescribes for serialNumber.
_DEVICE_SERIAL: Final = re.compile(r"[A-Za-z0-9 '()+,\-./:=?]{1,64}")


class MessageDigest(StrEnum):
    """The digest that certificates are signed with. Ed25519 has its own, whatever this says (RFC 8032)."""

    MD5 = "md5"
    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA384 = "sha384"
    SHA512 = "sha512"


#: Those that certificates can be signed with.
SIGNING_DIGESTS: Final[dict[MessageDigest, hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    MessageDigest.SHA256: hashes.SHA256(),
    MessageDigest.SHA384: hashes.SHA384(),
    MessageDigest.SHA512: hashes.SHA512(),
}


class CertificateUsage(StrEnum):
    """What a certificate's key may be used for (RFC 5280 section 4.2.1.3), in the guide's spelling."""

    DIGITAL_SIGNATURE = "digitalsignature"
    NON_REPUDIATION = "nonrepudiation"
    KEY_ENCIPHERMENT = "keyencipherment"
    DATA_ENCIPHERMENT = "dataencipherment"
    KEY_AGREEMENT = "keyagreement"
    KEY_CERT_SIGN = "keycertsign"
    CRL_SIGN = "crlsign"


_USAGES: Final = frozenset(CertificateUsage) - {CertificateUsage.KEY_CERT_SIGN, CertificateUsage.CRL_SIGN}
_CA_USAGES: Final = frozenset(
    {
        CertificateUsage.DIGITAL_SIGNATURE,
        CertificateUsage.NON_REPUDIATION,
        CertificateUsage.KEY_CERT_SIGN,
        CertificateUsage.CRL_SIGN,
    }
)
_CA_USAGE_DEFAULT: Final = _CA_USAGES - {CertificateUsage.NON_REPUDIATION}
_SIGN: Final = frozenset({CertificateUsage.DIGITAL_SIGNATURE})


@dataclass(frozen=True, slots=True)
class KeyReference:
    """A key pair by type and label."""

    type: KeyType
    label: str


@dataclass(frozen=True, slots=True)
class TrustpointConfig:
    """One trustpoint with `enrollment self`. Making one raises InvalidTrustpointError for what can't be.

    Attributes:
        name: of the trustpoint.
        keypair, ca_keypair: of the leaf and of the root; two different ones.
        fqdn: hostname and domain name; becomes unstructuredName in both subjects.
        device_serial: becomes serialNumber in both subjects if `serial_number`.
        subject_name, ca_subject_name: as typed (names.py); None: nothing but what the device adds.
        key_usage, ca_key_usage: empty: digitalsignature, for RSA also keyencipherment; the root digitalsignature,
            keycertsign and crlsign.
        lifetime, ca_lifetime: days. A leaf ends with its root at the latest.
        message_digest: signs both certificates, unless the root's key is Ed25519.
        serial_number: whether the subjects have the serial number of the device.
        ip_address: becomes unstructuredAddress in the leaf's subject.
    """

    name: str
    keypair: KeyReference
    ca_keypair: KeyReference
    fqdn: str
    device_serial: str
    subject_name: str | None = None
    ca_subject_name: str | None = None
    key_usage: frozenset[CertificateUsage] = frozenset()
    ca_key_usage: frozenset[CertificateUsage] = frozenset()
    lifetime: int = LIFETIME_DEFAULT
    ca_lifetime: int = CA_LIFETIME_DEFAULT
    message_digest: MessageDigest = MessageDigest.SHA256
    serial_number: bool = True
    ip_address: IPv4Address | IPv6Address | None = None

    def __post_init__(self) -> None:
        self._check_names()
        self._check_keys()
        _check_days("lifetime", self.lifetime, LIFETIME_DAYS)
        _check_days("ca_lifetime", self.ca_lifetime, CA_LIFETIME_DAYS)
        for field, text in (("subject_name", self.subject_name), ("ca_subject_name", self.ca_subject_name)):
            try:
                if text is not None:
                    parse_subject(text)
            except InvalidSubjectNameError as error:
                raise InvalidTrustpointError(field, error.message) from error

    @property
    def subject(self) -> x509.Name:
        """The leaf's subject."""
        return self._subject(self.subject_name, self.ip_address)

    @property
    def ca_subject(self) -> x509.Name:
        """The root's subject. It has no address: the root outlives it."""
        return self._subject(self.ca_subject_name, None)

    @property
    def usages(self) -> frozenset[CertificateUsage]:
        """The leaf's key usages, the default filled in."""
        if self.key_usage:
            return self.key_usage
        return _SIGN | {CertificateUsage.KEY_ENCIPHERMENT} if self.keypair.type is KeyType.RSA else _SIGN

    @property
    def ca_usages(self) -> frozenset[CertificateUsage]:
        """The root's key usages, the default filled in."""
        return self.ca_key_usage or _CA_USAGE_DEFAULT

    def _subject(self, text: str | None, address: IPv4Address | IPv6Address | None) -> x509.Name:
        attributes: list[x509.NameAttribute[str]] = [] if text is None else list(parse_subject(text))
        attributes.append(x509.NameAttribute(UNSTRUCTURED_NAME, self.fqdn))
        if address is not None:
            attributes.append(x509.NameAttribute(UNSTRUCTURED_ADDRESS, str(address)))
        if self.serial_number:
            attributes.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, self.device_serial))
        return x509.Name(attributes)

    def _check_names(self) -> None:
        if not 1 <= len(self.name) <= NAME_MAX_LENGTH or not self.name.isprintable():
            raise InvalidTrustpointError(
                "name", f"The name of a trustpoint has 1 to {NAME_MAX_LENGTH} printable characters."
            )
        if not _FQDN.fullmatch(self.fqdn):
            raise InvalidTrustpointError(
                "fqdn", "Certificates need the name of the device: set the hostname and the domain name, in ASCII."
            )
        if self.serial_number and not _DEVICE_SERIAL.fullmatch(self.device_serial):
            raise InvalidTrustpointError(
                "device_serial",
                "The serial number of this device has characters that a subject name can't hold; set serial-number"
                " to false.",
            )

    def _check_keys(self) -> None:
        if self.keypair == self.ca_keypair:
            raise InvalidTrustpointError(
                "ca_keypair", "The root and the leaf need different key pairs: change keypair or ca-keypair."
            )
        if self.message_digest not in SIGNING_DIGESTS and self.ca_keypair.type is not KeyType.ED25519:
            raise DigestNotSupportedError(
                "message_digest",
                f"Certificates are not signed with {self.message_digest.value}: it is broken."
                " Set message-digest to sha256, sha384 or sha512.",
            )
        if not self.key_usage <= _USAGES:
            raise InvalidTrustpointError(
                "key_usage", f"The key usages of a certificate are {_list(_USAGES)}; remove the others."
            )
        if not self.ca_key_usage <= _CA_USAGES:
            raise InvalidTrustpointError(
                "ca_key_usage", f"The key usages of a CA certificate are {_list(_CA_USAGES)}; remove the others."
            )
        if CertificateUsage.KEY_CERT_SIGN not in self.ca_usages:
            raise InvalidTrustpointError(
                "ca_key_usage", "The root signs the leaf: add keycertsign to the key usages of the CA certificate."
            )


def _check_days(field: str, days: int, allowed: range) -> None:
    if days not in allowed:
        raise InvalidTrustpointError(field, f"A lifetime is {allowed[0]} to {allowed[-1]} days, not {days}.")


def _list(usages: frozenset[CertificateUsage]) -> str:
    return ", ".join(usage.value for usage in CertificateUsage if usage in usages)
