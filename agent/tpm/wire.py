"""The TPM's encoding: numbers are big-endian, a buffer of variable size has its size in two bytes before it."""

from __future__ import annotations


class WireError(ValueError):
    """Bytes are not the structure that they should be. The text says in what, without quoting them."""


class Reader:
    """Reads a structure from its beginning; every method raises WireError when the bytes end too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        part = self._data[self._at : self._at + count]
        if len(part) != count:
            raise WireError("the data end too early")
        self._at += count
        return part

    def number(self, size: int) -> int:
        """An unsigned number of `size` bytes."""
        return int.from_bytes(self.take(size), "big")

    def u8(self) -> int:
        return self.number(1)

    def u16(self) -> int:
        return self.number(2)

    def u32(self) -> int:
        return self.number(4)

    def u64(self) -> int:
        return self.number(8)

    def sized(self, limit: int) -> bytes:
        """A buffer with its size before it, of at most `limit` bytes."""
        size = self.u16()
        if size > limit:
            raise WireError(f"a part is larger than {limit} bytes")
        return self.take(size)

    def rest(self) -> bytes:
        """All that has not been read yet."""
        return self.take(len(self._data) - self._at)

    def end(self) -> None:
        """Raises WireError unless everything was read."""
        if self._at != len(self._data):
            raise WireError("there are bytes after the end")


def u8(value: int) -> bytes:
    return value.to_bytes(1, "big")


def u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def sized(content: bytes) -> bytes:
    """A buffer with its size before it."""
    return u16(len(content)) + content
