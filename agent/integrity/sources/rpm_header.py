"""The header of an rpm package, in the rpm database and in the package file (rpm's format documentation, "Header").

Layout: number of entries and size of the data store (uint32, big-endian), the index of 16-byte entries (tag, type,
offset, count), the data store. In an installed package, the entries that were signed come first: the region, which
begins with an entry of its own and ends with a trailer in the data store. What rpm added when it installed the package
stands behind. The bytes may be anything: what can't be read raises RpmHeaderError.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from agent.integrity.errors import ResultCode, SourceUnavailableError

#: The limits of rpm itself (hdrblob).
MAX_ENTRIES = 0xFFFF
MAX_DATA_BYTES = 0x0FFFFFFF
#: Names and versions are far shorter.
MAX_TEXT_BYTES = 4096
#: In front of a header in a file, and in front of the bytes that are signed.
MAGIC = b"\x8e\xad\xe8\x01\0\0\0\0"

_INTRODUCTION = struct.Struct(">II")
_ENTRY = struct.Struct(">IIII")
_TRAILER = struct.Struct(">IIiI")
_REGION = 63
_CHAR, _INT16, _INT32, _STRING, _BINARY, _STRINGS, _TRANSLATED = 1, 3, 4, 6, 7, 8, 9
_NUMBERS = {_CHAR: ("B", 1), _INT16: ("H", 2), _INT32: ("I", 4)}


class Tag(IntEnum):
    """The tags that are read, by rpm's names."""

    DSA_HEADER = 267
    RSA_HEADER = 268
    SHA1_HEADER = 269
    SHA256_HEADER = 273
    OPENPGP = 278
    NAME = 1000
    VERSION = 1001
    RELEASE = 1002
    EPOCH = 1003
    INSTALL_TIME = 1008
    ARCHITECTURE = 1022
    FILE_STATES = 1029
    FILE_MODES = 1030
    FILE_DEVICE_NUMBERS = 1033
    FILE_DIGESTS = 1035
    FILE_LINKS = 1036
    FILE_FLAGS = 1037
    FILE_USERS = 1039
    FILE_GROUPS = 1040
    FILE_VERIFY_FLAGS = 1045
    FOLDER_INDEXES = 1116
    BASE_NAMES = 1117
    FOLDER_NAMES = 1118
    FILE_CAPABILITIES = 5010
    FILE_DIGEST_ALGORITHM = 5011


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


class RpmHeader:
    """One header. Values are looked up when they are asked for; raises RpmHeaderError, here and then."""

    def __init__(self, blob: bytes) -> None:
        entries, data_bytes = _sizes(blob)
        start = _INTRODUCTION.size + entries * _ENTRY.size
        if len(blob) != start + data_bytes:
            raise RpmHeaderError("its length does not agree with its sizes")
        self._blob = blob
        self._start = start
        index = list(_ENTRY.iter_unpack(memoryview(blob)[_INTRODUCTION.size : start]))
        self._region_entries, self._region_bytes = self._region(index)
        self._signed = {entry[0]: entry for entry in index[: self._region_entries]}
        #: What is not signed must never stand for what is: a tag of the region counts, whatever is added behind it.
        self._all = {entry[0]: entry for entry in index} | self._signed

    @property
    def signed_bytes(self) -> bytes | None:
        """What digests and signatures of the header are over; None if it has no region."""
        if not self._region_entries:
            return None
        index = self._blob[_INTRODUCTION.size : _INTRODUCTION.size + self._region_entries * _ENTRY.size]
        data = self._blob[self._start : self._start + self._region_bytes]
        return MAGIC + _INTRODUCTION.pack(self._region_entries, self._region_bytes) + index + data

    @property
    def signed(self) -> RpmHeader:
        """The region as a header of its own: nothing in it was added after the build. Without a region, all of it."""
        signed = self.signed_bytes
        return self if signed is None else RpmHeader(signed[len(MAGIC) :])

    def has(self, tag: Tag) -> bool:
        return tag in self._all

    def text(self, tag: Tag, default: str | None = None) -> str:
        """The text of a tag, the untranslated one of several."""
        if tag not in self._all:
            if default is None:
                raise RpmHeaderError(f"tag {tag} is missing")
            return default
        return self._texts(tag, 1)[0].decode("utf-8", "replace")

    def number(self, tag: Tag) -> int | None:
        """The first number of a tag; None if it is missing."""
        return self.numbers(tag)[0] if tag in self._all else None

    def numbers(self, tag: Tag) -> tuple[int, ...]:
        """All numbers of a tag; () if it is missing."""
        if tag not in self._all:
            return ()
        _, kind, offset, count = self._all[tag]
        letter, size = _NUMBERS.get(kind, ("", 0))
        if not letter or count < 1 or offset + count * size > self._data_bytes:
            raise RpmHeaderError(f"tag {tag} is not of numbers")
        return struct.unpack_from(f">{count}{letter}", self._blob, self._start + offset)

    def texts(self, tag: Tag) -> list[bytes]:
        """All texts of a tag; [] if it is missing."""
        return self._texts(tag, None) if tag in self._all else []

    def binary(self, tag: Tag) -> bytes | None:
        """The bytes of a tag; None if it is missing."""
        if tag not in self._all:
            return None
        _, kind, offset, count = self._all[tag]
        if kind != _BINARY or offset + count > self._data_bytes:
            raise RpmHeaderError(f"tag {tag} is not of bytes")
        return self._blob[self._start + offset : self._start + offset + count]

    @property
    def _data_bytes(self) -> int:
        return len(self._blob) - self._start

    def _texts(self, tag: Tag, wanted: int | None) -> list[bytes]:
        _, kind, offset, count = self._all[tag]
        if kind not in (_STRING, _STRINGS, _TRANSLATED) or count < 1:
            raise RpmHeaderError(f"tag {tag} is not a text")
        texts = []
        position = self._start + offset
        for _ in range(count if wanted is None else wanted):
            end = self._blob.find(b"\0", position, position + MAX_TEXT_BYTES * 4)
            if end < 0:
                raise RpmHeaderError(f"tag {tag} can't be read")
            texts.append(self._blob[position:end])
            position = end + 1
        return texts

    def _region(self, index: list[tuple[int, ...]]) -> tuple[int, int]:
        """How many entries, and how many bytes of data, the region has: (0, 0) if there is none."""
        tag, kind, offset, count = index[0]
        if tag != _REGION:
            return 0, 0
        if kind != _BINARY or count != _TRAILER.size or offset + _TRAILER.size > self._data_bytes:
            raise RpmHeaderError("its region has no end")
        trailer_tag, _, negative, _ = _TRAILER.unpack_from(self._blob, self._start + offset)
        entries, rest = divmod(-negative, _ENTRY.size)
        if trailer_tag != _REGION or rest or not 0 < entries <= len(index):
            raise RpmHeaderError("its region has a wrong size")
        return entries, offset + _TRAILER.size


def parse_header(blob: bytes) -> RpmPackage:
    """The package that a header describes; raises RpmHeaderError."""
    return describe(RpmHeader(blob))


def describe(header: RpmHeader) -> RpmPackage:
    """The package that a header describes; raises RpmHeaderError."""
    return RpmPackage(
        name=header.text(Tag.NAME),
        epoch=header.number(Tag.EPOCH),
        version=header.text(Tag.VERSION),
        release=header.text(Tag.RELEASE),
        architecture=header.text(Tag.ARCHITECTURE, default=""),
        install_time=header.number(Tag.INSTALL_TIME),
    )


def header_length(content: bytes, offset: int) -> int:
    """How many bytes the header at `offset` has, by its own sizes; raises RpmHeaderError."""
    entries, data_bytes = _sizes(content, offset)
    return _INTRODUCTION.size + entries * _ENTRY.size + data_bytes


def _sizes(content: bytes, offset: int = 0) -> tuple[int, int]:
    if len(content) < offset + _INTRODUCTION.size:
        raise RpmHeaderError("it is too short")
    entries, data_bytes = _INTRODUCTION.unpack_from(content, offset)
    if not 0 < entries <= MAX_ENTRIES or data_bytes > MAX_DATA_BYTES:
        raise RpmHeaderError("its sizes are out of range")
    return entries, data_bytes
