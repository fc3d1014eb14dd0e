"""Which keys there are in FIPS mode (the guide, "Public Key-Pair Generation in XR Config Mode", table 9).

Outside FIPS mode there are the keys of keys.py: those of the table's other column, and DSA of 2048 bits as well, so
that switching the mode off forbids no key.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import Final

from agent.pki.errors import KeysNotFipsCompliantError, NotFipsCompliantError
from agent.pki.keys import KeyType

#: The sizes in bits of each type; a type without any is not supported.
FIPS_SIZES: Final = MappingProxyType(
    {
        KeyType.RSA: (2048, 3072, 4096),
        KeyType.DSA: (2048,),
        KeyType.ECDSA_NISTP256: (256,),
        KeyType.ECDSA_NISTP384: (384,),
        KeyType.ECDSA_NISTP521: (521,),
        KeyType.ED25519: (),
    }
)


def _is_compliant(key_type: KeyType, size: int) -> bool:
    return size in FIPS_SIZES[key_type]


def check_fips(key_type: KeyType, size: int) -> None:
    """Raises NotFipsCompliantError, which says what is allowed."""
    if _is_compliant(key_type, size):
        return
    sizes = FIPS_SIZES[key_type]
    if sizes:
        raise NotFipsCompliantError(
            "size", f"In FIPS mode a key of type {key_type.value} has {_one_of(sizes)} bits, not {size}."
        )
    raise NotFipsCompliantError(
        "type", f"In FIPS mode there are no keys of type {key_type.value}; use {_one_of(_supported())}."
    )


def require_fips_compliance(keys: Iterable[tuple[KeyType, str, int]]) -> None:
    """Raises KeysNotFipsCompliantError when any of these (type, label, size) is no key of FIPS mode."""
    refused = [
        f"{key_type.value} {label} ({size} bits)" for key_type, label, size in keys if not _is_compliant(key_type, size)
    ]
    if refused:
        raise KeysNotFipsCompliantError(refused)


def _supported() -> list[str]:
    return [key_type.value for key_type, sizes in FIPS_SIZES.items() if sizes]


def _one_of(choices: tuple[int, ...] | list[str]) -> str:
    *others, last = map(str, choices)
    return f"{', '.join(others)} or {last}" if others else last
