"""Whatever bytes a CA sends, the client answers with a ScepError or with a result that passed every check."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.pki.scep.attributes import MessageType
from agent.pki.scep.ca_certificates import CaCertificates, read_ca_certificates
from agent.pki.scep.capabilities import Capabilities
from agent.pki.scep.cms import decrypt, read_certificates, read_crl, verify
from agent.pki.scep.errors import ScepError
from agent.pki.scep.grants import Granted, Pending, read_outcome
from agent.pki.scep.messages import build_request, read_answer
from tests.peers.scep_messages import degenerate
from tests.peers.scep_rules import Reply
from tests.pki.authorities import START
from tests.pki.scep.applicant import LENIENT, Applicant
from tests.pki.scep.fake_ca import FakeCa

TAGS = b"\x02\x03\x04\x05\x06\x0c\x13\x17\x1f\x24\x30\x31\x80\xa0\xa1\xa3\xff"


@cache
def exchange():
    """A device, what it sent, and the honest answer, of several sizes."""
    ca = FakeCa()
    device = Applicant(ca)
    transaction = device.begin()
    sent = build_request(
        MessageType.PKCS_REQ, transaction.request, transaction.id, transaction.signer, device.ca,
        device.capabilities, LENIENT,
    )  # fmt: skip
    request = ca.read(sent.message, "POST")
    granted, pending = ca.answer(request, Reply()), ca.answer(request, Reply(3))
    return device, transaction, sent, granted, pending


def read(body):
    device, transaction, sent, _, _ = exchange()
    answer = read_answer(body, sent, device.ca, LENIENT)
    return read_outcome(answer, transaction.request, device.ca, LENIENT)


def attempt(reader, body):
    """What a reader makes of it; None when it refuses as it should."""
    try:
        return reader(body)
    except ScepError as error:
        if not error.message.isprintable():
            raise
        return None


def test_the_honest_answers():
    _, _, _, granted, pending = exchange()
    assert isinstance(read(granted), Granted)
    assert isinstance(read(pending), Pending)


def mutations(body):
    """Bytes changed, cut out, doubled, put in; lengths and tags above all."""
    place = st.integers(0, len(body))
    change = st.tuples(
        place,
        st.integers(0, 8),
        st.one_of(st.binary(max_size=8), st.sampled_from(TAGS).map(lambda t: bytes([t, 0x80]))),
    )

    def apply(changes):
        mutated = body
        for at, removed, inserted in changes:
            mutated = mutated[:at] + inserted + mutated[at + removed :]
        return mutated

    return st.lists(change, min_size=1, max_size=4).map(apply)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_mutated_answers(data):
    *_, granted, pending = exchange()
    body = data.draw(mutations(data.draw(st.sampled_from([granted, pending]))))
    # Bytes outside of the signature, such as lengths written otherwise, may change and nothing come of it.
    outcome = attempt(read, body)
    assert outcome is None or type(outcome) in (Granted, Pending)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutated_envelopes_and_bags(data):
    """Behind the signature too: a CA may be hostile."""
    device, transaction, _, granted, _ = exchange()
    envelope = verify(granted, device.ca.signers, LENIENT).content
    bag = degenerate(device.ca.chain)
    signer = transaction.signer
    for reader, honest in (
        (lambda body: decrypt(body, signer.certificate, signer.key, LENIENT), envelope),
        (read_certificates, bag),
        (read_crl, bag),
        (lambda body: CaCertificates.arrange(read_ca_certificates(body), START, LENIENT), bag),
    ):
        attempt(reader, data.draw(mutations(honest)))


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=400), st.lists(st.sampled_from(TAGS), max_size=60).map(bytes)))
def test_garbage(body):
    Capabilities.parse(body)
    for reader in (read, read_ca_certificates, read_certificates):
        with pytest.raises(ScepError):
            reader(body)


@pytest.mark.parametrize("unit", [b"\x30\x80", b"\x24\x80", b"\xa0\x80", b"\x30\x84\x00\x03\xff\x00", b"\x1f\xff"])
def test_deep_nesting(unit):
    for reader in (read, read_ca_certificates):
        with pytest.raises(ScepError):
            reader(unit * 40_000)
