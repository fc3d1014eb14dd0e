"""What a trustpoint is configured to do (the guide: "Declare Certification Authority and Configure Trusted Point",
"Generate System Trust Point for the Leaf and Root Certificate")."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from agent.pki.errors import DigestNotSupportedError, InvalidSubjectNameError, InvalidTrustpointError
from agent.pki.keys import KeyPurpose, KeyType
from agent.pki.names import UNSTRUCTURED_ADDRESS, UNSTRUCTURED_NAME, parse_subject

#: The trustpoint whose key says who the device is.
SYSTEM_TRUSTPOINT: Final = "system-trustpoint"
NAME_MAX_LENGTH: Final = 128
#: Days that a certificate is valid.
LIFETIME_DAYS: Final = range(30, 5475)
LIFETIME_DEFAULT: Final = 200
CA_LIFETIME_DAYS: Final = range(30, 5476)
CA_LIFETIME_DEFAULT: Final = 365

#: Where the path of an EST server begins (RFC 7030 section 3.2.2).
EST_PATH: Final = "/.well-known/est"
RETRY_COUNTS: Final = range(1, 101)
RETRY_COUNT_DEFAULT: Final = 10
#: Minutes between two polls.
RETRY_PERIODS: Final = range(1, 61)
RETRY_PERIOD_DEFAULT: Final = 1
#: Seconds for one exchange with a server.
TIMEOUT_DEFAULT: Final = 30

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
_ENCRYPT: Final = frozenset(
    {CertificateUsage.KEY_ENCIPHERMENT, CertificateUsage.DATA_ENCIPHERMENT, CertificateUsage.KEY_AGREEMENT}
)
#: A key's purpose -> the usages that it can have, and the one that it has when the configured ones leave it nothing.
_PURPOSE_USAGES: Final = {
    KeyPurpose.GENERAL: frozenset(CertificateUsage),
    KeyPurpose.SIGNATURE: frozenset(CertificateUsage) - _ENCRYPT,
    KeyPurpose.ENCRYPTION: _ENCRYPT,
}
_ONLY_USAGE: Final = {
    KeyPurpose.GENERAL: _SIGN,
    KeyPurpose.SIGNATURE: _SIGN,
    KeyPurpose.ENCRYPTION: frozenset({CertificateUsage.KEY_ENCIPHERMENT}),
}


@dataclass(frozen=True, slots=True)
class KeyReference:
    """A key pair by type and label."""

    type: KeyType
    label: str


class EnrollmentMethod(StrEnum):
    """How a trustpoint gets its certificates."""

    SELF = "self"
    TERMINAL = "terminal"
    SCEP = "scep"
    EST = "est"

    @classmethod
    def of_url(cls, url: str) -> EnrollmentMethod:
        """The method that an enrollment url stands for."""
        if url in (cls.SELF, cls.TERMINAL):
            return cls(url)
        return cls.EST if urlsplit(url).path.startswith(EST_PATH) else cls.SCEP


class RenewalMessage(StrEnum):
    """The SCEP message that asks for another certificate (RFC 8894 section 3.3.1)."""

    PKCS_REQ = "pkcsreq"
    RENEWAL_REQ = "renewalreq"


@dataclass(frozen=True, slots=True)
class EnrollmentServer:
    """The server of a certification authority, and how to deal with it.

    Attributes:
        url: as configured.
        ca_identifier: which of the CAs behind a SCEP url.
        allow_weak: whether SHA-1, DES and 3DES are taken from it.
        non_rsa_keys: whether a SCEP server issues for keys of other types.
        skip_challenge: whether requests have no challenge password.
        username, password: for an EST server.
        vrf: the device that connections go through; None: the main routing table.
        retry_count, retry_period: polls at most, and the minutes between two.
        timeout: seconds for one exchange.
        renewal_message: of a SCEP renewal.
    """

    url: str
    ca_identifier: str | None = None
    allow_weak: bool = False
    non_rsa_keys: bool = False
    skip_challenge: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    vrf: str | None = None
    retry_count: int = RETRY_COUNT_DEFAULT
    retry_period: int = RETRY_PERIOD_DEFAULT
    timeout: float = TIMEOUT_DEFAULT
    renewal_message: RenewalMessage = RenewalMessage.PKCS_REQ


@dataclass(frozen=True, slots=True)
class TrustpointConfig:
    """One trustpoint. Making one raises InvalidTrustpointError for what can't be.

    Attributes:
        name: of the trustpoint.
        method: how it gets its certificates.
        server: for the methods that have one.
        keypair, ca_keypair: of the leaf and, with the method "self", of the root; two different ones.
        fqdn: hostname and domain name; becomes unstructuredName in both subjects.
        device_serial: becomes serialNumber in both subjects if `serial_number`.
        subject_name, ca_subject_name: as typed (names.py); None: nothing but what the device adds.
        key_usage, ca_key_usage: empty: digitalsignature, for RSA also keyencipherment; the root digitalsignature,
            keycertsign and crlsign.
        lifetime, ca_lifetime: days. A leaf ends with its root at the latest.
        message_digest: signs both certificates, unless the root's key is Ed25519.
        serial_number: whether the subjects have the serial number of the device.
        ip_address: becomes unstructuredAddress in the leaf's subject.
        alternative_names, extended_key_usage: of the leaf.
    """

    name: str
    keypair: KeyReference
    fqdn: str
    device_serial: str
    ca_keypair: KeyReference | None = None
    method: EnrollmentMethod = EnrollmentMethod.SELF
    server: EnrollmentServer | None = None
    subject_name: str | None = None
    ca_subject_name: str | None = None
    key_usage: frozenset[CertificateUsage] = frozenset()
    ca_key_usage: frozenset[CertificateUsage] = frozenset()
    lifetime: int = LIFETIME_DEFAULT
    ca_lifetime: int = CA_LIFETIME_DEFAULT
    message_digest: MessageDigest = MessageDigest.SHA256
    serial_number: bool = True
    ip_address: IPv4Address | IPv6Address | None = None
    alternative_names: tuple[x509.GeneralName, ...] = ()
    extended_key_usage: tuple[x509.ObjectIdentifier, ...] = ()

    def __post_init__(self) -> None:
        self._check_names()
        self._check_keys()
        _check_days("lifetime", self.lifetime, LIFETIME_DAYS)
        _check_days("ca_lifetime", self.ca_lifetime, CA_LIFETIME_DAYS)
        for part, text in (("subject_name", self.subject_name), ("ca_subject_name", self.ca_subject_name)):
            try:
                if text is not None:
                    parse_subject(text)
            except InvalidSubjectNameError as error:
                raise InvalidTrustpointError(part, error.message) from error

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

    @property
    def allows_weak(self) -> bool:
        """Whether signatures with SHA-1 are taken from its certification authority."""
        return self.server is not None and self.server.allow_weak

    def usages_of(self, purpose: KeyPurpose) -> frozenset[CertificateUsage]:
        """What is left of `usages` to the key with this purpose; of usage keys, to the one that signs or encrypts."""
        return self.usages & _PURPOSE_USAGES[purpose] or _ONLY_USAGE[purpose]

    def _check_keys(self) -> None:
        if self.method is EnrollmentMethod.SELF and self.ca_keypair is None:
            raise InvalidTrustpointError(
                "ca_keypair", "The device signs its own root certificate: set ca-keypair to the key pair of the root."
            )
        if self.keypair == self.ca_keypair:
            raise InvalidTrustpointError(
                "ca_keypair", "The root and the leaf need different key pairs: change keypair or ca-keypair."
            )
        signing_key = self.ca_keypair or self.keypair
        if self.message_digest not in SIGNING_DIGESTS and signing_key.type is not KeyType.ED25519:
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
        server = self.server
        if (
            self.method is EnrollmentMethod.SCEP
            and self.keypair.type is not KeyType.RSA
            and not (server and server.non_rsa_keys)
        ):
            raise InvalidTrustpointError(
                "keypair",
                f"SCEP is made for RSA keys, and {self.keypair.type.value} is another type: name an RSA key pair, or"
                " set enrollment/non-rsa-keys to true if the certification authority issues certificates for them.",
            )


def _check_days(field: str, days: int, allowed: range) -> None:
    if days not in allowed:
        raise InvalidTrustpointError(field, f"A lifetime is {allowed[0]} to {allowed[-1]} days, not {days}.")


def _list(usages: frozenset[CertificateUsage]) -> str:
    return ", ".join(usage.value for usage in CertificateUsage if usage in usages)
