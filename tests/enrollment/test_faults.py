"""A network and a certification authority that break: whatever comes, the enrollment ends, or goes on, in a clear state
with a clear error, and the certificate in service stays there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from ncclient.operations import RPCError

from tests.agent_process import AgentProcess
from tests.enrollment.operator import Operator, Record
from tests.enrollment.scep import authenticated, enrolled, retry
from tests.peers.fault_proxy import FaultProxy, HttpFault
from tests.peers.scep_ca import ScepCa
from tests.peers.scep_faults import MessageFault
from tests.peers.scep_messages import PENDING
from tests.peers.scep_responder import ScepResponder, fingerprint
from tests.peers.scep_rules import FOREVER, Reply

NAME = "faulty"
#: What must not be in a message for a person.
OF_PYTHON = ("Error", "Exception", "Traceback", "errno", "0x", "None", "asn1crypto", "aiohttp", "<class")


@dataclass
class Place:
    """A trustpoint with a certificate, whose way to its CA leads through a proxy."""

    operator: Operator
    responder: ScepResponder
    proxy: FaultProxy

    @property
    def ca(self) -> ScepCa:
        return self.responder.ca

    def in_service(self) -> Record:
        return self.operator.certificates(NAME)["router"]

    def is_unharmed(self, own: Record) -> Record:
        """The trustpoint, whose certificate still is `own` and serves."""
        trustpoint = self.operator.trustpoint(NAME)
        assert trustpoint["certificate"][-1] == own
        assert [one["role"] for one in trustpoint["certificate"]] == ["ca", "router"]
        assert "offered-certificate" not in trustpoint
        assert self.operator.call("export-pkcs12", trustpoint=NAME, password="export-me")["pkcs12"]
        return trustpoint

    def enroll(self) -> str:
        """Enroll; the message of the refusal, empty if there was none."""
        try:
            self.operator.call("enroll", trustpoint=NAME)
        except RPCError as error:
            return str(error.message)
        return ""

    def poll(self) -> Record:
        """The trustpoint after the next poll, with which the enrollment ends."""
        self.operator.agent.advance(minutes=1)
        self.operator.wait_until(NAME, lambda found: found["enrollment-state"] != "pending")
        return self.operator.trustpoint(NAME)


@pytest.fixture(scope="module")
def _place(shared_agent_on_a_clock: AgentProcess) -> Iterator[Place]:
    with ExitStack() as stack:
        responder = stack.enter_context(ScepResponder())
        proxy = stack.enter_context(FaultProxy(responder.url))
        operator = Operator(shared_agent_on_a_clock)
        stack.callback(operator.close)
        impatient = f"<timeout>1</timeout>{retry(10)}"
        enrolled(operator, NAME, responder, url=proxy.url, enrollment=impatient)
        yield Place(operator, responder, proxy)


@pytest.fixture
def place(_place: Place) -> Iterator[Place]:
    yield _place
    _place.proxy.mend()
    _place.ca.answer_with()
    _place.responder.rules.pending = 0
    _place.operator.call("cancel-enrollment", trustpoint=NAME)
    assert _place.ca.complaints == []


def is_for_people(message: str) -> bool:
    return bool(message) and message.endswith(".") and not any(word in message for word in OF_PYTHON)


#: After these the agent asks again, until it is answered: fault -> a part of the error.
PASSING = {
    HttpFault.NO_ANSWER: "can't be reached",
    HttpFault.CUT: "can't be reached",
    HttpFault.DRIP: "no complete answer in 1 seconds",
    HttpFault.STALL: "no complete answer in 1 seconds",
    HttpFault.HOLD: "no complete answer in 1 seconds",
    HttpFault.NOISE: "can't be reached",
    HttpFault.ERROR_500: "HTTP status 500",
}
#: These end the enrollment.
LASTING = {
    HttpFault.TRUNCATED: "damaged",
    HttpFault.OVERSIZED: "longer than",
    HttpFault.ENDLESS: "longer than",
    HttpFault.REPLAY: "another transaction",
    HttpFault.ERROR_404: "HTTP status 404",
    HttpFault.REDIRECT: "redirects",
    HttpFault.REDIRECT_LOOP: "redirects",
    HttpFault.REDIRECT_TO_FILE: "redirects",
}
#: Fetching the CA's certificates goes well all the same.
HARMLESS_TO_AUTHENTICATE = {HttpFault.REPLAY, HttpFault.REDIRECT}


def test_the_tables_have_every_fault():
    assert PASSING.keys() | LASTING.keys() == set(HttpFault)


@pytest.mark.parametrize("fault", HttpFault, ids=lambda fault: fault.name)
def test_authenticating_through_a_broken_network(place: Place, fault):
    own, before = place.in_service(), place.operator.state(NAME)
    place.proxy.break_with(fault, when="GetCACert")
    root = fingerprint(place.ca.root)
    if fault in HARMLESS_TO_AUTHENTICATE:
        place.operator.call("authenticate", trustpoint=NAME, fingerprint=root)
    else:
        refused = place.operator.refused("authenticate", trustpoint=NAME, fingerprint=root)
        assert is_for_people(refused.message), refused.message
        assert (PASSING | LASTING)[fault] in refused.message
        assert place.operator.trustpoint(NAME)["last-error"] == refused.message
    trustpoint = place.is_unharmed(own)
    assert trustpoint["enrollment-state"] in (before, "granted")


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: fault.name)
def test_what_passes_is_tried_again(place: Place, fault):
    """First when the request is sent, then when the agent polls."""
    own = place.in_service()
    place.responder.rules.pending = FOREVER
    place.proxy.break_with(fault, when="PKIOperation")
    assert place.enroll() == ""
    trustpoint = place.is_unharmed(own)
    assert trustpoint["enrollment-state"] == "requesting"
    assert PASSING[fault] in trustpoint["last-error"]
    assert is_for_people(trustpoint["last-error"])

    place.proxy.mend()
    place.operator.agent.advance(minutes=1)
    trustpoint = place.operator.wait_for(NAME, "pending")
    assert "last-error" not in trustpoint

    place.proxy.break_with(fault, when="PKIOperation")
    place.operator.agent.advance(minutes=1)
    place.operator.wait_for_attempt(NAME, 2)
    trustpoint = place.is_unharmed(own)
    assert trustpoint["enrollment-state"] == "pending"
    assert PASSING[fault] in trustpoint["last-error"]

    place.proxy.mend()
    place.ca.approve()
    place.operator.agent.advance(minutes=1)
    place.operator.wait_for(NAME, "granted")
    assert place.in_service() != own


@pytest.mark.parametrize("fault", LASTING, ids=lambda fault: fault.name)
def test_what_does_not_pass_ends_the_enrollment(place: Place, fault):
    own = place.in_service()
    place.proxy.break_with(fault, when="PKIOperation")
    message = place.enroll()
    assert is_for_people(message), message
    assert LASTING[fault] in message
    trustpoint = place.is_unharmed(own)
    assert (trustpoint["enrollment-state"], trustpoint["last-error"]) == ("rejected", message)
    assert "request" not in trustpoint

    place.proxy.mend()
    place.responder.rules.pending = 1
    assert place.enroll() == ""
    place.proxy.break_with(fault, when="PKIOperation")
    message = place.poll()["last-error"]
    assert is_for_people(message), message
    assert LASTING[fault] in message
    assert place.is_unharmed(own)["enrollment-state"] == "rejected"


def test_capabilities_of_a_server_that_is_not_well_are_asked_for_again(place: Place):
    own = place.in_service()
    place.proxy.break_with(HttpFault.ERROR_500)
    outcome = place.operator.call("enroll", trustpoint=NAME)
    assert outcome["enrollment-state"] == "requesting"
    assert "HTTP status 500" in outcome["last-error"]
    assert place.is_unharmed(own)["enrollment-state"] == "requesting"
    place.proxy.mend()
    place.operator.agent.advance(minutes=1)
    place.operator.wait_for(NAME, "granted")


#: What the server says it can, goes wrong: then it can nothing, and what is left is not allowed here.
@pytest.mark.parametrize("fault", [HttpFault.ERROR_404, HttpFault.TRUNCATED, HttpFault.REDIRECT_LOOP])
def test_capabilities_that_are_lost_don_t_weaken_anything(place: Place, fault):
    own = place.in_service()
    place.ca.requests.clear()
    place.responder.rules.caps, whole = b"AES\nSHA-256\nPOSTPKIOperation\n"[::-1], place.responder.rules.caps
    place.proxy.break_with(fault, when="GetCACaps")
    message = place.enroll()
    place.responder.rules.caps = whole
    assert "enrollment/allow-weak-algorithms" in message
    assert place.ca.requests == []
    place.is_unharmed(own)


#: A part of the error of each; the others say that the answer is damaged.
SAID = {
    MessageFault.WRONG_NONCE: "a repeated one",
    MessageFault.WRONG_TRANSACTION: "another transaction",
    MessageFault.SIGNED_BY_A_STRANGER: "signed by a stranger",
    MessageFault.SIGNED_IN_THE_NAME_OF_THE_CA: "signature of the answer is wrong",
    MessageFault.WRONG_DIGEST: "changed on its way",
    MessageFault.CHANGED_CONTENT: "changed on its way",
    MessageFault.MD5: "md5",
    MessageFault.ENCRYPTED_FOR_SOMEBODY_ELSE: "another recipient",
    MessageFault.ENCRYPTED_WITH_ANOTHER_KEY: "can't be decrypted",
    MessageFault.CERTIFICATE_FOR_ANOTHER_KEY: "no certificate for the key",
    MessageFault.NO_CERTIFICATE: "no certificate for the key",
    MessageFault.ISSUED_BY_A_STRANGER: "was not issued by the CA of the trustpoint",
    MessageFault.ISSUED_IN_THE_NAME_OF_THE_CA: "was not issued by the CA of the trustpoint",
}
#: They are about the PKCS #10, which a poll has not.
NOT_OF_POLLS = {MessageFault.ISSUED_BY_A_STRANGER, MessageFault.ISSUED_IN_THE_NAME_OF_THE_CA}


@pytest.mark.parametrize("fault", MessageFault, ids=lambda fault: fault.name)
def test_an_answer_that_is_wrong_ends_the_enrollment(place: Place, fault):
    own = place.in_service()
    place.ca.answer_with(fault)
    message = place.enroll()
    assert is_for_people(message), message
    assert SAID.get(fault, "") in message
    trustpoint = place.is_unharmed(own)
    assert (trustpoint["enrollment-state"], trustpoint["last-error"]) == ("rejected", message)
    if fault in NOT_OF_POLLS:
        return

    place.ca.answer_with(Reply(status=PENDING), fault)
    assert place.enroll() == ""
    message = place.poll()["last-error"]
    assert is_for_people(message), message
    assert SAID.get(fault, "") in message
    assert place.is_unharmed(own)["enrollment-state"] == "rejected"


def test_the_system_trustpoint_signs_through_all_of_it(place: Place):
    operator = place.operator
    authenticated(operator, "system-trustpoint", place.responder, url=place.proxy.url)
    assert operator.call("enroll", trustpoint="system-trustpoint")["enrollment-state"] == "granted"
    place.ca.answer_with(MessageFault.CERTIFICATE_FOR_ANOTHER_KEY)
    operator.refused("enroll", trustpoint="system-trustpoint", regenerate_key_pair=True)
    assert operator.state("system-trustpoint") == "rejected"
    place.proxy.break_with(HttpFault.CUT)
    operator.call("enroll", trustpoint="system-trustpoint", regenerate_key_pair=True)
    assert operator.state("system-trustpoint") == "requesting"
    signed = operator.agent.exec("show platform security integrity dossier | utility sign nonce 12ab")
    assert signed.returncode == 0, signed.stdout
    assert "signature" in signed.stdout
    operator.call("cancel-enrollment", trustpoint="system-trustpoint")
