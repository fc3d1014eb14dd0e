"""XPath: reading expressions, what they can read, and filters of clients."""

import random

import pytest
from lxml import etree

from agent.yang.errors import InvalidValueError
from agent.yang.schema import Expression
from agent.yang.xml_codec import decode
from agent.yang.xpath import XPathEvaluator
from agent.yang.xpath_evaluation import Programs
from agent.yang.xpath_parser import MAX_DEPTH, MAX_LENGTH, XPathSyntaxError, parse
from agent.yang.xpath_syntax import Writer
from tests.yang.schemas import schema_of

IF = "urn:ietf:params:xml:ns:yang:ietf-interfaces"
IP = "urn:ietf:params:xml:ns:yang:ietf-ip"
TYPES = "urn:ietf:params:xml:ns:yang:iana-if-type"
NSMAP = {"if": IF, "ip": IP, "t": TYPES, "x": TYPES}
SCHEMA = schema_of("interfaces")
EVALUATOR = XPathEvaluator(SCHEMA)


def interfaces(count):
    entries = "".join(
        f"<interface><name>e{n}</name><type>t:{'ethernetCsmacd' if n % 2 else 'other'}</type>"
        f'<ipv4 xmlns="{IP}"><mtu>{1000 + n}</mtu></ipv4></interface>'
        for n in range(count)
    )
    text = f'<config><interfaces xmlns="{IF}" xmlns:t="{TYPES}">{entries}</interfaces></config>'
    return decode(etree.fromstring(text), SCHEMA.root, config_only=True)


ROOT = interfaces(6)


def selected(text, root=ROOT, nsmap=NSMAP):
    return [
        str(path).replace("/ietf-interfaces:interfaces/interface", "I") for path in EVALUATOR.select(root, text, nsmap)
    ]


class TestSyntax:
    @pytest.mark.parametrize(
        ("text", "written"),
        [
            ("a", "child::n0:a"),
            ("../p:b[1]/*", "parent::node()/child::n0:b[1]/child::*"),
            ("//a", "$root/descendant-or-self::node()/child::n0:a"),
            ("current()/../a", "($current)/parent::node()/child::n0:a"),
            ("concat('it''s', *)", None),
            ("a | b | /c", "((child::n0:a | child::n0:b) | $root/child::n0:c)"),
            ("* * *", "(child::* * child::*)"),
            ("div div mod", "(child::n0:div div child::n0:mod)"),
            ("- - 1", "-(-(1))"),
            ('a and not(b) or c = "x\'\n"', '((child::n0:a and not(child::n0:b)) or (child::n0:c = "x\'\n"))'),
            ("count(*, 1)", None),
            ("substring('a', .5, 1.)", 'substring("a", .5, 1.)'),
            ("/", "$root"),
            ("ancestor::*[2]", "ancestor::*[parent::*][2]"),
            ("'=' and 'x'", '("=" and "x")'),
        ],
    )
    def test_read_and_written(self, text, written):
        def namespace_of(prefix):
            return {None: "urn:a", "p": "urn:a"}[prefix]

        if written is None:
            with pytest.raises(XPathSyntaxError):
                parse(text, namespace_of)
        else:
            writer = Writer()
            assert writer.write(parse(text, namespace_of)) == written
            assert set(writer.namespaces.values()) <= {"urn:a"}

    @pytest.mark.parametrize(
        "text",
        [
            "", " ", "a[", "a]", "(a", "$a", "a b", "'x", "/a/", "foo(1)", "true(1)", "str:split('a', 'b')", "q:a",
            "document('http://x/')", "id('a')", "wrong::a", "a[1", "/ + ", "@", "..[1]", "a" * (MAX_LENGTH + 1),
            "(" * (MAX_DEPTH + 1) + "1" + ")" * (MAX_DEPTH + 1), " or ".join(["a"] * 500), "!",
        ],
    )  # fmt: skip
    def test_refused(self, text):
        with pytest.raises(XPathSyntaxError):
            parse(text, lambda prefix: {None: None}[prefix])

    def test_hostile_text_never_does_anything_but_be_refused(self):
        rng = random.Random(1)
        pieces = [
            "a",
            "p:b",
            "*",
            "/",
            "//",
            "[",
            "]",
            "(",
            ")",
            "'x'",
            "1",
            "=",
            "or",
            "-",
            "..",
            ".",
            "::",
            "count(",
            "@",
            "$",
            "|",
            ",",
        ]
        for _ in range(3000):
            text = "".join(rng.choice(pieces) + rng.choice(["", " "]) for _ in range(rng.randrange(12)))
            try:
                writer = Writer()
                written = writer.write(parse(text, lambda prefix: "urn:a"))
            except XPathSyntaxError:
                continue
            etree.XPath(written, namespaces=writer.namespaces or None)


class TestSelect:
    @pytest.mark.parametrize(
        ("text", "paths"),
        [
            ("/if:interfaces/if:interface[if:name='e3']", ["I[name='e3']"]),
            ("/if:interfaces/if:interface['e3'=if:name]/if:type", ["I[name='e3']/type"]),
            ("/if:interfaces/if:interface[if:name='e3' and if:type='t:other']", []),
            ("/if:interfaces/if:interface[if:name='none']", []),
            ("if:interfaces/if:interface[2]", ["I[name='e1']"]),
            ("/if:interfaces/if:interface[2][if:name='e3']", []),
            ("/if:interfaces/if:interface[position()=last()]/if:name", ["I[name='e5']/name"]),
            (
                "/if:interfaces/if:interface[if:type='x:ethernetCsmacd']/if:name",
                [f"I[name='e{n}']/name" for n in (1, 3, 5)],
            ),
            ("/if:interfaces/if:interface[if:enabled='true'][3]", ["I[name='e2']"]),
            ("//ip:mtu[. > 1004]", ["I[name='e5']/ietf-ip:ipv4/mtu"]),
            ("//if:interface[if:name='e0' or if:name='e2']", ["I[name='e0']", "I[name='e2']"]),
            ("/if:interfaces/if:interface[if:name=/if:interfaces/if:interface[4]/if:name]", ["I[name='e3']"]),
            ("/if:interfaces/if:interface[if:name='e1']/following-sibling::*[1]", ["I[name='e2']"]),
            ("//if:name[../if:name='e4'] | //ip:mtu[.=1001]", ["I[name='e1']/ietf-ip:ipv4/mtu", "I[name='e4']/name"]),
            ("/if:interfaces/if:interface[if:name='e1']/if:enabled", []),
            ("/interfaces", []),
            ("/", ["/"]),
            ("/if:nothing", []),
        ],
    )
    def test_nodes(self, text, paths):
        assert selected(text) == paths

    @pytest.mark.parametrize(
        "text", ["1", "'x'", "count(//if:name)", "/if:interfaces = 1", "true()", "string(/)", "not(/)"]
    )
    def test_only_nodes(self, text):
        with pytest.raises(InvalidValueError, match="must select nodes"):
            selected(text)

    @pytest.mark.parametrize("text", ["/zz:a", "/if:interfaces[", "$x", "exslt:node-set(/)", "/if:interfaces" * 2000])
    def test_unusable(self, text):
        with pytest.raises(InvalidValueError, match="not a usable XPath"):
            selected(text)

    def test_what_would_take_long_is_refused_early(self):
        with pytest.raises(InvalidValueError, match="too long"):
            selected("//if:interface[//if:interface[//if:interface]]", interfaces(400))

    def test_one_entry_is_found_without_looking_at_the_others(self):
        root = interfaces(300)
        schema = SCHEMA.find("/ietf-interfaces:interfaces/interface")
        owner = root.children[schema.parent].children[schema]
        owner.entries = _Untouchable(owner.entries)
        assert selected("/if:interfaces/if:interface[if:name='e77']/if:type", root) == ["I[name='e77']/type"]


class _Untouchable(dict):
    """Entries that may be looked up, not walked over."""

    def __iter__(self):
        raise AssertionError("all entries were looked at")

    items = values = keys = __iter__


class TestSuperset:
    def shown(self, text):
        def show(selection):
            keys = "".join(f"[{leaf.name}={value}]" for leaf, value in selection.matches)
            below = "".join(map(show, selection.children))
            return f"/{selection.schema.name}{keys}{below}{'*' if selection.everything else ''}"

        return {show(selection) for selection in EVALUATOR.superset(text, NSMAP)}

    def test_keys_are_pinned(self):
        assert self.shown("/if:interfaces/if:interface[if:name='e1']") == {"/interfaces/interface[name=e1]*"}

    def test_what_predicates_read_is_included(self):
        assert self.shown("/if:interfaces/if:interface[ip:ipv4/ip:mtu > 3]/if:type") == {
            "/interfaces/interface/type*",
            "/interfaces/interface/ipv4/mtu*",
        }

    def test_descendants(self):
        assert self.shown("//ip:mtu") == {
            f"/{top}/interface/{version}/mtu*"
            for top in ("interfaces", "interfaces-state")
            for version in ("ipv4", "ipv6")
        }

    def test_nothing(self):
        assert self.shown("/if:nothing") == set()

    def test_everything(self):
        assert self.shown("/") == {"/interfaces*", "/interfaces-state*"}


class TestAnalysis:
    """What an expression can read, and from which common ancestor."""

    @pytest.mark.parametrize(
        ("context", "text", "reads"),
        [
            ("top/item/next", "../code", {"top/item/code": "top/item"}),
            (
                "top/item/next",
                "../../item[name = current()]/kind",
                {"top/item": "top", "top/item/name": "top", "top/item/kind": "top"},
            ),
            ("top/limit", "count(/top/item) < 3", {"top": "", "top/item": ""}),
            ("top/limit", ". > 3", {}),
            ("top/area", "descendant::one", {"top/area/one": "top/area"}),
            ("top/item", "weight", {"top/item/weight": "top/item", "top/item/kind": "top/item"}),
            (
                "top/link/code",
                "deref(../from)/../code",
                {"top/link/from": "top/link", "top/item": "top", "top/item/name": "top", "top/item/code": "top"},
            ),
        ],
    )
    def test_reads(self, context, text, reads):
        schema = schema_of("validation")
        namespace = "urn:trustconf:yang:validation-test"
        expression = Expression(text, (("v", namespace),), namespace)
        program = Programs(schema).program(expression, schema.find("/validation-test:" + context))

        def name(node):
            return node.path.replace("/validation-test:", "").strip("/")

        assert {name(node): name(apex) for node, apex in program.analysis.reads.items()} == reads
