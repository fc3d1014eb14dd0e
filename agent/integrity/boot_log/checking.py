"""The boot log of a dossier judged by somebody who was not there: whether its events lead to the registers that it
claims. No machine, no clock: only what the dossier says (docs/attestation.md)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from agent.integrity.boot_log.contents import edited, secure_boot
from agent.integrity.boot_log.event import ALGORITHMS, BootEvent
from agent.integrity.boot_log.parsing import AGILE_FORM, MAX_EVENTS, BootLog
from agent.integrity.boot_log.replay import replay

_SIZES: Final = dict(ALGORITHMS.values())
_MAX_NUMBER: Final = 0xFFFFFFFF


class BootLogClaimError(ValueError):
    """The members are not those of a boot log."""


def check_boot_event_log(members: Mapping[str, Any]) -> list[str]:
    """What is wrong with a `boot-event-log`, as sentences without a full stop. Raises BootLogClaimError."""
    log = _read(members)
    problems = []
    if _registers(log) != members["pcr-replay"]:
        problems.append("The events of the boot log don't lead to the registers that it claims")
    problems += [
        f"The data of event {each.number} of the boot log are not what was measured" for each in edited(log.events)
    ]
    if members.get("secure-boot") != (secure_boot(log.events) or "not-measured"):
        problems.append("The boot log does not say of secure boot what it claims")
    return problems


def _read(members: Mapping[str, Any]) -> BootLog:
    claimed = members.get("pcr-replay")
    events = members.get("boot-event", ())
    if not isinstance(claimed, dict) or not isinstance(events, list | tuple) or len(events) > MAX_EVENTS:
        raise BootLogClaimError
    banks = tuple(bank for bank in claimed if bank in _SIZES)
    return BootLog(AGILE_FORM, banks, tuple(_event(number, event) for number, event in enumerate(events, 1)))


def _registers(log: BootLog) -> dict[str, dict[str, str]]:
    """As `pcr-replay` has them."""
    return {
        bank: {str(number): value.hex() for number, value in values.items()} for bank, values in replay(log).items()
    }


def _event(number: int, members: object) -> BootEvent:
    try:
        if not isinstance(members, dict) or members["event-number"] != number:
            raise BootLogClaimError
        digests = {
            each["digest-hash-algorithm"].lower(): base64.b64decode(each["digest"], validate=True)
            for each in members["digest-list"]
        }
        data = base64.b64decode(members["event-data"], validate=True)
        pcr, kind = members["pcr-index"], members["event-type"]
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error):
        raise BootLogClaimError from None
    if any(len(digest) != _SIZES.get(bank) for bank, digest in digests.items()):
        raise BootLogClaimError
    if any(type(value) is not int or not 0 <= value <= _MAX_NUMBER for value in (pcr, kind)):
        raise BootLogClaimError
    return BootEvent(number, pcr, kind, digests, data, b"")
