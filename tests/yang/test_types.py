"""What each built-in type accepts, what becomes of it, and how it looks in XML, JSON and Python."""

from decimal import Decimal

import pytest

from agent.yang.types import TypeViolation
from tests.yang.torture import MORE, NSMAP, TORTURE, node

#: (leaf, lexical form, canonical text or None if it is refused)
LEXICAL = [
    ("integers/i8", "5", "5"),
    ("integers/i8", " \t+05\n", "5"),
    ("integers/i8", "-0", "0"),
    ("integers/i8", "-128", "-128"),
    ("integers/i8", "128", None),
    ("integers/i8", "0x10", None),
    ("integers/i8", "", None),
    ("integers/i8", "1e2", None),
    ("integers/i8", "５", None),
    ("integers/i8", "0" * 1000, None),
    ("integers/i16", "-300", "-300"),
    ("integers/i16", "-301", None),
    ("integers/i16", "0", None),
    ("integers/i16", "5", "5"),
    ("integers/i16", "32767", "32767"),
    ("integers/u32", "10", "10"),
    ("integers/u32", "11", None),
    ("integers/u32", "4294967295", "4294967295"),
    ("integers/u32", "4294967296", None),
    ("integers/u64", "18446744073709551615", "18446744073709551615"),
    ("integers/i64", "-9223372036854775808", "-9223372036854775808"),
    ("integers/i64", "9223372036854775808", None),
    ("integers/high", "60", "60"),
    ("integers/high", "59", None),
    ("integers/high", "101", None),
    ("decimals/d1", "1", "1.0"),
    ("decimals/d2", "0010.50", "10.5"),
    ("decimals/d2", "-0.00", "0.0"),
    ("decimals/d2", "1.2500", "1.25"),
    ("decimals/d2", "1.251", None),
    ("decimals/d2", "1.26", None),
    ("decimals/d2", "3.14", "3.14"),
    ("decimals/d2", "-1.5", "-1.5"),
    ("decimals/d2", "-1.51", None),
    ("decimals/d2", ".5", None),
    ("decimals/d2", "1.", None),
    ("decimals/d2", "1e1", None),
    ("decimals/d2", "92233720368547758.07", "92233720368547758.07"),
    ("decimals/d2", "92233720368547758.08", None),
    ("decimals/d18", "-9.223372036854775808", "-9.223372036854775808"),
    ("decimals/d18", "9.223372036854775808", None),
    ("texts/any", "tab\tand\nline", "tab\tand\nline"),
    ("texts/any", "nul\0", None),
    ("texts/any", "\ufffe", None),
    ("texts/any", "\U0001f600", "\U0001f600"),
    ("texts/word", "", None),
    ("texts/word", "a" * 20, "a" * 20),
    ("texts/word", "a" * 21, None),
    ("texts/word", "a" * 30, "a" * 30),
    ("texts/word", "a\n", None),
    ("texts/lower", "axml", "axml"),
    ("texts/lower", "xmla", None),
    ("texts/lower", "A", None),
    ("texts/unicode", "Äé٣", "Äé٣"),
    ("texts/unicode", "äé", None),
    ("texts/anchors", "^$x^", "^$x^"),
    ("texts/anchors", "x", None),
    ("texts/bytes", "QUI=", "QUI="),
    ("texts/bytes", " QU\nJD ", "QUJD"),
    ("texts/bytes", "QUJ=", "QUI="),
    ("texts/bytes", "QUI", None),
    ("texts/bytes", "QQ==", None),
    ("texts/bytes", "QUJDREVG", None),
    ("texts/bytes", "!UI=", None),
    ("texts/bytes", "QU\u0130=", None),
    ("names/flag", "true", "true"),
    ("names/flag", "1", None),
    ("names/flag", " true", None),
    ("names/colour", "infrared", "infrared"),
    ("names/colour", "Red", None),
    ("names/colour", "10", None),
    ("names/cold", "blue", "blue"),
    ("names/cold", "red", None),
    ("names/permissions", " own\n write   read ", "read write own"),
    ("names/permissions", "", ""),
    ("names/permissions", "read read", None),
    ("names/permissions", "read,write", None),
    ("names/few-permissions", "write", "write"),
    ("names/few-permissions", "execute", None),
    ("names/nothing", "", ""),
    ("names/nothing", " ", None),
    ("references/shape", "circle", "trustconf-torture:circle"),
    ("references/shape", "t:ball", "trustconf-torture:ball"),
    ("references/shape", "t:square", "trustconf-torture:square"),
    ("references/shape", "tm:cube", "trustconf-torture-more:cube"),
    ("references/shape", "cube", None),
    ("references/shape", "shape", None),
    ("references/shape", "unbound:circle", None),
    ("references/shape", ":circle", None),
    ("references/shape", "trustconf-torture:circle", None),
    ("references/coloured-shape", "ball", "trustconf-torture:ball"),
    ("references/coloured-shape", "circle", None),
    ("references/solid", "ball", "trustconf-torture:ball"),
    ("references/thing", "abc", "abc"),
    ("references/thing", "a b", None),
    ("references/thing-size", "007", "7"),
    ("references/loose", "a b", None),
    ("references/mixed", "5", "5"),
    ("references/mixed", "0010", "10"),
    ("references/mixed", "1500", "1500.0"),
    ("references/mixed", "green", "green"),
    ("references/mixed", "greenish", "greenish"),
    ("references/mixed", "Green", None),
    ("references/thing-or-shape", "t:ball", "trustconf-torture:ball"),
    ("references/thing-or-shape", "ball", "ball"),
    ("references/thing-or-shape", "/t:torture/t:old", None),
    ("references/thing-or-shape", "/t:torture/t:names", "/trustconf-torture:torture/names"),
    ("references/at", "/t:torture/t:integers/t:i8", "/trustconf-torture:torture/integers/i8"),
    ("references/at", "/torture/integers", None),
    ("references/at", "t:torture", None),
    ("references/at", "/", None),
    ("references/at", "/t:torture/t:thing", None),
    ("references/at", "/t:torture/t:texts/t:tag", None),
    ("references/at", "/t:torture/t:texts/t:tag[.='x']", "/trustconf-torture:torture/texts/tag[.='x']"),
    (
        "references/at",
        "/t:torture/t:thing[ t:name = \"a\" ]/t:part[t:side='left'][t:id='07']/t:kind",
        "/trustconf-torture:torture/thing[name='a']/part[id='7'][side='left']/kind",
    ),
    (
        "references/at",
        "/t:torture/t:thing[t:name='a']/tm:box",
        "/trustconf-torture:torture/thing[name='a']/trustconf-torture-more:box",
    ),
]


@pytest.mark.parametrize(("leaf", "lexical", "expected"), LEXICAL)
def test_lexical_forms_and_their_canonical_text(leaf, lexical, expected):
    value_type = node(leaf).type
    if expected is None:
        with pytest.raises(TypeViolation):
            value_type.canonical(lexical, NSMAP)
    else:
        assert value_type.canonical(lexical, NSMAP) == expected
        assert value_type.is_canonical(expected)


#: (leaf, canonical text, JSON value, Python value)
FORMS = [
    ("integers/i8", "-5", -5, -5),
    ("integers/u64", "18446744073709551615", "18446744073709551615", 2**64 - 1),
    ("integers/i64", "-1", "-1", -1),
    ("decimals/d2", "1.25", "1.25", Decimal("1.25")),
    ("decimals/d2", "1000000000.0", "1000000000.0", Decimal("1e9")),
    ("texts/any", "x", "x", "x"),
    ("texts/bytes", "QUI=", "QUI=", b"AB"),
    ("names/flag", "false", False, False),
    ("names/colour", "deep-blue", "deep-blue", "deep-blue"),
    ("names/permissions", "read own", "read own", ("read", "own")),
    ("names/nothing", "", [None], None),
    ("references/shape", "trustconf-torture-more:cube", "trustconf-torture-more:cube", "trustconf-torture-more:cube"),
    ("references/thing-size", "7", 7, 7),
    ("references/mixed", "5", 5, 5),
    ("references/mixed", "1500.0", "1500.0", Decimal(1500)),
    ("references/mixed", "blue", "blue", "blue"),
    ("references/thing-or-shape", "", [None], None),
    ("references/thing-or-shape", "trustconf-torture:ball", "trustconf-torture:ball", "trustconf-torture:ball"),
    ("references/at", "/trustconf-torture:torture", "/trustconf-torture:torture", "/trustconf-torture:torture"),
]


@pytest.mark.parametrize(("leaf", "text", "json_value", "python_value"), FORMS)
def test_json_and_python_values(leaf, text, json_value, python_value):
    value_type = node(leaf).type
    assert value_type.to_json(text) == json_value
    assert type(value_type.to_json(text)) is type(json_value)
    assert value_type.from_json(json_value, "trustconf-torture") == text
    assert value_type.to_python(text) == python_value
    assert value_type.from_python(python_value) == text


#: Values that JSON or Python may not have for a type, though they look like the right ones.
WRONG_FORMS = [
    ("integers/i8", "from_json", "5"),
    ("integers/i8", "from_json", True),
    ("integers/i8", "from_json", 5.0),
    ("integers/i64", "from_json", 5),
    ("integers/i8", "from_python", "5"),
    ("integers/i8", "from_python", False),
    ("integers/i8", "from_python", 128),
    ("decimals/d2", "from_json", 1.5),
    ("decimals/d2", "from_python", 1.5),
    ("decimals/d2", "from_python", Decimal("NaN")),
    ("decimals/d2", "from_python", Decimal("1e400")),
    ("decimals/d2", "from_python", True),
    ("texts/any", "from_json", 5),
    ("texts/any", "from_json", None),
    ("texts/any", "from_python", b"x"),
    ("texts/bytes", "from_python", "QUI="),
    ("names/flag", "from_json", "true"),
    ("names/flag", "from_python", 1),
    ("names/permissions", "from_python", "read"),
    ("names/permissions", "from_python", ("read write",)),
    ("names/nothing", "from_json", None),
    ("names/nothing", "from_python", ""),
    ("references/shape", "from_json", "nope"),
    ("references/shape", "from_python", "circle"),
    ("references/mixed", "from_json", [5]),
    ("references/at", "from_json", "trustconf-torture:torture"),
]


@pytest.mark.parametrize(("leaf", "method", "value"), WRONG_FORMS)
def test_wrong_json_and_python_values_are_refused(leaf, method, value):
    value_type = node(leaf).type
    arguments = (value, "trustconf-torture") if method == "from_json" else (value,)
    with pytest.raises(TypeViolation):
        getattr(value_type, method)(*arguments)


def test_an_identity_without_module_in_json_belongs_to_the_leafs_module():
    assert node("references/shape").type.from_json("circle", "trustconf-torture") == "trustconf-torture:circle"


#: (leaf, lexical form, what the message must say, error-app-tag)
MESSAGES = [
    ("integers/i16", "7", "-300..-1 | 5 | 100..32767", None),
    ("integers/percent", "101", "A percentage is between 0 and 100.", "not-a-percentage"),
    ("integers/high", "5", "60..100", None),
    ("decimals/d2", "9", "-1.5..1.25 | 3.14 | 10.0..", None),
    ("texts/word", "", "A word has 1 to 20 letters, or 30.", "word-length"),
    ("texts/word", "a b", "[a-zA-Z0-9_-]*", None),
    ("texts/lower", "Ab", "Lower case only.", "word-case"),
    ("texts/lower", "xmlb", "Must not begin with xml.", "word-xml"),
    ("texts/bytes", "QQ==", "2..4 | 8 bytes", "bytes-length"),
    ("names/colour", "pink", "red, green, blue, infrared, deep-blue", None),
    ("names/permissions", "fly", "read, write, execute, own, paint", None),
    ("references/shape", "tm:nope", "trustconf-torture-more:cube", None),
    ("references/shape", "q:nope", '"q" is not declared', None),
    ("references/mixed", "#", "; or ", None),
    ("references/at", "/t:torture/t:thing", "one node", None),
]


@pytest.mark.parametrize(("leaf", "lexical", "says", "app_tag"), MESSAGES)
def test_messages_say_what_is_allowed(leaf, lexical, says, app_tag):
    with pytest.raises(TypeViolation) as caught:
        node(leaf).type.canonical(lexical, NSMAP)
    assert says in caught.value.message
    assert caught.value.app_tag == app_tag


def test_a_long_refused_value_is_cut_in_the_message():
    with pytest.raises(TypeViolation) as caught:
        node("names/flag").type.canonical("x" * 10_000, NSMAP)
    assert len(caught.value.message) < 200


def test_values_that_name_modules_get_prefixes_for_xml():
    asked = []

    def prefix_for(module):
        asked.append(module)
        return {"trustconf-torture": "a", "trustconf-torture-more": "b"}[module]

    assert node("references/shape").type.to_xml("trustconf-torture-more:cube", prefix_for) == "b:cube"
    path = "/trustconf-torture:torture/thing[name='x']/trustconf-torture-more:box/kind"
    assert node("references/at").type.to_xml(path, prefix_for) == "/a:torture/a:thing[a:name='x']/b:box/b:kind"
    assert set(asked) == {"trustconf-torture", "trustconf-torture-more"}
    assert node("texts/any").type.to_xml("x:y", prefix_for) == "x:y"


def test_a_union_value_stays_what_it_is_when_it_is_read_again():
    mixed = node("references/mixed").type
    # int8 comes first; 0010 is an int8 in a document, and 10 is one as well.
    assert mixed.canonical("0010", {}) == "10"
    assert mixed.member_of("10").base == "int8"
    # 1500 is too much for int8: decimal64, whose text decimal64 takes again.
    assert mixed.member_of(mixed.canonical("1500", {})).base == "decimal64"
    assert [member.base for member in mixed.find_members()] == ["int8", "decimal64", "enumeration", "string"]


def test_an_identity_of_a_module_that_is_only_imported_is_no_value():
    solid = node("references/solid").type
    assert solid.bases == ("trustconf-torture-base:solid",)
    with pytest.raises(TypeViolation):
        solid.canonical("b:stone", {"b": "urn:trustconf:yang:torture-base"})


def test_the_default_namespace_decides_for_an_identity_without_prefix():
    shape = node("references/shape").type
    assert shape.canonical("cube", {None: MORE}) == "trustconf-torture-more:cube"
    with pytest.raises(TypeViolation):
        shape.canonical("circle", {"t": TORTURE})
