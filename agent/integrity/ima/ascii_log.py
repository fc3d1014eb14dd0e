"""The kernel's IMA logs as text (ascii_runtime_measurements and its siblings), event by event.

    10 <template hash, hex> ima-ng sha256:<digest, hex> /usr/bin/sh

Fields are separated by one blank; one that has nothing stands as nothing between two blanks. The kernel writes blanks
in names as underscores, in the binary log too. The data of an event, which are hashed, are put together again here.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Iterable, Iterator
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
from agent.integrity.ima.replay import hasher
from agent.integrity.ima.templates import TemplateError, fields_of, joined, old_data

#: A signature or a buffer takes two characters a byte.
MAX_LINE_BYTES: Final = 2 * MAX_TEMPLATE_DATA_BYTES + 4096


def ascii_events(chunks: Iterable[bytes], bank: str, *, before: int = 0, offset: int = 0) -> Iterator[ImaEvent]:
    """The events of a log, or of a part of one that begins with an event; see binary_events. Raises ImaLogError.

    The text does not tell in which byte order lengths were hashed: big-endian is believed when a hash proves it.
    """
    number = before
    order: ByteOrder = "little"
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            number += 1
            offset += len(line) + 1
            event = _event(line, bank, number, offset, order)
            if order == "little" and not _is_right(event, bank) and not event.is_violation:
                other = _event(line, bank, number, offset, "big")
                if _is_right(other, bank):
                    event, order = other, "big"
            yield event
        if len(rest) > MAX_LINE_BYTES:
            raise ImaLogError(number + 1, "its line has no end")
    if rest:
        raise ImaLogError(number + 1, "the log ends in the middle of it")


def _is_right(event: ImaEvent, bank: str) -> bool:
    return bool(hasher(bank)(event.data).digest() == event.template_hash)


def _event(line: bytes, bank: str, number: int, end: int, order: ByteOrder) -> ImaEvent:
    # The register is written two characters wide.
    words = line.lstrip(b" ").split(b" ")
    try:
        pcr, template_hash, template = int(words[0]), bytes.fromhex(words[1].decode("ascii")), words[2].decode("ascii")
        fields = fields_of(template)
        values = [_READERS[field](text, order) for field, text in zip(fields, _texts(words[3:], fields), strict=True)]
    except TemplateError as error:
        raise ImaLogError(number, str(error)) from None
    except (ValueError, IndexError, OverflowError, binascii.Error):
        raise ImaLogError(number, "its line is not one of an IMA log") from None
    if not 0 <= pcr <= MAX_PCR or len(template_hash) != DIGEST_SIZES[bank] or len(template) > MAX_TEMPLATE_NAME_BYTES:
        raise ImaLogError(number, "its register or its template hash makes no sense")
    if template == OLD_TEMPLATE:
        digest, name = values[0], values[1]
        if len(digest) != OLD_DIGEST_BYTES or len(name) > OLD_NAME_BYTES:
            raise ImaLogError(number, "its digest or its name has a wrong size")
        return ImaEvent(number, pcr, template, template_hash, old_data(digest, name), end, order)
    return ImaEvent(number, pcr, template, template_hash, joined(values, order), end, order)


def _texts(words: list[bytes], fields: tuple[str, ...]) -> list[bytes]:
    """One text for each field. Should a name have blanks after all, it has the words that are too many."""
    surplus = len(words) - len(fields)
    names = [index for index, field in enumerate(fields) if field.startswith("n")]
    if surplus <= 0 or not names:
        return words
    at = names[0]
    return [*words[:at], b" ".join(words[at : at + surplus + 1]), *words[at + surplus + 1 :]]


def _hex(text: bytes, order: ByteOrder) -> bytes:
    return binascii.unhexlify(text)


def _digest(text: bytes, order: ByteOrder) -> bytes:
    """ "sha256:<hex>", or "verity:sha256:<hex>"."""
    prefix, separator, digest = text.rpartition(b":")
    if not separator:
        raise ValueError
    return prefix + b":\0" + binascii.unhexlify(digest)


def _maybe_digest(text: bytes, order: ByteOrder) -> bytes:
    return _digest(text, order) if text else b""


def _number(size: int) -> Callable[[bytes, ByteOrder], bytes]:
    return lambda text, order: int(text).to_bytes(size, order) if text else b""


_READERS: Final[dict[str, Callable[[bytes, ByteOrder], bytes]]] = {
    "d": _hex,
    "n": lambda text, order: text,
    "d-ng": _digest,
    "d-ngv2": _digest,
    "d-modsig": _maybe_digest,
    "n-ng": lambda text, order: text + b"\0",
    "xattrnames": lambda text, order: text + b"\0" if text else b"",
    "sig": _hex,
    "evmsig": _hex,
    "buf": _hex,
    "modsig": _hex,
    "xattrlengths": _hex,
    "xattrvalues": _hex,
    "iuid": _number(4),
    "igid": _number(4),
    "imode": _number(2),
}
