"""A leaf of an rpc's output that is too large to be held: it is written piece by piece, in both framings."""

import pytest

from tests.netconf.models import EX, schema
from tests.netconf.rig import edit, users
from tests.netconf.test_model_operations import greet


class Stream:
    """A TextStream that counts."""

    def __init__(self, chunks, on_chunk=lambda number: None):
        self.waiting = chunks
        self.on_chunk = on_chunk
        self.read = 0
        self.closed = False

    def chunks(self):
        for chunk in self.waiting:
            self.read += 1
            self.on_chunk(self.read)
            yield chunk

    def close(self):
        self.closed = True


@pytest.fixture
def answering(rig):
    """Let the action answer with a stream."""

    def answer(stream):
        node = schema().find("/example-config:top/users/user/greet")
        rig.server.services.registry.rpc_functions[node] = lambda record, context: {"greeting": stream}
        return stream

    return answer


@pytest.fixture(params=[0, 1])
def client(request, rig):
    client = rig.client(request.param)
    client.ok(edit(users("fred"), target="running"))
    return client


def test_the_text_is_whole_and_escaped_and_closed(answering, client):
    pieces = [b"<&>\r]]>]]>", b"x" * 300_000, b"", b"\n##\n"] * 9
    stream = answering(Stream(pieces))
    (greeting,) = client.rpc(greet())
    assert greeting.tag == f"{{{EX}}}greeting"
    assert greeting.text == b"".join(pieces).decode()
    assert stream.closed
    client.ok("<discard-changes/>")


def test_a_session_that_is_ended_reads_no_further(answering, client):
    stream = answering(Stream([b"x" * 1000] * 5000, lambda number: number == 3 and client.session.close("killed")))
    client.write(f'<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="9">{greet()}</rpc>')
    assert stream.closed
    assert stream.read < 10
    assert client.read() is None


def test_a_stream_that_breaks_ends_the_session(answering, client):
    def breaks(number):
        if number == 2:
            raise OSError("the disk is gone")

    stream = answering(Stream([b"x"] * 3, breaks))
    client.write(f'<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="9">{greet()}</rpc>')
    assert stream.closed
    assert client.session.closed


def test_a_stream_where_none_can_stand_is_closed(rig, client):
    """In a leaf of another type."""
    stream = Stream([b"1"])
    node = schema().find("/example-config:add")
    rig.server.services.registry.rpc_functions[node] = lambda record, context: {"sum": stream}
    assert client.errors(f'<add xmlns="{EX}"><a>1</a></add>')
    assert stream.closed


def test_the_function_learns_that_its_client_has_gone(rig, client):
    seen = []

    def work(record, context):
        seen.append(context.abandoned())
        client.session.close("killed")
        seen.append(context.abandoned())

    node = schema().find("/example-config:reset")
    rig.server.services.registry.rpc_functions[node] = work
    client.write(f'<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="9"><reset xmlns="{EX}"/></rpc>')
    assert seen == [False, True]
