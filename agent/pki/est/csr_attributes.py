"""What a server wants to find in a request: CsrAttrs (RFC 7030 section 4.5.2, RFC 8951 section 4).

CsrAttrs ::= SEQUENCE SIZE (0..MAX) OF AttrOrOID
AttrOrOID ::= CHOICE { oid OBJECT IDENTIFIER, attribute Attribute }
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Final

from asn1crypto import core

from agent.pki import ber
from agent.pki.enrolment_errors import MalformedMessageError
from agent.pki.errors import MalformedBerError

#: Wishes in one answer.
MAX_ATTRIBUTES: Final = 64

_CHALLENGE_PASSWORD: Final = "1.2.840.113549.1.9.7"  # noqa: S105 - an object identifier


@dataclass(frozen=True, slots=True)
class CsrAttributes:
    """Wishes of a server, which a client may follow or not.

    Attributes:
        oids: what shall be there, or be used (algorithms, extensions, attributes), as dotted object identifiers.
        attributes: attributes with values, each value in DER.
    """

    oids: tuple[str, ...] = ()
    attributes: Mapping[str, tuple[bytes, ...]] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def wants_challenge_password(self) -> bool:
        """Whether the request shall have a challengePassword, which in EST holds a value of the TLS connection (RFC
        7030 section 3.5). TLS 1.3 has no such value, and this client puts none in."""
        return _CHALLENGE_PASSWORD in self.oids or _CHALLENGE_PASSWORD in self.attributes


class _Values(core.SetOf):  # type: ignore[misc]
    _child_spec = core.Any


class _Attribute(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar = [("type", core.ObjectIdentifier), ("values", _Values)]


class _AttributeOrOid(core.Choice):  # type: ignore[misc]
    _alternatives: ClassVar = [("oid", core.ObjectIdentifier), ("attribute", _Attribute)]


class _Attributes(core.SequenceOf):  # type: ignore[misc]
    _child_spec = _AttributeOrOid


def read_csr_attributes(der: bytes) -> CsrAttributes:
    """Raises MalformedMessageError."""
    # asn1crypto reads as it goes, and on hostile bytes raises whatever its code happens to run into.
    try:
        ber.refuse_endless_numbers(der)
        wishes = _Attributes.load(der, strict=True)
        if len(wishes) > MAX_ATTRIBUTES:
            raise MalformedMessageError(f"it has more than {MAX_ATTRIBUTES} attributes")
        oids: list[str] = []
        attributes: dict[str, tuple[bytes, ...]] = {}
        for wish in wishes:
            if wish.name == "oid":
                oids.append(wish.chosen.dotted)
            else:
                values = tuple(value.dump() for value in wish.chosen["values"])
                kind = wish.chosen["type"].dotted
                attributes[kind] = attributes.get(kind, ()) + values
    except MalformedMessageError:
        raise
    except MalformedBerError as error:
        raise MalformedMessageError(error.reason) from error
    except Exception as error:
        raise MalformedMessageError("its attributes can't be read") from error
    return CsrAttributes(tuple(oids), MappingProxyType(attributes))
