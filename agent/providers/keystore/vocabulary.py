"""Key pairs and their certificates in the words of ietf-keystore.

An entry is a pair of a public and a private key. Usage keys are two such pairs under one label, and two entries. A key
pair's type and label, and a trustpoint's name with the role of its certificate, are made into one name each; types and
roles have no colon, so that no two things get the same name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from types import MappingProxyType
from typing import Final

from agent.northbound.contract import Record
from agent.pki.key_certificates import KeyCertificate
from agent.pki.key_store import KeyPair
from agent.pki.keys import KeyPurpose, KeyType

ASYMMETRIC_KEYS: Final = "/ietf-keystore:keystore/asymmetric-keys/asymmetric-key"
_PUBLIC_KEY_FORMAT: Final = "ietf-crypto-types:subject-public-key-info-format"

#: What an entry's name begins with -> which of the pairs under a label it is.
_KINDS: Final = MappingProxyType(
    {key_type.value: (key_type, KeyPurpose.GENERAL) for key_type in KeyType}
    | {
        f"{KeyType.RSA.value}-{purpose.value}": (KeyType.RSA, purpose)
        for purpose in (KeyPurpose.SIGNATURE, KeyPurpose.ENCRYPTION)
    }
)
_PREFIXES: Final = MappingProxyType({kind: prefix for prefix, kind in _KINDS.items()})


def entry_name(key_type: KeyType, label: str, purpose: KeyPurpose) -> str:
    """The name of a key pair's entry: rsa:lab, or rsa-signature:lab and rsa-encryption:lab."""
    return f"{_PREFIXES[key_type, purpose]}:{label}"


def parse_entry_name(name: str) -> tuple[KeyType, str, KeyPurpose] | None:
    """Type, label and purpose; None for a name that no entry can have."""
    prefix, _, label = name.partition(":")
    kind = _KINDS.get(prefix)
    return None if kind is None or not label else (kind[0], label, kind[1])


def entries(pair: KeyPair) -> Iterator[tuple[str, bytes]]:
    """The names of the entries of a key pair, each with its SubjectPublicKeyInfo."""
    for purpose, public_key in pair.parts:
        yield entry_name(pair.type, pair.label, purpose), public_key


def key_record(name: str, public_key: bytes) -> Record:
    """The leaves of an entry. The private key is there, and hidden."""
    return {
        "name": name,
        "public-key-format": _PUBLIC_KEY_FORMAT,
        "public-key": public_key,
        "hidden-private-key": None,
    }


def named(certificates: Iterable[KeyCertificate]) -> Iterator[tuple[str, KeyCertificate]]:
    """The certificates of one key with their names: trustpoint and role, and a number from the second one on."""
    seen: Counter[str] = Counter()
    for certificate in certificates:
        name = f"{certificate.trustpoint}:{certificate.role.value}"
        seen[name] += 1
        yield (name if seen[name] == 1 else f"{name}:{seen[name]}"), certificate
