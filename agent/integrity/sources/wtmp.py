"""The records of wtmp(5), as far as boots and shutdowns go.

The layout is glibc's struct utmp and depends on the machine: most have 32-bit times in 384 bytes, a few have 64-bit
times in 400. Anything can be in the file: records of other types are passed over, a cut last record is ignored.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

_RUN_LEVEL = 1
_BOOT_TIME = 2

#: type, pid, line, user, host, seconds; the rest is passed over.
_COMPACT = "hxxi32s4x32s256s8xi40x"
_WIDE = "hxxi32s4x32s256s4x8xq48x"
#: Machines whose struct utmp has 64-bit times; all others, also 32-bit ones, have 384 bytes.
_WIDE_MACHINES = frozenset({"aarch64", "riscv64", "loongarch64", "alpha", "ia64"})
_BIG_ENDIAN_MACHINES = frozenset({"s390x", "s390", "ppc64", "ppc", "sparc64", "sparc", "parisc"})
#: Run levels that mean halt and reboot (the number is a character in the low byte of the pid).
_LAST_RUN_LEVELS = frozenset("06")


class PowerEvent(Enum):
    """What a record says about the machine."""

    BOOT = "boot"
    SHUTDOWN = "shutdown"


@dataclass(frozen=True, slots=True)
class PowerRecord:
    """One boot or shutdown; `kernel` is the kernel's release if it is recorded, else ""."""

    event: PowerEvent
    time: datetime
    kernel: str


def power_records(content: bytes, machine: str) -> list[PowerRecord]:
    """The boots and shutdowns in a wtmp file, in its order.

    Args:
        content: the file.
        machine: uname's machine, which names the layout.
    """
    order = ">" if machine in _BIG_ENDIAN_MACHINES else "<"
    layout = struct.Struct(order + (_WIDE if machine in _WIDE_MACHINES else _COMPACT))
    whole = len(content) - len(content) % layout.size
    records = []
    for kind, pid, line, user, kernel, seconds in layout.iter_unpack(content[:whole]):
        event = _event(kind, pid, _text(line), _text(user))
        moment = _moment(seconds)
        if event is not None and moment is not None:
            records.append(PowerRecord(event, moment, _text(kernel)))
    return records


def _event(kind: int, pid: int, line: str, user: str) -> PowerEvent | None:
    if kind == _BOOT_TIME or (line == "~" and user == "reboot"):
        return PowerEvent.BOOT
    if kind == _RUN_LEVEL and (user == "shutdown" or (user == "runlevel" and chr(pid & 0xFF) in _LAST_RUN_LEVELS)):
        return PowerEvent.SHUTDOWN
    return None


def _moment(seconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None
    except (ValueError, OverflowError, OSError):
        return None


def _text(field: bytes) -> str:
    text = field.split(b"\0", 1)[0].decode("utf-8", "replace")
    return "".join(character for character in text if character.isprintable())
