"""An `ima` or `incremental-ima` section judged by somebody who was not there: does it agree with itself, and does it go
on where the last one ended? No machine, no clock: only what the two sections say.

What it can't tell is whether the log is that of the device: that needs a quote of the register by its TPM.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from agent.integrity.ima.event import DIGEST_SIZES, MAX_PCR, ImaEvent
from agent.integrity.ima.replay import BANKS, IMA_PCR, Replay
from agent.integrity.ima.templates import MeasuredFile, plain_data

#: Findings that are given one by one.
MAX_FINDINGS: Final = 100


class FindingKind(StrEnum):
    """What is wrong with a section."""

    MALFORMED = "malformed"
    TEMPLATE_HASH = "template-hash-mismatch"
    NUMBERING = "events-missing"
    REPLAY = "replay-mismatch"
    ANOTHER_BOOT = "another-boot"
    GAP = "gap"
    CONTINUITY = "continuity-mismatch"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong; `event` is the number of the event, 0 if it is about none."""

    kind: FindingKind
    event: int
    message: str


@dataclass(frozen=True, slots=True)
class End:
    """Where a section ends, for the check of the next one: enough to keep in place of the section."""

    boot_id: str
    last_event: int
    registers: Mapping[str, str]


def section_end(section: Mapping[str, Any]) -> End | None:
    """The end of a section that was checked before; None if it has no events of any boot."""
    try:
        node = section["node"][0]
        return End(str(node["boot-id"]), int(node["total-events"]), dict(node["pcr-replay"]))
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def check_section(section: Mapping[str, Any], previous: End | None = None) -> list[Finding]:
    """What is wrong with a section; nothing if all template hashes recompute, the events lead from the one value of the
    register to the other, and, with `previous`, they go on where that ended.
    """
    try:
        node = section["node"][0]
        before, after = _registers(node["pcr-replay-before"]), _registers(node["pcr-replay"])
        first, last, total = (_number(node[name]) for name in ("first-event", "last-event", "total-events"))
        events = node["ima-event-log"]
        boot_id = str(node["boot-id"])
        walk = _Walk(before, first, previous.last_event if previous else -1)
        findings = walk.check(events, after, last)
    except (KeyError, IndexError, TypeError, ValueError):
        return [Finding(FindingKind.MALFORMED, 0, "The section is not one of IMA events.")]
    if last != total:
        findings.append(Finding(FindingKind.NUMBERING, last, f"The last event is {last}, and there are {total}."))
    if first == 1 and any(map(any, before.values())):
        findings.append(Finding(FindingKind.REPLAY, 1, "The register does not begin with zeros."))
    return findings + (_continuity(previous, boot_id, first, total, walk.met) if previous else [])


class _Walk:
    """The events one by one. `met`: the register after the event `meeting`, None if they don't come past it."""

    def __init__(self, before: dict[str, bytes], first: int, meeting: int) -> None:
        self._replay = Replay({IMA_PCR: before})
        self._number = first - 1
        self._meeting = meeting
        self._findings: list[Finding] = []
        self.met: dict[str, bytes] | None = None
        self._meet()

    def check(self, events: Iterable[Mapping[str, Any]], after: dict[str, bytes], last: int) -> list[Finding]:
        for members in events:
            self._number += 1
            event = _event(members)
            if event is None:
                self._found(FindingKind.MALFORMED, "The event makes no sense.")
                return self._findings
            if event.number != self._number:
                text = f"Event {event.number} stands where {self._number} belongs."
                self._found(FindingKind.NUMBERING, text)
                self._number = event.number
            if not self._replay.extend(event):
                self._found(FindingKind.TEMPLATE_HASH, "Its template hash is not that of its data.")
            self._meet()
        if self._number != last:
            self._found(FindingKind.NUMBERING, f"The events end with {self._number}, not with {last}.")
        if self._replay.ima != after:
            text = "The events don't lead to the value of the register that the section claims."
            self._found(FindingKind.REPLAY, text, 0)
        return self._findings

    def _meet(self) -> None:
        if self._number == self._meeting:
            self.met = self._replay.ima

    def _found(self, kind: FindingKind, message: str, event: int | None = None) -> None:
        if len(self._findings) < MAX_FINDINGS:
            self._findings.append(Finding(kind, self._number if event is None else event, message))


def _event(members: Mapping[str, Any]) -> ImaEvent | None:
    """The event as the kernel had it."""
    try:
        template, number, pcr = members["ima-template"], members["event-number"], members["pcr-index"]
        recorded = _bytes(members["template-hash"])
        file = MeasuredFile(
            members["filename-hint"].encode(),
            members["filedata-hash-algorithm"],
            _bytes(members["filedata-hash"]),
            signature=_bytes(members.get("signature", "")),
        )
        given = members.get("template-data")
        data = plain_data(template, file) if given is None else _bytes(given)
        if data is None or type(number) is not int or type(pcr) is not int or not 0 <= pcr <= MAX_PCR:
            return None
        if len(recorded) != DIGEST_SIZES[members["template-hash-algorithm"]]:
            return None
        return ImaEvent(number, pcr, template, recorded, data, 0, "little")
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error):
        return None


def _continuity(previous: End, boot_id: str, first: int, total: int, met: dict[str, bytes] | None) -> list[Finding]:
    if previous.boot_id != boot_id:
        return [Finding(FindingKind.ANOTHER_BOOT, 0, "The device has been started anew since the previous section.")]
    if total < previous.last_event:
        text = f"There were {previous.last_event} events before, and now there are {total} of the same boot."
        return [Finding(FindingKind.CONTINUITY, total, text)]
    if first > previous.last_event + 1:
        text = f"The events from {previous.last_event + 1} to {first - 1} are missing."
        return [Finding(FindingKind.GAP, first, text)]
    if not first and total > previous.last_event:
        return [Finding(FindingKind.GAP, 0, f"The events from {previous.last_event + 1} on are missing.")]
    if met is None or {bank: value.hex() for bank, value in met.items()} != dict(previous.registers):
        text = "The register has not the value that it had at the end of the previous section."
        return [Finding(FindingKind.CONTINUITY, previous.last_event, text)]
    return []


def _registers(members: Mapping[str, str]) -> dict[str, bytes]:
    registers = {bank: bytes.fromhex(members[bank]) for bank in BANKS}
    if any(len(value) != DIGEST_SIZES[bank] for bank, value in registers.items()):
        raise ValueError("a register has a wrong size")
    return registers


def _number(value: object) -> int:
    if type(value) is not int:
        raise TypeError
    return value


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
