"""The boot log of a dossier judged by somebody who was not there: whether its events lead to the registers that it
claims. No machine, no clock: only what the dossier says (docs/attestation.md)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from agent.integrity.boot_log.event import ALGORITHMS, BootEvent
from agent.integrity.boot_log.parsing import AGILE_FORM, MAX_EVENTS, BootLog
from agent.integrity.boot_log.replay import replay

_SIZES: Final = dict(ALGORITHMS.values())
_MAX_NUMBER: Final = 0xFFFFFFFF


class BootLogClaimError(ValueError):
    """The members are not those of a boot log."""


def recomputed(members: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The registers that the events of `boot-event-log` lead to: bank -> number -> hexadecimal, as `pcr-replay` has
    them. Raises BootLogClaimError."""
    claimed = members.get("pcr-replay")
    events = members.get("boot-event", ())
    if not isinstance(claimed, dict) or not isinstance(events, list | tuple) or len(events) > MAX_EVENTS:
        raise BootLogClaimError
    banks = tuple(bank for bank in claimed if bank in _SIZES)
    log = BootLog(AGILE_FORM, banks, tuple(_event(number, event) for number, event in enumerate(events, 1)))
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
