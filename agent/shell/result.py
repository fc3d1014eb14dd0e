"""What commands give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable


@runtime_checkable
class LargeText(Protocol):
    """A text that may be larger than memory. Whoever reads it, once, closes it; it is ASCII."""

    @property
    def size(self) -> int:
        """Bytes, about."""

    def chunks(self) -> Iterator[bytes]: ...

    def close(self) -> None: ...


#: What a command or a pipe gives.
Output: TypeAlias = str | LargeText


@dataclass(frozen=True, slots=True)
class ShellResult:
    """`parts` are the outputs of the commands, in order; `status` is the exit status: 0, or 1 when a command failed."""

    parts: tuple[Output, ...]
    status: int

    def chunks(self) -> Iterator[bytes]:
        """All of it in pieces, every output with a newline at its end unless it is empty. Large texts can be read
        once."""
        for part in self.parts:
            last = b""
            for chunk in [part.encode()] if isinstance(part, str) else part.chunks():
                yield chunk
                last = chunk[-1:] or last
            if last not in (b"", b"\n"):
                yield b"\n"

    @property
    def text(self) -> str:
        """All of it in memory, for those who know that it is small; closed."""
        try:
            return b"".join(self.chunks()).decode()
        finally:
            self.close()

    def close(self) -> None:
        for part in self.parts:
            if not isinstance(part, str):
                part.close()
