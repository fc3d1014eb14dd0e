"""Trees to the records of providers and back; defaults in use."""

from __future__ import annotations

from decimal import Decimal

import pytest

from agent.yang import python_codec
from agent.yang.errors import InvalidValueError, MissingElementError, UnknownElementError
from agent.yang.paths import parse
from agent.yang.tree import Inner, Leaf, lookup
from tests.yang.codec_support import codec_schema, plain, top, tree
from tests.yang.test_xml_codec import EVERYTHING

ROOT = codec_schema().root
TOP = ROOT.child("top")


def test_values_are_plain_python():
    record = python_codec.to_record(tree(EVERYTHING))["codec-base:top"]
    assert record.pop("blob").startswith(b"<blob")
    assert record == {
        "text": " two  spaces & <tags> ",
        "small": 7,
        "big": 18446744073709551615,
        "price": Decimal("1.5"),
        "flag": None,
        "enabled": True,
        "data": b"hi",
        "days": ("mon", "wed"),
        "color": "dark & blue",
        "pet": "codec-base:dog",
        "where": "/codec-base:top/item[name=\"it's\"][kind='k']/codec-more:extra",
        "mixed": "codec-more:cat",
        "inside": {"note": ""},
        "switch": {},
        "item": [
            {"name": "it's", "kind": "k", "value": -1, "codec-more:kind": "other"},
            {"name": "b", "kind": "k"},
        ],
        "step": [{"id": 2}, {"id": 1}],
        "tag": ["b", "a"],
        "order": [9, 1],
        "pet-owner": [{"pet": "codec-more:cat", "best-friend": "codec-base:dog"}],
        "state": {"sample": [1, 1], "event": [{"what": "x"}, {"what": "x"}]},
        "codec-more:pet2": "codec-base:dog",
    }


def test_a_record_becomes_the_tree_that_it_came_from():
    before = tree(EVERYTHING)
    assert plain(python_codec.from_record(python_codec.to_record(before), ROOT)) == plain(before)


def test_a_record_of_a_list_is_one_entry():
    entry = python_codec.from_record({"kind": "k", "name": "n", "value": 3}, TOP.child("item"))
    assert entry.key == ("n", "k")
    assert python_codec.to_value(entry) == {"name": "n", "kind": "k", "value": 3}


def test_lists_may_be_any_iterable():
    node = python_codec.from_record({"tag": ("a", "b"), "step": ({"id": n} for n in (2, 1))}, TOP)
    assert plain(node) == {"tag": {"a", "b"}, "step": [(("2",), {"id": "2"}), (("1",), {"id": "1"})]}


@pytest.mark.parametrize(
    ("record", "error"),
    [
        ({"nothing": 1}, UnknownElementError),
        ({"small": "7"}, InvalidValueError),
        ({"text": 7}, InvalidValueError),
        ({"text": None}, InvalidValueError),
        ({"inside": 7}, InvalidValueError),
        ({"item": {"name": "x"}}, InvalidValueError),
        ({"item": [{"name": "x"}]}, MissingElementError),
        ({"blob": "<blob/>"}, InvalidValueError),
    ],
)
def test_a_record_that_does_not_fit_is_refused(record, error):
    with pytest.raises(error):
        python_codec.from_record(record, TOP)


def in_use(text: str, **options):
    return python_codec.to_record(lookup(top(text), parse("/codec-base:top", ROOT)), defaults=True, **options)


def test_defaults_in_use_are_filled_in_down_to_containers_that_always_exist():
    record = python_codec.to_record(Inner(TOP), defaults=True)
    assert record == {"inside": {"level": 7}, "fallback": [3, 4], "tcp-port": 80, "conditional": "yes"}


def test_defaults_of_a_presence_container_and_of_entries_come_with_them():
    record = in_use("<switch/><item><name>n</name><kind>k</kind></item>")
    assert record["switch"] == {"mode": "auto"}
    assert record["item"] == [{"name": "n", "kind": "k", "weight": 1}]


def test_what_is_set_is_not_the_default():
    record = in_use("<fallback>9</fallback><inside><level>1</level></inside><tcp-port>81</tcp-port>")
    assert (record["fallback"], record["inside"], record["tcp-port"]) == ([9], {"level": 1}, 81)


def test_the_case_that_is_taken_has_its_defaults():
    assert in_use("<tcp-name>x</tcp-name>")["tcp-port"] == 80
    for taken in ("<udp-options><ttl>1</ttl></udp-options>", "<udp-port>53</udp-port>"):
        record = in_use(taken)
        assert record["udp-port"] == 53
        assert "tcp-port" not in record
    record = in_use("<one>x</one>")
    assert "tcp-port" not in record
    assert "udp-port" not in record


def test_a_default_below_a_false_when_is_not_in_use():
    asked = []

    def applies(schema, parent):
        asked.append((schema.name, parent.schema.name))
        return False

    assert "conditional" not in in_use("<text>x</text>", applies=applies)
    assert asked == [("conditional", "top")]
    assert in_use("<conditional>no</conditional>", applies=applies)["conditional"] == "no"


def test_defaults_of_rpc_input():
    schema = codec_schema().find("/codec-base:run/input")
    assert python_codec.to_record(Inner(schema), defaults=True) == {"speed": 5}
    node = Inner(schema, {schema.child("target"): Leaf(schema.child("target"), "t")})
    assert python_codec.to_record(node, defaults=True) == {"speed": 5, "target": "t"}
