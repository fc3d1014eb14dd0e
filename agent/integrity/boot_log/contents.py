"""What the data of some events say, and whether they are what was measured.

A register is extended with digests; data stand beside them. Of most types, what was hashed is something else than the
data (a program, a partition). Of the types here the specification says that the digest is that of the data: where it is
not, the data have been edited (Platform Firmware Profile 1.06, section 10.4.1).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from typing import Final

from agent.integrity.boot_log.event import EV_EFI_VARIABLE_DRIVER_CONFIG, EV_SEPARATOR, BootEvent

#: UEFI_VARIABLE_DATA: GUID, characters of the name, bytes of the data.
_VARIABLE: Final = struct.Struct("<16sQQ")
_SECURE_BOOT: Final = "SecureBoot"
#: A separator says that what came before went well: these data. Any others mean an error of the firmware, and then
#: the digest is not that of the data.
_GOOD_SEPARATORS: Final = (bytes(4), b"\xff" * 4)
_HASHES: Final = ("sha1", "sha256", "sha384", "sha512")


def firmware_errors(events: Iterable[BootEvent]) -> tuple[BootEvent, ...]:
    """Those by which the firmware says that something went wrong."""
    return tuple(each for each in events if each.type == EV_SEPARATOR and each.data not in _GOOD_SEPARATORS)


def edited(events: Iterable[BootEvent]) -> tuple[BootEvent, ...]:
    """Those whose data are not what was measured."""
    return tuple(each for each in events if _says_what_was_measured(each) and not _is_measured(each))


def secure_boot(events: Iterable[BootEvent]) -> str | None:
    """ "enabled" or "disabled", as the firmware has measured it; None if it has not."""
    for event in events:
        if event.type == EV_EFI_VARIABLE_DRIVER_CONFIG and len(event.data) >= _VARIABLE.size and _is_measured(event):
            _, characters, size = _VARIABLE.unpack_from(event.data)
            value_at = _VARIABLE.size + 2 * characters
            if event.data[_VARIABLE.size : value_at].decode("utf-16-le", "replace") == _SECURE_BOOT:
                return "enabled" if event.data[value_at : value_at + size] == b"\1" else "disabled"
    return None


def _says_what_was_measured(event: BootEvent) -> bool:
    return event.type == EV_EFI_VARIABLE_DRIVER_CONFIG or (
        event.type == EV_SEPARATOR and event.data in _GOOD_SEPARATORS
    )


def _is_measured(event: BootEvent) -> bool:
    known = [(bank, digest) for bank, digest in event.digests.items() if bank in _HASHES]
    return bool(known) and all(
        hashlib.new(bank, event.data, usedforsecurity=False).digest() == digest for bank, digest in known
    )
