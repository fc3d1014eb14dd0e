"""rpcs and actions of a model: by the schema in, through the registry, by the schema out."""

import pytest
from lxml import etree

from agent.netconf.namespaces import BASE, YANG, base
from tests.netconf.models import EX, canonical
from tests.netconf.rig import edit, users


def add(content):
    return f'<add xmlns="{EX}">{content}</add>'


def greet(name="fred", content="<word>hi</word>"):
    inside = f"<user><name>{name}</name><greet>{content}</greet></user>"
    return f'<action xmlns="{YANG}"><top xmlns="{EX}"><users>{inside}</users></top></action>'


def test_the_output_is_in_the_namespace_of_the_model(client):
    (output,) = client.rpc(add("<a>1</a><b>2</b>"))
    assert (output.tag, output.text) == (f"{{{EX}}}sum", "3")


def test_defaults_are_filled_in(rig, client):
    assert client.rpc(add("<a>1</a>"))[0].text == "2"
    assert rig.asked[-1][0] == {"a": 1, "b": 1}


def test_the_function_knows_who_asks(rig, client):
    client.rpc(add("<a>1</a>"))
    assert rig.asked[-1][1].caller == client.session.caller


def test_identities_go_in_and_out_whatever_the_prefix(rig, client):
    reply = client.rpc(add(f'<a>1</a><colour xmlns:q="{EX}">q:red</colour>'))
    assert rig.asked[-1][0]["colour"] == "example-config:red"
    element = reply[1]
    prefix, _, name = element.text.rpartition(":")
    assert (element.nsmap[prefix or None], name) == (EX, "red")


def test_without_output_the_answer_is_ok(client):
    client.ok(f'<reset xmlns="{EX}"/>')


@pytest.mark.parametrize(
    ("content", "tag", "bad"),
    [
        ("", "missing-element", "a"),
        ("<a>1</a><c>2</c>", "unknown-element", "c"),
    ],
)
def test_wrong_input(client, content, tag, bad):
    error = client.error(add(content))
    assert (error.type, error.tag, error.info) == ("application", tag, {base("bad-element"): bad})


def test_a_bad_value_is_located_in_the_request(client):
    error = client.error(add("<a>one</a>"))
    assert (error.tag, error.path) == ("invalid-value", "/nc:rpc/ex:add/ex:a")
    assert error.nsmap.items() >= {"nc": base("")[1:-1], "ex": EX}.items()


def test_what_a_provider_refuses(client):
    error = client.error(add("<a>13</a>"))
    assert (error.type, error.tag, error.app_tag) == ("application", "invalid-value", "luck")
    assert error.message == "13 is unlucky; use 14."
    assert error.path == "/nc:rpc/ex:add/ex:a"


class TestActions:
    def test_it_runs_on_an_instance(self, rig, client):
        client.ok(edit(users("fred"), "running"))
        reply = client.rpc(greet())
        assert canonical(etree.tostring(reply[0])) == canonical(f'<greeting xmlns="{EX}">hi fred</greeting>')
        assert rig.asked[-1][1].instance_keys == ({"name": "fred"},)

    def test_the_instance_must_be_there(self, client):
        error = client.error(greet())
        assert (error.tag, error.path) == ("data-missing", "/ex:top/ex:users/ex:user[ex:name='fred']")

    def test_its_input_is_validated(self, client):
        client.ok(edit(users("fred"), "running"))
        error = client.error(greet(content=""))
        assert (error.tag, error.info) == ("missing-element", {base("bad-element"): "word"})

    def test_a_bad_value_is_located_below_the_instance(self, client):
        client.ok(edit(users("fred"), "running"))
        error = client.error(greet(content="<word>hi</word><volume>11</volume>"))
        assert error.tag == "unknown-element"
        instance = "/nc:rpc/yang:action/ex:top/ex:users/ex:user[ex:name='fred']/ex:greet"
        assert error.path == instance
        error = client.error(greet(content=f"<word>{'x' * 9}</word>"))
        assert (error.tag, error.path) == ("invalid-value", f"{instance}/ex:word")
        assert error.nsmap.items() >= {"nc": BASE, "yang": YANG, "ex": EX}.items()

    @pytest.mark.parametrize(
        ("inside", "tag"),
        [
            ("", "missing-element"),
            (f'<top xmlns="{EX}"/>', "missing-element"),
            (f'<top xmlns="{EX}"><nothing/></top>', "unknown-element"),
            ('<top xmlns="urn:x"/>', "unknown-element"),
            (f'<top xmlns="{EX}"><users/><hosts/></top>', "bad-element"),
            (f'<top xmlns="{EX}"><users><user><greet/></user></users></top>', "missing-element"),
        ],
    )
    def test_a_way_that_leads_nowhere(self, client, inside, tag):
        assert client.error(f'<action xmlns="{YANG}">{inside}</action>').tag == tag
