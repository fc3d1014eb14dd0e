"""Messages that are well-formed and made to cost the square of their size: each is refused at once."""

import pytest

from agent.netconf.namespaces import BASE, base
from tests.netconf.models import EX
from tests.netconf.rig import Error, Rig, edit, users

#: Without its limit each of these takes minutes.
MANY = 60_000
PLAIN = " ".join(f'a{number}="x"' for number in range(MANY))
DECLARATIONS = " ".join(f'xmlns:n{number}="urn:{number}"' for number in range(MANY))
COLOURS = "".join(f"<user><name>{number}</name><colour>blue</colour></user>" for number in range(MANY))


@pytest.fixture
def client(tmp_path):
    rig = Rig(tmp_path)
    yield rig.client()
    rig.close()


def rpc(operation, attributes=""):
    return f'<rpc xmlns="{BASE}" message-id="1" {attributes}>{operation}</rpc>'


def top(content, attributes=""):
    return f'<top xmlns="{EX}" {attributes}>{content}</top>'


@pytest.mark.parametrize(
    "message",
    [
        rpc("<commit/>", PLAIN),
        rpc("<commit/>", DECLARATIONS),
        rpc(edit(top("", PLAIN))),
        rpc(f"<get><filter>{top('', PLAIN)}</filter></get>"),
        rpc(edit(top(f"<users>{COLOURS}</users>")), DECLARATIONS),
    ],
    ids=["rpc", "rpc namespaces", "edit", "filter", "namespaces and values that need them"],
)
def test_too_many_attributes_or_namespaces(client, message):
    client.write(message)
    error = Error(client.read()[0])
    assert (error.type, error.tag) == ("rpc", "malformed-message")
    assert "more than 256 attributes" in error.message
    client.ok("<discard-changes/>")


@pytest.mark.parametrize("before", ["<!-- -->", "<?a b?>", "<!-- --> <?a?>\n", "\n "])
@pytest.mark.parametrize("message", [rpc("<discard-changes/>"), "<!-- and no end", "<!DOCTYPE rpc>", "<?"])
def test_much_before_the_message(client, before, message):
    client.write(before * 10_000 + message)
    (child,) = client.read()
    answer = "ok" if child.tag == base("ok") else Error(child).tag
    assert answer == ("ok" if message.startswith("<rpc") else "malformed-message")
    client.ok("<discard-changes/>")


def test_many_elements_that_each_declare_their_namespace_are_no_problem(client):
    entries = "".join(f'<user xmlns="{EX}"><name>{number}</name></user>' for number in range(2000))
    client.ok(edit(f'<top xmlns="{EX}"><users>{entries}</users></top>'))


def test_so_many_attributes_are_allowed_and_come_back(client):
    attributes = {f"a{number}": "x" for number in range(200)}
    reply = client.rpc("<commit/>", **attributes)
    assert {name: reply.get(name) for name in attributes} == attributes
    client.ok(edit(users("fred"), "running"))
