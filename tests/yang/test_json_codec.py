"""RFC 7951 JSON to trees and back."""

from __future__ import annotations

import json

import pytest

from agent.yang import json_codec
from agent.yang.errors import (
    BadElementError,
    ConstraintError,
    DataError,
    InvalidValueError,
    MissingElementError,
    UnknownAttributeError,
    UnknownElementError,
)
from agent.yang.paths import parse
from agent.yang.tree import lookup
from tests.yang.codec_support import codec_schema, plain, top, tree
from tests.yang.test_xml_codec import EVERYTHING

ROOT = codec_schema().root


def test_every_kind_of_node_is_written_as_the_rfc_says():
    written = json_codec.encode(tree(EVERYTHING))
    assert list(written) == ["codec-base:top", "codec-base:alone"]
    assert '"urn:x"' in written["codec-base:top"].pop("blob")
    assert written["codec-base:top"] == {
        "text": " two  spaces & <tags> ",
        "small": 7,
        "big": "18446744073709551615",
        "price": "1.5",
        "flag": [None],
        "enabled": True,
        "data": "aGk=",
        "days": "mon wed",
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


def test_what_is_written_is_read_as_the_same_tree():
    before = tree(EVERYTHING)
    assert plain(json_codec.decode(json.loads(json.dumps(json_codec.encode(before))), ROOT)) == plain(before)


def test_any_node_can_be_written_alone():
    root = tree(EVERYTHING)
    for path in ("text", "item", "item[name='b'][kind='k']", "tag", "switch", "blob"):
        node = lookup(root, parse(f"/codec-base:top/{path}", ROOT))
        value = json.loads(json.dumps(json_codec.encode_node(node)))
        if path.endswith("]"):
            assert plain(json_codec.decode(value, node.schema)) == plain(node)
        else:
            assert plain(json_codec.decode_node(value, node.schema)) == plain(node)


def test_names_may_be_longer_than_needed():
    value = {"codec-base:top": {"codec-base:text": "x", "codec-base:pet": "dog", "codec-more:added": {"inner": "y"}}}
    assert plain(json_codec.decode(value, ROOT))["top"]["pet"] == "codec-base:dog"


def test_empty_containers_and_lists_are_left_out():
    value = {"codec-base:top": {"inside": {"deeper": {}}, "switch": {}, "item": [], "tag": []}}
    assert plain(json_codec.decode(value, ROOT)) == plain(top("<switch/>"))


@pytest.mark.parametrize(
    ("value", "error", "path"),
    [
        ({"nothing": 1}, UnknownElementError, "/codec-base:top"),
        ({"added": {}}, UnknownElementError, "/codec-base:top"),
        ({"@text": {}}, UnknownAttributeError, "/codec-base:top"),
        ({"text": "a", "codec-base:text": "b"}, BadElementError, "/codec-base:top"),
        ({"small": "7"}, InvalidValueError, "/codec-base:top/small"),
        ({"small": True}, InvalidValueError, "/codec-base:top/small"),
        ({"small": 7.0}, InvalidValueError, "/codec-base:top/small"),
        ({"big": 7}, InvalidValueError, "/codec-base:top/big"),
        ({"flag": None}, InvalidValueError, "/codec-base:top/flag"),
        ({"enabled": "true"}, InvalidValueError, "/codec-base:top/enabled"),
        ({"inside": []}, InvalidValueError, "/codec-base:top/inside"),
        ({"item": {}}, InvalidValueError, "/codec-base:top/item"),
        ({"item": ["x"]}, InvalidValueError, "/codec-base:top/item"),
        ({"item": [{"name": "x"}]}, MissingElementError, "/codec-base:top/item"),
        ({"step": [{"id": 1}, {"id": 1}]}, BadElementError, "/codec-base:top/step"),
        ({"tag": "x"}, InvalidValueError, "/codec-base:top/tag"),
        ({"tag": ["x", "x"]}, BadElementError, "/codec-base:top/tag"),
        ({"blob": {"x": 1}}, InvalidValueError, "/codec-base:top/blob"),
        ({"blob": "<x/>"}, InvalidValueError, "/codec-base:top/blob"),
        ({"blob": "<blob"}, InvalidValueError, "/codec-base:top/blob"),
        ({"tcp-port": 1, "udp-port": 2}, ConstraintError, "/codec-base:top"),
    ],
)
def test_what_the_schema_does_not_have_is_refused_with_the_place(value, error, path):
    with pytest.raises(error) as caught:
        json_codec.decode({"codec-base:top": value}, ROOT)
    assert isinstance(caught.value, DataError)
    assert str(caught.value.path) == path
