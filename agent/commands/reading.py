"""Reading what a command line names: files of a limited size, and errors that a person reads."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Final

#: Bytes of a key or certificate file that are read at most.
MAX_SMALL_FILE: Final = 1024 * 1024
#: Bytes of standard input, or of another pipe, that are kept at most.
MAX_INPUT: Final = 1024 * 1024 * 1024
_PIECE: Final = 1024 * 1024


class CommandError(Exception):
    """A command can't be carried out; its text is for the person at the terminal."""


def read_text(path: Path, limit: int) -> str:
    """A text file of at most `limit` bytes; "-" is standard input. Raises CommandError."""
    return decoded(read_bytes(path, limit), str(path))


def read_bytes(path: Path, limit: int) -> bytes:
    """A file of at most `limit` bytes; "-" is standard input. Raises CommandError."""
    with opened(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise CommandError(f"can't read {path}: it is larger than {limit} bytes")
    return content


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A file that can be read from any place; "-" is standard input. What fails in the block is a CommandError too."""
    try:
        with ExitStack() as files:
            source = sys.stdin.buffer if str(path) == "-" else files.enter_context(path.open("rb"))
            if source is not sys.stdin.buffer and source.seekable():
                yield source
            else:
                # A pipe, as of "<(command)", can be read once only.
                kept = files.enter_context(tempfile.TemporaryFile())
                _keep(source, kept, path)
                yield kept
    except OSError as error:
        raise CommandError(f"can't read {path}: {error.strerror}") from error


def _keep(source: BinaryIO, file: BinaryIO, path: Path) -> None:
    room = MAX_INPUT
    while piece := source.read(min(_PIECE, room + 1)):
        room -= len(piece)
        if room < 0:
            raise CommandError(f"can't read {path}: it is larger than {MAX_INPUT} bytes")
        file.write(piece)
    file.seek(0)


def decoded(content: bytes, what: str) -> str:
    """Text in UTF-8. Raises CommandError."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise CommandError(f"{what} is not text in UTF-8") from error


def whole_number(allowed: range) -> Callable[[str], int]:
    """What reads an option's number for argparse."""

    def read(text: str) -> int:
        if text.isascii() and text.isdigit() and len(text) < 10 and int(text) in allowed:
            return int(text)
        raise argparse.ArgumentTypeError(f"not {allowed[0]} to {allowed[-1]}")

    return read
