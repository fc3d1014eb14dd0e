"""The schema of models/codec-*.yang, and trees of it in a form that tests can compare and read."""

from __future__ import annotations

import functools
from pathlib import Path

from lxml import etree

from agent.yang import xml_codec
from agent.yang.compiler import compile_schema
from agent.yang.modules import default_search_path
from agent.yang.schema import Schema
from agent.yang.tree import AnyNode, Inner, Leaf, LeafList, ListNode

BASE = "urn:test:codec-base"
MORE = "urn:test:codec-more?a=1&b=2"
NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
YANG = "urn:ietf:params:xml:ns:yang:1"

MODELS = Path(__file__).parent / "models"


@functools.cache
def codec_schema() -> Schema:
    return compile_schema(["codec-base", "codec-more"], [MODELS, *default_search_path()])


def config(text: str) -> etree._Element:
    """A <config> element with `text` inside; prefixes nc, y, cb, m and codec-base as the default are bound."""
    bound = {"nc": NC, "y": YANG, "cb": BASE, "m": MORE.replace("&", "&amp;")}
    declarations = " ".join(f'xmlns:{prefix}="{namespace}"' for prefix, namespace in bound.items())
    return etree.fromstring(f'<nc:config xmlns="{BASE}" {declarations}>{text}</nc:config>')


def tree(text: str) -> Inner:
    return xml_codec.decode(config(text), codec_schema().root)


def top(text: str) -> Inner:
    return tree(f"<top>{text}</top>")


def plain(node):
    """A node as nested dicts and lists in which only what YANG calls significant counts: the order of system-ordered
    lists and leaf-lists doesn't."""
    if isinstance(node, Leaf):
        return node.text
    if isinstance(node, AnyNode):
        return node.xml
    if isinstance(node, LeafList):
        return list(node.texts) if node.schema.user_ordered or not node.schema.config else frozenset(node.texts)
    if isinstance(node, ListNode):
        pairs = [(key, plain(entry)) for key, entry in node.entries.items()]
        assert all(key == entry.key for key, entry in node.entries.items())
        return pairs if node.schema.user_ordered or not node.schema.config else dict(pairs)
    assert isinstance(node, Inner)
    return {
        schema.name if schema.module.name == "codec-base" else schema.tag: plain(child)
        for schema, child in node.children.items()
    }
