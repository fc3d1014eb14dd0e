"""File capabilities in one form, from the text in an rpm header and from the attribute of a file (capabilities(7)).

The form: "" for none, else "p=<permitted> i=<inheritable> e=<0 or 1>", the sets as 16 hexadecimal digits.
"""

from __future__ import annotations

import re
import struct

#: The extended attribute that holds them.
ATTRIBUTE = "security.capability"

#: By number (linux/capability.h).
# fmt: off
_NAMES = (
    "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
    "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner",
    "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
    "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap",
    "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf",
    "checkpoint_restore",
)
# fmt: on
_BITS = {f"cap_{name}": 1 << number for number, name in enumerate(_NAMES)}
_ALL = (1 << len(_NAMES)) - 1
_CLAUSE = re.compile(r"(?P<names>[a-z0-9_,]*)(?P<actions>(?:[=+-][eip]*)+)")
_ACTION = re.compile(r"([=+-])([eip]*)")

_MAGIC = struct.Struct("<I")
_PAIR = struct.Struct("<II")
_EFFECTIVE = 1
#: Revision -> 32-bit words of each set.
_WORDS = {0x01000000: 1, 0x02000000: 2, 0x03000000: 2}


class CapabilityError(ValueError):
    """The text or the attribute is not one of file capabilities."""


def from_text(text: str) -> str:
    """The form of what cap_to_text(3) writes: "cap_net_raw=ep", and "= cap_net_raw+ep" of older versions."""
    sets = dict.fromkeys("eip", 0)
    for clause in text.split():
        match = _CLAUSE.fullmatch(clause.lower())
        if match is None:
            raise CapabilityError("these are no capabilities")
        mask = _mask(match["names"])
        for operator, flags in _ACTION.findall(match["actions"]):
            for flag in sets:
                if flag in flags:
                    sets[flag] = sets[flag] & ~mask if operator == "-" else sets[flag] | mask
                elif operator == "=":
                    sets[flag] &= ~mask
    return _form(sets["p"], sets["i"], sets["e"] != 0)


def from_attribute(value: bytes | None) -> str:
    """The form of a file's attribute; None stands for a file that has none."""
    if value is None:
        return ""
    if len(value) < _MAGIC.size:
        raise CapabilityError("the attribute is too short")
    (magic,) = _MAGIC.unpack_from(value)
    words = _WORDS.get(magic & 0xFF000000, 0)
    if not words or len(value) < _MAGIC.size + words * _PAIR.size:
        raise CapabilityError("the attribute is of an unknown revision")
    permitted = inheritable = 0
    for word in range(words):
        pair = _PAIR.unpack_from(value, _MAGIC.size + word * _PAIR.size)
        permitted |= pair[0] << 32 * word
        inheritable |= pair[1] << 32 * word
    return _form(permitted, inheritable, bool(magic & _EFFECTIVE))


def _mask(names: str) -> int:
    if names in ("", "all"):
        return _ALL
    try:
        return sum(_BITS[name] for name in set(names.split(",")))
    except KeyError:
        raise CapabilityError("a capability is not known") from None


def _form(permitted: int, inheritable: int, is_effective: bool) -> str:
    if not permitted and not inheritable and not is_effective:
        return ""
    return f"p={permitted:016x} i={inheritable:016x} e={int(is_effective)}"
