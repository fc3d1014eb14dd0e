"""One edit of the running configuration, sent over the control socket: what `trustconf user add` needs of NETCONF."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from lxml import etree

from agent.transport.control_client import ANSWER_SECONDS, AgentUnreachableError, open_netconf
from agent.transport.streams import SocketStream

_NETCONF: Final = "urn:ietf:params:xml:ns:netconf:base:1.0"
#: NETCONF 1.0 framing (RFC 6242 section 4.3) is enough for a client that sends nothing but its own XML.
_END: Final = b"]]>]]>"
_HELLO: Final = (
    f'<hello xmlns="{_NETCONF}"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities>'
    "</hello>"
).encode()
#: Bytes of one answer that are read at most.
_MAX_ANSWER: Final = 16 * 1024 * 1024


class EditRefusedError(Exception):
    """The agent refused the edit; the text is the error-message of its rpc-error."""


def edit_running(path: Path, config: bytes) -> None:
    """Merge `config` (a serialised <config> element's content as one element) into the running configuration.

    Raises EditRefusedError, AgentUnreachableError.
    """
    content = b"".join(etree.tostring(child) for child in etree.fromstring(config))
    request = (
        f'<rpc xmlns="{_NETCONF}" message-id="1"><edit-config><target><running/></target><config>'.encode()
        + content
        + b"</config></edit-config></rpc>"
    )
    connection = open_netconf(path)
    try:
        stream = SocketStream(connection, ANSWER_SECONDS)
        stream.sendall(_HELLO + _END + request + _END)
        buffer = bytearray()
        _read_message(stream, buffer)  # the agent's hello
        reply = etree.fromstring(
            _read_message(stream, buffer), etree.XMLParser(resolve_entities=False, no_network=True)
        )
    except (OSError, etree.XMLSyntaxError) as error:
        raise AgentUnreachableError(f"the agent at {path} gave no answer: its log may say why") from error
    finally:
        connection.close()
    messages = [element.text or "" for element in reply.iter(f"{{{_NETCONF}}}error-message")]
    if reply.find(f"{{{_NETCONF}}}ok") is None:
        raise EditRefusedError("; ".join(messages) or "no reason was given")


def _read_message(stream: SocketStream, buffer: bytearray) -> bytes:
    """The next message; what follows it stays in `buffer`."""
    while (end := buffer.find(_END)) < 0:
        data = stream.recv(65536)
        if not data or len(buffer) > _MAX_ANSWER:
            raise ConnectionError("no whole answer")
        buffer += data
    message = bytes(buffer[:end])
    del buffer[: end + len(_END)]
    return message
