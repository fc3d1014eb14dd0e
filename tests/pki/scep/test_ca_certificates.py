"""What a CA says about itself: certificates in any order, and capabilities."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from agent.pki import chain_errors
from agent.pki.scep.algorithms import ScepPolicy
from agent.pki.scep.ca_certificates import CaCertificates, read_ca_certificates
from agent.pki.scep.capabilities import Capabilities
from agent.pki.scep.errors import (
    AlgorithmNotAllowedError,
    CaCertificatesError,
    MalformedMessageError,
    RaCertificateError,
)
from agent.pki.weaknesses import Weakness
from tests.peers.scep_messages import degenerate
from tests.pki.authorities import START, Authority, key_usage, line, name, rsa_key
from tests.pki.test_chains import issue_by_openssl

NOW = START + timedelta(days=1)


def arrange(authorities, at=NOW, policy=None):
    return CaCertificates.arrange([a.certificate for a in authorities], at, policy or ScepPolicy())


def test_one_certificate():
    root = Authority.root("Root")
    (certificate,) = read_ca_certificates(root.certificate.public_bytes(Encoding.DER))
    ca = CaCertificates.arrange([certificate], NOW, ScepPolicy())
    assert ca.chain == (root.certificate,)
    assert ca.complete
    assert ca.issuer == ca.recipient == root.certificate
    assert ca.signers == (root.certificate,)


@pytest.mark.parametrize("tiers", [1, 2, 8])
@pytest.mark.parametrize("seed", range(3))
def test_chain_and_authorities_in_any_order(tiers, seed):
    chain = line(tiers)
    signer = chain[-1].registrar("sign", 4, digital_signature=True)
    recipient = chain[-1].registrar("encrypt", 5, key_encipherment=True)
    everyone = [a.certificate for a in (*chain, signer, recipient)]
    random.Random(seed).shuffle(everyone)
    ca = CaCertificates.arrange(read_ca_certificates(degenerate(everyone)), NOW, ScepPolicy())
    assert ca.chain == tuple(a.certificate for a in chain)
    assert ca.recipient == recipient.certificate
    assert ca.signers == (signer.certificate, chain[-1].certificate)


@pytest.mark.parametrize("usage", [None, key_usage(digital_signature=True, key_encipherment=True)])
def test_one_authority_for_both(usage):
    root = Authority.root("Root")
    ra = root.sub("RA", 4, ca=False, usage=usage)
    ca = arrange([ra, root])
    assert ca.recipient == ra.certificate
    assert ca.signers == (ra.certificate, root.certificate)


def test_the_newest_authority_is_used():
    root = Authority.root("Root")
    old = root.registrar("old", 4, key_encipherment=True)
    new = root.sub("new", 5, ca=False, usage=key_usage(key_encipherment=True), start=START + timedelta(hours=5))
    for order in ([root, old, new], [new, old, root]):
        assert arrange(order).recipient == new.certificate


def test_an_incomplete_chain_says_so():
    chain = line(3)
    ca = arrange(chain[1:])
    assert not ca.complete
    assert ca.issuer == chain[-1].certificate


@pytest.mark.parametrize(
    ("authorities", "cause"),
    [
        (line(9), chain_errors.ChainTooLongError),
        ([line(3)[0], line(3)[2]], chain_errors.BranchedChainError),
        ([Authority.root("A"), Authority.root("B", key=1)], chain_errors.BranchedChainError),
        ([Authority.root("A", ca=False)], chain_errors.NotACaError),
        ([], chain_errors.EmptyChainError),
    ],
)
def test_no_chain(authorities, cause):
    with pytest.raises(CaCertificatesError) as caught:
        arrange(authorities)
    assert type(caught.value.cause) is cause


def test_expired():
    with pytest.raises(CaCertificatesError) as caught:
        arrange(line(1), at=START + timedelta(days=400))
    assert isinstance(caught.value.cause, chain_errors.CertificateNotValidError)


def test_authority_of_somebody_else():
    stranger = Authority.root("Stranger", key=5).registrar("RA", 4, digital_signature=True)
    with pytest.raises(RaCertificateError, match="CN=RA is no RA of this CA"):
        arrange([Authority.root("Root"), stranger])


def test_authority_with_a_forged_signature():
    forged = Authority.root("Root", key=5).registrar("RA", 4, digital_signature=True)
    with pytest.raises(RaCertificateError, match="was not made by CN=Root"):
        arrange([Authority.root("Root"), forged])


def test_expired_authority():
    root = Authority.root("Root")
    ra = root.sub("RA", 4, ca=False, days=1, usage=key_usage(digital_signature=True))
    with pytest.raises(RaCertificateError, match="expired"):
        arrange([root, ra], at=START + timedelta(days=2))


def test_sha1_by_policy(tmp_path):
    chain = issue_by_openssl(tmp_path, "sha1")
    at = chain[1].not_valid_before_utc
    with pytest.raises(AlgorithmNotAllowedError) as caught:
        CaCertificates.arrange(chain, at, ScepPolicy())
    assert (caught.value.use, caught.value.algorithm) == ("CA certificate", "sha1")
    ca = CaCertificates.arrange(chain, at, ScepPolicy(allow_sha1=True))
    assert ca.weaknesses == (Weakness("CA certificate", "sha1"),)


@pytest.mark.parametrize("body", [b"", b"<html>not here</html>", b"\x30\x03\x06\x01\x00", b"\x30\x82\x01\x00"])
def test_answers_that_are_no_certificates(body):
    with pytest.raises(MalformedMessageError):
        read_ca_certificates(body)


def test_crowd():
    root = Authority.root("Root")
    crowd = [root.issue(name(str(n)), rsa_key(1).public_key()) for n in range(33)]
    with pytest.raises(MalformedMessageError, match="more than 32 certificates"):
        read_ca_certificates(degenerate(crowd))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", set()),
        (b"AES\nPOSTPKIOperation\nSHA-256", {"aes", "postpkioperation", "sha-256"}),
        (b"aes\r\nPostPkiOperation\r\n\r\n  sha-256 \r\n", {"aes", "postpkioperation", "sha-256"}),
        (b"SCEPStandard\n", {"scepstandard", "aes", "postpkioperation", "sha-256"}),
        (b"<html><body>404 Not Found</body></html>", set()),
        (b"\xff\xfe\nRenewal\n" + b"x" * 65, {"renewal"}),
        (b"Renewal\n" * 100_000, {"renewal"}),
    ],
)
def test_capabilities(body, words):
    assert Capabilities.parse(body).words == words


def test_what_capabilities_mean():
    can = Capabilities.parse(b"SCEPStandard\nSHA-512\nSHA-1\nRenewal\nGetNextCACert\nDES3")
    assert can.post
    assert can.renewal
    assert can.next_ca
    assert can.aes
    assert not can.aes256
    assert can.digests == {"sha1", "sha256", "sha512"}
    nothing = Capabilities()
    assert not any((nothing.post, nothing.renewal, nothing.next_ca, nothing.aes, nothing.digests))
