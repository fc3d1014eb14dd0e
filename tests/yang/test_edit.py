"""edit-config on a tree, case by case: what RFC 6241 section 7.2 and RFC 7950 section 7 say."""

from __future__ import annotations

import pytest

from agent.yang.edit import MAX_REWRITTEN, apply_edit
from agent.yang.errors import (
    BadAttributeError,
    BadElementError,
    ConstraintError,
    DataExistsError,
    DataMissingError,
    InvalidValueError,
    MissingAttributeError,
    MissingElementError,
    UnknownAttributeError,
    UnknownElementError,
    UnknownNamespaceError,
)
from agent.yang.paths import parse
from agent.yang.tree import lookup
from tests.cost import count_steps
from tests.yang.codec_support import BASE, codec_schema, config, plain, top, tree

ROOT = codec_schema().root


def edit(before: str, change: str, **options):
    return apply_edit(top(before), config(f"<top>{change}</top>"), **options)


def item(name: str, content: str = "", operation: str | None = None) -> str:
    attribute = f" nc:operation='{operation}'" if operation else ""
    return f"<item{attribute}><name>{name}</name><kind>k</kind>{content}</item>"


def steps(*numbers: int) -> str:
    return "".join(f"<step><id>{number}</id></step>" for number in numbers)


def orders(*numbers: int) -> str:
    return "".join(f"<order>{number}</order>" for number in numbers)


#: before, edit, after (all below <top>), touched paths (below /codec-base:top)
CHANGES = {
    # leaf, RFC 7950 7.6.7
    "merge creates a leaf": ("<text>a</text>", "<small>1</small>", "<text>a</text><small>1</small>", ["/small"]),
    "merge changes a leaf": ("<text>a</text>", "<text>b</text>", "<text>b</text>", ["/text"]),
    "merge of the same value changes nothing": ("<small>1</small>", "<small>01</small>", "<small>1</small>", []),
    "replace sets a leaf": ("<text>a</text>", "<text nc:operation='replace'>b</text>", "<text>b</text>", ["/text"]),
    "create sets a leaf": ("<small>1</small>", "<text nc:operation='create'/>", "<small>1</small><text/>", ["/text"]),
    "delete without a value": ("<small>1</small><text/>", "<small nc:operation='delete'/>", "<text/>", ["/small"]),
    "delete with another value": (
        "<small>1</small><text/>",
        "<small nc:operation='delete'>2</small>",
        "<text/>",
        ["/small"],
    ),
    "remove of an absent leaf": ("<text/>", "<small nc:operation='remove'/>", "<text/>", []),
    # container, RFC 7950 7.5.8
    "merge goes into containers": (
        "<inside><note>n</note></inside>",
        "<inside><deeper><depth>1</depth></deeper></inside>",
        "<inside><note>n</note><deeper><depth>1</depth></deeper></inside>",
        ["/inside/deeper"],
    ),
    "replace of a container": (
        "<inside><note>n</note><level>1</level></inside>",
        "<inside nc:operation='replace'><level>2</level></inside>",
        "<inside><level>2</level></inside>",
        ["/inside"],
    ),
    "replace of a container by nothing": (
        "<inside><note/></inside><text/>",
        "<inside nc:operation='replace'/>",
        "<text/>",
        ["/inside"],
    ),
    "an empty container is not there": ("<text/>", "<inside/>", "<text/>", []),
    "nor is one that only holds empty ones": ("<text/>", "<inside><deeper/></inside>", "<text/>", []),
    "presence counts": ("<text/>", "<switch/>", "<text/><switch/>", ["/switch"]),
    "a container goes with its last child": (
        "<inside><deeper><depth>1</depth></deeper></inside><text/>",
        "<inside><deeper><depth nc:operation='delete'/></deeper></inside>",
        "<text/>",
        ["/inside/deeper/depth", "/inside/deeper", "/inside"],
    ),
    "a presence container stays": (
        "<switch><mode>m</mode></switch>",
        "<switch><mode nc:operation='delete'/></switch>",
        "<switch/>",
        ["/switch/mode"],
    ),
    "create of a container that holds nothing": (
        "<text/>",
        "<inside nc:operation='create'><note/></inside>",
        "<text/><inside><note/></inside>",
        ["/inside"],
    ),
    "delete of a container": (
        "<inside><note/></inside><text/>",
        "<inside nc:operation='delete'/>",
        "<text/>",
        ["/inside"],
    ),
    "delete inside of delete": (
        "<inside><note/></inside><text/>",
        "<inside nc:operation='delete'><note nc:operation='remove'/></inside>",
        "<text/>",
        ["/inside"],
    ),
    "remove inside of create": (
        "<text/>",
        "<inside nc:operation='create'><note nc:operation='remove'/><level>1</level></inside>",
        "<text/><inside><level>1</level></inside>",
        ["/inside"],
    ),
    # list, RFC 7950 7.8.6
    "merge creates an entry": (
        item("a"),
        item("b", "<value>1</value>"),
        item("a") + item("b", "<value>1</value>"),
        ["/item[name='b'][kind='k']"],
    ),
    "merge changes a leaf of an entry": (
        item("a", "<value>1</value>"),
        item("a", "<value>2</value>"),
        item("a", "<value>2</value>"),
        ["/item[name='a'][kind='k']/value"],
    ),
    "keys may come last": (
        item("a"),
        "<item><value>2</value><kind>k</kind><name>a</name></item>",
        item("a", "<value>2</value>"),
        ["/item[name='a'][kind='k']/value"],
    ),
    "replace of an entry": (
        item("a", "<value>1</value><weight>2</weight>"),
        item("a", "<weight>3</weight>", "replace"),
        item("a", "<weight>3</weight>"),
        ["/item[name='a'][kind='k']"],
    ),
    "create of an entry": (item("a"), item("b", "", "create"), item("a") + item("b"), ["/item[name='b'][kind='k']"]),
    "create of an entry says so of its keys too": (
        "<text/>",
        "<item nc:operation='create'><name nc:operation='create'>a</name><kind nc:operation='merge'>k</kind></item>",
        "<text/>" + item("a"),
        ["/item[name='a'][kind='k']"],
    ),
    "delete of an entry": (item("a") + item("b"), item("a", "", "delete"), item("b"), ["/item[name='a'][kind='k']"]),
    "delete of the last entry": (
        item("a") + "<text/>",
        item("a", "", "delete"),
        "<text/>",
        ["/item[name='a'][kind='k']"],
    ),
    "remove of an absent entry": (item("a"), item("b", "", "remove"), item("a"), []),
    "entries in entries": (
        item("a", "<box><part><id>1</id></part></box>"),
        item("a", "<box><part><id>2</id></part><part nc:operation='delete'><id>1</id></part></box>"),
        item("a", "<box><part><id>2</id></part></box>"),
        ["/item[name='a'][kind='k']/box/part[id='2']", "/item[name='a'][kind='k']/box/part[id='1']"],
    ),
    # order, RFC 7950 7.8.6 and 7.7.9
    "a new entry goes last": (steps(1, 2), steps(3), steps(1, 2, 3), ["/step[id='3']"]),
    "a merge leaves an entry in its place": (
        steps(1, 2),
        "<step><id>1</id><what>w</what></step>",
        "<step><id>1</id><what>w</what></step>" + steps(2),
        ["/step[id='1']/what"],
    ),
    "a replace leaves an entry in its place": (
        steps(1, 2),
        "<step nc:operation='replace'><id>1</id><what>w</what></step>",
        "<step><id>1</id><what>w</what></step>" + steps(2),
        ["/step[id='1']"],
    ),
    "insert first": (
        steps(1, 2),
        "<step y:insert='first'><id>3</id></step>",
        steps(3, 1, 2),
        ["/step[id='3']", "/step"],
    ),
    "insert last moves": (steps(1, 2, 3), "<step y:insert='last'><id>1</id></step>", steps(2, 3, 1), ["/step"]),
    "insert before": (
        steps(1, 2, 3),
        "<step y:insert='before' y:key=\"[cb:id='2']\"><id>3</id></step>",
        steps(1, 3, 2),
        ["/step"],
    ),
    "insert after": (
        steps(1, 2, 3),
        "<step y:insert='after' y:key='[ cb:id = \"1\" ]'><id>4</id></step>",
        steps(1, 4, 2, 3),
        ["/step[id='4']", "/step"],
    ),
    "insert with replace": (
        steps(1, 2),
        "<step nc:operation='replace' y:insert='first'><id>2</id></step>",
        steps(2, 1),
        ["/step[id='2']", "/step"],
    ),
    "several inserts in a row": (
        steps(1, 2),
        "<step y:insert='first'><id>3</id></step><step y:insert='after' y:key=\"[id='3']\"><id>4</id></step>"
        "<step nc:operation='delete'><id>1</id></step><step><id>5</id></step>"
        "<step y:insert='before' y:key=\"[id='5']\"><id>6</id></step>",
        steps(3, 4, 2, 6, 5),
        ["/step[id='3']", "/step", "/step[id='4']", "/step[id='1']", "/step[id='5']", "/step[id='6']"],
    ),
    "insert first, then last": (
        steps(1, 2),
        "<step y:insert='first'><id>3</id></step><step y:insert='last'><id>2</id></step>" + "<step><id>4</id></step>",
        steps(3, 1, 2, 4),
        ["/step[id='3']", "/step", "/step[id='4']"],
    ),
    "an entry before itself": (
        steps(1, 2),
        "<step y:insert='before' y:key=\"[id='2']\"><id>2</id></step>",
        steps(1, 2),
        [],
    ),
    "leaf-list values": (orders(1, 2), orders(2, 3), orders(1, 2, 3), ["/order"]),
    "leaf-list insert": (
        orders(1, 2),
        "<order y:insert='before' y:value='+1'>3</order><order y:insert='first'>2</order>",
        orders(2, 3, 1),
        ["/order"],
    ),
    "leaf-list delete": (orders(1, 2), "<order nc:operation='delete'>1</order>", orders(2), ["/order"]),
    "leaf-list delete of the last": (
        orders(1) + "<text/>",
        "<order nc:operation='delete'>1</order>",
        "<text/>",
        ["/order"],
    ),
    "leaf-list remove of an absent value": (orders(1), "<order nc:operation='remove'>2</order>", orders(1), []),
    "leaf-list replace is for one value": (
        orders(1),
        "<order nc:operation='replace'>2</order>",
        orders(1, 2),
        ["/order"],
    ),
    # anydata and anyxml, RFC 7950 7.10.4, 7.11.4
    "anydata is replaced whole": ("<blob><a/></blob>", "<blob><b/></blob>", "<blob><b/></blob>", ["/blob"]),
    "anydata of the same content": ("<blob><b/></blob>", "<blob><b/></blob>", "<blob><b/></blob>", []),
    "the operation is no part of anydata": (
        "<text/>",
        "<blob nc:operation='create'><b/></blob>",
        "<text/><blob><b/></blob>",
        ["/blob"],
    ),
    "anyxml is deleted": ("<markup><b/></markup><text/>", "<markup nc:operation='delete'/>", "<text/>", ["/markup"]),
    # choice, RFC 7950 7.9
    "a new case removes the others": (
        "<tcp-port>1</tcp-port><tcp-name>n</tcp-name>",
        "<udp-options><ttl>1</ttl></udp-options>",
        "<udp-options><ttl>1</ttl></udp-options>",
        ["/udp-options", "/tcp-port", "/tcp-name"],
    ),
    "nodes of one case stay together": (
        "<tcp-port>1</tcp-port>",
        "<tcp-name>n</tcp-name>",
        "<tcp-port>1</tcp-port><tcp-name>n</tcp-name>",
        ["/tcp-name"],
    ),
    "lists and leaf-lists of other cases go as well": (
        "<endpoint><id>1</id></endpoint><alias>a</alias><one>1</one>",
        "<tcp-port>1</tcp-port>",
        "<tcp-port>1</tcp-port>",
        ["/tcp-port", "/endpoint", "/alias", "/one"],
    ),
    "an inner choice": (
        "<endpoint><id>1</id></endpoint><one>1</one>",
        "<two>2</two>",
        "<endpoint><id>1</id></endpoint><two>2</two>",
        ["/two", "/one"],
    ),
    "from one case to the other, in any order": (
        "<tcp-port>1</tcp-port>",
        "<udp-port>1</udp-port><tcp-port nc:operation='delete'/>",
        "<udp-port>1</udp-port>",
        ["/udp-port", "/tcp-port"],
    ),
    "deleting in a case takes nothing away from another": (
        "<tcp-port>1</tcp-port>",
        "<udp-port nc:operation='remove'/>",
        "<tcp-port>1</tcp-port>",
        [],
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_change(case):
    before, change, after, touched = CHANGES[case]
    old = top(before)
    shown = plain(old)
    result = apply_edit(old, config(f"<top>{change}</top>"))
    assert plain(result.root) == plain(top(after))
    assert [str(path) for path in result.touched] == [f"/codec-base:top{path}" for path in touched]
    assert (result.root is old) == (not touched)
    assert plain(old) == shown


#: before, edit, error, its bad_name, its path (below /codec-base:top)
REFUSALS = {
    "create of what is there": ("<text/>", "<text nc:operation='create'/>", DataExistsError, None, "/text"),
    "create of a container that holds something": (
        "<inside><note/></inside>",
        "<inside nc:operation='create'/>",
        DataExistsError,
        None,
        "/inside",
    ),
    "create of an entry that is there": (
        item("a"),
        item("a", "", "create"),
        DataExistsError,
        None,
        "/item[name='a'][kind='k']",
    ),
    "create of a value that is there": (
        orders(1),
        "<order nc:operation='create'>1</order>",
        DataExistsError,
        None,
        "/order[.='1']",
    ),
    "create goes down into what is there": (
        "<switch><mode/></switch>",
        "<switch><mode nc:operation='create'>m</mode></switch>",
        DataExistsError,
        None,
        "/switch/mode",
    ),
    "delete of what is not there": ("<text/>", "<small nc:operation='delete'/>", DataMissingError, None, "/small"),
    "delete of a default in use": (
        "<inside><note/></inside>",
        "<inside><level nc:operation='delete'/></inside>",
        DataMissingError,
        None,
        "/inside/level",
    ),
    "delete of an empty container": ("<text/>", "<inside nc:operation='delete'/>", DataMissingError, None, "/inside"),
    "delete of an absent entry": (
        item("a"),
        item("b", "", "delete"),
        DataMissingError,
        None,
        "/item[name='b'][kind='k']",
    ),
    "delete of an absent value": (
        orders(1),
        "<order nc:operation='delete'>2</order>",
        DataMissingError,
        None,
        "/order[.='2']",
    ),
    "delete inside of create": (
        "<text/>",
        "<inside nc:operation='create'><note nc:operation='delete'/></inside>",
        DataMissingError,
        None,
        "/inside/note",
    ),
    "delete inside of replace": (
        "<inside><note/></inside>",
        "<inside nc:operation='replace'><note nc:operation='delete'/></inside>",
        DataMissingError,
        None,
        "/inside/note",
    ),
    "create inside of delete": (
        "<inside><note/></inside>",
        "<inside nc:operation='delete'><note nc:operation='create'/></inside>",
        BadAttributeError,
        "operation",
        "/inside",
    ),
    "an unknown element inside of delete": (
        "<inside><note/></inside>",
        "<inside nc:operation='delete'><x/></inside>",
        UnknownElementError,
        "x",
        "/inside",
    ),
    "no such operation": ("<text/>", "<text nc:operation='sideways'/>", BadAttributeError, "operation", "/text"),
    "none is no operation": ("<text/>", "<text nc:operation='none'/>", BadAttributeError, "operation", "/text"),
    "operation without a namespace": (
        "<text/>",
        "<text operation='delete'/>",
        UnknownAttributeError,
        "operation",
        "/text",
    ),
    "operation in another namespace": (
        "<text/>",
        "<text y:operation='delete'/>",
        UnknownAttributeError,
        "operation",
        "/text",
    ),
    "insert where the system orders": (
        "<text/>",
        "<tag y:insert='first'>a</tag>",
        UnknownAttributeError,
        "insert",
        "/tag",
    ),
    "insert on a leaf": ("<text/>", "<text y:insert='first'>a</text>", UnknownAttributeError, "insert", "/text"),
    "no such place": (steps(1), "<step y:insert='middle'><id>2</id></step>", BadAttributeError, "insert", "/step"),
    "before what": (steps(1), "<step y:insert='before'><id>2</id></step>", MissingAttributeError, "key", "/step"),
    "after what": (orders(1), "<order y:insert='after'>2</order>", MissingAttributeError, "value", "/order"),
    "value for a list": (
        steps(1),
        "<step y:insert='after' y:value='1'><id>2</id></step>",
        MissingAttributeError,
        "key",
        "/step",
    ),
    "key without a place": (
        steps(1),
        "<step y:key=\"[id='1']\"><id>2</id></step>",
        UnknownAttributeError,
        "key",
        "/step",
    ),
    "key with first": (
        steps(1),
        "<step y:insert='first' y:key=\"[id='1']\"><id>2</id></step>",
        UnknownAttributeError,
        "key",
        "/step",
    ),
    "insert and delete": (
        steps(1),
        "<step nc:operation='delete' y:insert='first'><id>1</id></step>",
        BadAttributeError,
        "insert",
        "/step",
    ),
    "key that is no predicate": (
        steps(1),
        "<step y:insert='before' y:key='1'><id>2</id></step>",
        BadAttributeError,
        "key",
        "/step[id='2']",
    ),
    "key of the wrong type": (
        steps(1),
        "<step y:insert='before' y:key=\"[id='x']\"><id>2</id></step>",
        BadAttributeError,
        "key",
        "/step[id='2']",
    ),
    "key with an unknown prefix": (
        steps(1),
        "<step y:insert='before' y:key=\"[q:id='1']\"><id>2</id></step>",
        BadAttributeError,
        "key",
        "/step[id='2']",
    ),
    "value of the wrong type": (
        orders(1),
        "<order y:insert='before' y:value='x'>2</order>",
        BadAttributeError,
        "value",
        "/order[.='2']",
    ),
    "an entry without a key": ("<text/>", "<item><name>a</name></item>", MissingElementError, "kind", "/item"),
    "a delete without a key": (
        item("a"),
        "<item nc:operation='delete'><name>a</name></item>",
        MissingElementError,
        "kind",
        "/item",
    ),
    "a key that is deleted": (
        item("a"),
        "<item><name>a</name><kind nc:operation='delete'>k</kind></item>",
        BadAttributeError,
        "operation",
        "/item[name='a'][kind='k']/kind",
    ),
    "a key that is created in its entry": (
        item("a"),
        "<item><name>a</name><kind nc:operation='create'>k</kind></item>",
        BadAttributeError,
        "operation",
        "/item[name='a'][kind='k']/kind",
    ),
    "a key twice": (
        "<text/>",
        "<item><name>a</name><kind>k</kind><kind>k</kind></item>",
        BadElementError,
        "kind",
        "/item",
    ),
    "a leaf twice": ("<text/>", "<small>1</small><small>2</small>", BadElementError, "small", "/small"),
    "an entry twice": ("<text/>", item("a") + item("a", "", "delete"), BadElementError, "item", "/item"),
    "a value twice": ("<text/>", orders(1, 1), BadElementError, "order", "/order"),
    "state": ("<text/>", "<state><uptime>1</uptime></state>", BadElementError, "state", "/state"),
    "a bad value": ("<text/>", "<inside><level>x</level></inside>", InvalidValueError, "level", "/inside/level"),
    "a bad key": ("<text/>", "<step><id>x</id></step>", InvalidValueError, "id", "/step"),
    "a bad value with delete": (
        "<small>1</small>",
        "<small nc:operation='delete'>x</small>",
        InvalidValueError,
        "small",
        "/small",
    ),
    "an unknown element": ("<text/>", "<inside><x/></inside>", UnknownElementError, "x", "/inside"),
    "an unknown namespace": ("<text/>", "<text xmlns='urn:x'/>", UnknownNamespaceError, "text", ""),
    "an action": (item("a"), item("a", "<poke/>"), UnknownElementError, "poke", "/item[name='a'][kind='k']"),
    "text between elements": ("<text/>", "<inside>x<note/></inside>", BadElementError, "inside", "/inside"),
    "two cases at once": ("<text/>", "<tcp-port>1</tcp-port><udp-port>1</udp-port>", ConstraintError, "udp-port", ""),
    "two inner cases at once": ("<text/>", "<one>1</one><two>1</two>", ConstraintError, "two", ""),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal(case):
    before, change, error, bad_name, path = REFUSALS[case]
    old = top(before)
    shown = plain(old)
    with pytest.raises(error) as caught:
        # What comes first would be done, if an edit could be done by half.
        apply_edit(old, config(f"<alone>x</alone><top>{change}</top>"))
    assert caught.value.bad_name == bad_name
    assert str(caught.value.path) == f"/codec-base:top{path}"
    assert plain(old) == shown


def test_a_neighbour_that_is_not_there_has_its_app_tag():
    for before, change in (
        (steps(1), "<step y:insert='before' y:key=\"[id='9']\"><id>2</id></step>"),
        (orders(1), "<order y:insert='before' y:value='9'>2</order>"),
    ):
        with pytest.raises(BadAttributeError) as caught:
            edit(before, change)
        assert caught.value.app_tag == "missing-instance"


class TestDefaultOperation:
    def test_none_changes_only_what_says_so(self):
        before = item("a", "<value>1</value>") + "<text>t</text>"
        result = edit(before, item("a", "<value nc:operation='replace'>2</value>"), default_operation="none")
        assert plain(result.root) == plain(top(item("a", "<value>2</value>") + "<text>t</text>"))
        result = edit(before, "<text>other</text>" + item("a", "<value>3</value>"), default_operation="none")
        assert plain(result.root) == plain(top(before))

    @pytest.mark.parametrize(
        "change", [item("b"), "<small>1</small>", "<switch/>", orders(1), item("a", "<weight>1</weight>")]
    )
    def test_none_needs_what_it_names(self, change):
        with pytest.raises(DataMissingError):
            edit(item("a"), change, default_operation="none")

    def test_none_passes_through_containers_that_always_exist(self):
        result = apply_edit(
            tree(""),
            config("<top><inside><note nc:operation='create'>n</note></inside></top>"),
            default_operation="none",
        )
        assert plain(result.root) == {"top": {"inside": {"note": "n"}}}
        assert [str(path) for path in result.touched] == ["/codec-base:top"]

    def test_replace_is_for_the_whole_datastore(self):
        before = tree("<top><text>t</text></top><alone>a</alone>")
        result = apply_edit(before, config("<top><small>1</small></top>"), default_operation="replace")
        assert plain(result.root) == {"top": {"small": "1"}}
        assert [str(path) for path in result.touched] == ["/"]
        result = apply_edit(before, config(""), default_operation="replace")
        assert plain(result.root) == {}

    def test_there_are_no_others(self):
        with pytest.raises(ValueError, match="create"):
            edit("", "", default_operation="create")


def test_top_level_nodes_and_attributes_of_config():
    before = tree("<alone>x</alone>")
    assert plain(apply_edit(before, config("<alone nc:operation='delete'/>")).root) == {}
    element = config("<alone/>")
    element.set("operation", "delete")
    with pytest.raises(UnknownAttributeError):
        apply_edit(before, element)


class TestRewrite:
    def rewrite(self, schema, text):
        self.seen.append((schema.name, text))
        return text.upper()

    def setup_method(self):
        self.seen = []

    def test_sees_every_value_that_enters_but_no_keys(self):
        result = edit(
            "",
            "<text>t</text><tag>a</tag><small nc:operation='remove'>1</small>" + item("n", "<m:extra>e</m:extra>"),
            rewrite=self.rewrite,
        )
        assert plain(result.root) == plain(top("<text>T</text><tag>A</tag>" + item("n", "<m:extra>E</m:extra>")))
        assert self.seen == [("text", "t"), ("tag", "a"), ("extra", "e")]

    def test_only_so_many_values_of_one_edit_are_rewritten(self):
        """It may take long, and whoever else wants to edit waits."""
        tags = [f"<tag>a{number}</tag>" for number in range(MAX_REWRITTEN + 1)]
        edit("", "".join(tags[1:]), rewrite=self.rewrite)
        self.seen.clear()
        with pytest.raises(InvalidValueError, match="by another edit"):
            edit("", "".join(tags * 100), rewrite=self.rewrite)
        assert len(self.seen) == MAX_REWRITTEN + 1
        edit("", "".join(f"<tag>A{number}</tag>" for number in range(100)), rewrite=self.rewrite)

    def test_what_it_raises_passes_through(self):
        def refuse(schema, text):
            raise LookupError(text)

        with pytest.raises(LookupError, match="secret"):
            edit("", "<text>secret</text>", rewrite=refuse)


def test_untouched_subtrees_are_shared():
    before = top(item("a", "<box><size>1</size></box>") + item("b") + "<inside><note/></inside>")
    after = apply_edit(before, config(f"<top>{item('b', '<value>1</value>')}</top>")).root
    for path in ("/codec-base:top/inside", "/codec-base:top/item[name='a'][kind='k']"):
        assert lookup(before, parse(path, ROOT)) is lookup(after, parse(path, ROOT))


@pytest.mark.parametrize("place", ["", " y:insert='first'", " y:insert='before' y:key=\"[id='0']\""])
def test_adding_many_entries_costs_in_proportion(place):
    def cost(count: int) -> int:
        added = "".join(f"<step{place}><id>{number}</id></step>" for number in range(1, count))
        element = config(f"<top>{added}</top>")
        before = top(steps(0))
        return count_steps(lambda: apply_edit(before, element))

    assert cost(800) < 8.5 * cost(100)


def test_one_leaf_among_ten_thousand_entries_is_cheap():
    few, many = (tree("<top>" + "".join(item(str(n)) for n in range(count)) + "</top>") for count in (10, 10_000))
    change = config(f"<top>{item('5', '<value>1</value>')}</top>")
    apply_edit(few, change)  # what is computed once for each schema node
    # The copy of one dictionary of 10,000 entries is one step; nothing else grows.
    assert count_steps(lambda: apply_edit(many, change)) == count_steps(lambda: apply_edit(few, change))


def test_the_default_namespace_may_be_any():
    element = config(f"<z:top xmlns:z='{BASE}' xmlns='urn:x'><z:text>v</z:text></z:top>")
    assert plain(apply_edit(tree(""), element).root) == {"top": {"text": "v"}}
