"""A device and its EST server: what is asked, what comes back, and who is told what."""

from __future__ import annotations

import asyncio
import base64
import random
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from agent.clock import ManualClock, SystemClock
from agent.pki import enrolment_errors as errors
from agent.pki.enrolment_outcome import Difference, Granted, Pending, Rejected
from agent.pki.est.client import (
    RETRY_AFTER_MAX,
    EstClient,
    InvalidLoginError,
    Login,
    UnusableTlsError,
    fetch_unverified_ca_certificates,
)
from agent.pki.tls import TlsIdentity
from agent.pki.trustpoint import CertificateUsage
from tests.peers.est_server import EstServer, line_of_today, server_certificate
from tests.pki.authorities import Authority, name, rsa_key
from tests.pki.est.applicant import DEVICE, SUBJECT, Applicant, anchors, request_for
from tests.pki.trustpoints import openssl


def today(**changes):
    return {"start": datetime.now(UTC).replace(microsecond=0) - timedelta(days=1), "days": 30} | changes


def identity_of(authority, key, subject=SUBJECT, **options):
    """A certificate of today for a device's key."""
    certificate = authority.issue(subject, key.public_key(), ca=False, **today(**options))
    return TlsIdentity((certificate,), key)


@pytest.mark.parametrize("tiers", [1, 2, 8])
def test_the_chain_of_the_ca(tmp_path, tiers):
    with EstServer(tmp_path, line_of_today(tiers)) as server:
        random.Random(tiers).shuffle(server.ca_certificates)
        ca = Applicant(server).get_ca_certificates()
        assert ca.chain == tuple(authority.certificate for authority in server.chain)
        assert ca.complete
        assert ca.issuer == server.chain[-1].certificate
        assert [(seen.method, seen.operation) for seen in server.seen] == [("GET", "cacerts")]


def test_an_enrolment(server):
    granted = Applicant(server).enroll()
    assert isinstance(granted, Granted)
    assert granted.certificate.subject == SUBJECT
    assert granted.certificate.public_key() == rsa_key(DEVICE).public_key()
    assert granted.differences == granted.weaknesses == ()
    (seen,) = server.seen
    assert (seen.method, seen.operation, seen.username, seen.client) == ("POST", "simpleenroll", None, None)
    assert seen.headers["content-type"] == "application/pkcs10"
    assert seen.tls == "TLSv1.3"


def test_openssl_verifies_what_was_granted(server, tmp_path):
    wanted = {
        "alternative_names": [x509.DNSName("router1.example.com")],
        "key_usages": {CertificateUsage.DIGITAL_SIGNATURE},
    }
    granted = Applicant(server).enroll(request_for(**wanted))
    assert granted.differences == ()
    root, issuer = (authority.certificate.public_bytes(Encoding.PEM) for authority in server.chain)
    for file, content in (("root", root), ("sub", issuer), ("own", granted.certificate.public_bytes(Encoding.PEM))):
        (tmp_path / file).write_bytes(content)
    openssl("verify", "-x509_strict", "-CAfile", tmp_path / "root", "-untrusted", tmp_path / "sub", "-verify_hostname",
            "router1.example.com", tmp_path / "own")  # fmt: skip


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()], ids=["ecdsa", "ed25519"]
)
def test_any_key_that_signs(server, key):
    """Into the request, and into TLS for the next one."""
    applicant = Applicant(server)
    granted = applicant.enroll(request_for(key))
    assert granted.certificate.public_key() == key.public_key()


def test_what_the_ca_changed_is_told(server):
    server.issue = lambda request: server.chain[-1].issue(name("somebody"), request.public_key(), ca=False, **today())
    granted = Applicant(server).enroll(request_for(alternative_names=[x509.DNSName("router1")]))
    assert granted.differences == (
        Difference("subject", "O=Example,CN=router1", "CN=somebody"),
        Difference("subject alternative name", "DNS:router1", ""),
    )


def test_a_label(tmp_path, chain):
    with EstServer(tmp_path, chain, label="routers") as server:
        assert server.url.endswith("/.well-known/est/routers")
        assert isinstance(Applicant(server).enroll(), Granted)
        assert isinstance(Applicant(server, url=server.url + "/").enroll(), Granted)
        with pytest.raises(errors.HttpStatusError) as caught:
            Applicant(server, url=server.url.removesuffix("/routers")).enroll()
        assert caught.value.status == 404


# Who the device is


def test_a_password(tmp_path, chain):
    with EstServer(tmp_path, chain, users={"röuter": "s3cret: ü"}) as server:
        assert isinstance(Applicant(server, login=Login("röuter", "s3cret: ü")).enroll(), Granted)
        assert server.seen[0].username == "röuter"
        refused = Applicant(server, login=Login("röuter", "wrong")).enroll()
        assert isinstance(refused, Rejected)
        assert refused.text == "Who are you?"
        assert "check user name, password and certificate" in refused.reason
        assert isinstance(Applicant(server).enroll(), Rejected)


def test_passwords_are_not_shown(tmp_path, chain, caplog):
    caplog.set_level("DEBUG")
    login = Login("router1", "s3cret")
    assert "s3cret" not in repr(login)
    with EstServer(tmp_path, chain, users={"router1": "another"}) as server:
        applicant = Applicant(server, login=login)
        assert "s3cret" not in repr(applicant.enroll())
        server.scripts["simpleenroll"] = lambda handler: handler.answer(500)
        with pytest.raises(errors.HttpStatusError) as caught:
            applicant.enroll()
    encoded = base64.b64encode(b"router1:s3cret").decode()
    assert not {"s3cret", encoded} & set(caplog.text.split() + caught.value.message.split())


@pytest.mark.parametrize(
    ("username", "password"), [("", "x"), ("a:b", "x"), ("a\n", "x"), ("a", "x\r\n"), ("a", "x" * 256)]
)
def test_logins_that_http_has_not(username, password):
    with pytest.raises(InvalidLoginError) as caught:
        Login(username, password)
    assert caught.value.__context__ is None
    assert "xxx" not in caught.value.message


@pytest.mark.parametrize(
    "key",
    [rsa_key(DEVICE), ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()],
    ids=["rsa", "ecdsa", "ed25519"],
)
def test_renewal_shows_the_present_certificate(tmp_path, chain, key):
    with EstServer(tmp_path, chain, client_cas=chain[-1:]) as server:
        identity = identity_of(chain[-1], key)
        granted = Applicant(server, identity=identity).reenroll(request_for(rsa_key(8)))
        assert isinstance(granted, Granted)
        assert server.seen[0].operation == "simplereenroll"
        assert server.seen[0].client == identity.chain[0]
        assert granted.certificate.public_key() == rsa_key(8).public_key()


def test_a_certificate_for_another_key_is_not_shown(tmp_path, chain):
    with EstServer(tmp_path, chain, client_cas=chain[-1:]) as server:
        mixed = TlsIdentity(identity_of(chain[-1], rsa_key(DEVICE)).chain, rsa_key(8))
        with pytest.raises(UnusableTlsError, match="not for the key pair in use"):
            Applicant(server, identity=mixed).enroll()
        assert server.seen == []


def test_renewal_for_another_name_is_refused(tmp_path, chain):
    with EstServer(tmp_path, chain, client_cas=chain[-1:]) as server:
        applicant = Applicant(server, identity=identity_of(chain[-1], rsa_key(DEVICE)))
        refused = applicant.reenroll(request_for(subject=name("another")))
        assert refused.text == "the subject is not that of the certificate"


def test_a_certificate_with_those_above_it(tmp_path, chain):
    """The server knows the root only."""
    with EstServer(tmp_path, chain, client_cas=chain[:1], certificate_needed=True) as server:
        identity = identity_of(chain[-1], rsa_key(DEVICE))
        whole = TlsIdentity((*identity.chain, chain[-1].certificate), identity.key)
        assert isinstance(Applicant(server, identity=whole).enroll(), Granted)


@pytest.mark.parametrize("known", [False, True], ids=["no certificate", "a stranger's"])
def test_a_server_that_needs_another_certificate(tmp_path, chain, known):
    identity = identity_of(Authority.root("Stranger", key=5, **today()), rsa_key(DEVICE)) if known else None
    with EstServer(tmp_path, chain, client_cas=chain[-1:], certificate_needed=True) as server:
        with pytest.raises(errors.CaUnreachableError) as caught:
            Applicant(server, identity=identity).enroll()
        # In TLS 1.3 the client is done before the server has looked at its certificate: it reads the refusal, or finds
        # the connection closed.
        assert re.search("TLS|the connection broke", caught.value.message)
        assert server.seen == []


# Patience and refusals


def test_pending_and_then_granted(server):
    server.pending = 2
    applicant = Applicant(server)
    assert [applicant.enroll() for _ in range(2)] == [Pending(retry_after=5.0)] * 2
    assert isinstance(applicant.enroll(), Granted)
    assert len({seen.body for seen in server.seen}) == 1


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0), ("120", 120.0), ("86400", RETRY_AFTER_MAX), ("86401", RETRY_AFTER_MAX),
        ("9" * 5000, RETRY_AFTER_MAX),
        ("", None), ("soon", None), ("-5", None), ("1.5", None), ("٣", None), ("Mon, 99 Foo 2026", None),
        ("Thu, 01 Dec 999999999999 16:00:00 GMT", None),
        (format_datetime(datetime(2030, 1, 1, 0, 1, tzinfo=UTC), usegmt=True), 60.0),
        (format_datetime(datetime(2029, 1, 1, tzinfo=UTC), usegmt=True), 0.0),
        (format_datetime(datetime(2031, 1, 1, tzinfo=UTC), usegmt=True), RETRY_AFTER_MAX),
        ("Tue, 01 Jan 2030 00:01:00", 60.0),
    ],
)  # fmt: skip
def test_when_to_come_back(server, value, seconds):
    server.pending = 1
    server.retry_after = value.encode().decode("latin-1")
    clock = ManualClock(datetime(2030, 1, 1, tzinfo=UTC))
    assert Applicant(server, clock=clock).enroll() == Pending(retry_after=seconds)


@pytest.mark.parametrize("status", [400, 401, 403, 422])
def test_refusals(server, status):
    server.rejection = (status, "No such\r\n router \x1b[31m" + "x" * 1000)
    refused = Applicant(server).enroll()
    assert isinstance(refused, Rejected)
    assert refused.text.startswith("No such router ?[31mxxx")
    assert len(refused.text) <= 256
    assert refused.reason.startswith(refused.text)


def test_a_refusal_without_words(server):
    server.scripts["simpleenroll"] = lambda handler: handler.answer(403, b"<html>Forbidden</html>", "text/html")
    refused = Applicant(server).enroll()
    assert (refused.text, refused.reason) == ("", "the server does not give this device such a certificate")


@pytest.mark.parametrize("status", [404, 405, 429, 500, 503, 201, 204])
def test_what_is_no_refusal(server, status):
    server.scripts["simpleenroll"] = lambda handler: handler.answer(status, b"" if status == 204 else b"later")
    with pytest.raises(errors.HttpStatusError) as caught:
        Applicant(server).enroll()
    assert (caught.value.status, caught.value.text) == (status, "" if status == 204 else "later")
    assert "later" in caught.value.message or status == 204


# CSR attributes


def der(tag, *contents):
    content = b"".join(contents)
    length = bytes([len(content)]) if len(content) < 128 else b"\x82" + len(content).to_bytes(2, "big")
    return bytes([tag]) + length + content


def oid(text):
    return core.ObjectIdentifier(text).dump()


def test_csr_attributes(server):
    """The example of RFC 7030 section 4.5.2: a password, an algorithm, an attribute with a value."""
    curve = oid("1.3.132.0.34")
    server.csr_attributes = der(
        0x30,
        oid("1.2.840.113549.1.9.7"),
        der(0x30, oid("1.2.840.10045.2.1"), der(0x31, curve)),
        oid("1.2.840.10045.4.3.3"),
    )
    wishes = Applicant(server).get_csr_attributes()
    assert wishes.oids == ("1.2.840.113549.1.9.7", "1.2.840.10045.4.3.3")
    assert wishes.attributes == {"1.2.840.10045.2.1": (curve,)}
    assert wishes.wants_challenge_password


@pytest.mark.parametrize(("status", "body"), [(204, b""), (404, b"none"), (200, b""), (200, b"MAA=")])
def test_no_csr_attributes(server, status, body):
    server.scripts["csrattrs"] = lambda handler: handler.answer(status, body)
    wishes = Applicant(server).get_csr_attributes()
    assert (wishes.oids, dict(wishes.attributes), wishes.wants_challenge_password) == ((), {}, False)


# How DER is written


def in_pem(der):
    return b"-----BEGIN PKCS7-----\n" + base64.encodebytes(der) + b"-----END PKCS7-----\n"


@pytest.mark.parametrize(
    "encode",
    [
        base64.b64encode,
        base64.encodebytes,
        lambda der: base64.encodebytes(der).replace(b"\n", b"\r\n"),
        lambda der: b"\n  " + base64.b64encode(der) + b"\n\n",
        in_pem,
        bytes,
    ],
    ids=["one line", "lines", "CRLF", "spaces", "PEM", "DER"],
)
def test_der_is_understood_however_it_is_written(server, encode):
    server.encode = encode
    server.csr_attributes = der(0x30, oid("1.2.3"))
    applicant = Applicant(server)
    assert len(applicant.get_ca_certificates().chain) == 2
    assert isinstance(applicant.enroll(), Granted)
    assert applicant.get_csr_attributes().oids == ("1.2.3",)


# The first contact


def first_contact(url, **options):
    return asyncio.run(fetch_unverified_ca_certificates(url, clock=SystemClock(), **options))


def test_the_chain_is_fetched_from_whoever_answers(tmp_path, chain):
    """By another name than that of its certificate, which nobody knows the CA of; and nothing is told."""
    tls = server_certificate(Authority.root("Stranger", key=5, **today()), ["ca.example.com"])
    with EstServer(tmp_path, chain, tls=tls, users={"router1": "s3cret"}, client_cas=chain) as server:
        assert first_contact(server.url).chain == anchors(*chain)
        (seen,) = server.seen
        assert (seen.method, seen.operation, seen.username, seen.client) == ("GET", "cacerts", None, None)
        assert "authorization" not in seen.headers


def test_the_first_contact_through_a_vrf(server):
    assert first_contact(server.url, vrf="lo").complete
    with pytest.raises(errors.CaVrfError):
        first_contact(server.url, vrf="vrf-none")


def test_the_first_contact_is_by_tls_too():
    with pytest.raises(errors.UnsupportedUrlError):
        first_contact("http://127.0.0.1/.well-known/est")


def test_a_client_that_is_used_for_long(server):
    """One client, several requests, and closed twice."""

    async def go(applicant):
        client = EstClient(server.url, **applicant.options)
        results = [await client.enroll(applicant.request, applicant.ca) for _ in range(3)]
        await client.close()
        await client.close()
        return results

    assert all(isinstance(result, Granted) for result in asyncio.run(go(Applicant(server))))
