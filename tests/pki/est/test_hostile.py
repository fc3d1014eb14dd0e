"""Servers that are not who they should be, and whatever bytes they send: the client says what is wrong and goes on."""

from __future__ import annotations

import asyncio
import base64
import random
import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from agent.clock import ManualClock, SystemClock
from agent.pki import enrolment_errors as errors
from agent.pki.chain_errors import BranchedChainError, CertificateNotValidError, ChainTooLongError, NotACaError
from agent.pki.est.client import MAX_ANSWER, MAX_CSR_ATTRIBUTES, Login, fetch_unverified_ca_certificates
from tests.peers.est_server import EstServer, degenerate, line_of_today, server_certificate
from tests.pki.authorities import Authority, name, rsa_key
from tests.pki.est.applicant import DEVICE, SUBJECT, Applicant

NOW = datetime.now(UTC).replace(microsecond=0)


def stranger(common_name="Stranger", **options):
    return Authority.root(common_name, key=5, **({"start": NOW - timedelta(days=1), "days": 30} | options))


# TLS


def tls_of(chain, kind):
    """A server's certificate with one defect."""
    long_ago = {"start": NOW - timedelta(days=20), "days": 10}
    return {
        "stranger": lambda: server_certificate(stranger()),
        "stranger of the same name": lambda: server_certificate(stranger("Tier 1")),
        "expired": lambda: server_certificate(chain[0], **long_ago),
        "not yet": lambda: server_certificate(chain[0], start=NOW + timedelta(days=2)),
        "another name": lambda: server_certificate(chain[0], ["ca.example.com"]),
        "another address": lambda: server_certificate(chain[0], ["127.0.0.2"]),
        "no name": lambda: server_certificate(chain[0], []),
        "self-signed": lambda: stranger("127.0.0.1"),
    }[kind]()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("stranger", "issued by another CA"),
        ("stranger of the same name", "."),
        ("expired", "has expired"),
        ("not yet", "not valid yet"),
        ("another name", "for another address"),
        ("another address", "for another address"),
        ("no name", "for another address"),
        ("self-signed", "self-signed"),
    ],
)
def test_servers_that_nothing_is_told(tmp_path, chain, kind, said):
    with EstServer(tmp_path, chain, tls=tls_of(chain, kind), users={"a": "b"}) as server:
        applicant = Applicant(server, login=Login("a", "b"))
        for operation in (applicant.enroll, applicant.get_ca_certificates, applicant.get_csr_attributes):
            with pytest.raises(errors.CaTlsError) as caught:
                operation()
            assert said in caught.value.message
        assert server.seen == []


def test_a_name_is_compared(tmp_path, chain):
    with EstServer(tmp_path, chain, tls=server_certificate(chain[0], ["ca.example.com"])) as server:
        applicant = Applicant(server, url=server.at("localhost"))
        with pytest.raises(errors.CaTlsError, match="for another name"):
            applicant.enroll()
    with EstServer(tmp_path, chain, tls=server_certificate(chain[0], ["localhost"])) as server:
        assert Applicant(server, url=server.at("localhost")).enroll()


def test_the_anchor_of_tls_may_be_another_than_the_ca(tmp_path, chain):
    other = stranger("Operator of the network")
    with EstServer(tmp_path, chain, tls=server_certificate(other)) as server:
        assert Applicant(server, trust=[other]).enroll().certificate.issuer == chain[-1].certificate.subject
        with pytest.raises(errors.CaTlsError):
            Applicant(server).enroll()


def test_an_anchor_without_its_root(tmp_path, chain):
    with EstServer(tmp_path, chain, tls=server_certificate(chain[-1])) as server:
        assert Applicant(server, trust=chain[-1:]).enroll()


def test_a_server_that_sends_the_cas_between(tmp_path):
    chain = line_of_today(8)
    with EstServer(tmp_path, chain, tls=server_certificate(chain[-1]), tls_chain=chain[:0:-1]) as server:
        assert Applicant(server).enroll()


def test_the_system_vouches_for_nobody(tmp_path, chain, monkeypatch):
    """Only if it is asked to."""
    other = stranger()
    file = tmp_path / "system.pem"
    file.write_text(ssl.DER_cert_to_PEM_cert(other.certificate.public_bytes(Encoding.DER)))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with EstServer(tmp_path, chain, tls=server_certificate(other)) as server, pytest.raises(errors.CaTlsError):
        Applicant(server).enroll()


def test_old_tls_is_refused():
    async def go():
        # What the server of another age says to every hello: TLS 1.0.
        hello = bytes.fromhex("160301002a020000260301") + bytes(32) + bytes.fromhex("00002f00")

        async def serve(reader, writer):
            await reader.read(100)
            writer.write(hello)
            await writer.drain()
            writer.close()

        running = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with running:
            port = running.sockets[0].getsockname()[1]
            await fetch_unverified_ca_certificates(f"https://127.0.0.1:{port}/.well-known/est", clock=SystemClock())

    with pytest.raises(errors.CaUnreachableError, match="TLS"):
        asyncio.run(go())


def test_a_server_without_tls():
    async def go():
        async def serve(reader, writer):
            await reader.read(100)
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as running:
            port = running.sockets[0].getsockname()[1]
            await fetch_unverified_ca_certificates(f"https://127.0.0.1:{port}/.well-known/est", clock=SystemClock())

    with pytest.raises(errors.CaTlsError, match="may not speak TLS"):
        asyncio.run(go())


# HTTP


@pytest.mark.parametrize(
    "location", ["http://127.0.0.1/.well-known/est/cacerts", "https://127.0.0.1:1/x", "//evil/", ""]
)
def test_redirects_that_are_not_followed(server, location):
    server.scripts["cacerts"] = lambda handler: handler.answer(302, Location=location)
    with pytest.raises(errors.RedirectRefusedError):
        Applicant(server).get_ca_certificates()
    assert server.operations == ["cacerts"]


def test_a_redirect_on_the_same_server(server):
    server.scripts["cacerts"] = lambda handler: handler.answer(302, Location="/.well-known/est/there")
    server.scripts["there"] = lambda handler: handler._ca_certificates()
    assert Applicant(server).get_ca_certificates().complete


def test_a_request_is_never_redirected(server):
    server.scripts["simpleenroll"] = lambda handler: handler.answer(307, Location="/.well-known/est/there")
    with pytest.raises(errors.RedirectRefusedError):
        Applicant(server).enroll()


@pytest.mark.parametrize(
    ("operation", "limit"), [("cacerts", MAX_ANSWER), ("simpleenroll", MAX_ANSWER), ("csrattrs", MAX_CSR_ATTRIBUTES)]
)
def test_too_long(server, operation, limit):
    server.scripts[operation] = lambda handler: handler.answer(200, b"A" * (limit + 1))
    with pytest.raises(errors.AnswerTooLargeError) as caught:
        ask(Applicant(server), operation)
    assert caught.value.limit == limit


def test_a_byte_now_and_then(server):
    def drip(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        while not server.stopped.wait(0.02):
            handler.wfile.write(b"M")
            handler.wfile.flush()

    server.scripts["simpleenroll"] = drip
    with pytest.raises(errors.CaTimeoutError):
        Applicant(server, timeout=0.5).enroll()


def ask(applicant, operation):
    return {
        "cacerts": applicant.get_ca_certificates,
        "csrattrs": applicant.get_csr_attributes,
        "simpleenroll": applicant.enroll,
    }[operation]()


#: A SignedData with nothing in it.
NO_CERTIFICATES = bytes.fromhex("302306092a864886f70d010702a01630140201013100300b06092a864886f70d0107013100")
NONSENSE = {
    "empty": b"",
    "a page": b"<html>Welcome to our hotel</html>",
    "no base64": b"MII*",
    "half base64": b"MIIBIjANBgkqhkiG9w0BAQ=" + b"=" * 7,
    "not ASCII": "MIIäöü".encode(),
    "other DER": base64.b64encode(b"\x30\x03\x02\x01\x05"),
    "DER that breaks off": base64.b64encode(b"\x30\x82\x40\x00\x06"),
    "a number without end": base64.b64encode(b"\x30\x82\x17\x70\x06\x82\x17\x6c" + b"\xff" * 5996),
    "nested": base64.b64encode(b"\x30\x80" * 20000),
    "no certificates": base64.b64encode(NO_CERTIFICATES),
}


@pytest.mark.parametrize("body", NONSENSE.values(), ids=NONSENSE)
@pytest.mark.parametrize("operation", ["cacerts", "simpleenroll"])
def test_nonsense(server, operation, body):
    server.scripts[operation] = lambda handler: handler.answer(200, body, "application/pkcs7-mime")
    with pytest.raises(errors.MalformedMessageError):
        ask(Applicant(server), operation)


@pytest.mark.parametrize(
    "body", [b"MII*", b"hello", b"\x30\x03\x06\x01", b"\x30\x03\x02\x01\x05", b"\x30\x80" * 20000, b"\x31\x00",
             b"\x30\x82\x17\x74\x06\x82\x17\x70" + b"\xff" * 6000, b"\x30\x82\x01\x04" + b"\x06\x02\x2a\x03" * 65],
)  # fmt: skip
def test_nonsense_as_csr_attributes(server, body):
    server.scripts["csrattrs"] = lambda handler: handler.answer(200, body)
    with pytest.raises(errors.MalformedMessageError):
        Applicant(server).get_csr_attributes()


def test_changed_bytes(server):
    """A good answer with some bytes changed is a good answer still, or one of our errors."""
    applicant = Applicant(server)
    good = degenerate([server.issue(x509.load_der_x509_csr(applicant.request))])
    chance = random.Random(1)
    for _ in range(60):
        changed = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        answer = base64.b64encode(bytes(changed))
        server.scripts["simpleenroll"] = lambda handler, body=answer: handler.answer(200, body)
        with suppress(errors.EnrolmentError):
            granted = applicant.enroll()
            assert granted.certificate.public_key() == rsa_key(DEVICE).public_key()


# Certificates


def issued_today(authority, key, subject=SUBJECT):
    return authority.issue(subject, key.public_key(), ca=False, start=NOW - timedelta(hours=1), days=1)


def test_a_certificate_for_another_key(server, chain):
    server.issue = lambda _request: issued_today(chain[-1], rsa_key(4), name("victim"))
    with pytest.raises(errors.WrongKeyError) as caught:
        Applicant(server).enroll()
    assert caught.value.subjects == ("CN=victim",)


@pytest.mark.parametrize("which", ["another CA", "the root", "same name"])
def test_a_certificate_of_another_issuer(server, chain, which):
    issuer = {"another CA": stranger(), "the root": chain[0], "same name": stranger("Tier 2")}[which]
    server.issue = lambda _request: issued_today(issuer, rsa_key(DEVICE))
    with pytest.raises(errors.WrongIssuerError):
        Applicant(server).enroll()


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (lambda chain: [issued_today(chain[0], rsa_key(3))], NotACaError),
        (lambda chain: [*(a.certificate for a in chain), stranger().certificate], BranchedChainError),
        (lambda _chain: [a.certificate for a in line_of_today(9)], ChainTooLongError),
        (lambda _chain: [stranger(start=NOW - timedelta(days=9), days=2).certificate], CertificateNotValidError),
    ],
)
def test_certificates_that_are_no_chain(server, chain, make, cause):
    server.ca_certificates = make(chain)
    with pytest.raises(errors.CaCertificatesError) as caught:
        Applicant(server).get_ca_certificates()
    assert isinstance(caught.value.cause, cause)


def test_the_validity_of_the_chain_goes_by_our_clock(server):
    with pytest.raises(errors.CaCertificatesError, match="expired"):
        Applicant(server, clock=ManualClock(NOW + timedelta(days=100))).get_ca_certificates()
