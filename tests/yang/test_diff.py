"""Differences of trees, and their journals."""

from __future__ import annotations

import json

import pytest

from agent.yang.diff import apply_journal, diff, to_journal
from agent.yang.edit import apply_edit
from agent.yang.errors import UnknownElementError
from agent.yang.tree import lookup
from tests.cost import count_steps
from tests.yang.codec_support import codec_schema, config, plain, top, tree

ROOT = codec_schema().root


def changes(old: str, new: str) -> list[tuple[str, str]]:
    found = diff(top(old), top(new))
    for change in found:
        if change.operation != "reorder":
            assert lookup(top(old), change.path) is None or change.old is not None
            assert (change.old is None) == (change.operation == "create")
            assert (change.new is None) == (change.operation == "delete")
    return [(change.operation, str(change.path).removeprefix("/codec-base:top")) for change in found]


def steps(*numbers: int) -> str:
    return "".join(f"<step><id>{number}</id></step>" for number in numbers)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("<text>a</text>", "<text>a</text>", []),
        ("<text>a</text>", "<text>b</text>", [("modify", "/text")]),
        ("<text/><inside><note/></inside>", "<text/>", [("delete", "/inside")]),
        ("<text/>", "<text/><inside><deeper><depth>1</depth></deeper></inside>", [("create", "/inside")]),
        (
            "<inside><note/></inside>",
            "<inside><note/><deeper><depth>1</depth></deeper></inside>",
            [("create", "/inside/deeper")],
        ),
        (steps(1), "", [("delete", "")]),
        (steps(1, 2) + "<text/>", "<text/>", [("delete", "/step[id='1']"), ("delete", "/step[id='2']")]),
        ("<text/>", "<text/>" + steps(2, 1), [("create", "/step[id='2']"), ("create", "/step[id='1']")]),
        (steps(1, 2), steps(2, 1), [("reorder", "/step")]),
        (steps(1, 2, 3), steps(1, 3), [("delete", "/step[id='2']")]),
        (steps(1, 2), steps(3, 1, 2), [("create", "/step[id='3']"), ("reorder", "/step")]),
        ("<tag>a</tag><tag>b</tag>", "<tag>b</tag><tag>a</tag>", []),
        ("<order>1</order><order>2</order>", "<order>2</order><order>1</order>", [("modify", "/order")]),
        ("<tag>a</tag>", "<tag>a</tag><tag>b</tag>", [("modify", "/tag")]),
        ("<blob><a/></blob>", "<blob><b/></blob>", [("modify", "/blob")]),
        ("<switch/><text/>", "<text/>", [("delete", "/switch")]),
        (
            "<item><name>a</name><kind>k</kind><value>1</value></item>",
            "<item><name>a</name><kind>k</kind><m:extra>1</m:extra></item>",
            [("delete", "/item[name='a'][kind='k']/value"), ("create", "/item[name='a'][kind='k']/codec-more:extra")],
        ),
    ],
)
def test_changes_are_named_at_their_top(old, new, expected):
    assert changes(old, new) == expected


def test_a_journal_is_readable():
    old = top(steps(1, 2, 3) + "<text/>")
    new = top(steps(3, 1) + "<small>7</small><step><id>4</id><what>w</what></step>")
    assert to_journal(diff(old, new)) == [
        ["delete", "/codec-base:top/text"],
        ["delete", "/codec-base:top/step[id='2']"],
        ["put", "/codec-base:top/step[id='4']", {"id": 4, "what": "w"}],
        ["move", "/codec-base:top/step", [[["3"], None]]],
        ["put", "/codec-base:top/small", 7],
    ]


def test_a_journal_moves_no_more_than_it_must():
    old, new = top(steps(*range(100))), top(steps(57, *range(57), *range(58, 100)))
    (step,) = to_journal(diff(old, new))
    assert step == ["move", "/codec-base:top/step", [[["57"], None]]]
    assert plain(apply_journal(old, [step])) == plain(new)


def test_every_kind_of_value_survives_a_journal():
    new = tree(
        '<top><text>\'"</text><item><name>it\'s "it"</name><kind/></item><pet>m:cat</pet><flag/><data>aGk=</data>'
        "<blob><x xmlns='urn:x'/></blob><order>2</order><order>1</order><big>18446744073709551615</big></top><alone/>"
    )
    for old in (tree(""), top("<small>1</small>")):
        journal = json.loads(json.dumps(to_journal(diff(old, new))))
        assert plain(apply_journal(old, journal)) == plain(new)


def test_keys_longer_than_any_path_from_a_client_survive_a_journal():
    old, new = tree(""), top(f"<item><name>{'x' * 100_000}</name><kind/></item><text/>")
    middle = top("<text/>")
    for before, after in ((old, new), (middle, new), (new, middle)):
        assert plain(apply_journal(before, to_journal(diff(before, after)))) == plain(after)


def test_a_journal_that_the_schema_does_not_know_is_refused():
    with pytest.raises(UnknownElementError):
        apply_journal(tree(""), [["put", "/codec-base:top/gone", 1]])


def test_the_cost_follows_the_change():
    def entry(number: int, content: str = "") -> str:
        return f"<item><name>{number}</name><kind/>{content}</item>"

    def cost(count: int) -> int:
        old = top("".join(map(entry, range(count))))
        result = apply_edit(old, config(f"<top>{entry(5, '<value>1</value>')}</top>"))
        return count_steps(lambda: to_journal(diff(old, result.root, result.touched)))

    cost(10)  # what is computed once for each schema node
    assert cost(10_000) == cost(10)
