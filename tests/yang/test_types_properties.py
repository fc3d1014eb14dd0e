"""Round trips of all types for any value, and regular expressions against libxml2's own engine."""

import re
import string

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from agent.yang.types import IdentityrefType, InstanceIdentifierType, LeafrefType, TypeViolation, UnionType
from agent.yang.types.xsd_regex import UnsupportedPatternError, XsdRegex, translate
from tests.yang.torture import NSMAP, node, torture_schema

LEAVES = [
    "integers/i8", "integers/i16", "integers/i64", "integers/u32", "integers/u64", "integers/high",
    "decimals/d1", "decimals/d2", "decimals/d18",
    "texts/any", "texts/word", "texts/lower", "texts/bytes",
    "names/flag", "names/colour", "names/permissions", "names/nothing",
    "references/shape", "references/coloured-shape", "references/thing", "references/thing-size",
    "references/anywhere", "references/mixed", "references/thing-or-shape",
]  # fmt: skip

numerals = st.from_regex(r"\s?[+-]?[0-9]{0,22}(\.[0-9]{0,20})?\s?", fullmatch=True)
words = st.sampled_from(
    ["true", "green", "blue", "read write", "own  read", "circle", "t:ball", "tm:cube", "QUI=", "QUJD", "", "lower"]
)
paths = st.sampled_from(
    [
        "/t:torture",
        "/t:torture/t:thing[t:name='it''s']",
        '/t:torture/t:thing[t:name="it\'s"]/t:part[t:id="007"][t:side="left"]/t:kind',
        "/t:torture/t:log[3]/t:line",
        "/t:torture/t:references/t:things[. = 'x']",
        "/t:torture/t:limits/t:with-empty-key[t:nothing=''][t:name='0x']",
    ]
)
lexical_forms = st.one_of(numerals, words, paths, st.text(max_size=12), st.text(string.ascii_letters, max_size=22))


def prefix_for(module):
    return {"trustconf-torture": "t", "trustconf-torture-more": "tm"}[module]


@given(leaf=st.sampled_from(LEAVES), lexical=lexical_forms)
@settings(max_examples=1500, deadline=None)
@example(leaf="references/mixed", lexical="0010")
@example(leaf="references/mixed", lexical="+1000.50")
@example(leaf="references/thing-or-shape", lexical="tm:cube")
def test_a_canonical_text_survives_every_form(leaf, lexical):
    value_type = node(leaf).type
    try:
        text = value_type.canonical(lexical, NSMAP)
    except TypeViolation:
        return
    assert value_type.is_canonical(text)
    assert value_type.canonical(value_type.to_xml(text, prefix_for), NSMAP) == text
    assert value_type.from_json(value_type.to_json(text), "trustconf-torture") == text
    assert value_type.from_python(value_type.to_python(text)) == text


def all_types():
    """Every type of the torture schema with its leaf's path, operations included."""
    pending = [torture_schema().root]
    while pending:
        current = pending.pop()
        pending.extend([*current.data_children.values(), *current.operations.values()])
        if current.type is not None:
            yield current.path, current.type


@pytest.mark.parametrize("value_type", [pytest.param(value_type, id=path) for path, value_type in all_types()])
def test_every_type_is_linked_and_says_what_it_expects(value_type):
    assert value_type.expectation()
    for member in value_type.find_members():
        assert not isinstance(member, UnionType)
        if isinstance(member, LeafrefType):
            assert member.target.type is not None
        if isinstance(member, LeafrefType | InstanceIdentifierType):
            assert member.require_instance in (True, False)
        if isinstance(member, IdentityrefType):
            assert member.identities


class Libxml2Pattern:
    """The same pattern in libxml2's XML Schema validator."""

    def __init__(self, pattern):
        schema = etree.fromstring(
            '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="v"><xs:simpleType>'
            '<xs:restriction base="xs:string"><xs:pattern value=""/></xs:restriction></xs:simpleType></xs:element>'
            "</xs:schema>"
        )
        schema.find(".//{*}pattern").set("value", pattern)
        self.schema = etree.XMLSchema(schema)

    def matches(self, text):
        element = etree.Element("v")
        element.text = text
        return self.schema.validate(element)


PATTERNS = [
    "", "a|b|", "(a|bc)*d{2,3}", "a{2}b{1,}c?", "^$", "a^b$c", r"\.\\\?\*\+\(\)\{\}\[\]\|\-\^", "[a-z-[aeiou]]+",
    "[^a-c]", "[^a-z-[x]]", r"[\-a]", "[a-]", "[-a]", r"[\d\-]+", r"\d+", r"\D", r"\s\S", r"\i\c*",
    r"[\i-[:]][\c-[:]]*",
    r"\I\C", r"\p{L}+", r"\P{L}", r"\p{Lu}\p{Ll}*", r"[\p{L}\p{N}-[0-9]]+", r"\n\r?\t", ".", "..", "[.]", "[$^]x",
    r"[\]\[]", "(([0-9]|[1-9][0-9])\\.){3}x", "[A-Za-z_][A-Za-z0-9_.-]*", "a&lt;", '["\']', "é+", "[à-ü]",
]  # fmt: skip
SAMPLES = [
    "", "a", "b", "abc", "add", "bcaddd", "aabc", "aab", "^$", "a^b$c", ".\\?*+(){}[]|-^", "bcd", "aei", "x", "-", "0",
    "٣", "1-2", " a", "_a", ":a", "a:b", "Äb", "ÄB", "é", "éé", "\n\t", "\n\r\t", "\n", "ab", "a\n", "$x", "^x", "]",
    "1.2.3.x", "A_.-", "a<", '"', "ñ", "中", "a1é", "\U0001f600", "a&lt;", "\u00b7", "A", "1", "\u2028",
]  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_mean_what_they_mean_to_libxml2(pattern):
    ours, theirs = XsdRegex(pattern), Libxml2Pattern(pattern)
    # libxml2's Unicode tables are of 2000 and miss most of CJK; beyond Latin the next test is the judge.
    samples = [s for s in SAMPLES if max(s, default="") <= "\xff" or not re.search(r"\\[pPicIC]", pattern)]
    assert [s for s in samples if ours.matches(s)] == [s for s in samples if theirs.matches(s)]


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [(r"\p{L}", "aé中ßλ", "1٣_😀"), (r"\p{N}", "1٣Ⅷ½", "a中"), (r"\p{S}", "+😀€", "a-"), (r"\P{L}", "1٣_😀", "aé中"),
     (r"\d", "1٣", "Ⅷ½"), (r"\i", "a_:é中", "1-.·"), (r"\c", "a1-.·é中", "+ /")],
)  # fmt: skip
def test_classes_beyond_latin(pattern, matching, other):
    regex = XsdRegex(pattern)
    assert all(map(regex.matches, matching))
    assert not any(map(regex.matches, other))


def test_word_characters_are_those_of_xml_schema():
    # Neither Python's \w nor libxml2's: XML Schema part 2 says all but punctuation, separators and others.
    word = XsdRegex(r"\w")
    assert all(word.matches(character) for character in "aZ9+$<é٣中")
    assert not any(word.matches(character) for character in "_-.,: \n()")
    assert XsdRegex(r"\W").matches("_")


atoms = st.sampled_from(["a", "b", "1", ".", r"\d", "[a-c]", "[^ab]", r"[\d-[1]]", r"\p{Ll}", "(a|b1)", "(ab)"])
pieces = st.tuples(atoms, st.sampled_from(["", "", "?", "*", "+", "{2}", "{0,2}"])).map("".join)
generated_patterns = st.lists(pieces, max_size=5).map("".join)


@given(pattern=generated_patterns, texts=st.lists(st.text("ab1c2é٣", max_size=6), min_size=5, max_size=5))
@settings(max_examples=400, deadline=None)
def test_generated_patterns_mean_what_they_mean_to_libxml2(pattern, texts):
    ours, theirs = XsdRegex(pattern), Libxml2Pattern(pattern)
    assert [ours.matches(text) for text in texts] == [theirs.matches(text) for text in texts]


def test_a_block_name_is_left_to_libxml2():
    with pytest.raises(UnsupportedPatternError):
        translate(r"\p{IsGreek}+")
    greek = XsdRegex(r"\p{IsGreek}+")
    assert greek.matches("αβγ")
    assert not greek.matches("abg")


@pytest.mark.parametrize("pattern", ["(", ")", "a{", "[a", "a**", r"\q", "[z-a]", "*", r"\p{Foo}", "a{1,2}{3}"])
def test_what_is_not_a_pattern_is_not_translated(pattern):
    with pytest.raises(UnsupportedPatternError):
        translate(pattern)


def all_standard_patterns():
    """Every pattern of the standard modules that are installed."""
    from agent.yang.modules import default_search_path

    literal = r"(?:'[^']*'|\"[^\"]*\")"
    for file in sorted(default_search_path()[-1].rglob("*.yang")):
        for literals in re.findall(rf"pattern\s+({literal}(?:\s*\+\s*{literal})*)", file.read_text()):
            parts = re.findall(r"'([^']*)'|\"([^\"]*)\"", literals)
            yield "".join(single or double.replace("\\\\", "\\") for single, double in parts)


def test_every_pattern_of_the_standard_modules_is_understood():
    patterns = set(all_standard_patterns())
    assert len(patterns) > 20
    for pattern in patterns:
        re.compile(translate(pattern))


HOSTILE_UNITS = ("a", "1", "a-", "1.", "a.", ":", "0:", ".", "/", "_", "%", "@", "*", "-", "::", "[a]", "a1/", "$0$")


def test_no_pattern_of_the_standard_modules_backtracks_without_end():
    # A pattern that did would keep the whole agent busy; here the time limit of tests would end it.
    for pattern in set(all_standard_patterns()):
        regex = XsdRegex(pattern)
        for unit in HOSTILE_UNITS:
            assert not regex.matches(unit * (2000 // len(unit)) + "!\n")
