"""The bytes of a log by position: so many at a time, and then all the rest."""

from __future__ import annotations

from collections.abc import Iterator


class Feed:
    """Bytes that come in pieces. `position` is the offset in the log of what comes next."""

    def __init__(self, chunks: Iterator[bytes], position: int) -> None:
        self._chunks = chunks
        self._rest = b""
        self.position = position

    def take(self, size: int) -> bytes:
        """The next `size` bytes; fewer at the end."""
        parts = [self._rest]
        have = len(self._rest)
        while have < size:
            part = next(self._chunks, None)
            if part is None:
                break
            parts.append(part)
            have += len(part)
        content = b"".join(parts)
        taken, self._rest = content[:size], content[size:]
        self.position += len(taken)
        return taken

    def rest(self) -> Iterator[bytes]:
        """All that comes, in pieces."""
        if self._rest:
            part, self._rest = self._rest, b""
            self.position += len(part)
            yield part
        for part in self._chunks:
            self.position += len(part)
            yield part
