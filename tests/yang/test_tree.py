"""Immutable trees: drafts share what they don't change, and never change what has been handed out."""

from __future__ import annotations

from agent.yang.paths import parse
from agent.yang.tree import Draft, Inner, InstancePath, Leaf, empty_root, is_empty, lookup
from tests.yang.codec_support import codec_schema, plain, top, tree

ROOT = codec_schema().root
ITEM = "/codec-base:top/item[name='{}'][kind='k']"


def item(name: str) -> str:
    return f"<item><name>{name}</name><kind>k</kind></item>"


def test_a_draft_copies_the_way_to_its_change_and_shares_the_rest():
    before = top(item("a") + item("b") + "<inside><note>n</note></inside>")
    shown = plain(before)
    draft = Draft(before)
    entry = draft.descend(parse(ITEM.format("a"), ROOT))
    draft.put(entry, Leaf(entry.schema.child("value"), "1"))
    after = draft.freeze()
    assert plain(before) == shown
    assert lookup(after, parse(ITEM.format("a") + "/value", ROOT)).text == "1"
    for path in (ITEM.format("b"), "/codec-base:top/inside"):
        assert lookup(before, parse(path, ROOT)) is lookup(after, parse(path, ROOT))


def test_a_frozen_tree_is_not_changed_by_the_draft_that_made_it():
    draft = Draft(empty_root(ROOT))
    draft.descend(parse(ITEM.format("a"), ROOT))
    first = draft.freeze()
    shown = plain(first)
    again = Draft(first)
    again.remove_entry(again.descend(parse("/codec-base:top", ROOT)), ROOT.child("top").child("item"), ("a", "k"))
    assert plain(first) == shown
    assert plain(again.freeze()) == {"top": {}}


def test_an_entry_is_made_with_its_keys():
    draft = Draft(tree(""))
    draft.descend(parse(ITEM.format("a"), ROOT))
    assert plain(draft.freeze()) == plain(top(item("a")))


def test_lookup_finds_entries_values_and_nothing():
    root = top(item("a") + "<tag>x</tag>")
    assert lookup(root, InstancePath()) is root
    assert lookup(root, parse(ITEM.format("a"), ROOT)).key == ("a", "k")
    assert lookup(root, parse(ITEM.format("b"), ROOT)) is None
    assert lookup(root, parse("/codec-base:top/tag[.='x']", ROOT)).texts == ("x",)
    assert lookup(root, parse("/codec-base:top/tag[.='y']", ROOT)) is None
    assert lookup(root, parse("/codec-base:top/inside/note", ROOT)) is None


def test_children_come_with_keys_first_then_as_the_schema_has_them():
    schema = ROOT.child("top").child("item")
    names = ["extra", "weight", "kind", "value", "name"]
    entry = Inner(schema, {schema.child(name): Leaf(schema.child(name), "1") for name in names}, ("1", "1"))
    assert [node.schema.tag for node in entry.ordered()] == [
        schema.child(name).tag for name in ("name", "kind", "value", "weight", "extra")
    ]


def test_what_carries_no_information_is_empty():
    container = ROOT.child("top")
    inside, switch = container.child("inside"), container.child("switch")
    assert is_empty(Inner(inside, {inside.child("deeper"): Inner(inside.child("deeper"))}))
    assert not is_empty(Inner(switch))
    assert not is_empty(Inner(inside, {inside.child("note"): Leaf(inside.child("note"), "")}))
