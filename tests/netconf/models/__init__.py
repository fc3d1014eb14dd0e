"""The schema that the tests of the protocol share, and XML of it."""

from functools import cache
from pathlib import Path

from lxml import etree

from agent.yang.compiler import compile_schema
from agent.yang.modules import default_search_path
from agent.yang.xml_codec import decode, encode

EX = "http://example.com/schema/1.2/config"
OTHER = "urn:example:other"

MODULES = (
    "example-config",
    "example-other",
    "ietf-datastores",
    "ietf-netconf",
    "ietf-netconf-monitoring",
    "ietf-yang-library",
    "nc-notifications",
    "notifications",
)


@cache
def schema():
    return compile_schema(MODULES, [Path(__file__).parent, *default_search_path()])


def tree(xml):
    """The data tree with these top-level elements."""
    return decode(etree.fromstring(f"<data>{xml}</data>"), schema().root)


def canonical(xml):
    """XML for comparison: no white space between elements, no matter which prefixes."""
    if isinstance(xml, str):
        xml = xml.encode()
    parser = etree.XMLParser(remove_blank_text=True)
    element = etree.fromstring(b"<data>" + xml + b"</data>", parser)
    return _shape(element)


def _shape(element):
    return element.tag, (element.text or "").strip(), dict(element.attrib), [_shape(child) for child in element]


def shown(root):
    return canonical(encode(root))
