"""The compiler on the standard modules that are installed, and on our own; libyang is asked where it can be."""

import pytest

from agent.yang.compiler import compile_schema
from agent.yang.modules import default_search_path
from agent.yang.schema import Kind
from agent.yang.types import LeafrefType, TypeViolation
from tests.yang.torture import MODELS, NSMAP, node

STANDARD = (
    "ietf-interfaces", "ietf-ip", "iana-if-type", "ietf-netconf-acm", "ietf-system", "iana-crypt-hash",
    "ietf-yang-library", "ietf-netconf-monitoring", "ietf-subscribed-notifications", "ietf-access-control-list",
    "ietf-hardware", "ietf-routing", "ietf-key-chain", "ietf-alarms", "ietf-snmp", "ietf-keystore",
)  # fmt: skip


def installed():
    return {file.name.partition("@")[0].removesuffix(".yang") for folder in default_search_path()[-1:]
            for file in folder.rglob("*.yang")}  # fmt: skip


@pytest.fixture(scope="module")
def schema():
    return compile_schema([name for name in STANDARD if name in installed()], default_search_path())


def every_node(schema):
    pending = [*schema.root.children.values()]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(current.children.values())


def test_every_node_is_complete(schema):
    count = 0
    for current in every_node(schema):
        count += 1
        assert current.module.implemented, current
        assert current.tag == f"{{{current.module.namespace}}}{current.name}"
        owner = current.data_parent
        if current.kind in (Kind.LEAF, Kind.LEAF_LIST):
            assert current.type is not None, current
            assert not current.children
        if current.kind in (Kind.RPC, Kind.ACTION, Kind.NOTIFICATION):
            assert owner.operations[current.tag] is current
        elif current.kind not in (Kind.CHOICE, Kind.CASE):
            assert owner.data_children[current.tag] is current
        if current.kind is Kind.CHOICE:
            assert {case.kind for case in current.cases()} <= {Kind.CASE}
        if current.kind is Kind.LIST and current.config:
            assert current.keys, current
        for default in current.defaults:
            assert current.type.is_canonical(default), current
        for member in current.type.find_members() if current.type else ():
            assert not isinstance(member, LeafrefType) or member.target.type is not None
        if current.kind not in (Kind.CHOICE, Kind.CASE):
            assert schema.find(current.path) is current
    assert count > 800


def test_known_places(schema):
    address = schema.find("/ietf-interfaces:interfaces/interface/ietf-ip:ipv4/address")
    assert [key.name for key in address.keys] == ["ip"]
    assert address.child("prefix-length").parent.parent.kind is Kind.CHOICE
    assert address.child("prefix-length").parent.parent.mandatory
    nacm = schema.find("/ietf-netconf-acm:nacm")
    assert nacm.default_deny == "all"
    assert nacm.child("read-default").defaults == ("permit",)
    assert nacm.child("rule-list").user_ordered
    interface_type = schema.find("/ietf-interfaces:interfaces/interface/type").type
    assert interface_type.from_python("iana-if-type:ethernetCsmacd") == "iana-if-type:ethernetCsmacd"
    assert schema.find("/ietf-system:system/authentication/user/password").type.canonical("$0$x", {}) == "$0$x"
    assert schema.find("/ietf-system:set-current-datetime/input/current-datetime").mandatory
    assert schema.find("/ietf-netconf-monitoring:get-schema/output/data").kind is Kind.ANYXML


def test_our_own_modules_compile():
    ours = [file for folder in default_search_path()[:-1] for file in folder.glob("*.yang")]
    names = {file.stem.partition("@")[0] for file in ours if not file.read_text().lstrip().startswith("submodule")}
    compiled = compile_schema(sorted(names), default_search_path())
    assert names <= compiled.modules.keys()
    assert all(compiled.modules[name].implemented for name in names)


def test_forty_modules_compile_together():
    names = sorted(name for name in installed() if name != "ietf-ipv6-router-advertisements")[:40]
    compiled = compile_schema(names, default_search_path())
    assert len(compiled.modules) >= len(names)


LEXICAL = {
    "integers/i16": ["5", " 5 ", "+5", "-5", "0x5", "010", "-0", "100", "99", "1e2", "", "5.0", "--5", "\t-7\n"],
    "integers/u8": ["-0", "+0", "256", "255", "0xff", "-1"],
    "decimals/d2": ["1", "1.", ".5", "1.20", "1.200", "1.234", "+1.25", "-1.5", "-0", "3.14", " 1 ", "10e1", "010.5",
                    "92233720368547758.07", "92233720368547758.08"],
    "decimals/d18": ["9.223372036854775807", "9.223372036854775808", "-9.223372036854775808", "0.000000000000000001"],
    "texts/bytes": ["QUI=", "QUJD", "QUJDRA==", "QUJDRA", "QQ==", "QUI", "QUJDREVGR0g=", "!!!!", "AAE"],
    "texts/word": ["abc", "", "a" * 20, "a" * 21, "a" * 30, "a b"],
    "texts/lower": ["abc", "Abc", "xmlabc", "axml"],
    "texts/unicode": ["A", "Ab", "Äé", "Ä٣", "a", "A_ ", "A_-  ", "ßa"],
    "texts/anchors": ["^$x^", "x", "^$^^"],
    "names/flag": ["true", "false", "1", "True", " true", ""],
    "names/colour": ["green", "blue", "black", " green", "infrared"],
    "names/cold": ["green", "red", "blue"],
    "names/permissions": ["read", "write read", "read read", "  write\n read ", "foo", "", "own"],
    "names/few-permissions": ["read", "execute"],
    "names/nothing": ["", " ", "x"],
    "references/shape": ["circle", "t:circle", "tm:cube", "ball", "shape", "x:circle", "t:nope", "", " circle"],
    "references/solid": ["ball", "t:ball"],
    "references/mixed": ["10", "010", "1000.5", "1500", "green", "word", "XML", "xmlfoo", "127", "128", "-5", "Green"],
    "references/anywhere": ["/t:torture/t:integers/t:i8", "/t:torture/t:thing[t:name='a']", "/torture", "t:torture",
                            "/t:torture/t:thing[t:name='a']/tm:name", "/t:torture/t:nope", "/t:torture/t:thing",
                            "/t:torture/t:texts/t:tag[.='x']", "/t:torture/t:log[1]"],
}  # fmt: skip


@pytest.fixture(scope="module")
def libyang():
    library = pytest.importorskip("oopt_gnpy_libyang")
    standard = default_search_path()[-1]
    folders = [MODELS, *(folder for folder in standard.iterdir() if folder.is_dir())]
    context = library.Context(":".join(map(str, folders)), library.ContextOptions.DisableSearchCwd)
    context.load_module("trustconf-torture", None, ["red", "green", "light", "from-submodule"])
    context.load_module("trustconf-torture-more", None, [])
    return library, context


def libyang_value(libyang, path, lexical):
    """The RFC 7951 value that libyang makes of a leaf's XML text, or None if it refuses the text."""
    import json

    from lxml import etree

    library, context = libyang
    top = etree.Element(f"{{{NSMAP[None]}}}torture", nsmap=NSMAP)
    element = top
    for name in path.split("/"):
        element = etree.SubElement(element, f"{{{NSMAP[None]}}}{name}")
    element.text = lexical
    options = library.ParseOptions.Strict | library.ParseOptions.ParseOnly
    try:
        tree = context.parse_data(etree.tostring(top, encoding="unicode"), library.DataFormat.XML, options)
    except library.Error:
        return None
    found = json.loads(tree.print(library.DataFormat.JSON, library.PrintFlags.WithSiblings))[
        "trustconf-torture:torture"
    ]
    for name in path.split("/"):
        found = found[name]
    return found


@pytest.mark.parametrize("path", LEXICAL)
def test_libyang_reads_values_as_we_do(libyang, path):
    value_type = node(path).type

    def ours(lexical):
        try:
            return value_type.to_json(value_type.canonical(lexical, NSMAP))
        except TypeViolation:
            return None

    def theirs(lexical):
        value = libyang_value(libyang, path, lexical)
        # libyang leaves out the module of an identity where RFC 7951 allows that.
        if value is not None and path in ("references/shape", "references/solid") and ":" not in value:
            return f"trustconf-torture:{value}"
        return value

    assert [(text, ours(text)) for text in LEXICAL[path]] == [(text, theirs(text)) for text in LEXICAL[path]]


def test_libyang_has_the_same_defaults(libyang):
    """Both list the same leaves with the same defaults, of all that is in use in an empty datastore."""
    library, context = libyang
    tree = context.parse_data(
        f'<torture xmlns="{NSMAP[None]}"><users><refined><address>x</address>'
        "<route><to>y</to></route></refined></users></torture>",
        library.DataFormat.XML,
        library.ParseOptions.Strict | library.ParseOptions.NoState,
        library.ValidationOptions.NoState,
    )
    found = {}
    for item in tree.children_dfs():
        if item.is_term:
            path = item.path.partition("[")[0]
            found.setdefault(path, []).append(path)
    expected = {
        f"/trustconf-torture:torture/{path}": len(node(path).defaults)
        for path in (
            "integers/i8", "integers/u8", "integers/u16", "integers/percent", "integers/high",
            "integers/mandatory-percent", "decimals/d2", "texts/tag", "names/colour", "names/permissions",
            "references/shape", "references/mixed", "choices/first", "sub/corner", "users/plain/settings/verbose",
            "users/refined/port", "users/refined/alias", "users/conditional/enabled",
        )
    }  # fmt: skip
    given = {f"/trustconf-torture:torture/users/refined/{name}" for name in ("address", "route/to", "route")}
    assert {path: len(items) for path, items in found.items() if path not in given} == expected
