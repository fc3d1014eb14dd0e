"""A second, naive implementation of edit-config, and random edits for both.

It works on nested dicts and lists, copies everything, walks everything, and knows its few nodes by the table below; it
shares nothing with agent/yang. Edits are trees of `Change`, written as XML for the real one.

Data: a container is a dict, a leaf a string, a leaf-list a list of strings, a list a list of (key, dict).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

from hypothesis import strategies as st

#: name -> ("leaf",) | ("values", ordered) | ("container" or "presence", children) | ("list", key, ordered, children)
NODES = {
    "text": ("leaf",),
    "inside": ("container", {"note": ("leaf",), "deeper": ("container", {"depth": ("leaf",)})}),
    "switch": ("presence", {"mode": ("leaf",)}),
    "step": ("list", "id", True, {"what": ("leaf",)}),
    "endpoint": ("list", "id", False, {}),
    "tag": ("values", False),
    "order": ("values", True),
    "alias": ("values", False),
    "tcp-port": ("leaf",),
    "tcp-name": ("leaf",),
    "udp-port": ("leaf",),
    "udp-options": ("container", {"ttl": ("leaf",)}),
    "one": ("leaf",),
    "two": ("leaf",),
}
#: name -> its case of each choice that it is in
CASES = {
    "tcp-port": {"transport": "tcp"},
    "tcp-name": {"transport": "tcp"},
    "udp-port": {"transport": "udp"},
    "udp-options": {"transport": "udp"},
    "endpoint": {"transport": "many"},
    "alias": {"transport": "many"},
    "one": {"transport": "many", "inner": "one"},
    "two": {"transport": "many", "inner": "two"},
}

GONE = ("delete", "remove")


class RefusedError(Exception):
    """The edit is refused; the argument is the name of the error class that the real one raises."""


@dataclass(frozen=True)
class Change:
    name: str
    operation: str | None = None
    #: The text of a leaf or value, or the key of an entry.
    text: str = ""
    #: "first", "last", or ("before" | "after", neighbour).
    insert: object = None
    children: tuple[Change, ...] = ()


def as_xml(change: Change) -> str:
    kind = NODES_BY_NAME[change.name]
    attributes = f" nc:operation='{change.operation}'" if change.operation else ""
    if isinstance(change.insert, str):
        attributes += f" y:insert='{change.insert}'"
    elif change.insert is not None:
        place, neighbour = change.insert
        where = f"y:value='{neighbour}'" if kind[0] == "values" else f"y:key=\"[cb:id='{neighbour}']\""
        attributes += f" y:insert='{place}' {where}"
    inside = "".join(as_xml(child) for child in change.children)
    if kind[0] == "list":
        inside = f"<id>{change.text}</id>" + inside
    elif kind[0] in ("leaf", "values"):
        inside = change.text
    return f"<{change.name}{attributes}>{inside}</{change.name}>"


def apply(data: dict, changes, default_operation: str) -> dict:
    """`data` (what <top> holds) after the edit. Raises RefusedError."""
    result = {} if default_operation == "replace" else copy.deepcopy(data)
    _children(result, changes, default_operation, NODES)
    return result


def _children(data: dict, changes, inherited: str, nodes: dict) -> None:
    identities = [_identity(change) for change in changes]
    given: dict[str, str] = {}
    left: set[str] = set()
    for index, change in enumerate(changes):
        if identities[index] in identities[:index]:
            raise RefusedError("BadElementError")
        operation = change.operation or inherited
        if change.insert is not None and change.operation in GONE:
            raise RefusedError("BadAttributeError")
        if operation == "delete" and change.name in left and not _holds(data, change, nodes[change.name]):
            operation = "remove"
        if _apply_one(data, change, operation, nodes[change.name]):
            for choice, case in CASES.get(change.name, {}).items():
                if given.setdefault(choice, case) != case:
                    raise RefusedError("ConstraintError")
                for other in [name for name in data if CASES.get(name, {}).get(choice, case) != case]:
                    del data[other]
                    left.add(other)


def _holds(data: dict, change: Change, kind: tuple) -> bool:
    if kind[0] == "list":
        return change.text in dict(data.get(change.name, []))
    if kind[0] == "values":
        return change.text in data.get(change.name, [])
    return change.name in data


def _apply_one(data: dict, change: Change, operation: str, kind: tuple) -> bool:
    """Whether data was given to the node."""
    there = _holds(data, change, kind)
    if operation in GONE:
        _only_removals(change)
    if operation == "create" and there:
        raise RefusedError("DataExistsError")
    if operation == "delete" and not there:
        raise RefusedError("DataMissingError")
    if operation == "none" and not there and kind[0] != "container":
        raise RefusedError("DataMissingError")
    if operation in GONE:
        if there:
            _take_away(data, change, kind)
        return False
    if kind[0] == "leaf":
        if operation != "none":
            data[change.name] = change.text
        return operation != "none"
    if kind[0] == "values":
        if operation == "none":
            return False
        values = data.setdefault(change.name, [])
        if not there:
            values.append(change.text)
        _order(values, change.text, change.insert, lambda value: value)
        return True
    if kind[0] == "list":
        entries = data.setdefault(change.name, [])
        before = copy.deepcopy(dict(entries)[change.text]) if there and operation != "replace" else {}
        _children(before, change.children, operation, kind[3])
        for index, (key, _) in enumerate(entries):
            if key == change.text:
                entries[index] = (key, before)
        if not there:
            entries.append((change.text, before))
        _order(entries, change.text, change.insert, lambda entry: entry[0])
        return operation != "none"
    before = {} if operation == "replace" else copy.deepcopy(data.get(change.name, {}))
    _children(before, change.children, operation, kind[1])
    if before or kind[0] == "presence":
        data[change.name] = before
        return operation != "none" or not there
    data.pop(change.name, None)
    return False


def _only_removals(change: Change) -> None:
    for child in change.children:
        if child.operation not in (None, *GONE):
            raise RefusedError("BadAttributeError")
        _only_removals(child)


def _take_away(data: dict, change: Change, kind: tuple) -> None:
    if kind[0] == "list":
        data[change.name] = [entry for entry in data[change.name] if entry[0] != change.text]
    elif kind[0] == "values":
        data[change.name].remove(change.text)
    if kind[0] not in ("list", "values") or not data[change.name]:
        del data[change.name]


def _order(items: list, own: str, insert, identity) -> None:
    if insert is None:
        return
    place, neighbour = (insert, None) if isinstance(insert, str) else insert
    if neighbour is not None and neighbour not in [identity(item) for item in items]:
        raise RefusedError("BadAttributeError")
    if neighbour == own:
        return
    moved = next(item for item in items if identity(item) == own)
    items.remove(moved)
    index = {"first": 0, "last": len(items)}.get(place)
    if index is None:
        index = [identity(item) for item in items].index(neighbour) + (place == "after")
    items.insert(index, moved)


def _flatten(nodes: dict) -> dict:
    found = dict(nodes)
    for kind in nodes.values():
        if isinstance(kind[-1], dict):
            found |= _flatten(kind[-1])
    return found


NODES_BY_NAME = _flatten(NODES)

#: Mostly what succeeds, so that sequences of edits get somewhere; the faults come often enough.
_OPERATIONS = st.sampled_from([None] * 8 + ["merge", "replace", "remove", "remove", "remove", "create", "delete"])
_NUMBERS = st.sampled_from("12345")
_INSERTS = st.one_of(
    st.none(),
    st.sampled_from(["first", "last"]),
    st.tuples(st.sampled_from(["before", "after"]), _NUMBERS),
)


def _changes(nodes: dict, most: int) -> st.SearchStrategy:
    if not nodes:
        return st.just(())
    changes = st.lists(st.sampled_from(sorted(nodes)).flatmap(lambda name: _change(name, nodes[name])), max_size=most)
    return st.builds(_tidied, changes, st.integers(0, 9))


def _tidied(changes: list[Change], chance: int) -> tuple[Change, ...]:
    """Nearly always without the same thing twice and without two cases of a choice."""
    if chance == 0:
        return tuple(changes)
    kept: dict[tuple[str, str], Change] = {}
    cases: dict[str, str] = {}
    for change in changes:
        own = {} if change.operation in GONE else CASES.get(change.name, {})
        if all(cases.setdefault(choice, case) == case for choice, case in own.items()):
            kept.setdefault(_identity(change), change)
    return tuple(kept.values())


def _change(name: str, kind: tuple) -> st.SearchStrategy:
    ordered = kind[0] in ("list", "values") and kind[-1 if kind[0] == "values" else 2]
    return st.builds(
        _consistent,
        name=st.just(name),
        operation=_OPERATIONS,
        text=_NUMBERS if kind[0] in ("leaf", "values", "list") else st.just(""),
        insert=_INSERTS if ordered else st.none(),
        children=_changes(kind[-1], 3) if isinstance(kind[-1], dict) else st.just(()),
        chance=st.integers(0, 9),
    )


def _identity(change: Change) -> tuple[str, str]:
    return change.name, change.text if NODES_BY_NAME[change.name][0] in ("list", "values") else ""


def _consistent(name, operation, text, insert, children, chance) -> Change:
    """Nearly always without an insertion of what is removed, or contradictions inside of it."""
    if operation in GONE and chance:
        insert, children = None, ()
    return Change(name, operation, text, insert, children)


#: The changes of one edit, and its default-operation.
edits = st.tuples(_changes(NODES, 5), st.sampled_from(["merge"] * 8 + ["none", "none", "replace"]))

#: A rich tree to start with.
START = (
    *(Change("step", text=number, children=(Change("what", text="1"),)) for number in "12345"),
    *(Change("order", text=number) for number in "1234"),
    *(Change("tag", text=number) for number in "123"),
    *(Change("endpoint", text=number) for number in "12"),
    Change("one", text="1"),
    Change("text", text="1"),
    Change("inside", children=(Change("note", text="1"), Change("deeper", children=(Change("depth", text="1"),)))),
    Change("switch"),
)
