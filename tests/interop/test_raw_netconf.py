"""Clients differ in prefixes, in framing, and in what shares a write: all of them are answered, in order."""

import pytest
from lxml import etree

from tests.interop.raw_netconf import BASE, EOM, chunk, error_tags, hello, local, messages, rpc, talk

GET = (
    '<get-config><source><running/></source><filter><system xmlns="urn:ietf:params:xml:ns:yang:ietf-system"/></filter>'
    "</get-config>"
)
CLOSE = "<close-session/>"
DOCTYPE = b'<!DOCTYPE rpc [<!ENTITY a "aaaa">]>'


def ids(replies):
    return [reply.get("message-id") for reply in replies]


class TestFraming:
    def test_hello_and_first_request_in_one_write(self, shared_agent):
        replies = messages(talk(shared_agent, hello() + chunk(rpc(GET, 1)) + chunk(rpc(CLOSE, 2))))
        assert ids(replies) == ["1", "2"]
        assert local(replies[0][0]) == "data"
        assert local(replies[1][0]) == "ok"

    def test_a_client_of_base_1_0_only(self, shared_agent):
        answer = talk(shared_agent, hello("1.0") + rpc(GET, 1) + EOM + rpc(CLOSE, 2) + EOM)
        assert ids(messages(answer, "1.0")) == ["1", "2"]
        assert answer.count(EOM) == 3
        assert b"\n##\n" not in answer

    def test_a_client_of_base_1_1_only(self, shared_agent):
        assert ids(messages(talk(shared_agent, hello("1.1") + chunk(rpc(CLOSE, 1))))) == ["1"]

    def test_without_a_common_version_the_session_ends(self, shared_agent):
        answer = talk(shared_agent, hello("2.0") + rpc(GET) + EOM)
        assert answer.count(EOM) == 1
        assert answer.endswith(EOM)

    @pytest.mark.parametrize("size", [1, 2, 7])
    def test_small_chunks(self, shared_agent, size):
        replies = messages(talk(shared_agent, hello() + chunk(rpc(GET, 1), size) + chunk(rpc(CLOSE, 2), size)))
        assert ids(replies) == ["1", "2"]

    def test_pipelined_requests_are_answered_in_order(self, shared_agent):
        requests = b"".join(chunk(rpc(GET, number)) for number in range(300))
        assert ids(messages(talk(shared_agent, hello() + requests))) == [str(number) for number in range(300)]

    @pytest.mark.parametrize("frame", [b"\n#0\n\n##\n", b"\n#x\n", b"#5\nhello\n##\n", b"\n#-1\n", b"\n##\n"])
    def test_bad_framing_ends_the_session_without_an_answer(self, shared_agent, frame):
        assert ids(messages(talk(shared_agent, hello() + chunk(rpc(GET, 1)) + frame + chunk(rpc(GET, 2))))) == ["1"]

    @pytest.mark.parametrize("size", [16 * 1024 * 1024 + 1, 2**32 - 1])
    def test_a_chunk_that_is_too_big_is_refused_before_it_comes(self, shared_agent, size):
        answer = talk(shared_agent, hello() + chunk(rpc(GET, 1)) + b"\n#%d\n" % size)
        first, refusal = messages(answer)
        assert first.get("message-id") == "1"
        assert error_tags(refusal) == ["too-big"]


class TestBadMessages:
    @pytest.mark.parametrize(
        "message",
        [
            DOCTYPE + rpc("<get>&a;</get>"),
            b"<?xml version='1.0'?>\n<!-- odd -->" + DOCTYPE + rpc(GET),
            rpc("<get>"),
            b"not xml at all",
            b"",
            rpc(GET).replace(b"system", b"\xff\xfe"),
            rpc("<a>" * 300 + "</a>" * 300),
        ],
    )
    def test_malformed_message_and_the_session_goes_on(self, shared_agent, message):
        requests = [chunk(message)] if message else [b"\n#1\n \n##\n"]
        first, second = messages(talk(shared_agent, hello() + b"".join(requests) + chunk(rpc(CLOSE, 2))))
        assert error_tags(first) == ["malformed-message"]
        assert first.findtext(f"{{{BASE}}}rpc-error/{{{BASE}}}error-type") == "rpc"
        assert first.get("message-id") is None
        assert second.get("message-id") == "2"

    def test_clients_of_base_1_0_do_not_know_malformed_message(self, shared_agent):
        answer = talk(shared_agent, hello("1.0") + DOCTYPE + rpc(GET) + EOM + rpc(CLOSE, 2) + EOM)
        first, second = messages(answer, "1.0")
        assert error_tags(first) == ["operation-failed"]
        assert second.get("message-id") == "2"

    def test_a_doctype_in_the_hello_ends_the_session(self, shared_agent):
        answer = talk(shared_agent, DOCTYPE + hello() + chunk(rpc(GET)))
        assert answer.count(EOM) == 1
        assert answer.endswith(EOM)

    @pytest.mark.parametrize(
        ("message", "tag"),
        [
            (f'<rpc xmlns="{BASE}">{GET}</rpc>', "missing-attribute"),
            (f'<rpc message-id="1">{GET}</rpc>', "unknown-namespace"),
            (f'<rpc xmlns="{BASE}" message-id="1"/>', "missing-element"),
            (f'<rpc xmlns="{BASE}" message-id="1"><fly/></rpc>', "operation-not-supported"),
            (f'<rpc xmlns="{BASE}" message-id="1"><x xmlns="urn:nobody"/></rpc>', "unknown-namespace"),
            (f'<rpc xmlns="{BASE}" message-id="1"><get-config/></rpc>', "missing-element"),
            (f'<rpc xmlns="{BASE}" message-id="1"><get><depth>1</depth></get></rpc>', "unknown-element"),
        ],
    )
    def test_bad_requests(self, shared_agent, message, tag):
        first, second = messages(talk(shared_agent, hello() + chunk(message.encode()) + chunk(rpc(CLOSE, 2))))
        assert error_tags(first) == [tag]
        assert second.get("message-id") == "2"


class TestPrefixes:
    @pytest.mark.parametrize(
        "message",
        [
            f'<nc:rpc xmlns:nc="{BASE}" message-id="1"><nc:get-config><nc:source><nc:running/></nc:source>'
            "</nc:get-config></nc:rpc>",
            f'<_:rpc xmlns:_="{BASE}" xmlns="urn:x" message-id="1"><_:get-config><_:source><_:running/></_:source>'
            "</_:get-config></_:rpc>",
            f"<?xml version='1.0' encoding='utf-8'?>\r\n\r\n<rpc\n xmlns='{BASE}'\n message-id='1'>\n<!-- now -->"
            "<get-config>\t<source> <running></running> </source></get-config><?pi data?>\n</rpc>\n\n",
            f'\ufeff<rpc xmlns="{BASE}" message-id="1"><c:get-config xmlns:c="{BASE}"><source><c:running/></source>'
            "</c:get-config></rpc>",
        ],
        ids=["prefix", "foreign default", "space and comments", "byte order mark"],
    )
    def test_any_spelling_of_a_request(self, shared_agent, message):
        [reply] = messages(talk(shared_agent, hello() + chunk(message.encode())))
        assert reply.tag == f"{{{BASE}}}rpc-reply"
        assert reply.get("message-id") == "1"
        assert reply[0].tag == f"{{{BASE}}}data"
        assert reply[0][0].tag == "{urn:ietf:params:xml:ns:yang:ietf-system}system"

    def test_attributes_of_the_rpc_come_back(self, shared_agent):
        request = (
            f'<rpc xmlns="{BASE}" xmlns:ex="http://example.net/" message-id="a&quot;&lt;&#10;\u00e9" ex:user="fred"'
            ' xml:lang="de" plain="">%s</rpc>'
        )
        replies = messages(
            talk(shared_agent, hello() + chunk((request % GET).encode()) + chunk((request % "<fly/>").encode()))
        )
        assert len(replies) == 2
        for reply in replies:
            assert dict(reply.attrib) == {
                "message-id": 'a"<\n\u00e9',
                "{http://example.net/}user": "fred",
                "{http://www.w3.org/XML/1998/namespace}lang": "de",
                "plain": "",
            }
        assert error_tags(replies[1]) == ["operation-not-supported"]


def test_our_hello(shared_agent):
    greeting, separator, rest = talk(shared_agent, hello()).partition(EOM)
    element = etree.fromstring(greeting)
    assert separator == EOM
    assert rest == b""
    assert [local(child) for child in element] == ["capabilities", "session-id"]
    assert int(element[1].text) > 0
    capabilities = [child.text for child in element[0]]
    assert len(capabilities) == len(set(capabilities))
    assert {f"urn:ietf:params:netconf:base:1.{version}" for version in (0, 1)} < set(capabilities)


def test_a_large_request_and_a_large_reply(shared_agent):
    contact = "x" * 3_000_000
    content = f'<system xmlns="urn:ietf:params:xml:ns:yang:ietf-system"><contact>{contact}</contact></system>'
    edit = f"<edit-config><target><candidate/></target><config>{content}</config></edit-config>"
    read = "<get-config><source><candidate/></source></get-config>"
    requests = [edit, read, "<discard-changes/>", CLOSE]
    data = hello() + b"".join(chunk(rpc(text, number), 100_000) for number, text in enumerate(requests))
    replies = messages(talk(shared_agent, data))
    assert ids(replies) == ["0", "1", "2", "3"]
    assert replies[1].findtext(".//{urn:ietf:params:xml:ns:yang:ietf-system}contact") == contact
