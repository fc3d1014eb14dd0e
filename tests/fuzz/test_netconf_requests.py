"""Damaged requests: whatever is cut out of, doubled in or renamed in a good request, the answer is never our fault."""

import copy
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from agent.netconf.namespaces import BASE, MONITORING, NOTIFICATION, YANG, base
from tests.netconf.models import EX, OTHER
from tests.netconf.rig import Rig, edit, get_config, subtree, users

TOP = (
    f'<top xmlns="{EX}"><users><user nc:operation="replace" xmlns:nc="{BASE}"><name>fred</name>'
    f'<colour xmlns:e="{EX}">e:red</colour><role>a</role><shoe-size xmlns="{OTHER}">7</shoe-size></user></users>'
    '<rule xmlns:y="urn:ietf:params:xml:ns:yang:1" y:insert="first"><name>r</name><limit>5</limit></rule>'
    "<notes><any>x</any></notes><marker/></top>"
)
CLOCK = f'<clock xmlns="{EX}"><ticks>5</ticks><beat/></clock>'
REQUESTS = [
    edit(TOP),
    edit(TOP, "running", "<default-operation>merge</default-operation><test-option>set</test-option>"),
    f"<copy-config><target><candidate/></target><source><config>{users('a', 'b')}</config></source></copy-config>",
    "<validate><source><candidate/></source></validate>",
    "<commit/>",
    "<lock><target><running/></target></lock>",
    "<unlock><target><running/></target></unlock>",
    "<kill-session><session-id>4711</session-id></kill-session>",
    get_config(inside=subtree(TOP.replace('nc:operation="replace"', ""))),
    f"<get>{subtree(CLOCK)}</get>",
    f'<get><filter type="xpath" xmlns:e="{EX}" select="/e:top/e:users/e:user[e:name=\'fred\']/e:role"/></get>',
    f'<get-schema xmlns="{MONITORING}"><identifier>example-config</identifier><format>yang</format></get-schema>',
    f'<create-subscription xmlns="{NOTIFICATION}"><stream>NETCONF</stream></create-subscription>',
    f'<add xmlns="{EX}"><a>1</a><b>2</b><colour xmlns:e="{EX}">e:red</colour></add>',
    f'<action xmlns="{YANG}"><top xmlns="{EX}"><users><user><name>fred</name><greet><word>hi</word></greet></user>'
    "</users></top></action>",
]
TEXTS = ["", " ", "x", "-1", "e:blue", "nope:red", "99999999999999999999", "\u00e9\u4e00", "]]>", "/", "a" * 300]
TAGS = [base("get"), base("config"), f"{{{EX}}}name", f"{{{EX}}}user", f"{{{OTHER}}}marker", "plain", "{urn:x}odd"]
ATTRIBUTES = [
    (base("operation"), "delete"),
    (base("operation"), "odd"),
    ("type", "xpath"),
    ("select", "//*[1"),
    ("{urn:ietf:params:xml:ns:yang:1}insert", "before"),
    ("{urn:ietf:params:xml:ns:yang:1}key", "[x='"),
    ("plain", "1"),
]


@pytest.fixture(scope="module")
def rig():
    with TemporaryDirectory() as folder:
        rig = Rig(Path(folder))
        yield rig
        rig.close()


def damage(element, random):
    """One random change somewhere in the tree of `element`."""
    nodes = list(element.iter())
    node = random.choice(nodes)
    parent = node.getparent()
    kind = random.randrange(7)
    if kind == 0 and parent is not None:
        parent.remove(node)
    elif kind == 1 and parent is not None:
        parent.insert(parent.index(node), copy.deepcopy(node))
    elif kind == 2:
        node.text = random.choice(TEXTS)
    elif kind == 3:
        node.tail = random.choice(TEXTS)
    elif kind == 4:
        node.tag = random.choice([*TAGS, random.choice(nodes).tag])
    elif kind == 5:
        node.set(*random.choice(ATTRIBUTES))
    else:
        node.append(copy.deepcopy(random.choice(nodes)))


@settings(deadline=None, max_examples=400)
@given(request=st.sampled_from(REQUESTS), random=st.randoms(use_true_random=False), times=st.integers(1, 4))
def test_the_answer_is_never_an_internal_error(rig, request, random, times):
    client = rig.client()
    rpc = etree.fromstring(f'<rpc xmlns="{BASE}" message-id="1">{request}</rpc>')
    for _ in range(times):
        damage(rpc, random)
    client.write(etree.tostring(rpc, with_tail=False))
    (reply,) = client.read_all()
    assert reply.tag == base("rpc-reply")
    assert "internal error" not in etree.tostring(reply).decode(), etree.tostring(rpc).decode()
    assert not client.disconnected
    rig.background.clear()
    client.session.connection_lost()
