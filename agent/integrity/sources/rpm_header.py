"""The header of an rpm package, as the rpm database holds it (rpm's format documentation, "Header").

Layout: number of entries and size of the data store (uint32, big-endian), the index of 16-byte entries (tag, type,
offset, count), the data store. The bytes may be anything: what can't be read raises RpmHeaderError.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from agent.integrity.errors import ResultCode, SourceUnavailableError

#: The limits of rpm itself (hdrblob).
MAX_ENTRIES = 0xFFFF
MAX_DATA_BYTES = 0x0FFFFFFF
#: Names and versions are far shorter.
MAX_TEXT_BYTES = 4096

_INTRODUCTION = struct.Struct(">II")
_ENTRY = struct.Struct(">IIII")
_INT32 = struct.Struct(">I")
_TYPE_INT32 = 4
_TEXT_TYPES = frozenset({6, 9})  # STRING; I18NSTRING, of which the first is the untranslated one

_NAME, _VERSION, _RELEASE, _EPOCH, _ARCHITECTURE, _INSTALL_TIME = 1000, 1001, 1002, 1003, 1022, 1008
_WANTED = frozenset({_NAME, _VERSION, _RELEASE, _EPOCH, _ARCHITECTURE, _INSTALL_TIME})


class RpmHeaderError(SourceUnavailableError):
    """The bytes are not an rpm header."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"an rpm header is damaged: {reason}", ResultCode.FAILED)


@dataclass(frozen=True, slots=True)
class RpmPackage:
    """One package.

    Attributes:
        epoch: None where the package has none (which rpm compares as 0).
        architecture: "" for the pseudo packages that hold public keys.
        install_time: seconds since 1970, or None.
    """

    name: str
    epoch: int | None
    version: str
    release: str
    architecture: str
    install_time: int | None


def parse_header(blob: bytes) -> RpmPackage:
    """The package that a header describes; raises RpmHeaderError."""
    if len(blob) < _INTRODUCTION.size:
        raise RpmHeaderError("it is too short")
    entries, data_bytes = _INTRODUCTION.unpack_from(blob)
    if not 0 < entries <= MAX_ENTRIES or data_bytes > MAX_DATA_BYTES:
        raise RpmHeaderError("its sizes are out of range")
    start = _INTRODUCTION.size + entries * _ENTRY.size
    if len(blob) != start + data_bytes:
        raise RpmHeaderError("its length does not agree with its sizes")
    data = memoryview(blob)[start:]
    values: dict[int, str | int] = {}
    for tag, kind, offset, count in _ENTRY.iter_unpack(memoryview(blob)[_INTRODUCTION.size : start]):
        if tag in _WANTED:
            values[tag] = _value(data, tag, kind, offset, count)
    return RpmPackage(
        name=_text(values, _NAME),
        epoch=_number(values, _EPOCH),
        version=_text(values, _VERSION),
        release=_text(values, _RELEASE),
        architecture=_text(values, _ARCHITECTURE, default=""),
        install_time=_number(values, _INSTALL_TIME),
    )


def _value(data: memoryview, tag: int, kind: int, offset: int, count: int) -> str | int:
    if count < 1:
        raise RpmHeaderError(f"tag {tag} is empty")
    if kind == _TYPE_INT32 and offset + _INT32.size <= len(data):
        return int(_INT32.unpack_from(data, offset)[0])
    if kind in _TEXT_TYPES and offset < len(data):
        text, end, _ = bytes(data[offset : offset + MAX_TEXT_BYTES]).partition(b"\0")
        if end:
            return text.decode("utf-8", "replace")
    raise RpmHeaderError(f"tag {tag} can't be read")


def _text(values: dict[int, str | int], tag: int, default: str | None = None) -> str:
    value = values.get(tag, default)
    if not isinstance(value, str):
        raise RpmHeaderError(f"tag {tag} is missing or is not a text")
    return value


def _number(values: dict[int, str | int], tag: int) -> int | None:
    value = values.get(tag)
    if isinstance(value, str):
        raise RpmHeaderError(f"tag {tag} is not a number")
    return value
