"""NETCONF by plain `ssh -s HOST netconf` and literal bytes: what is written here is what goes over the wire."""

import subprocess

from lxml import etree

from agent.netconf.framing import ChunkedDecoder, EndOfMessageDecoder

BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
EOM = b"]]>]]>"
LARGE = 64 * 1024 * 1024


def hello(*versions):
    capabilities = "".join(
        f"<capability>urn:ietf:params:netconf:base:{version}</capability>" for version in versions or ("1.0", "1.1")
    )
    return f'<hello xmlns="{BASE}"><capabilities>{capabilities}</capabilities></hello>'.encode() + EOM


def rpc(operation, message_id="1"):
    return f'<rpc xmlns="{BASE}" message-id="{message_id}">{operation}</rpc>'.encode()


def chunk(data, size=None):
    """One message in chunks of `size` bytes (RFC 6242 section 4.2)."""
    size = size or len(data)
    pieces = (data[start : start + size] for start in range(0, len(data), size))
    return b"".join(b"\n#%d\n%s" % (len(piece), piece) for piece in pieces) + b"\n##\n"


def talk(agent, data):
    """All bytes that the agent sends to a client that says `data` and then hangs up."""
    result = subprocess.run(
        agent.ssh_command("-s", "admin@127.0.0.1", "netconf"), input=data, capture_output=True, timeout=60, check=False
    )
    return result.stdout


def messages(answer, version="1.1"):
    """The agent's messages after its hello, as elements."""
    greeting, _, rest = answer.partition(EOM)
    assert etree.fromstring(greeting).tag == f"{{{BASE}}}hello"
    decoder = EndOfMessageDecoder(LARGE) if version == "1.0" else ChunkedDecoder(LARGE, LARGE)
    decoder.feed(rest)
    return [etree.fromstring(message) for message in iter(decoder.next_message, None)]


def local(element):
    return etree.QName(element).localname


def error_tags(message):
    return [element.text for element in message.iterfind(f"{{{BASE}}}rpc-error/{{{BASE}}}error-tag")]
