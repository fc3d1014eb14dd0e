"""The kernel's binary IMA logs (binary_runtime_measurements and its siblings of other digests), event by event.

    PCR            4 bytes
    template hash  20 bytes; in the log ..._sha256 32, and so on
    name           4 bytes of length, and the template's name
    data           4 bytes of length, and the data; the template `ima` has no length here, but a digest of 20 bytes,
                   4 bytes of length, and the file's name

Numbers are in the machine's byte order, or little-endian if the kernel was told so (ima_canonical_fmt).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Final

from agent.integrity.ima.event import (
    DIGEST_SIZES,
    MAX_PCR,
    MAX_TEMPLATE_DATA_BYTES,
    MAX_TEMPLATE_NAME_BYTES,
    OLD_DIGEST_BYTES,
    OLD_NAME_BYTES,
    OLD_TEMPLATE,
    ByteOrder,
    ImaEvent,
    ImaLogError,
)
from agent.integrity.ima.templates import old_data

_NUMBER: Final[dict[ByteOrder, struct.Struct]] = {"little": struct.Struct("<I"), "big": struct.Struct(">I")}
_OLD_NAME: Final = OLD_TEMPLATE.encode()


class _NeedMoreError(Exception):
    """The event goes on behind what was read so far."""


def binary_events(chunks: Iterable[bytes], bank: str, *, before: int = 0, offset: int = 0) -> Iterator[ImaEvent]:
    """The events of a log, or of a part of one that begins with an event.

    Args:
        chunks: the bytes, in any pieces.
        bank: the algorithm of the template hashes, one of DIGEST_SIZES.
        before: how many events come before these.
        offset: where in the log the first byte is.

    Raises ImaLogError where the log can't be read on; what comes before it is given.
    """
    hash_size = DIGEST_SIZES[bank]
    order: ByteOrder | None = None
    number = before
    rest = b""
    for chunk in chunks:
        rest += chunk
        position = 0
        try:
            while position < len(rest):
                order = order or _byte_order(rest, hash_size, number + 1)
                event, position = _event(rest, position, hash_size, order, number + 1, offset)
                number += 1
                yield event
        except _NeedMoreError:
            pass
        rest = rest[position:]
        offset += position
    if rest:
        raise ImaLogError(number + 1, "the log ends in the middle of it")


def _byte_order(content: bytes, hash_size: int, number: int) -> ByteOrder:
    """As the length of the first template's name says it: in the other order it would be enormous."""
    place = 4 + hash_size
    if len(content) < place + 4:
        raise _NeedMoreError
    for order, layout in _NUMBER.items():
        if 0 < layout.unpack_from(content, place)[0] <= MAX_TEMPLATE_NAME_BYTES:
            return order
    raise ImaLogError(number, "it does not begin as an event does")


def _event(
    content: bytes, position: int, hash_size: int, order: ByteOrder, number: int, offset: int
) -> tuple[ImaEvent, int]:
    """The event at `position`, and the position behind it."""
    read = _NUMBER[order].unpack_from
    available = len(content)
    name_at = position + 4 + hash_size + 4
    if available < name_at:
        raise _NeedMoreError
    pcr = read(content, position)[0]
    name_length = read(content, name_at - 4)[0]
    if pcr > MAX_PCR:
        raise ImaLogError(number, f"there is no register {pcr}")
    if not 0 < name_length <= MAX_TEMPLATE_NAME_BYTES:
        raise ImaLogError(number, "the name of its template has an impossible length")
    name_end = name_at + name_length
    name = content[name_at:name_end]
    is_old = name == _OLD_NAME
    data_at = name_end + (OLD_DIGEST_BYTES if is_old else 0) + 4
    if available < data_at:
        raise _NeedMoreError
    data_length = read(content, data_at - 4)[0]
    if data_length > (OLD_NAME_BYTES if is_old else MAX_TEMPLATE_DATA_BYTES):
        raise ImaLogError(number, "its data have an impossible length")
    end = data_at + data_length
    if available < end:
        raise _NeedMoreError
    data = content[data_at:end]
    if is_old:
        data = old_data(content[name_end : name_end + OLD_DIGEST_BYTES], data)
    template = name.decode("ascii", "replace")
    template_hash = content[position + 4 : position + 4 + hash_size]
    return ImaEvent(number, pcr, template, template_hash, data, offset + end, order), end


def binary_record(event: ImaEvent) -> bytes:
    """The event as the binary log has it."""
    write = _NUMBER[event.order].pack
    head = write(event.pcr) + event.template_hash + write(len(event.template)) + event.template.encode("ascii")
    if event.template == OLD_TEMPLATE:
        digest, name = event.data[:OLD_DIGEST_BYTES], event.data[OLD_DIGEST_BYTES:].rstrip(b"\0")
        return head + digest + write(len(name)) + name
    return head + write(len(event.data)) + event.data
