"""JSON texts of hundreds of megabytes: what is small becomes Python values, what is long stays where it is.

`read_json` knows by their paths which arrays may be long. In their place stands a LongList, which parses some items at
a time, each time it is iterated. Everything else is parsed at once, within limits of its size: Python's values need
some twenty times the room of the text that makes them. The text is bytes in memory, or a mapped file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from mmap import mmap
from typing import Any, Final, NoReturn, TypeAlias

#: Bytes of a value that is no long array, and of all of them together.
MAX_VALUE: Final = 16 * 1024 * 1024
MAX_VALUES: Final = 64 * 1024 * 1024
#: Bytes of one item of a long array.
MAX_ITEM: Final = 1024 * 1024
#: Items of all arrays and objects on the way to long arrays.
MAX_CHILDREN: Final = 100_000

#: Names of members from the top down; ITEMS stands for "each item of this array".
Path = tuple[str, ...]
ITEMS: Final = "[]"


#: JSON in UTF-8.
Text: TypeAlias = bytes | mmap


class JsonError(ValueError):
    """Not JSON as it is accepted here; the message says in what, without quoting it."""


class LongList:
    """The items of a long array, parsed whenever they are iterated. Its text has been found to be JSON before."""

    def __init__(self, text: Text, start: int, count: int) -> None:
        self._text = text
        self._start = start
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Any]:
        for items, _ in _batches(self._text, self._start, _PLAIN):
            yield from items


def read_json(text: Text, long_arrays: Sequence[Path]) -> Any:
    """The value of `text`, with a LongList at each of the paths that has an array. Raises JsonError."""
    return _Reader(text, long_arrays).read()


class _Reader:
    def __init__(self, text: Text, long_arrays: Sequence[Path]) -> None:
        self._text = text
        self._long = frozenset(long_arrays)
        self._above = frozenset(path[:length] for path in long_arrays for length in range(len(path)))
        self._value_room = MAX_VALUES
        self._child_room = MAX_CHILDREN

    def read(self) -> Any:
        try:
            value, position = self._value(_skip(self._text, 0), ())
        except JsonError:
            raise
        except (ValueError, RecursionError):
            raise JsonError("it is not JSON") from None
        if position != len(self._text):
            raise JsonError("something follows its last brace")
        return value

    def _value(self, position: int, path: Path) -> tuple[Any, int]:
        """The value that begins at `position`, and where the next token begins."""
        opening = self._text[position : position + 1]
        if opening == b"[" and path in self._long:
            return self._long_list(position)
        if opening == b"{" and path in self._above:
            return self._object(position, path)
        if opening == b"[" and path in self._above:
            return self._array(position, path)
        value, end = _limited(self._text, position, min(MAX_VALUE, self._value_room))
        self._value_room -= end - position
        return value, _skip(self._text, end)

    def _object(self, position: int, path: Path) -> tuple[dict[str, Any], int]:
        members: dict[str, Any] = {}
        position = _skip(self._text, position + 1)
        if self._is_at(position, b"}"):
            return members, _skip(self._text, position + 1)
        while True:
            name, position = _limited(self._text, position, MAX_ITEM)
            if not isinstance(name, str):
                raise JsonError("it is not JSON")
            if name in members:
                raise JsonError("a member stands in it twice")
            members[name], position = self._child(_skip(self._text, position, b":", needed=True), (*path, name))
            if self._is_at(position, b"}"):
                return members, _skip(self._text, position + 1)
            position = _skip(self._text, position, b",", needed=True)

    def _array(self, position: int, path: Path) -> tuple[list[Any], int]:
        items: list[Any] = []
        position = _skip(self._text, position + 1)
        if self._is_at(position, b"]"):
            return items, _skip(self._text, position + 1)
        while True:
            item, position = self._child(position, (*path, ITEMS))
            items.append(item)
            if self._is_at(position, b"]"):
                return items, _skip(self._text, position + 1)
            position = _skip(self._text, position, b",", needed=True)

    def _is_at(self, position: int, sign: bytes) -> bool:
        return self._text[position : position + 1] == sign

    def _child(self, position: int, path: Path) -> tuple[Any, int]:
        self._child_room -= 1
        if self._child_room < 0:
            raise JsonError(f"it has more than {MAX_CHILDREN} parts")
        return self._value(position, path)

    def _long_list(self, position: int) -> tuple[LongList, int]:
        count, start = 0, position
        for items, end in _batches(self._text, start, _DECODER):
            count, position = count + len(items), end
        return LongList(self._text, start, count), position


def _batches(text: Text, position: int, decoder: json.JSONDecoder) -> Iterator[tuple[list[Any], int]]:
    """The items of the array that begins at `position`, many at once, and where each next batch or token begins."""
    position = _skip(text, position + 1)
    if text[position : position + 1] == b"]":
        yield [], _skip(text, position + 1)
        return
    while True:
        found = _SEVERAL.match(text, position, position + MAX_ITEM)
        if found is None:
            item, position = _limited(text, position, MAX_ITEM)
            items, position = [item], _skip(text, position)
        else:
            items, position = decoder.decode((b"[%b]" % found[0]).decode()), found.end()
        at_end = text[position : position + 1] == b"]"
        position = _skip(text, position + 1) if at_end else _skip(text, position, b",", needed=True)
        yield items, position
        if at_end:
            return


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise JsonError("a member stands in it twice")
    return members


def _no_number(text: str) -> NoReturn:
    raise JsonError("it has a number that is none")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number)


def _decoded(text: bytes) -> Any:
    return _DECODER.decode(text.decode())


#: For what has been read before: that a member stands there twice need not be looked for again.
_PLAIN: Final = json.JSONDecoder()

_SPACE = rb"[ \t\n\r]*+"
_SPACES: Final = re.compile(_SPACE)
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
#: Most values have brackets within brackets at most: found in one step.
_FLAT = rb"[\[{](?:[^\"{}\[\]]++|%b)*+[\]}]" % _STRING
_DEEPER = rb"[\[{](?:[^\"{}\[\]]++|%b|%b)*+[\]}]" % (_STRING, _FLAT)
_SEVERAL: Final = re.compile(
    rb"(?:%b%b,%b){0,99}+%b%b(?=[,\]])" % (_DEEPER, _SPACE, _SPACE, _DEEPER, _SPACE), re.DOTALL
)
#: A value: with few brackets, a text, or else a number or a word.
_VALUE: Final = re.compile(rb"%b|%b|[^\s\"{}\[\],:]++" % (_DEEPER, _STRING), re.DOTALL)
_TOKEN: Final = re.compile(rb"%b|[\[\]{}]" % _STRING, re.DOTALL)
_DEPTH: Final = {b"{": 1, b"[": 1, b"}": -1, b"]": -1}


def _limited(text: Text, position: int, limit: int) -> tuple[Any, int]:
    """The value at `position`, which has at most `limit` bytes, and its end."""
    end = position + limit
    found = _VALUE.match(text, position, end)
    if found is not None and found.end() < end:
        return _decoded(found[0]), found.end()
    depth = 0
    for token in _TOKEN.finditer(text, position, end):
        depth += _DEPTH.get(token[0], 0)
        if depth == 0:
            return _decoded(text[position : token.end()]), token.end()
    raise JsonError("it is cut off" if end >= len(text) else f"a part of it is larger than {limit} bytes")


def _skip(text: Text, position: int, sign: bytes = b"", *, needed: bool = False) -> int:
    """Where the next token begins: after white space and, if it is there, `sign`."""
    position = _end_of_space(text, position)
    if sign and text[position : position + 1] == sign:
        return _end_of_space(text, position + 1)
    if needed:
        raise JsonError("it is not JSON")
    return position


def _end_of_space(text: Text, position: int) -> int:
    space = _SPACES.match(text, position)
    return position if space is None else space.end()
