"""JSON of what is too large to hold: values in which iterators stand for arrays, written piece by piece."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any


class _LazyError(Exception):
    """There is an iterator in the value, so it can't be written as a whole."""


def _eager(value: Any) -> Any:
    if isinstance(value, Iterator):
        raise _LazyError
    if isinstance(value, Iterable):
        return list(value)
    raise TypeError(f"{type(value).__name__} is no JSON")


_ENCODER = json.JSONEncoder(default=_eager)


def json_pieces(value: Any) -> Iterator[str]:
    """The text of `value` in ASCII and one line, in pieces. An iterator, wherever it is, is consumed item by item.

    What lies in a list or an iterator is a piece if there is no iterator in it: these are the rows of a table. Raises
    TypeError for what is no JSON.
    """
    if isinstance(value, Mapping):
        separator = "{"
        for name, member in value.items():
            yield f"{separator}{_ENCODER.encode(str(name))}: "
            yield from json_pieces(member)
            separator = ", "
        yield "{}" if separator == "{" else "}"
    elif isinstance(value, Iterable) and not isinstance(value, str):
        separator = "["
        for item in value:
            yield separator
            yield from _row(item)
            separator = ", "
        yield "[]" if separator == "[" else "]"
    else:
        yield _ENCODER.encode(value)


def _row(item: Any) -> Iterator[str]:
    try:
        yield _ENCODER.encode(item)
    except _LazyError:
        yield from json_pieces(item)
