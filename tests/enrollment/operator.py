"""A person at a NETCONF client who enrolls trustpoints: configures, calls the rpcs, and reads how far it has come.

Everything goes through a real SSH session to a real agent. Records are plain: leaf name -> text, list name -> list of
records.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

from lxml import etree
from ncclient.manager import Manager
from ncclient.operations import RPCError

from tests.agent_process import AgentProcess

NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
TCT = "urn:trustconf:yang:trustconf-trustpoints"
TCK = "urn:trustconf:yang:trustconf-keys"
LISTS = {
    "certificate",
    "offered-certificate",
    "previous-certificate",
    "certificate-request",
    "used-by",
    "changed-by-ca",
    "key-pair",
}
#: Seconds that an agent may take to come to a state on a busy machine.
LIMIT = 60.0

Record = dict[str, Any]


class Operator:
    """One NETCONF session."""

    def __init__(self, agent: AgentProcess) -> None:
        self.agent = agent
        self._session: Manager | None = None

    @property
    def session(self) -> Manager:
        """The session; a new one when the agent was restarted or has ended it."""
        if self._session is None or not self._session.connected:
            self._session = self.agent.connect()
        return self._session

    def later(self, **time: float) -> None:
        """Move the agent's time on by hours or days; after so long without a word it would end the session."""
        self.close()
        self.agent.advance(**time)

    def close(self) -> None:
        if self._session is not None and self._session.connected:
            self._session.close_session()

    def call(self, rpc: str, namespace: str = TCT, **leaves: object) -> Record:
        """The output of an rpc; `leaf_name=value`. Raises RPCError."""
        reply = self.session.dispatch(etree.fromstring(_element(rpc, leaves, namespace)))
        return _record(etree.fromstring(reply.xml.encode()))

    def refused(self, rpc: str, namespace: str = TCT, **leaves: object) -> RPCError:
        """The error that an rpc ends with."""
        try:
            outcome = self.call(rpc, namespace, **leaves)
        except RPCError as error:
            return error
        raise AssertionError(f"{rpc} was not refused: {outcome}")

    def generate(self, label: str, type: str = "rsa", **leaves: object) -> Record:
        """Make a key pair; RSA ones have 2048 bits."""
        return self.call("generate-key-pair", TCK, type=type, label=label, **leaves)

    def configure(
        self, name: str, url: str, label: str, type: str = "rsa", extra: str = "", enrollment: str = ""
    ) -> None:
        """Commit a trustpoint; `extra` is XML of more leaves, `enrollment` of more leaves of that container."""
        self.edit(
            f'<trustpoints xmlns="{TCT}"><trustpoint><name>{name}</name>'
            f"<enrollment><url>{escape(url)}</url>{enrollment}</enrollment>"
            f'<keypair><type xmlns:k="{TCK}">k:{type}</type><label>{label}</label></keypair>'
            f"{extra}</trustpoint></trustpoints>"
        )

    def edit(self, content: str) -> None:
        """Commit an edit. Raises RPCError."""
        self.session.edit_config(f'<config xmlns="{NC}" xmlns:nc="{NC}">{content}</config>', target="candidate")
        try:
            self.session.commit()
        except RPCError:
            self.session.discard_changes()
            raise

    def unconfigure(self, name: str) -> None:
        """Commit the removal of a trustpoint."""
        entry = f'<trustpoint nc:operation="delete"><name>{name}</name></trustpoint>'
        self.edit(f'<trustpoints xmlns="{TCT}">{entry}</trustpoints>')

    def trustpoint(self, name: str) -> Record:
        """The trustpoint as operational data has it."""
        reply = self.session.get(
            ("subtree", f'<trustpoints xmlns="{TCT}"><trustpoint><name>{name}</name></trustpoint></trustpoints>')
        )
        found = reply.data_ele.find(f".//{{{TCT}}}trustpoint")
        return {} if found is None else _record(found)

    def get(self, container: str, namespace: str) -> Record:
        """A whole container at the top of a module, as operational data has it."""
        found = self.session.get(("subtree", f'<{container} xmlns="{namespace}"/>')).data_ele.find(
            f"{{{namespace}}}{container}"
        )
        return {} if found is None else _record(found)

    def state(self, name: str) -> str:
        """Its enrollment-state."""
        state: str = self.trustpoint(name)["enrollment-state"]
        return state

    def certificates(self, name: str) -> dict[str, Record]:
        """Role -> certificate; of a chain, the issuing CA."""
        certificates: dict[str, Record] = {}
        for certificate in self.trustpoint(name).get("certificate", []):
            certificates.setdefault(certificate["role"], certificate)
        return certificates

    def wait_for(self, name: str, *states: str) -> Record:
        """The trustpoint, as soon as it is in one of these states."""
        return self.wait_until(name, lambda trustpoint: trustpoint.get("enrollment-state") in states)

    def wait_for_attempt(self, name: str, number: int) -> Record:
        """The trustpoint, as soon as its server was asked again so many times and the next time is planned."""
        return self.wait_until(name, lambda trustpoint: trustpoint.get("request", {}).get("attempts") == str(number))

    def wait_until(self, name: str, fits: Callable[[Record], bool]) -> Record:
        """The trustpoint, as soon as it is as it should be."""
        deadline = time.monotonic() + LIMIT
        while not fits(trustpoint := self.trustpoint(name)):
            shown = {leaf: value for leaf, value in trustpoint.items() if "certificate" not in leaf}
            assert time.monotonic() < deadline, f"{name} is not as it should be: {shown}"
            time.sleep(0.02)  # for an agent that works meanwhile
        return trustpoint


def _element(name: str, leaves: dict[str, object], namespace: str) -> str:
    children = "".join(
        f"<{leaf.replace('_', '-')}>{escape(_text(value))}</{leaf.replace('_', '-')}>" for leaf, value in leaves.items()
    )
    return f'<{name} xmlns="{namespace}">{children}</{name}>'


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _record(element: etree._Element) -> Record:
    record: Record = {}
    for child in element:
        name = etree.QName(child).localname
        value = _record(child) if len(child) else child.text or ""
        if name in LISTS:
            record.setdefault(name, []).append(value)
        else:
            record[name] = value
    return record
