"""The signed attributes of SCEP messages (RFC 8894 section 3.2.1) and the numbers in them.

Every one of them has exactly one value, and is there at most once: with two, checks could look at one and use the
other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, Final

from asn1crypto import core
from cryptography import x509
from cryptography.hazmat import asn1

from agent.pki.scep.cms_structures import CmsAttribute
from agent.pki.scep.errors import DuplicateAttributeError, MalformedMessageError, MissingAttributeError

#: Attributes of a message that are looked at.
MAX_ATTRIBUTES: Final = 64
#: Bytes of a nonce. We send 16; some CAs answer with more of their own.
NONCE_BYTES: Final = 16
#: Characters of a text of the CA that are kept.
TEXT_MAX_LENGTH: Final = 1024


class Attribute(StrEnum):
    """Attribute types by OID."""

    CONTENT_TYPE = "1.2.840.113549.1.9.3"
    MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
    MESSAGE_TYPE = "2.16.840.1.113733.1.9.2"
    PKI_STATUS = "2.16.840.1.113733.1.9.3"
    FAIL_INFO = "2.16.840.1.113733.1.9.4"
    SENDER_NONCE = "2.16.840.1.113733.1.9.5"
    RECIPIENT_NONCE = "2.16.840.1.113733.1.9.6"
    TRANSACTION_ID = "2.16.840.1.113733.1.9.7"
    FAIL_INFO_TEXT = "1.3.6.1.5.5.7.24.1"
    #: The arc itself, which step-ca sends instead.
    FAIL_INFO_TEXT_OF_STEP_CA = "1.3.6.1.5.5.7.24"

    @property
    def label(self) -> str:
        """The name for a person."""
        return self.name.lower().replace("_", " ")


_KNOWN: Final = frozenset(Attribute)


class MessageType(IntEnum):
    """RFC 8894 section 3.2.1.2."""

    CERT_REP = 3
    RENEWAL_REQ = 17
    PKCS_REQ = 19
    CERT_POLL = 20
    GET_CERT = 21
    GET_CRL = 22


class PkiStatus(IntEnum):
    """RFC 8894 section 3.2.1.3."""

    SUCCESS = 0
    FAILURE = 2
    PENDING = 3


class FailInfo(IntEnum):
    """RFC 8894 section 3.2.1.4."""

    BAD_ALG = 0
    BAD_MESSAGE_CHECK = 1
    BAD_REQUEST = 2
    BAD_TIME = 3
    BAD_CERT_ID = 4

    @property
    def explanation(self) -> str:
        """What the standard says that it means."""
        return _FAILURES[self]


_FAILURES: Final = {
    FailInfo.BAD_ALG: "badAlg: an algorithm is unknown to the CA, or not supported",
    FailInfo.BAD_MESSAGE_CHECK: "badMessageCheck: the CA could not verify or decrypt the request",
    FailInfo.BAD_REQUEST: "badRequest: the CA does not permit or support this transaction",
    FailInfo.BAD_TIME: "badTime: the clocks of the CA and of this device differ too much",
    FailInfo.BAD_CERT_ID: "badCertId: the CA found no certificate like the one asked for",
}


@dataclass(frozen=True, slots=True)
class SignedAttributes:
    """The attributes of a message that was received, by OID; values as asn1crypto has them."""

    values: Mapping[str, Any]

    @classmethod
    def read(cls, attributes: Any) -> SignedAttributes:
        """From an asn1crypto CMSAttributes. Raises DuplicateAttributeError, MalformedMessageError."""
        values: dict[str, Any] = {}
        if len(attributes) > MAX_ATTRIBUTES:
            raise MalformedMessageError("too many attributes")
        for attribute in attributes:
            oid = attribute["type"].dotted
            if oid in values or len(attribute["values"]) != 1:
                raise DuplicateAttributeError(_label(oid))
            value = attribute["values"][0]
            values[oid] = value.parse() if isinstance(value, core.Any) and oid in _KNOWN else value
        for oid in values.keys() & _KNOWN:
            # asn1crypto decodes a value when it is first asked for: now, while its failures are expected.
            _ = values[oid].native
        return cls(values)

    def octets(self, attribute: Attribute) -> bytes:
        """The value of an OCTET STRING."""
        value = self._find(attribute)
        if not isinstance(value, core.OctetString):
            raise MalformedMessageError(f"its {attribute.label} is no octet string")
        return bytes(value.native)

    def text(self, attribute: Attribute) -> str:
        """The value of a string of any kind."""
        value = self._find(attribute)
        if not isinstance(value, core.AbstractString):
            raise MalformedMessageError(f"its {attribute.label} is no text")
        return str(value.native)

    def number(self, attribute: Attribute) -> int:
        """The value of a number, which SCEP writes as text."""
        text = self.text(attribute)
        if not (text.isascii() and text.isdigit() and len(text) <= 3):
            raise MalformedMessageError(f"its {attribute.label} is no number")
        return int(text)

    def oid(self, attribute: Attribute) -> str:
        """The value of an OBJECT IDENTIFIER."""
        value = self._find(attribute)
        if not isinstance(value, core.ObjectIdentifier):
            raise MalformedMessageError(f"its {attribute.label} is no object identifier")
        return str(value.dotted)

    def fail_info_text(self) -> str:
        """What the CA says why it refuses, in printable characters; empty when it says nothing."""
        for attribute in (Attribute.FAIL_INFO_TEXT, Attribute.FAIL_INFO_TEXT_OF_STEP_CA):
            if attribute in self.values:
                text = self.text(attribute)[:TEXT_MAX_LENGTH]
                return "".join(c if c.isprintable() else " " for c in text).strip()
        return ""

    def __contains__(self, attribute: Attribute) -> bool:
        return attribute in self.values

    def _find(self, attribute: Attribute) -> Any:
        if attribute not in self.values:
            raise MissingAttributeError(attribute.label)
        return self.values[attribute]


def request_attributes(message_type: MessageType, transaction_id: str, nonce: bytes) -> list[CmsAttribute]:
    """The attributes of a request."""
    values: dict[Attribute, object] = {
        Attribute.MESSAGE_TYPE: asn1.PrintableString(str(int(message_type))),
        Attribute.TRANSACTION_ID: asn1.PrintableString(transaction_id),
        Attribute.SENDER_NONCE: nonce,
    }
    return [CmsAttribute.of(x509.ObjectIdentifier(kind.value), value) for kind, value in values.items()]


def _label(oid: str) -> str:
    try:
        return Attribute(oid).label
    except ValueError:
        return f"the attribute {oid}"
