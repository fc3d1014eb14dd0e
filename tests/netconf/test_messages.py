"""Messages as XML: hostile input is refused, and whatever prefixes a client uses, the answer is in the right place."""

import pytest
from lxml import etree

from agent.netconf.errors import Info, RequestError, RpcError
from agent.netconf.messages import (
    MAX_MESSAGE_ID,
    OK,
    Envelope,
    HelloError,
    MalformedMessageError,
    Parser,
    data_reply,
    error_reply,
    read_hello,
    read_rpc,
    write_hello,
    write_notification,
)
from agent.netconf.namespaces import BASE, YANG, base

PARSER = Parser(max_depth=50, max_attributes=50)


def parse(text):
    return PARSER.parse(text if isinstance(text, bytes) else text.encode())


def reply_to(rpc, reply=OK):
    return etree.fromstring(Envelope(parse(rpc)).write(reply))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "no xml",
        "<a>&undefined;</a>",
        b"<a>\xff</a>",
        b"<a>\x00</a>",
        "<a/>".encode("utf-16"),
        b'<?xml version="1.0" encoding="UTF-16"?>' + "<a/>".encode("utf-16-le"),
        "<a x='1' x='2'/>",
        "<p:a/>",
    ],
)
def test_what_is_not_well_formed_is_malformed(text):
    with pytest.raises(MalformedMessageError) as refusal:
        parse(text)
    assert refusal.value.reason


@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
        "<?xml version='1.0'?>\n<!-- x --> <?p i?><!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>",
        "<!DOCTYPE a [<!ENTITY l0 'lol'><!ENTITY l1 '&l0;&l0;&l0;&l0;&l0;&l0;'>]><a>&l1;</a>",
    ],
)
def test_a_document_type_declaration_is_refused(text):
    with pytest.raises(MalformedMessageError, match="document type"):
        parse(text)


def test_the_word_doctype_in_data_is_just_data():
    assert parse("<a><![CDATA[<!DOCTYPE x>]]></a>").text == "<!DOCTYPE x>"


def test_depth_is_limited():
    assert len(parse("<a>" * 50 + "</a>" * 50)) == 1
    with pytest.raises(MalformedMessageError, match="deep"):
        parse("<a>" * 51 + "</a>" * 51)


def test_white_space_declaration_and_byte_order_mark_before_the_message_are_no_fault():
    assert parse(b"\xef\xbb\xbf\n<?xml version='1.0' encoding='UTF-8'?>\n<a/>").tag == "a"


def test_comments_and_processing_instructions_are_not_seen():
    assert [child.tag for child in parse("<a><!-- c --><?p i?><b/></a>")] == ["b"]


class TestHello:
    def test_ours_has_capabilities_escaped_and_the_session_id(self):
        hello = etree.fromstring(write_hello(7, ["urn:a?x=1&y=2"]))
        assert hello.tag == base("hello")
        assert hello.findtext(f"{base('capabilities')}/{base('capability')}") == "urn:a?x=1&y=2"
        assert hello.findtext(base("session-id")) == "7"

    def test_capabilities_are_read_without_the_white_space_around_them(self):
        items = "<h:capability>\n  urn:a \n</h:capability>"
        hello = parse(f'<h:hello xmlns:h="{BASE}"><h:capabilities>{items}</h:capabilities></h:hello>')
        assert read_hello(hello).capabilities == {"urn:a"}

    @pytest.mark.parametrize(
        "hello",
        [
            "<hello/>",
            f'<hello xmlns="{BASE}"/>',
            f'<rpc xmlns="{BASE}" message-id="1"/>',
            f'<hello xmlns="{BASE}"><capabilities/><session-id>4</session-id></hello>',
        ],
    )
    def test_what_opens_no_session(self, hello):
        with pytest.raises(HelloError):
            read_hello(parse(hello))


class TestEnvelope:
    def test_all_attributes_come_back(self):
        reply = reply_to(
            f'<rpc xmlns="{BASE}" xmlns:ex="http://example.net/" message-id="a &lt; &quot;b&quot; &amp;&#10;c" '
            'ex:user-id="fred" xml:lang="de" plain="1"><get/></rpc>'
        )
        assert dict(reply.attrib) == {
            "message-id": 'a < "b" &\nc',
            "{http://example.net/}user-id": "fred",
            "{http://www.w3.org/XML/1998/namespace}lang": "de",
            "plain": "1",
        }
        assert reply.nsmap["ex"] == "http://example.net/"

    def test_a_qualified_message_id_counts_and_comes_back_as_it_was(self):
        rpc = f'<nc:rpc xmlns:nc="{BASE}" nc:message-id="7"><nc:get/></nc:rpc>'
        assert read_rpc(parse(rpc)).operation.tag == base("get")
        assert dict(reply_to(rpc).attrib) == {base("message-id"): "7"}

    @pytest.mark.parametrize(
        "rpc",
        [
            f'<rpc xmlns="{BASE}" message-id="1"><x/></rpc>',
            f'<nc:rpc xmlns:nc="{BASE}" message-id="1"><nc:x/></nc:rpc>',
            f'<nc:rpc xmlns:nc="{BASE}" xmlns="{BASE}" message-id="1"><x/></nc:rpc>',
            f'<nc:rpc xmlns:nc="{BASE}" xmlns="urn:other" message-id="1"><x/></nc:rpc>',
        ],
        ids=["default", "prefix", "both", "foreign default"],
    )
    def test_the_answer_is_in_the_base_namespace_whatever_the_clients_prefixes(self, rpc):
        errors = error_reply([RpcError("in-use", "m", info=(Info("bad-element", "x"), Info("non-unique", "/a", YANG)))])
        ok, data, error = (reply_to(rpc, reply) for reply in (OK, data_reply(b'<t xmlns="urn:t"/>'), errors))
        assert {ok.tag, data.tag, error.tag} == {base("rpc-reply")}
        assert ok[0].tag == base("ok")
        assert [data[0].tag, data[0][0].tag] == [base("data"), "{urn:t}t"]
        info = error.find(f"{base('rpc-error')}/{base('error-info')}")
        assert [child.tag for child in info] == [base("bad-element"), f"{{{YANG}}}non-unique"]
        assert ok.nsmap.items() >= parse(rpc).nsmap.items()

    def test_without_a_request_there_is_no_message_id(self):
        assert not etree.fromstring(Envelope().write(OK)).attrib


def test_an_error_says_everything_in_the_order_of_the_rfc():
    error = RpcError(
        "invalid-value",
        "1 < 2",
        "application",
        app_tag="x&y",
        path="/t:top[t:a='<']",
        prefixes=(("t", "urn:t"),),
        info=(Info("bad-element", "a"),),
    )
    element = etree.fromstring(Envelope().write(error_reply([error])))[0]
    assert [(child.tag.rpartition("}")[2], child.text) for child in element] == [
        ("error-type", "application"),
        ("error-tag", "invalid-value"),
        ("error-severity", "error"),
        ("error-app-tag", "x&y"),
        ("error-path", "/t:top[t:a='<']"),
        ("error-message", "1 < 2"),
        ("error-info", None),
    ]
    assert element.find(base("error-path")).nsmap["t"] == "urn:t"


@pytest.mark.parametrize(
    ("rpc", "tag", "info"),
    [
        (
            f'<rpc xmlns="{BASE}"><get/></rpc>',
            "missing-attribute",
            {"bad-attribute": "message-id", "bad-element": "rpc"},
        ),
        (
            f'<rpc xmlns="{BASE}" message-id="{"1" * (MAX_MESSAGE_ID + 1)}"><get/></rpc>',
            "bad-attribute",
            {"bad-attribute": "message-id", "bad-element": "rpc"},
        ),
        (
            '<rpc xmlns="urn:x" message-id="1"><get/></rpc>',
            "unknown-namespace",
            {"bad-element": "rpc", "bad-namespace": "urn:x"},
        ),
        ('<rpc message-id="1"><get/></rpc>', "unknown-namespace", {"bad-element": "rpc", "bad-namespace": ""}),
        (f'<rcp xmlns="{BASE}" message-id="1"/>', "unknown-element", {"bad-element": "rcp"}),
        (f'<rpc xmlns="{BASE}" message-id="1"/>', "missing-element", {"bad-element": "rpc"}),
        (f'<rpc xmlns="{BASE}" message-id="1"><get/><commit/></rpc>', "unknown-element", {"bad-element": "commit"}),
    ],
)
def test_the_outside_of_a_request_is_checked(rpc, tag, info):
    with pytest.raises(RequestError) as refusal:
        read_rpc(parse(rpc))
    (error,) = refusal.value.errors
    assert (error.tag, error.type) == (tag, "rpc")
    assert {item.name: item.text for item in error.info} == info


def test_a_notification_has_its_time_first():
    element = etree.fromstring(write_notification("2026-01-31T12:00:00Z", b'<e xmlns="urn:e"/>'))
    assert [child.tag for child in element] == [
        "{urn:ietf:params:xml:ns:netconf:notification:1.0}eventTime",
        "{urn:e}e",
    ]
