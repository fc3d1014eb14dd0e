"""The values that the TPM's registers must have after a boot log (TCG PC Client Platform TPM Profile, section 4.6).

A register is extended with the digest that the log has, of each bank: what was hashed is often not in the log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from agent.integrity.boot_log.event import ALGORITHMS, EV_EFI_HCRTM_EVENT, EV_NO_ACTION, BootEvent
from agent.integrity.boot_log.parsing import BootLog

_SIZES: Final = dict(ALGORITHMS.values())
#: The names of hashlib for algorithms that are called otherwise there. What hashlib does not have is not replayed.
_HASHLIB: Final = {"sm3-256": "sm3"}
_STARTUP_LOCALITY: Final = b"StartupLocality\0"
#: These begin with all ones: they are for what is started later and measured anew.
_DYNAMIC: Final = range(17, 23)
#: PCR 0 begins with the locality that started the TPM; with 4 after a measurement by hardware.
_HCRTM_LOCALITY: Final = 4


def replay(log: BootLog) -> dict[str, dict[int, bytes]]:
    """The registers that the log extends, by bank and number; all of 0 to 7 are there."""
    return {bank: _bank(log.events, bank) for bank in log.banks if _name(bank) in hashlib.algorithms_available}


def _name(bank: str) -> str:
    return _HASHLIB.get(bank, bank)


def _bank(events: Iterable[BootEvent], bank: str) -> dict[int, bytes]:
    zeros = bytes(_SIZES[bank])
    values = dict.fromkeys(range(8), zeros)
    for event in events:
        if event.type == EV_NO_ACTION:
            if event.data.startswith(_STARTUP_LOCALITY) and len(event.data) > len(_STARTUP_LOCALITY):
                values[0] = zeros[:-1] + event.data[len(_STARTUP_LOCALITY) :][:1]
            continue
        digest = event.digests.get(bank)
        if digest is None:
            continue
        if event.type == EV_EFI_HCRTM_EVENT and event.pcr == 0 and values[0] == zeros:
            values[0] = zeros[:-1] + bytes([_HCRTM_LOCALITY])
        value = values.get(event.pcr, b"\xff" * len(zeros) if event.pcr in _DYNAMIC else zeros)
        values[event.pcr] = hashlib.new(_name(bank), value + digest, usedforsecurity=False).digest()
    return dict(sorted(values.items()))
