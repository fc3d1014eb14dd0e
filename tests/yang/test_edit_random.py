"""Random edits: the tree, the naive model of edit_model.py and the differences all agree."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.yang.diff import apply_journal, diff, to_journal
from agent.yang.edit import apply_edit
from agent.yang.errors import DataError
from agent.yang.tree import Inner, InstancePath, Leaf, LeafList, ListNode
from tests.yang import edit_model
from tests.yang.codec_support import codec_schema, config, plain, tree
from tests.yang.edit_model import RefusedError, as_xml, edits

ROOT = codec_schema().root


def as_data(node):
    """A tree as the model writes it."""
    if isinstance(node, Leaf):
        return node.text
    if isinstance(node, LeafList):
        return list(node.texts)
    if isinstance(node, ListNode):
        return [(key[0], {**as_data(entry), "id": None}) for key, entry in node.entries.items()]
    assert isinstance(node, Inner)
    return {schema.name: as_data(child) for schema, child in node.children.items()}


def without_keys(data):
    if isinstance(data, dict):
        return {name: without_keys(value) for name, value in data.items() if name != "id"}
    if isinstance(data, list):
        return [(item[0], without_keys(item[1])) if isinstance(item, tuple) else item for item in data]
    return data


def run(root, changes, default_operation):
    return apply_edit(
        root, config("<top>" + "".join(map(as_xml, changes)) + "</top>"), default_operation=default_operation
    )


@settings(max_examples=150, deadline=None)
@given(st.lists(edits, min_size=1, max_size=5))
def test_edits_do_what_the_naive_model_does(sequence):
    root, data = edited(tree(""), edit_model.START, "merge")[0], edit_model.apply({}, edit_model.START, "merge")
    for changes, default_operation in sequence:
        shown = plain(root)
        try:
            expected = edit_model.apply(data, changes, default_operation)
        except RefusedError as error:
            refusal = error.args[0]
        else:
            refusal = None
        if refusal is not None:
            with pytest.raises(DataError) as caught:
                run(root, changes, default_operation)
            assert type(caught.value).__name__ == refusal
            assert plain(root) == shown
            continue
        result = run(root, changes, default_operation)
        assert plain(root) == shown
        assert without_keys(as_data(result.root).get("top", {})) == expected
        root, data = result.root, expected


def as_text(changes):
    return sorted((str(change.path), change.operation) for change in changes)


@settings(max_examples=120, deadline=None)
@given(st.lists(edits, max_size=3), st.lists(edits, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_differences_lead_from_one_tree_to_the_other(before, after, random):
    old = edited(tree(""), edit_model.START, "merge")[0]
    for changes, default_operation in before:
        old = edited(old, changes, default_operation)[0]
    new, touched = old, []
    for changes, default_operation in after:
        new, places = edited(new, changes, default_operation)
        touched += places
    random.shuffle(touched)
    whole, quick = diff(old, new), diff(old, new, touched)
    assert as_text(whole) == as_text(quick)
    for changes in (whole, quick):
        journal = json.loads(json.dumps(to_journal(changes)))
        assert plain(apply_journal(old, journal)) == plain(new)
    assert bool(whole) == (plain(old) != plain(new))
    assert as_text(diff(new, old, touched)) == as_text(diff(new, old))


@settings(max_examples=80, deadline=None)
@given(edits, st.lists(edits, max_size=3), st.lists(edits, max_size=3))
def test_two_trees_that_went_different_ways_are_compared_by_where_both_went(base, one, other):
    """As a candidate with changes of its own and a running configuration that moves on."""
    start = edited(edited(tree(""), edit_model.START, "merge")[0], *base)[0]
    touched: set[InstancePath] = set()
    ends = []
    for sequence in (one, other):
        end = start
        for changes, default_operation in sequence:
            before = end
            end, places = edited(end, changes, default_operation)
            touched |= set(places) if sequence is one else {change.path for change in diff(before, end, places)}
        ends.append(end)
    for old, new in (ends, ends[::-1]):
        changes = diff(old, new, touched)
        assert as_text(changes) == as_text(diff(old, new))
        assert plain(apply_journal(old, to_journal(changes))) == plain(new)


def edited(root, changes, default_operation):
    try:
        result = run(root, changes, default_operation)
    except DataError:
        return root, ()
    return result.root, result.touched
