"""Both forms of the log. Numbers are little-endian on every machine.

SHA-1:         PCR, type (4 bytes each), digest (20), size (4), data
crypto-agile:  the first event as above, EV_NO_ACTION with the data "Spec ID Event03", which say how long the digests of
               each algorithm are; then PCR, type, number of digests (4 each), each an algorithm (2) and a digest, size
               (4), data

Platform Firmware Profile 1.06, sections 10.2 and 10.4.5.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from agent.integrity.boot_log.event import ALGORITHMS, EV_NO_ACTION, BootEvent, BootLogError

#: A log has some hundred events; a full one of the firmware some 10,000.
MAX_EVENTS: Final = 100_000
MAX_PCR: Final = 31
MAX_ALGORITHMS: Final = 32
MAX_DIGEST_BYTES: Final = 128
_SPECIFICATION: Final = b"Spec ID Event03\0"
_HEAD: Final = struct.Struct("<II")
_NUMBER: Final = struct.Struct("<I")
_SHORT: Final = struct.Struct("<H")
_PAIR: Final = struct.Struct("<HH")
_SHA1_BYTES: Final = 20
#: Of a specification's data, before the number of algorithms: signature, class, version, errata, size of UINTN.
_ALGORITHMS_AT: Final = 24

SHA1_FORM: Final = "sha1"
AGILE_FORM: Final = "crypto-agile"


@dataclass(frozen=True, slots=True)
class BootLog:
    """A log: its form, the banks that it has digests of, and its events."""

    form: str
    banks: tuple[str, ...]
    events: tuple[BootEvent, ...]


def parse(content: bytes) -> BootLog:
    """Raises BootLogError."""
    if not content:
        return BootLog(SHA1_FORM, ("sha1",), ())
    reader = _Reader(content)
    first = _sha1_event(reader, 1)
    if first.type != EV_NO_ACTION or not first.data.startswith(_SPECIFICATION):
        events = (first, *_following(reader, None))
        return BootLog(SHA1_FORM, ("sha1",), events)
    sizes = _digest_sizes(first.data)
    banks = tuple(ALGORITHMS[number][0] for number in sizes if number in ALGORITHMS)
    return BootLog(AGILE_FORM, banks, (first, *_following(reader, sizes)))


class _Reader:
    """Bytes from the front. Whatever is not there is an error of the event that is being read."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.position = 0
        self.event = 1

    @property
    def is_at_end(self) -> bool:
        return self.position >= len(self._content)

    def take(self, size: int) -> bytes:
        end = self.position + size
        if end > len(self._content):
            raise BootLogError(self.event, "the log ends in the middle of it")
        taken = self._content[self.position : end]
        self.position = end
        return taken

    def number(self) -> int:
        return int(_NUMBER.unpack(self.take(_NUMBER.size))[0])

    def since(self, start: int) -> bytes:
        return self._content[start : self.position]


def _following(reader: _Reader, sizes: dict[int, int] | None) -> Iterator[BootEvent]:
    number = 1
    while not reader.is_at_end:
        number += 1
        if number > MAX_EVENTS:
            raise BootLogError(number, f"there are more than {MAX_EVENTS} events")
        yield _sha1_event(reader, number) if sizes is None else _agile_event(reader, number, sizes)


def _head(reader: _Reader, number: int) -> tuple[int, int]:
    reader.event = number
    pcr, kind = _HEAD.unpack(reader.take(_HEAD.size))
    # Events that extend nothing may have any register: firmware writes 0xffffffff there.
    if pcr > MAX_PCR and kind != EV_NO_ACTION:
        raise BootLogError(number, f"there is no register {pcr}")
    return pcr, kind


def _sha1_event(reader: _Reader, number: int) -> BootEvent:
    start = reader.position
    pcr, kind = _head(reader, number)
    digest = reader.take(_SHA1_BYTES)
    data = reader.take(reader.number())
    return BootEvent(number, pcr, kind, {"sha1": digest}, data, reader.since(start))


def _agile_event(reader: _Reader, number: int, sizes: dict[int, int]) -> BootEvent:
    start = reader.position
    pcr, kind = _head(reader, number)
    count = reader.number()
    if count > MAX_ALGORITHMS:
        raise BootLogError(number, f"it has {count} digests")
    digests: dict[str, bytes] = {}
    for _ in range(count):
        algorithm = _SHORT.unpack(reader.take(_SHORT.size))[0]
        if algorithm not in sizes:
            raise BootLogError(number, f"its algorithm 0x{algorithm:04x} is none of the log's")
        digest = reader.take(sizes[algorithm])
        if algorithm in ALGORITHMS:
            digests[ALGORITHMS[algorithm][0]] = digest
    data = reader.take(reader.number())
    return BootEvent(number, pcr, kind, digests, data, reader.since(start))


def _digest_sizes(data: bytes) -> dict[int, int]:
    """Bytes of a digest, by algorithm."""
    reader = _Reader(data)
    reader.take(_ALGORITHMS_AT)
    count = reader.number()
    if not 0 < count <= MAX_ALGORITHMS:
        raise BootLogError(1, f"it speaks of {count} algorithms")
    sizes: dict[int, int] = {}
    for _ in range(count):
        algorithm, size = _PAIR.unpack(reader.take(_PAIR.size))
        if not 0 < size <= MAX_DIGEST_BYTES or (algorithm in ALGORITHMS and ALGORITHMS[algorithm][1] != size):
            raise BootLogError(1, f"digests of the algorithm 0x{algorithm:04x} can't have {size} bytes")
        sizes[algorithm] = size
    return sizes
