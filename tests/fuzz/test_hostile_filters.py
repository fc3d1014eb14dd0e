"""Filters made to cost much: each is answered, or refused where it would go on for ever, and nothing else stops."""

from xml.sax.saxutils import quoteattr

import pytest
from lxml import etree

from agent.netconf.errors import RequestError
from agent.netconf.filters import compile_filter
from agent.yang.compiler import compile_schema
from tests.netconf.models import EX
from tests.netconf.rig import Rig, edit, get_config, users

ENTRIES = 300


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    rig = Rig(tmp_path_factory.mktemp("filters"))
    client = rig.client()
    client.ok(edit(users(*(f"user{number}{'a' * 30}" for number in range(ENTRIES))), "running"))
    yield client
    rig.close()


def xpath(expression):
    return get_config(inside=f'<filter type="xpath" xmlns:e="{EX}" select={quoteattr(expression)}/>')


@pytest.mark.parametrize(
    "expression",
    [
        "//*[//*[//*]]",
        "//e:user[e:name = //e:name[. = //e:name]]",
        "//*[contains(string(/), string(//*[string(/)]))]",
        "//*[//*[//*[//*[//*[//*]]]]]",
        "//*[" + " or ".join(["string(//*) = string(//*/..)"] * 60) + "]",
        "/e:top" + "/." * 3000,
        "/e:top" + "/.[." * 30 + "]" * 30 + "/." * 2000,
        "/e:top[" * 41 + "1" + "]" * 41,
        "(" * 41 + "/e:top" + ")" * 41,
        "|".join(["//*"] * 300),
        "/e:top" * 2000,
    ],
)
def test_an_expression_that_takes_too_long_is_refused(client, expression):
    error = client.error(xpath(expression))
    assert error.tag == "invalid-value"


@pytest.mark.parametrize(
    "expression",
    [
        "//e:name[re-match(., 'user[0-9]+(a+)+b')]",
        "/e:top[not(//e:name[1 > count(//e:name[re-match(., '(a|a)*b')])])]",
        "/e:top[re-match('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '(a*)*b')]/e:users",
    ],
)
def test_patterns_of_clients_are_never_matched(client, expression):
    """Matching can't be interrupted: one of these would stop the agent for good."""
    error = client.error(xpath(expression))
    assert error.tag == "invalid-value"
    assert "re-match() can't be used in filters" in error.message


def ambiguous_schema(folder):
    """A container in which each of the names a..l stands for a leaf of either module."""
    names = "abcdefghijkl"
    leaves = " ".join(f"leaf {name} {{ type string; }}" for name in names)
    (folder / "one.yang").write_text(f"module one {{ namespace urn:one; prefix o; container c {{ {leaves} }} }}")
    (folder / "two.yang").write_text(
        f"module two {{ namespace urn:two; prefix t; import one {{ prefix o; }} augment /o:c {{ {leaves} }} }}"
    )
    return compile_schema(("one", "two"), [folder])


def test_names_that_can_mean_much_do_not_multiply(tmp_path):
    schema = ambiguous_schema(tmp_path)

    def compiled(content):
        return compile_filter(etree.fromstring(f"<filter><c>{content}</c></filter>"), schema, 10_000)

    assert len(compiled("<a>1</a>" * 1000)) == 2
    assert len(compiled("<a>1</a><b>1</b>")) == 4
    with pytest.raises(RequestError) as refusal:
        compiled("".join(f"<{name}>1</{name}>" for name in "abcdefghijkl"))
    assert refusal.value.errors[0].tag == "too-big"
