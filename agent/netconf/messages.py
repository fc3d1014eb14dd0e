"""Messages as XML: reading what a client sent, writing what it gets (RFC 6241 sections 3, 4 and 8.1, RFC 5277).

Reading is hostile ground: no DTD, no entities, no network, UTF-8 only, bounded depth. Writing makes bytes directly;
whatever prefixes a client uses, what we write is in the right namespaces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree

from agent.netconf.errors import Info, RequestError, RpcError, bad_attribute, bad_element
from agent.netconf.namespaces import BASE, NOTIFICATION, XML, base, local_name, namespace_of
from agent.northbound.contract import TextStream
from agent.yang.xml_writer import escape, escape_attribute

#: The longest message-id (RFC 6241 appendix B, messageIdType).
MAX_MESSAGE_ID: Final = 4095

_DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
#: What may come before a document type declaration, and the declaration. Possessive: a search that could begin a
#: comment's end anew would try all ways to divide a row of comments, and there are 2**n.
_DOCTYPE: Final = re.compile(rb"(?>\s++|<\?.*?\?>|<!--.*?-->)*+<!DOCTYPE", re.DOTALL)


class MalformedMessageError(Exception):
    """Not well-formed XML in UTF-8, or with something that we refuse to parse. `reason` is for the client."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class HelloError(Exception):
    """The client's first message does not open a session; the text is for the log."""


class Parser:
    """Parses messages with bounded depth, and bounded numbers of attributes and namespaces (netconf/limits.py)."""

    def __init__(self, max_depth: int, max_attributes: int) -> None:
        self._max_depth = max_depth
        self._max_attributes = max_attributes
        self._too_many_attributes = etree.XPath(f"boolean(/descendant::*[@*[{max_attributes + 1}]])")
        # A path of child steps runs in C and stops at the first level that isn't there.
        self._too_deep = etree.XPath(f"boolean({'/*' * (max_depth + 1)})")

    def parse(self, message: bytes) -> etree._Element:
        """The document element. Raises MalformedMessageError."""
        text = message.removeprefix(_BYTE_ORDER_MARK).lstrip()
        if _DOCTYPE.match(text):
            raise MalformedMessageError("A document type declaration is not allowed; send the message without it.")
        # One parser a message: a parser must not be shared by threads, and sessions have a thread each.
        parser = etree.XMLParser(
            encoding="utf-8",
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        try:
            root = etree.fromstring(text, parser)
        except (etree.XMLSyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None)
            where = f" (line {line})" if line else ""
            raise MalformedMessageError(f"The message is not well-formed XML in UTF-8{where}.") from None
        if root.getroottree().docinfo.internalDTD is not None:
            raise MalformedMessageError("A document type declaration is not allowed; send the message without it.")
        if self._too_deep(root):
            raise MalformedMessageError(f"The message is nested more than {self._max_depth} elements deep.")
        if self._too_many_attributes(root) or self._has_too_many_namespaces(root, text):
            raise MalformedMessageError(
                f"An element has more than {self._max_attributes} attributes or namespaces in scope."
            )
        return root

    def _has_too_many_namespaces(self, root: etree._Element, text: bytes) -> bool:
        if text.count(b"xmlns") <= self._max_attributes:
            return False
        in_scope = 0
        for event, _ in etree.iterwalk(root, events=("start-ns", "end-ns")):
            in_scope += 1 if event == "start-ns" else -1
            if in_scope > self._max_attributes:
                return True
        return False


@dataclass(frozen=True, slots=True)
class Hello:
    """What a client's hello says."""

    capabilities: frozenset[str]


def read_hello(root: etree._Element) -> Hello:
    """Raises HelloError."""
    if root.tag != base("hello"):
        raise HelloError(f"the first message is <{_printable(root.tag)}>, not a NETCONF <hello>")
    if root.find(base("session-id")) is not None:
        raise HelloError("a client's hello must not have a session-id (RFC 6241 section 8.1)")
    capabilities = root.find(base("capabilities"))
    if capabilities is None:
        raise HelloError("the hello has no capabilities")
    return Hello(frozenset((item.text or "").strip() for item in capabilities.iterfind(base("capability"))))


def write_hello(session_id: int, capabilities: Sequence[str]) -> bytes:
    items = "".join(f"<capability>{escape(uri)}</capability>" for uri in capabilities)
    return (
        _DECLARATION
        + (
            f'<hello xmlns="{BASE}"><capabilities>{items}</capabilities><session-id>{session_id}</session-id></hello>'
        ).encode()
    )


@dataclass(frozen=True, slots=True)
class Reply:
    """What an operation answers: children of rpc-reply.

    `elements` are elements of the base namespace without attributes, as (name, XML inside); `xml` are elements that
    declare their own namespaces. `streamed` is more of the latter, in pieces, with streams for the texts of leaves that
    are too large to be held: they are read when the reply is written, once, and closed by `close`.
    """

    elements: tuple[tuple[str, bytes], ...] = ()
    xml: bytes = b""
    streamed: tuple[bytes | TextStream, ...] = ()

    def close(self) -> None:
        """Let go of the streams."""
        for piece in self.streamed:
            if not isinstance(piece, bytes):
                piece.close()


OK: Final = Reply((("ok", b""),))


def data_reply(content: bytes) -> Reply:
    """<data> with ready XML in it."""
    return Reply((("data", content),))


def error_reply(errors: Sequence[RpcError]) -> Reply:
    return Reply(tuple(("rpc-error", _write_error(error)) for error in errors))


class Envelope:
    """The start and end tags of the rpc-reply that answers one rpc: all its attributes come back (section 4.1)."""

    def __init__(self, rpc: etree._Element | None = None) -> None:
        attributes: list[str] = []
        declared: dict[str | None, str] = {}
        if rpc is not None:
            declared = {prefix: uri for prefix, uri in rpc.nsmap.items() if uri is not None}
            attributes = [
                f'{_qualified(str(name), declared)}="{escape_attribute(str(value))}"'
                for name, value in rpc.attrib.items()
            ]
        foreign_default = declared.get(None, BASE) != BASE
        # A foreign default namespace comes back as well: the reply then has the client's prefix for the base one.
        prefix = next((p for p, uri in declared.items() if p and uri == BASE), None) if foreign_default else None
        if prefix is None:
            declared[None] = BASE
        self._inherits = prefix is None
        self._name = "rpc-reply" if prefix is None else f"{prefix}:rpc-reply"
        namespaces = [_declare(p, uri) for p, uri in declared.items()]
        self._start = " ".join([f"<{self._name}", *namespaces, *attributes])

    def write(self, reply: Reply) -> bytes:
        """The whole rpc-reply."""
        return b"".join(self.pieces(reply))

    def pieces(self, reply: Reply) -> Iterator[bytes]:
        """The same in pieces."""
        own = b"" if self._inherits else f' xmlns="{BASE}"'.encode()
        yield from (_DECLARATION, self._start.encode(), b">")
        for name, content in reply.elements:
            tag = name.encode()
            yield from (b"<", tag, own, b">", content, b"</", tag, b">") if content else (b"<", tag, own, b"/>")
        yield reply.xml
        for piece in reply.streamed:
            if isinstance(piece, bytes):
                yield piece
            else:
                yield from (escape(chunk.decode("ascii")).encode() for chunk in piece.chunks())
        yield f"</{self._name}>".encode()


@dataclass(frozen=True, slots=True)
class Rpc:
    """A well-formed request: the operation element is the one child of <rpc>."""

    operation: etree._Element


def read_rpc(root: etree._Element) -> Rpc:
    """Check the outside of a request (RFC 6241 section 4.1). Raises RequestError."""
    name = local_name(root.tag)
    if namespace_of(root.tag) != BASE:
        raise RequestError(
            RpcError(
                "unknown-namespace",
                f"The message must be an rpc in the namespace {BASE}.",
                "rpc",
                info=(bad_element(name), Info("bad-namespace", namespace_of(root.tag))),
            )
        )
    if name != "rpc":
        raise RequestError(
            RpcError("unknown-element", f"An rpc was expected, not {name}.", "rpc", info=(bad_element(name),))
        )
    _check_message_id(root)
    operations = list(root)
    if not operations:
        raise RequestError(
            RpcError("missing-element", "The rpc has no operation in it.", "rpc", info=(bad_element("rpc"),))
        )
    if len(operations) > 1:
        surplus = local_name(operations[1].tag)
        raise RequestError(
            RpcError(
                "unknown-element",
                f"The rpc has more than one operation; send {surplus} in an rpc of its own.",
                "rpc",
                info=(bad_element(surplus),),
            )
        )
    return Rpc(operations[0])


def write_notification(event_time: str, content: bytes) -> bytes:
    """A <notification> (RFC 5277 section 2.2.1)."""
    start = f'<notification xmlns="{NOTIFICATION}"><eventTime>{escape(event_time)}</eventTime>'.encode()
    return b"".join([_DECLARATION, start, content, b"</notification>"])


def _check_message_id(root: etree._Element) -> None:
    # Some clients qualify it with the base namespace; like every attribute it goes back as it came.
    message_id = root.get("message-id", root.get(base("message-id")))
    info = (bad_attribute("message-id"), bad_element("rpc"))
    if message_id is None:
        raise RequestError(RpcError("missing-attribute", "The rpc must have a message-id attribute.", "rpc", info=info))
    if len(message_id) > MAX_MESSAGE_ID:
        raise RequestError(
            RpcError("bad-attribute", f"A message-id has at most {MAX_MESSAGE_ID} characters.", "rpc", info=info)
        )


def _write_error(error: RpcError) -> bytes:
    parts = [
        f"<error-type>{error.type}</error-type>",
        f"<error-tag>{error.tag}</error-tag>",
        f"<error-severity>{error.severity}</error-severity>",
    ]
    if error.app_tag is not None:
        parts.append(f"<error-app-tag>{escape(error.app_tag)}</error-app-tag>")
    if error.path is not None:
        parts.append(f"<error-path{_declare_all(error.prefixes)}>{escape(error.path)}</error-path>")
    parts.append(f'<error-message xml:lang="en">{escape(error.message)}</error-message>')
    if error.info:
        parts += ["<error-info>", *map(_write_info, error.info), "</error-info>"]
    return "".join(parts).encode()


def _write_info(info: Info) -> str:
    # Everything here is inside rpc-error, whose namespace is the default one.
    own = "" if info.namespace == BASE else f' xmlns="{escape_attribute(info.namespace)}"'
    return f"<{info.name}{own}{_declare_all(info.prefixes)}>{escape(info.text)}</{info.name}>"


def _declare_all(prefixes: Sequence[tuple[str, str]]) -> str:
    return "".join(" " + _declare(prefix, namespace) for prefix, namespace in prefixes)


def _declare(prefix: str | None, namespace: str) -> str:
    name = "xmlns" if prefix is None else f"xmlns:{prefix}"
    return f'{name}="{escape_attribute(namespace)}"'


def _qualified(name: str, declared: dict[str | None, str]) -> str:
    """An attribute's name as it can be written where `declared` holds."""
    namespace = namespace_of(name)
    if not namespace:
        return name
    if namespace == XML:
        return f"xml:{local_name(name)}"
    prefix = next(prefix for prefix, uri in declared.items() if prefix and uri == namespace)
    return f"{prefix}:{local_name(name)}"


def _printable(tag: str) -> str:
    """A client's element name for the log: short, one line."""
    return ascii(tag)[1:81]
