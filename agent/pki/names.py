"""Distinguished names: the subject that a person types into a trustpoint, and the names that `show` prints.

Typed, in the order of the certificate, as the guide has it: `CN=lab1-ads,C=US,ST=CA,L=San Jose,O=cisco systems,OU=ASR`.
Printed in the order of RFC 4514, which is the reverse. Special characters are escaped with a backslash as RFC 4514
section 2.4 says, both ways.

What the device adds to a subject itself (serialNumber, unstructuredName, unstructuredAddress) can't be typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from agent.pki.errors import InvalidSubjectNameError

#: Characters of a subject name as typed.
SUBJECT_MAX_LENGTH: Final = 1024

#: PKCS #9 (RFC 2985 section 5.4): the FQDN and the address of a device.
UNSTRUCTURED_NAME: Final = NameOID.UNSTRUCTURED_NAME
UNSTRUCTURED_ADDRESS: Final = x509.ObjectIdentifier("1.2.840.113549.1.9.8")

_SPECIAL: Final = frozenset(',+"\\<>;= #')
_MUST_BE_ESCAPED: Final = frozenset('+"<>;')
_HEX_PAIR: Final = re.compile(r"[0-9A-Fa-f]{2}")


@dataclass(frozen=True, slots=True)
class _Attribute:
    """An attribute type that can be typed.

    Attributes:
        names: how it may be spelled, in any case; the first is how it is printed.
        limit: most bytes of a value in UTF-8. (The upper bounds of RFC 5280 appendix A.1 count characters; libraries
            count bytes.)
        pattern: what a value must look like, and `form`: the same in words.
        repeatable: may occur more than once.
    """

    oid: x509.ObjectIdentifier
    names: tuple[str, ...]
    limit: int
    pattern: str = ".*"
    form: str = ""
    repeatable: bool = False


_PRINTABLE: Final = r"[A-Za-z0-9 '()+,\-./:=?]*"
_ASCII: Final = r"[\x20-\x7e]*"
_TYPEABLE: Final = (
    _Attribute(NameOID.COMMON_NAME, ("CN", "commonName"), 64),
    _Attribute(NameOID.COUNTRY_NAME, ("C", "countryName"), 2, "[A-Za-z]{2}", "the two letters of a country code"),
    _Attribute(NameOID.STATE_OR_PROVINCE_NAME, ("ST", "S", "stateOrProvinceName"), 128),
    _Attribute(NameOID.LOCALITY_NAME, ("L", "localityName"), 128),
    _Attribute(NameOID.ORGANIZATION_NAME, ("O", "organizationName"), 64),
    _Attribute(NameOID.ORGANIZATIONAL_UNIT_NAME, ("OU", "organizationalUnitName"), 64, repeatable=True),
    _Attribute(NameOID.DOMAIN_COMPONENT, ("DC", "domainComponent"), 63, _ASCII, "ASCII", repeatable=True),
    _Attribute(NameOID.STREET_ADDRESS, ("STREET", "streetAddress"), 128),
    _Attribute(NameOID.POSTAL_CODE, ("postalCode",), 40),
    _Attribute(NameOID.TITLE, ("T", "title"), 64),
    _Attribute(NameOID.GIVEN_NAME, ("GN", "givenName"), 64),
    _Attribute(NameOID.SURNAME, ("SN", "surname"), 64),
    _Attribute(NameOID.INITIALS, ("initials",), 64),
    _Attribute(NameOID.USER_ID, ("UID", "userId"), 64),
    _Attribute(NameOID.DN_QUALIFIER, ("dnQualifier",), 64, _PRINTABLE, "letters, digits and '()+,-./:=? only"),
    _Attribute(NameOID.EMAIL_ADDRESS, ("emailAddress", "E"), 255, _ASCII, "ASCII"),
)
_BY_NAME: Final = {name.lower(): attribute for attribute in _TYPEABLE for name in attribute.names}
_ADDED_BY_THE_DEVICE: Final = {
    NameOID.SERIAL_NUMBER: "serialNumber",
    UNSTRUCTURED_NAME: "unstructuredName",
    UNSTRUCTURED_ADDRESS: "unstructuredAddress",
}
_PRINTED_NAMES: Final = {
    **{attribute.oid: attribute.names[0] for attribute in _TYPEABLE},
    **_ADDED_BY_THE_DEVICE,
}
_DEVICE_NAMES: Final = frozenset(name.lower() for name in _ADDED_BY_THE_DEVICE.values())


def parse_subject(text: str) -> tuple[x509.NameAttribute[str], ...]:
    """The attributes of a typed subject name, in its order. Raises InvalidSubjectNameError."""
    if not text.strip(" "):
        raise InvalidSubjectNameError("The subject name is empty; write for example CN=router1,O=Example.")
    if len(text) > SUBJECT_MAX_LENGTH:
        raise InvalidSubjectNameError(f"A subject name has at most {SUBJECT_MAX_LENGTH} characters.")
    if not text.isprintable():
        raise InvalidSubjectNameError("A subject name has printable characters only.")
    found: list[x509.NameAttribute[str]] = []
    seen: set[x509.ObjectIdentifier] = set()
    for element in _split(text):
        attribute, value = _parse_element(element)
        if attribute.oid in seen and not attribute.repeatable:
            raise InvalidSubjectNameError(f"The subject name has {attribute.names[0]} twice.")
        seen.add(attribute.oid)
        found.append(_name_attribute(attribute, value))
    return tuple(found)


def format_name(name: x509.Name) -> str:
    """A name as `show` prints it: RFC 4514, with the guide's attribute names."""
    return name.rfc4514_string(_PRINTED_NAMES)


def _split(text: str) -> Iterator[str]:
    """The elements between the commas that are not escaped."""
    start = at = 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == ",":
            yield text[start:at]
            start = at + 1
        at += 1
    yield text[start:]


def _parse_element(element: str) -> tuple[_Attribute, str]:
    name, equals, value = element.partition("=")
    name = name.strip(" ")
    if not equals or not name:
        raise InvalidSubjectNameError(
            "Each element of a subject name is written attribute=value, as in CN=router1,O=Example;"
            " a comma in a value is written \\,"
        )
    if name.lower() in _DEVICE_NAMES:
        raise InvalidSubjectNameError("serialNumber, unstructuredName and unstructuredAddress are added by the device.")
    attribute = _BY_NAME.get(name.lower())
    if attribute is None:
        known = ", ".join(attribute.names[0] for attribute in _TYPEABLE)
        raise InvalidSubjectNameError(f"The subject name has an unknown attribute; the attributes are {known}.")
    return attribute, _unescape(attribute.names[0], value)


def _unescape(name: str, value: str) -> str:
    """The value that RFC 4514 text stands for; spaces around it that are not escaped don't count."""
    value = value.lstrip(" ")
    if value.startswith("#"):
        raise InvalidSubjectNameError(f"The value of {name} begins with #; write \\# for the character.")
    result = bytearray()
    significant = 0
    at = 0
    while at < len(value):
        character = value[at]
        at += 1
        if character == "\\":
            if _HEX_PAIR.match(value, at):
                result.append(int(value[at : at + 2], 16))
                at += 2
            elif value[at : at + 1] in _SPECIAL:
                result += value[at].encode()
                at += 1
            else:
                raise InvalidSubjectNameError(f"The value of {name} has a backslash that escapes nothing; write \\\\.")
            significant = len(result)
            continue
        if character in _MUST_BE_ESCAPED:
            raise InvalidSubjectNameError(f"The value of {name} has the character {character}; write \\{character}.")
        result += character.encode()
        if character != " ":
            significant = len(result)
    try:
        return result[:significant].decode()
    except UnicodeDecodeError:
        raise InvalidSubjectNameError(f"The hexadecimal escapes in the value of {name} are not UTF-8.") from None


def _name_attribute(attribute: _Attribute, value: str) -> x509.NameAttribute[str]:
    name = attribute.names[0]
    if not value:
        raise InvalidSubjectNameError(f"{name} has no value; give it one or leave it out.")
    if not value.isprintable():
        raise InvalidSubjectNameError(f"The value of {name} has characters that can't be printed.")
    if not re.fullmatch(attribute.pattern, value):
        raise InvalidSubjectNameError(f"The value of {name} must be {attribute.form}.")
    if len(value.encode()) > attribute.limit:
        raise InvalidSubjectNameError(f"The value of {name} has at most {attribute.limit} bytes in UTF-8.")
    return x509.NameAttribute(attribute.oid, value)
