"""The order of list entries and leaf-list values while an edit works on them.

Adding at the end, replacing in place and deleting are what a dict does. Moving to another place needs neighbours: they
are linked the first time somebody asks for it, so that any number of moves in one edit costs no more than reading the
list twice.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from itertools import pairwise
from typing import Generic, Literal, TypeVar, cast

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

#: Values of the `yang:insert` attribute (RFC 7950 section 7.8.6).
Place = Literal["first", "last", "before", "after"]


class _End:
    """Stands before the first and after the last key, which makes the links a ring."""


_END = _End()


class Ordering(Generic[K, V]):
    """A dict under change, with moves. The dict it starts from is never changed.

    `changed` tells whether anything is different, `rearranged` whether the order of what was and still is there may be.
    """

    def __init__(self, items: dict[K, V]) -> None:
        self._items = items
        self._next: dict[K | _End, K | _End] | None = None
        self._previous: dict[K | _End, K | _End] = {}
        self.changed = False
        self.rearranged = False

    def __contains__(self, key: K) -> bool:
        return key in self._items

    def __len__(self) -> int:
        return len(self._items)

    def get(self, key: K) -> V | None:
        return self._items.get(key)

    def put(self, key: K, value: V) -> None:
        """Replace in place, or add at the end."""
        self._own()
        if self._next is not None and key not in self._items:
            self._link(key, self._previous[_END])
        self._items[key] = value

    def delete(self, key: K) -> None:
        self._own()
        del self._items[key]
        if self._next is not None:
            self._unlink(key)

    def move(self, key: K, place: Place, reference: K | None = None) -> None:
        """Put `key`, which is present, to the place; `reference` (present) is for "before" and "after"."""
        if key == reference:
            return
        self._own()
        self.rearranged = True
        if self._next is None:
            if place == "last":
                self._items[key] = self._items.pop(key)
                return
            self._link_all()
        self._unlink(key)
        if place in ("first", "last"):
            neighbour: K | _End = _END
        else:
            neighbour = cast(K, reference)
        self._link(key, self._previous[neighbour] if place in ("before", "last") else neighbour)

    def result(self) -> dict[K, V]:
        """The finished dict; the one that it started from when nothing has changed."""
        if self._next is None:
            return self._items
        return {key: self._items[key] for key in self._linked()}

    def _own(self) -> None:
        if not self.changed:
            self.changed = True
            self._items = dict(self._items)

    def _link_all(self) -> None:
        ring: list[K | _End] = [_END, *self._items, _END]
        self._next = dict(pairwise(ring))
        self._previous = dict(pairwise(reversed(ring)))

    def _link(self, key: K, before: K | _End) -> None:
        """Insert `key` behind `before`."""
        assert self._next is not None
        after = self._next[before]
        self._next[before] = self._previous[after] = key
        self._next[key], self._previous[key] = after, before

    def _unlink(self, key: K) -> None:
        assert self._next is not None
        before, after = self._previous.pop(key), self._next.pop(key)
        self._next[before], self._previous[after] = after, before

    def _linked(self) -> Iterator[K]:
        assert self._next is not None
        key = self._next[_END]
        while key is not _END:
            yield cast(K, key)
            key = self._next[key]
