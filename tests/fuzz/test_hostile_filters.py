"""Filters made to cost much: each is answered, or refused where it would go on for ever, and nothing else stops."""

from xml.sax.saxutils import quoteattr

import pytest

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
