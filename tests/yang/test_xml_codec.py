"""XML to trees and back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from agent.yang import xml_codec
from agent.yang.errors import (
    BadElementError,
    ConstraintError,
    InvalidValueError,
    MissingElementError,
    UnknownAttributeError,
    UnknownElementError,
    UnknownNamespaceError,
)
from agent.yang.paths import parse
from agent.yang.tree import Draft, Inner, InstancePath, Leaf, Step, lookup
from tests.yang.codec_support import BASE, MORE, codec_schema, config, plain, top, tree

ROOT = codec_schema().root

EVERYTHING = """
<top>
  <text> two  spaces &amp; &lt;tags&gt; </text><small> 7 </small><big>18446744073709551615</big><price>1.50</price>
  <flag/><enabled>true</enabled><data>aGk=
  </data><days>wed mon</days><color>dark &amp; blue</color><pet>cb:dog</pet>
  <where>/cb:top/cb:item[cb:name="it's"][cb:kind='k']/m:extra</where><mixed>m:cat</mixed>
  <inside><note/><deeper/></inside>
  <switch/>
  <item><value>-1</value><kind>k</kind><name>it's</name><m:kind>other</m:kind><box/></item>
  <item><name>b</name><kind>k</kind></item>
  <step><id>2</id></step><step><id>1</id></step>
  <tag>b</tag><tag>a</tag><order>9</order><order>1</order>
  <blob><x xmlns="urn:x" b="2" a="1">cb:dog</x></blob>
  <pet-owner><pet>m:cat</pet><best-friend>cb:dog</best-friend></pet-owner>
  <m:pet2>cb:dog</m:pet2>
  <state><sample>1</sample><sample>1</sample><event><what>x</what></event><event><what>x</what></event></state>
</top>
<alone/>
"""


def test_every_kind_of_node_is_read():
    assert {name: value for name, value in plain(tree(EVERYTHING))["top"].items() if name != "blob"} == {
        "text": " two  spaces & <tags> ",
        "small": "7",
        "big": "18446744073709551615",
        "price": "1.5",
        "flag": "",
        "enabled": "true",
        "data": "aGk=",
        "days": "mon wed",
        "color": "dark & blue",
        "pet": "codec-base:dog",
        "where": "/codec-base:top/item[name=\"it's\"][kind='k']/codec-more:extra",
        "mixed": "codec-more:cat",
        "inside": {"note": ""},
        "switch": {},
        "item": {
            ("it's", "k"): {"name": "it's", "kind": "k", "value": "-1", f"{{{MORE}}}kind": "other"},
            ("b", "k"): {"name": "b", "kind": "k"},
        },
        "step": [(("2",), {"id": "2"}), (("1",), {"id": "1"})],
        "tag": {"a", "b"},
        "order": ["9", "1"],
        "pet-owner": {("codec-more:cat",): {"pet": "codec-more:cat", "best-friend": "codec-base:dog"}},
        f"{{{MORE}}}pet2": "codec-base:dog",
        "state": {
            "sample": ["1", "1"],
            "event": [(("1",), {"what": "x"}), (("2",), {"what": "x"})],
        },
    }
    assert plain(tree(EVERYTHING))["alone"] == ""


def test_what_is_written_is_read_as_the_same_tree():
    before = tree(EVERYTHING)
    after = xml_codec.decode(etree.fromstring(b"<data>" + xml_codec.encode(before) + b"</data>"), ROOT)
    assert plain(after) == plain(before)
    assert xml_codec.encode(after) == xml_codec.encode(before)


def test_keys_come_first_and_namespaces_are_declared_where_they_change():
    root = tree(
        "<top><m:added><m:inner>x</m:inner></m:added>"
        "<item><m:extra>e</m:extra><value>1</value><kind>k</kind><name>n</name></item></top>"
    )
    escaped = MORE.replace("&", "&amp;")
    assert xml_codec.encode(root).decode() == (
        f'<top xmlns="{BASE}">'
        "<item><name>n</name><kind>k</kind><value>1</value>"
        f'<extra xmlns="{escaped}">e</extra></item>'
        f'<added xmlns="{escaped}"><inner>x</inner></added>'
        "</top>"
    )


def test_values_declare_their_prefixes_on_their_own_element():
    text = xml_codec.encode(top("<pet>m:cat</pet><where>/cb:top/m:added</where>")).decode()
    escaped = MORE.replace("&", "&amp;")
    assert f'<pet xmlns:cb="{escaped}">cb:cat</pet>' in text
    assert f'<where xmlns:cb="{BASE}" xmlns:cb2="{escaped}">/cb:top/cb2:added</where>' in text


def test_an_identity_of_the_leafs_own_module_survives_a_client_that_moves_elements():
    text = xml_codec.encode(top("<pet>cb:dog</pet>")).decode()
    assert "<pet>dog</pet>" in text
    request = etree.Element("request")
    request.append(etree.fromstring(f"<data>{text}</data>"))
    config_again = etree.fromstring(etree.tostring(request))[0]
    assert xml_codec.encode(xml_codec.decode(config_again, ROOT)).decode() == text


def test_the_node_itself_can_be_written():
    notification = codec_schema().find("/codec-base:happened")
    node = Inner(notification, {notification.child("what"): Leaf(notification.child("what"), "it")})
    assert xml_codec.encode_element(node).decode() == f'<happened xmlns="{BASE}"><what>it</what></happened>'
    assert xml_codec.encode_element(Inner(notification)).decode() == f'<happened xmlns="{BASE}"/>'


def test_rpc_input_is_read_at_its_schema_node():
    schema = codec_schema().find("/codec-base:run/input")
    element = etree.fromstring(f'<run xmlns="{BASE}"><speed>3</speed></run>')
    assert plain(xml_codec.decode(element, schema)) == {"speed": "3"}


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), include_characters="\t\n\r"), max_size=30))
def test_any_text_survives(text):
    schema = ROOT.child("alone")
    root = Inner(ROOT, {schema: Leaf(schema, text)})
    element = etree.fromstring(b"<data>" + xml_codec.encode(root) + b"</data>")
    assert xml_codec.decode(element, ROOT).leaf("alone") == text


def test_a_character_that_xml_does_not_have_can_not_break_a_reply():
    schema = ROOT.child("alone")
    written = xml_codec.encode(Inner(ROOT, {schema: Leaf(schema, "a\x00\x1b\ud800\uffffb")}))
    assert etree.fromstring(written).text == "a\ufffd\ufffd\ufffd\ufffdb"


def test_comments_and_processing_instructions_are_passed_over():
    root = top("<!-- x --><text>a<!-- b -->c<?pi x?></text><?pi y?><item><!-- k --><name>n</name><kind/></item>")
    assert plain(root) == {"top": {"text": "ac", "item": {("n", ""): {"name": "n", "kind": ""}}}}


def test_anydata_keeps_its_content_with_the_namespaces_it_may_mention():
    xml = lookup(top("<blob><x ref='m:it'/>é</blob>"), parse("/codec-base:top/blob", ROOT)).xml
    element = etree.fromstring(xml)
    assert element.tag == f"{{{BASE}}}blob"
    assert element[0].get("ref") == "m:it"
    assert element[0].nsmap["m"] == MORE
    assert element[0].tail == "é"


@pytest.mark.parametrize(
    ("text", "error", "bad_name", "path"),
    [
        ("<nothing/>", UnknownElementError, "nothing", "/codec-base:top"),
        ("<m:text/>", UnknownElementError, "text", "/codec-base:top"),
        ("<inside><nothing/></inside>", UnknownElementError, "nothing", "/codec-base:top/inside"),
        ("<text xmlns='urn:other'/>", UnknownNamespaceError, "text", "/codec-base:top"),
        ("<text xmlns=''/>", UnknownNamespaceError, "text", "/codec-base:top"),
        ("<poke/>", UnknownElementError, "poke", "/codec-base:top"),
        ("<text>a</text><text>a</text>", BadElementError, "text", "/codec-base:top/text"),
        ("<inside/><inside/>", BadElementError, "inside", "/codec-base:top/inside"),
        ("<tag>a</tag><tag>a</tag>", BadElementError, "tag", "/codec-base:top"),
        ("<step><id>1</id></step><step><id>01</id></step>", BadElementError, "step", "/codec-base:top/step[id='1']"),
        ("<item><name>n</name></item>", MissingElementError, "kind", "/codec-base:top/item"),
        ("<small>101</small>", InvalidValueError, "small", "/codec-base:top/small"),
        (
            "<item><name>n</name><kind>k</kind><value>x</value></item>",
            InvalidValueError,
            "value",
            "/codec-base:top/item[name='n'][kind='k']/value",
        ),
        ("<text><b/></text>", UnknownElementError, "b", "/codec-base:top/text"),
        ("loose", BadElementError, "top", "/codec-base:top"),
        ("<text/>loose", BadElementError, "top", "/codec-base:top"),
        ("<inside>loose<note/></inside>", BadElementError, "inside", "/codec-base:top/inside"),
        ("<text y:x='1'/>", UnknownAttributeError, "x", "/codec-base:top/text"),
        ("<text nc:operation='delete'/>", UnknownAttributeError, "operation", "/codec-base:top/text"),
        ("<pet>cb:animal</pet>", InvalidValueError, "pet", "/codec-base:top/pet"),
        ("<pet>zz:dog</pet>", InvalidValueError, "pet", "/codec-base:top/pet"),
        ("<tcp-port>1</tcp-port><udp-port>1</udp-port>", ConstraintError, "udp-port", "/codec-base:top"),
        ("<one>1</one><tcp-port>1</tcp-port>", ConstraintError, "tcp-port", "/codec-base:top"),
        ("<one>1</one><two>1</two>", ConstraintError, "two", "/codec-base:top"),
    ],
)
def test_what_the_schema_does_not_have_is_refused_with_the_place(text, error, bad_name, path):
    with pytest.raises(error) as caught:
        top(text)
    assert caught.value.bad_name == bad_name
    assert str(caught.value.path) == path


def test_an_unknown_namespace_is_named():
    with pytest.raises(UnknownNamespaceError) as caught:
        tree("<x xmlns='urn:nobody'/>")
    assert (caught.value.bad_name, caught.value.bad_namespace) == ("x", "urn:nobody")
    assert caught.value.path == InstancePath()


def test_the_path_of_an_error_starts_where_the_caller_says():
    start = InstancePath((Step(ROOT.child("top")),))
    element = config("<inside><level>x</level></inside>")
    with pytest.raises(InvalidValueError) as caught:
        xml_codec.decode(element, ROOT.child("top"), path=start)
    assert str(caught.value.path) == "/codec-base:top/inside/level"


def test_state_is_refused_in_configuration():
    element = config("<top><state><uptime>1</uptime></state></top>")
    assert plain(xml_codec.decode(element, ROOT)) == {"top": {"state": {"uptime": "1"}}}
    with pytest.raises(BadElementError) as caught:
        xml_codec.decode(element, ROOT, config_only=True)
    assert str(caught.value.path) == "/codec-base:top/state"


def test_nodes_of_one_case_and_of_inner_choices_may_come_together():
    assert plain(top("<one>1</one><alias>a</alias><endpoint><id>1</id></endpoint>"))["top"]["one"] == "1"
    assert plain(top("<tcp-port>1</tcp-port><udp-options/>")) == {"top": {"tcp-port": "1"}}


def test_an_entity_reference_is_refused():
    parser = etree.XMLParser(resolve_entities=False)
    element = etree.fromstring(f'<!DOCTYPE c [<!ENTITY e "x">]><c><alone xmlns="{BASE}">&e;</alone></c>', parser)
    with pytest.raises(BadElementError):
        xml_codec.decode(element, ROOT)


def test_kept_text_of_an_entry_never_outlives_a_change():
    before = top("<item><name>n</name><kind>k</kind><value>1</value></item><item><name>m</name><kind>k</kind></item>")
    assert b"<value>1</value>" in xml_codec.encode(before)
    draft = Draft(before)
    entry = draft.descend(parse("/codec-base:top/item[name='n'][kind='k']", ROOT))
    assert b"<value>1</value>" in xml_codec.encode(draft.root)
    draft.put(entry, Leaf(entry.schema.child("value"), "2"))
    assert b"<value>2</value>" in xml_codec.encode(draft.root)
    draft.put(entry, Leaf(entry.schema.child("value"), "3"))
    after = draft.freeze()
    assert re.findall(rb"<value>(.)</value>", xml_codec.encode(after)) == [b"3"]
    assert re.findall(rb"<value>(.)</value>", xml_codec.encode(before)) == [b"1"]
