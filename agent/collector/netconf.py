"""Evidence by the rpc collect-dossier, by ncclient on a connection whose host key was checked."""

from __future__ import annotations

from typing import Any, BinaryIO, Final

import paramiko
from lxml import etree
from ncclient.devices.default import DefaultDeviceHandler
from ncclient.operations.errors import OperationError
from ncclient.operations.rpc import RPC, RaiseMode, RPCError, RPCReply
from ncclient.transport.errors import TransportError
from ncclient.transport.ssh import SSHSession

from agent.clock import yang_date_and_time
from agent.collector.errors import NoEvidenceError, Obstacle
from agent.collector.question import UNCOMPRESSED, Question

INTEGRITY: Final = "urn:trustconf:yang:trustconf-integrity"
TRUSTPOINTS: Final = "urn:trustconf:yang:trustconf-trustpoints"
_NC: Final = "urn:ietf:params:xml:ns:netconf:base:1.0"
SYSTEM_TRUSTPOINT: Final = "system-trustpoint"


def ask_by_netconf(transport: paramiko.Transport, question: Question, time_limit: float, answer: BinaryIO) -> None:
    """Write the envelope of the reply to `answer`. Raises NoEvidenceError; whoever cuts the connection ends it."""
    # Names of identities without a prefix are of the default namespace.
    request = etree.fromstring(f'<collect-dossier xmlns="{INTEGRITY}"/>')
    for selector in question.selectors:
        _leaf(request, "selector", selector)
    _leaf(request, "nonce", question.nonce)
    # An agent has one node.
    for _, block in question.first_snapshots[:1]:
        _leaf(etree.SubElement(request, f"{{{INTEGRITY}}}filesystem-inventory"), "block-start", str(block))
    for log in question.ima[:1]:
        wanted = etree.SubElement(request, f"{{{INTEGRITY}}}incremental-ima")
        _leaf(wanted, "start-event", str(log.last_event))
        _leaf(wanted, "start-time", yang_date_and_time(log.start))
    sign = etree.SubElement(request, f"{{{INTEGRITY}}}sign")
    _leaf(sign, "include-certificate", "true")
    if question.compression != UNCOMPRESSED:
        _leaf(sign, "compression", question.compression)
    if question.include_tpm_quote:
        _leaf(sign, "include-tpm-quote", "true")
    reply = _request(transport, request, time_limit)
    envelope = reply.findtext(f"{{{INTEGRITY}}}envelope")
    if not envelope:
        raise NoEvidenceError(Obstacle.BAD_ANSWER, "there is no envelope in the reply to collect-dossier")
    answer.write(envelope.encode())


def read_root(transport: paramiko.Transport, time_limit: float) -> str:
    """PEM of the certificate above that which signs the device's evidence. Raises NoEvidenceError."""
    request = etree.fromstring(
        f'<get xmlns="{_NC}"><filter type="subtree"><trustpoints xmlns="{TRUSTPOINTS}"><trustpoint>'
        f"<name>{SYSTEM_TRUSTPOINT}</name><certificate><role/><pem/></certificate>"
        "</trustpoint></trustpoints></filter></get>"
    )
    reply = _request(transport, request, time_limit)
    for certificate in reply.iter(f"{{{TRUSTPOINTS}}}certificate"):
        if certificate.findtext(f"{{{TRUSTPOINTS}}}role") == "ca":
            return certificate.findtext(f"{{{TRUSTPOINTS}}}pem") or ""
    raise NoEvidenceError(Obstacle.REFUSED, f"the device has no certificates in {SYSTEM_TRUSTPOINT} yet")


def _leaf(parent: etree._Element, name: str, value: str) -> None:
    etree.SubElement(parent, f"{{{INTEGRITY}}}{name}").text = value


def _request(transport: paramiko.Transport, request: etree._Element, time_limit: float) -> etree._Element:
    handler = DefaultDeviceHandler({})
    session = _Session(handler)
    try:
        session.take(transport, time_limit)
        rpc = _Rpc(session, handler, timeout=time_limit, raise_mode=RaiseMode.ALL)
        reply: etree._Element = rpc.request(request).root
    except RPCError as error:
        tags = " ".join(text for text in (error.tag, error.app_tag) if text)
        raise NoEvidenceError(Obstacle.REFUSED, f"the device refused: {error.message} ({tags})") from error
    except (OperationError, TransportError) as error:
        raise NoEvidenceError(Obstacle.BAD_ANSWER, "the NETCONF session ended before there was an answer") from error
    finally:
        session.end()
    return reply


class _Session(SSHSession):  # type: ignore[misc]
    """ncclient's session on a connection that is there already."""

    def take(self, transport: paramiko.Transport, time_limit: float) -> None:
        self._transport = transport
        self._channel = transport.open_session(timeout=time_limit)
        self._channel_id = self._channel.get_id()
        self._channel.invoke_subsystem("netconf")
        self._channel_name = self._channel.get_name()
        self._connected = True
        self._post_connect(time_limit)
        self.parser = self._device_handler.get_xml_parser(self)

    def end(self) -> None:
        if self._transport is not None:
            self.close()


class _Reply(RPCReply):  # type: ignore[misc]
    """A reply that may be large. What lifts libxml2's limits also lifts those on entities: so there are none."""

    root: etree._Element
    _parsed: bool

    def parse(self) -> None:
        if self._parsed:
            return
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
        try:
            self.root = etree.fromstring(self._raw.encode(), parser)
        except etree.XMLSyntaxError as error:
            raise NoEvidenceError(Obstacle.BAD_ANSWER, "the reply is not XML") from error
        self._errors = [RPCError(each) for each in self.root.iter(f"{{{_NC}}}rpc-error")]
        self._parsed = True


class _Rpc(RPC):  # type: ignore[misc]
    REPLY_CLS = _Reply

    def request(self, operation: etree._Element) -> Any:
        return self._request(operation)
