"""Subject alternative names (RFC 5280 section 4.2.1.6) as they are typed into a trustpoint, and as they are printed.

Typed with commas between: `DNS:router1.example.com,IP:192.0.2.1,email:noc@example.com,URI:https://router1.example.com`.
What openssl prints of a certificate can be typed back. Without its kind in front, a name is what it looks like. All are
ASCII: an internationalized name is typed in the form that goes into the certificate, xn--... (RFC 5280 section 7.2).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509

from agent.pki.errors import InvalidAlternativeNamesError
from agent.pki.names import format_name

#: Characters of all names as typed.
ALTERNATIVE_NAMES_MAX_LENGTH: Final = 4096
#: Names of one certificate.
MAX_ALTERNATIVE_NAMES: Final = 32

_DNS_MAX_LENGTH: Final = 253
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
#: The last label has a letter: what is all digits and dots is a mistyped address.
_DNS: Final = re.compile(rf"(?:{_LABEL}\.)*(?=[0-9-]*[A-Za-z]){_LABEL}")
_LOCAL_PART: Final = re.compile(r"(?=.{1,64}\Z)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+;=-]|%[0-9A-Fa-f]{2})+")
#: Characters of an element that an error message repeats.
_SHOWN: Final = 64

#: A name, and what is the same for two spellings of it.
_Named = tuple[x509.GeneralName, object]


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of name that can be typed.

    Attributes:
        prefixes: how it may be spelled, in any case; the first is how it is printed.
        read: from the text; None for what is no such name.
        form: what is one, in words.
    """

    prefixes: tuple[str, ...]
    read: Callable[[str], _Named | None]
    form: str


def _read_dns(text: str) -> _Named | None:
    return (x509.DNSName(text), text.lower()) if _is_dns(text) else None


def _read_address(text: str) -> _Named | None:
    address = _address(text)
    return None if address is None else (x509.IPAddress(address), address)


def _read_email(text: str) -> _Named | None:
    local, at, domain = text.rpartition("@")
    if not at or not _LOCAL_PART.fullmatch(local) or not _is_dns(domain):
        return None
    return x509.RFC822Name(text), (local, domain.lower())


def _read_uri(text: str) -> _Named | None:
    if not _URI.fullmatch(text):
        return None
    try:
        parts = urlsplit(text)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        return None
    if "//" in text[: len(parts.scheme) + 3] and not (host and (_is_dns(host) or _address(host))):
        return None
    return x509.UniformResourceIdentifier(text), text


_DNS_KIND: Final = _Kind(
    ("DNS",), _read_dns, "a domain name of ASCII letters, digits and hyphens, such as r1.example.com"
)
_ADDRESS_KIND: Final = _Kind(
    ("IP", "IP Address"), _read_address, "an IPv4 or IPv6 address without prefix length or zone"
)
_EMAIL_KIND: Final = _Kind(("email",), _read_email, "an address such as noc@example.com, in ASCII")
_URI_KIND: Final = _Kind(("URI",), _read_uri, "an absolute URI in ASCII, whose host is a domain name or an address")
_BY_PREFIX: Final = {
    prefix.lower(): kind for kind in (_DNS_KIND, _ADDRESS_KIND, _EMAIL_KIND, _URI_KIND) for prefix in kind.prefixes
}


def parse_alternative_names(text: str) -> tuple[x509.GeneralName, ...]:
    """The names, in the order they are typed. Raises InvalidAlternativeNamesError."""
    if len(text) > ALTERNATIVE_NAMES_MAX_LENGTH:
        raise InvalidAlternativeNamesError(
            f"The subject alternative names have at most {ALTERNATIVE_NAMES_MAX_LENGTH} characters together."
        )
    elements = text.split(",")
    if len(elements) > MAX_ALTERNATIVE_NAMES:
        raise InvalidAlternativeNamesError(
            f"A certificate has at most {MAX_ALTERNATIVE_NAMES} subject alternative names."
        )
    found: dict[tuple[type[x509.GeneralName], object], x509.GeneralName] = {}
    for element in elements:
        name, sameness = _parse_element(element.strip())
        key = (type(name), sameness)
        if key in found:
            raise InvalidAlternativeNamesError(f"The subject alternative name {_shown(element)} is there twice.")
        found[key] = name
    return tuple(found.values())


def format_alternative_names(names: Iterable[x509.GeneralName]) -> str:
    """The names as they can be typed."""
    return ",".join(map(format_alternative_name, names))


def format_alternative_name(name: x509.GeneralName) -> str:
    """A name of any kind as it is printed, with its kind in front: those that can be typed as they are typed."""
    return f"{_PRINTED_KINDS[type(name)]}:{_printed_value(name)}"


_PRINTED_KINDS: Final[dict[type[x509.GeneralName], str]] = {
    x509.DNSName: _DNS_KIND.prefixes[0],
    x509.IPAddress: _ADDRESS_KIND.prefixes[0],
    x509.RFC822Name: _EMAIL_KIND.prefixes[0],
    x509.UniformResourceIdentifier: _URI_KIND.prefixes[0],
    x509.DirectoryName: "dirName",
    x509.RegisteredID: "RID",
    x509.OtherName: "otherName",
}


def _printed_value(name: x509.GeneralName) -> str:
    if isinstance(name, x509.DirectoryName):
        return format_name(name.value)
    if isinstance(name, x509.RegisteredID):
        return name.value.dotted_string
    if isinstance(name, x509.OtherName):
        return name.type_id.dotted_string
    return str(name.value)


def _parse_element(element: str) -> _Named:
    if not element:
        raise InvalidAlternativeNamesError(
            "A subject alternative name is empty; write for example DNS:router1.example.com,IP:192.0.2.1"
        )
    prefix, colon, value = element.partition(":")
    kind = _BY_PREFIX.get(prefix.strip().lower()) if colon else None
    if kind is None:
        kind, value = _guess(element), element
    name = kind.read(value.strip())
    if name is None:
        raise InvalidAlternativeNamesError(
            f"The subject alternative name {_shown(element)} is not right: {kind.prefixes[0]} is {kind.form}."
        )
    return name


def _guess(text: str) -> _Kind:
    """What a name without its kind looks like."""
    if _address(text) is not None:
        return _ADDRESS_KIND
    if "://" in text:
        return _URI_KIND
    if "@" in text:
        return _EMAIL_KIND
    if ":" in text:
        raise InvalidAlternativeNamesError(
            f"The kind of the subject alternative name {_shown(text)} is unknown; the kinds are DNS, IP, email and URI."
        )
    return _DNS_KIND


def _is_dns(text: str) -> bool:
    """Whether it is a host name by the rules of RFC 1034 section 3.5 and RFC 1123 section 2.1."""
    return len(text) <= _DNS_MAX_LENGTH and _DNS.fullmatch(text) is not None


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        # A zone is nobody else's business (RFC 4007 section 11.2).
        return None if "%" in text else ip_address(text)
    except ValueError:
        return None


def _shown(element: str) -> str:
    text = "".join(character if character.isprintable() else "?" for character in element.strip())
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
