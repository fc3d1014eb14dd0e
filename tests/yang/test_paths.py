"""Instance paths: text and XML forms, there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from agent.yang import paths
from agent.yang.errors import InvalidValueError, UnknownElementError
from agent.yang.tree import InstancePath, Step
from tests.yang.codec_support import BASE, MORE, codec_schema

ROOT = codec_schema().root

PATHS = [
    "/codec-base:top",
    "/codec-base:top/text",
    "/codec-base:top/codec-more:added/inner",
    "/codec-base:top/item",
    "/codec-base:top/item[name='a'][kind='b']/box/part[id='7']/label",
    "/codec-base:top/item[name='a'][kind='b']/codec-more:kind",
    "/codec-base:top/item[name=\"it's\"][kind='']",
    "/codec-base:top/tag[.='x y']",
    "/codec-base:top/state/event[3]/what",
    "/codec-base:top/pet-owner[pet='codec-more:cat']/best-friend",
]


@pytest.mark.parametrize("text", PATHS)
def test_text_is_read_and_written_alike(text):
    assert paths.to_text(paths.parse(text, ROOT)) == text


def test_root_is_a_slash():
    assert paths.to_text(InstancePath()) == "/"
    assert paths.parse("/", ROOT) == InstancePath()


def test_other_spellings_of_a_path_are_read():
    expected = paths.parse("/codec-base:top/item[name='a'][kind='b']/value", ROOT)
    for text in (
        "/codec-base:top/codec-base:item[codec-base:name='a'][kind='b']/value",
        "/codec-base:top/item[ kind = 'b' ][name=\"a\"]/value",
        "codec-base:top/item[name='a'][kind=concat('', 'b')]/value",
    ):
        assert paths.parse(text, ROOT) == expected


def test_values_become_canonical():
    assert paths.parse("/codec-base:top/step[id='+007']", ROOT)[-1].key == ("7",)
    assert paths.parse("/codec-base:top/pet-owner[pet='dog']", ROOT)[-1].key == ("codec-base:dog",)


def test_a_path_can_be_relative_to_a_node():
    node = codec_schema().find("/codec-base:top/item")
    box = node.child("box")
    assert paths.parse("box/size", node) == InstancePath((Step(box), Step(box.child("size"))))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("/top", UnknownElementError),
        ("/codec-base:top/nothing", UnknownElementError),
        ("/nowhere:top", UnknownElementError),
        ("/codec-base:top/", InvalidValueError),
        ("//codec-base:top", InvalidValueError),
        ("/codec-base:top/text/more", InvalidValueError),
        ("/codec-base:top/item/value", InvalidValueError),
        ("/codec-base:top/item[name='a']", InvalidValueError),
        ("/codec-base:top/item[name='a'][name='b']", InvalidValueError),
        ("/codec-base:top/item[value='1'][name='a']", InvalidValueError),
        ("/codec-base:top/item[1]", InvalidValueError),
        ("/codec-base:top/state/event[0]", InvalidValueError),
        ("/codec-base:top/text[.='x']", InvalidValueError),
        ("/codec-base:top/text[text='x']", InvalidValueError),
        ("/codec-base:top/tag[.='x'][.='y']", InvalidValueError),
        ("/codec-base:top/step[id='70000']", InvalidValueError),
        ("/codec-base:top/step[id=7]", InvalidValueError),
        ("/codec-base:top/step[id='7'", InvalidValueError),
        ("/codec-base:top/step[id='7]", InvalidValueError),
        ("/codec-base:top/step[id=concat('7']", InvalidValueError),
        ("/codec-base:top trailing", InvalidValueError),
        ("/codec-base:top\n", InvalidValueError),
        ("..", InvalidValueError),
        ("*", InvalidValueError),
    ],
)
def test_what_does_not_fit_is_refused(text, error):
    with pytest.raises(error):
        paths.parse(text, ROOT)


def test_too_long_a_path_is_refused():
    with pytest.raises(InvalidValueError, match="at most"):
        paths.parse("/codec-base:top" + "/x" * paths.MAX_PATH_LENGTH, ROOT)
    long = "x" * paths.MAX_PATH_LENGTH
    text = f"/codec-base:top/tag[.='{long}']"
    assert paths.parse(text, ROOT, max_length=None)[-1].value == long


CHARACTERS = st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), include_characters="\t\n'\"")
values = st.text(CHARACTERS, max_size=12)


@given(name=values, kind=values, part=st.integers(0, 65535), tag=values)
def test_any_key_survives_the_text_form(name, kind, part, tag):
    item = codec_schema().find("/codec-base:top/item")
    box = item.child("box")
    start = InstancePath((Step(item.data_parent),))
    path = start.child(item, (name, kind)).child(box).child(box.child("part"), (str(part),))
    assert paths.parse(paths.to_text(path), ROOT) == path
    path = start.child(codec_schema().find("/codec-base:top/tag"), value=tag)
    assert paths.parse(paths.to_text(path), ROOT) == path


@given(name=values, kind=values)
def test_any_key_survives_the_xml_form_and_means_the_same_to_libxml2(name, kind):
    item = codec_schema().find("/codec-base:top/item")
    path = InstancePath((Step(item.data_parent), Step(item, (name, kind)), Step(item.child("extra"))))
    text, namespaces = paths.to_xpath(path)
    assert paths.parse_instance_identifier(text, namespaces, ROOT) == path
    holder = etree.Element("holder")
    top = etree.SubElement(holder, item.data_parent.tag)
    entry = etree.SubElement(top, item.tag)
    for leaf, value in zip(item.keys, (name, kind), strict=True):
        etree.SubElement(entry, leaf.tag).text = value
    etree.SubElement(entry, item.child("extra").tag)
    assert len(holder.xpath(text[1:], namespaces=namespaces)) == 1


def test_xpath_keeps_namespaces_apart_whose_modules_want_the_same_prefix():
    path = paths.parse("/codec-base:top/codec-more:added", ROOT)
    assert paths.to_xpath(path) == ("/cb:top/cb2:added", {"cb": BASE, "cb2": MORE})


def test_xpath_declares_the_prefixes_of_values():
    path = paths.parse("/codec-base:top/pet-owner[pet='codec-more:cat']", ROOT)
    assert paths.to_xpath(path) == ("/cb:top/cb:pet-owner[cb:pet='cb2:cat']", {"cb": BASE, "cb2": MORE})


def test_an_instance_identifier_in_xml_needs_a_prefix_on_every_name():
    nsmap = {None: BASE, "p": BASE}
    assert paths.parse_instance_identifier("/p:top/p:step[p:id='1']", nsmap, ROOT)[-1].key == ("1",)
    for text in ("/top", "/p:top/step[p:id='1']", "/p:top/p:step[id='1']", "/q:top", "p:top"):
        with pytest.raises(InvalidValueError):
            paths.parse_instance_identifier(text, nsmap, ROOT)


@given(st.text(max_size=60))
def test_any_other_text_is_refused_in_order(text):
    for read in (paths.parse, lambda text, root: paths.parse_instance_identifier(text, {"p": BASE}, root)):
        try:
            path = read(text, ROOT)
        except (InvalidValueError, UnknownElementError):
            continue
        assert paths.parse(paths.to_text(path), ROOT) == path
