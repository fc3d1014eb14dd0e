"""Our SCEP responder is a SCEP server: clients that have nothing in common with us enrol with it."""

from __future__ import annotations

import pytest
from cryptography import x509

from tests.peers.clients import STRONGSWAN_CAPS, StrongSwan, certmonger_enroll, verify_by_openssl
from tests.peers.scep_ca import Ra
from tests.peers.scep_messages import MessageKind
from tests.peers.scep_responder import ScepResponder

CHALLENGE = "right horse"


def names(*certificates):
    return sorted(certificate.subject.rfc4514_string() for certificate in certificates)


def test_strongswan_eight_tiers_two_ras_and_patience(tmp_path):
    with ScepResponder(tiers=8, ra=Ra.SPLIT, caps=STRONGSWAN_CAPS, challenge=CHALLENGE, pending=2) as responder:
        ca = responder.ca
        client = StrongSwan(responder.url, tmp_path)
        assert names(*client.get_ca()) == names(*ca.chain, *ca.authorities)
        first = client.enroll("router1", "--password", CHALLENGE, "--san", "router1.example.com")
        assert [request.kind for request in ca.requests] == [MessageKind.PKCS_REQ, *[MessageKind.CERT_POLL] * 2]
        assert ca.requests[0].challenge == CHALLENGE
        assert first.subject.rfc4514_string() == "CN=router1,O=Example,C=IN"
        names_of_first = first.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names_of_first.get_values_for_type(x509.DNSName) == ["router1.example.com"]
        verify_by_openssl(tmp_path, first, ca.chain)

        ca.rules.pending = 0
        second = client.renew("router1")
        assert ca.requests[-1].kind == MessageKind.RENEWAL_REQ
        assert ca.requests[-1].sender == first
        assert second.public_key() != first.public_key()
        verify_by_openssl(tmp_path, second, ca.chain)
        assert ca.complaints == []


@pytest.mark.parametrize(("cipher", "digest"), [("aes-256", "sha512"), ("3des", "sha1"), ("aes-128", "sha384")])
def test_strongswan_reads_every_algorithm(tmp_path, cipher, digest):
    with ScepResponder(ra=Ra.ONE, caps=STRONGSWAN_CAPS, cipher=cipher, digest=digest) as responder:
        client = StrongSwan(responder.url, tmp_path)
        client.get_ca()
        verify_by_openssl(tmp_path, client.enroll("router2"), responder.ca.chain)


def test_strongswan_understands_a_refusal(tmp_path):
    with ScepResponder(ra=Ra.ONE, caps=STRONGSWAN_CAPS, challenge=CHALLENGE) as responder:
        client = StrongSwan(responder.url, tmp_path)
        client.get_ca()
        with pytest.raises(AssertionError, match="badRequest"):
            client.enroll("router3", "--password", "wrong")
        assert responder.ca.issued == {}


def test_certmonger_monitors_its_certificate(tmp_path):
    with ScepResponder(tiers=2, ra=Ra.SPLIT, challenge=CHALLENGE, empty_content=True) as responder:
        said, certificate = certmonger_enroll(responder.url, tmp_path, "router4", CHALLENGE)
        assert "status: MONITORING" in said
        assert certificate.subject.rfc4514_string() == "CN=router4"
        assert {request.method for request in responder.ca.requests} == {"GET"}
        verify_by_openssl(tmp_path, certificate, responder.ca.chain)
        assert responder.ca.complaints == []
