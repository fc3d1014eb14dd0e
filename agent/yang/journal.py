"""The difference of two trees as JSON, for storage: written by `to_journal`, done again by `apply_journal`.

A journal is a list of steps, in the order in which they are to be done:

    ["put", path, value]        the node at `path` becomes `value` (RFC 7951; a list entry: its members)
    ["delete", path]            the node at `path` goes
    ["move", path, [[key, after], ...]]
                                entries of the user-ordered list at `path` go behind others: both are lists of key
                                texts, `after` is null for the first place; in the new order

Paths are as paths.py writes them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from agent.yang import json_codec, paths
from agent.yang.schema import Kind
from agent.yang.tree import Draft, Inner, Key, ListNode, Step

if TYPE_CHECKING:
    from agent.yang.diff import DataChange


def to_journal(changes: Iterable[DataChange]) -> list[list[Any]]:
    """The steps that make the same changes to an equal tree."""
    return [_step(change) for change in changes]


def apply_journal(root: Inner, journal: Iterable[list[Any]]) -> Inner:
    """`root` with the steps done. The journal must have been written for an equal tree; the schema may have grown.

    Raises DataError subclasses for a path or value that the schema no longer knows.
    """
    draft = Draft(root)
    for operation, text, *arguments in journal:
        path = paths.parse(text, root.schema, max_length=None)
        parent = draft.descend(path.parent)
        apply = _APPLY[operation]
        apply(draft, parent, path[-1], *arguments)
    return draft.freeze()


def _step(change: DataChange) -> list[Any]:
    path = paths.to_text(change.path)
    if change.operation == "reorder":
        assert isinstance(change.old, ListNode)
        assert isinstance(change.new, ListNode)
        return ["move", path, _moves(change.old, change.new)]
    if change.new is None:
        return ["delete", path]
    return ["put", path, json_codec.encode_node(change.new)]


def _moves(old: ListNode, new: ListNode) -> list[list[list[str] | None]]:
    """The fewest entries to move so that old entries followed by those that came stand in the new order."""
    kept = [key for key in old.entries if key in new.entries]
    before = [*kept, *(key for key in new.entries if key not in old.entries)]
    position = {key: index for index, key in enumerate(before)}
    order = list(new.entries)
    staying = _longest_rising([position[key] for key in order])
    moves: list[list[list[str] | None]] = []
    for index, key in enumerate(order):
        if position[key] not in staying:
            moves.append([list(key), list(order[index - 1]) if index else None])
    return moves


def _longest_rising(numbers: list[int]) -> set[int]:
    """The members of a longest rising subsequence."""
    tails: list[int] = []
    before: dict[int, int | None] = {}
    for number in numbers:
        at = bisect_left(tails, number)
        before[number] = tails[at - 1] if at else None
        tails[at : at + 1] = [number]
    found: set[int] = set()
    number_or_none = tails[-1] if tails else None
    while number_or_none is not None:
        found.add(number_or_none)
        number_or_none = before[number_or_none]
    return found


def _put(draft: Draft, parent: Inner, step: Step, value: Any) -> None:
    if step.schema.kind is Kind.LIST:
        draft.put_entry(parent, json_codec.decode(value, step.schema))
    else:
        draft.put(parent, json_codec.decode_node(value, step.schema))


def _delete(draft: Draft, parent: Inner, step: Step) -> None:
    if step.key is not None:
        draft.remove_entry(parent, step.schema, step.key)
    else:
        draft.remove(parent, step.schema)


def _move(draft: Draft, parent: Inner, step: Step, moves: list[list[list[str] | None]]) -> None:
    entries = draft.list(parent, step.schema).entries
    followers = {_key(after): _key(key) for key, after in moves}
    moved = set(followers.values())
    order: dict[Key, Inner] = {}

    def place(key: Key | None) -> None:
        """Add what goes behind `key`, and what goes behind that."""
        while (key := followers.get(key)) is not None:
            order[key] = entries[key]

    place(None)
    for key, entry in entries.items():
        if key not in moved:
            order[key] = entry
            place(key)
    draft.order_entries(parent, step.schema, order)


def _key(texts: list[str] | None) -> Key | None:
    return None if texts is None else tuple(texts)


_APPLY: dict[str, Callable[..., None]] = {"put": _put, "delete": _delete, "move": _move}
