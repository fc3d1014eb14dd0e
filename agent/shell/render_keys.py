"""`show crypto key mypubkey` in the guide's layout ("Generate Key Pair", "To View the Generated Key-Pairs").

Keys made by commands and rpcs come first, then those of the configuration under a heading of their own. The keys with
which users log in are in a list of their own, in the layout that IOS XR has for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from agent.pki.key_display import hex_layout, public_key_display_bytes, size_name, type_name
from agent.pki.key_store import KeyPair
from agent.pki.keys import KeyType
from agent.pki.user_key_store import ImportedKey
from agent.shell.times import detail_time

#: What the word in the command selects.
KEY_TYPES: Final[dict[str, tuple[KeyType, ...]]] = {
    "rsa": (KeyType.RSA,),
    "dsa": (KeyType.DSA,),
    "ecdsa": (KeyType.ECDSA_NISTP256, KeyType.ECDSA_NISTP384, KeyType.ECDSA_NISTP521),
    "ed25519": (KeyType.ED25519,),
    "all": tuple(KeyType),
}
#: The same for the keys with which users log in: nobody does with DSA.
USER_KEY_TYPES: Final = {family: types for family, types in KEY_TYPES.items() if family != "dsa"}

#: The guide has a blank line between the keys of every type but this.
_UNSEPARATED: Final = (KeyType.RSA, KeyType.RSA)
_CONFIG_HEADING: Final = "-----\nPublic keys from config sysdb:\n-----\n"


def render_keys(keys: Sequence[KeyPair], family: str) -> str:
    """The keys of a family ("rsa", "dsa", "ecdsa", "ed25519", "all"), type by type; "" when there are none."""
    types = KEY_TYPES[family]
    chosen = sorted((key for key in keys if key.type in types), key=lambda key: types.index(key.type))
    text = _render_pairs([key for key in chosen if key.origin != "config"])
    configured = _render_pairs([key for key in chosen if key.origin == "config"])
    if configured:
        text += ("\n" if text else "") + _CONFIG_HEADING + configured
    return text


def _render_pairs(keys: Sequence[KeyPair]) -> str:
    text = "".join(map(_render_pair, keys[:1]))
    for before, key in pairwise(keys):
        text += ("" if (before.type, key.type) == _UNSEPARATED else "\n") + _render_pair(key)
    return text


def render_user_keys(keys: Sequence[ImportedKey], family: str) -> str:
    """The keys of a family ("rsa", "ecdsa", "ed25519", "all") with which users log in, by user; "" when there are
    none."""
    return "".join(
        f"Key label: {imported.user}\n"
        f"Type      : {imported.key.type.value.partition('-')[0].upper()} public key authentication\n"
        f"Number    : {imported.number}\n"
        f"{size_name(imported.key.type):<10}: {imported.key.size}\n"
        f"Imported  : {detail_time(imported.imported)}\n"
        f"Data      :\n"
        f"{hex_layout(public_key_display_bytes(imported.key.public_key_der))}\n"
        for imported in keys
        if imported.key.type in USER_KEY_TYPES[family]
    )


def _render_pair(key: KeyPair) -> str:
    return "".join(
        f"Key label: {key.label}\n"
        f"Type      : {type_name(key.type, purpose)}\n"
        f"{size_name(key.type):<10}: {key.size}\n"
        f"Created   : {detail_time(key.created)}\n"
        f"Data      :\n"
        f"{hex_layout(public_key_display_bytes(public_key_der))}\n"
        for purpose, public_key_der in key.parts
    )
