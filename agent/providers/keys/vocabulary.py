"""Keys in the words of trustconf-keys: types as identities, a key pair and a user's key as records."""

from __future__ import annotations

from typing import Final

from agent.clock import yang_date_and_time
from agent.northbound.contract import Record
from agent.pki.key_display import hex_layout, public_key_display_bytes
from agent.pki.key_store import KeyPair
from agent.pki.keys import KeyType
from agent.pki.user_key_store import ImportedKey

_MODULE: Final = "trustconf-keys"

#: Identity -> key type; each identity is called as the type is.
KEY_TYPES: Final = {f"{_MODULE}:{key_type.value}": key_type for key_type in KeyType}


def type_identity(key_type: KeyType) -> str:
    return f"{_MODULE}:{key_type.value}"


def key_name(pair: KeyPair) -> Record:
    """The two leaves that name a key pair."""
    return {"type": type_identity(pair.type), "label": pair.label}


def key_facts(pair: KeyPair) -> Record:
    """grouping key-facts."""
    record = {
        "usage": pair.usage.value,
        "size": pair.size,
        "created": yang_date_and_time(pair.created),
        "held-by": pair.held_by.value,
        "public-key": pair.public_key_der,
        "display-data": display_data(pair),
    }
    if pair.encryption_public_key_der is not None:
        record["encryption-public-key"] = pair.encryption_public_key_der
    return record


def display_data(pair: KeyPair) -> str:
    """The guide's hex layout of the key that signs."""
    return hex_layout(public_key_display_bytes(pair.public_key_der))


def user_key_name(imported: ImportedKey) -> Record:
    """grouping user-key-reference."""
    return {"user": imported.user, "number": imported.number}


def user_key_identity(imported: ImportedKey) -> Record:
    """grouping user-key-identity."""
    key = imported.key
    return {"type": type_identity(key.type), "size": key.size, "fingerprint": key.fingerprint}


def user_key_facts(imported: ImportedKey) -> Record:
    """grouping user-key-facts."""
    return {
        **user_key_identity(imported),
        "imported": yang_date_and_time(imported.imported),
        "public-key": imported.key.line,
    }
