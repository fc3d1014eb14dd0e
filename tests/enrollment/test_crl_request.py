"""Cisco's ca-crl-request at the front door: the list of a real certification authority, made by openssl."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.enrollment.operator import Operator
from tests.peers.http_server import HttpPeer
from tests.peers.scep_responder import fingerprint
from tests.pki.trustpoints import openssl

ACT = "http://cisco.com/ns/yang/Cisco-IOS-XR-crypto-act"
WEAK = "<allow-weak-algorithms>true</allow-weak-algorithms>"


class DistributionPoint(HttpPeer):
    """Has what a test puts there."""

    path = "/ca.crl"

    def __init__(self, body: bytes = b"", status: int = 200) -> None:
        self.body, self.status = body, status
        super().__init__()

    def serve(self, exchange, body: bytes) -> None:
        exchange.reply(self.status, self.body, "application/pkix-crl")


@pytest.fixture
def point():
    with DistributionPoint() as point:
        yield point


@pytest.fixture(scope="module")
def trusting(shared_agent, scepserver):
    """An operator whose device trusts the real authority."""
    operator = Operator(shared_agent)
    operator.generate("crl", size=1024)
    operator.configure("crl", scepserver.url, "crl", enrollment=WEAK)
    operator.call("authenticate", trustpoint="crl", fingerprint=fingerprint(scepserver.ca))
    yield operator
    operator.close()


def request(operator, url):
    [pem] = operator.call("ca-crl-request", ACT, uri=url)["certificate"]
    return pem


def refused(operator, url):
    return operator.refused("ca-crl-request", ACT, uri=url)


def test_the_latest_list_in_pem(trusting, scepserver, point, tmp_path):
    point.body = scepserver.make_crl()
    pem = request(trusting, point.url)
    (tmp_path / "ca.pem").write_text(scepserver.ca_pem)
    (tmp_path / "crl.pem").write_text(pem)
    openssl("crl", "-in", tmp_path / "crl.pem", "-CAfile", tmp_path / "ca.pem", "-noout")
    point.body = pem.encode()
    assert request(trusting, point.url) == pem, "PEM is taken too"


def test_a_forgery(trusting, scepserver, point):
    der = bytearray(scepserver.make_crl())
    der[-1] ^= 1
    point.body = bytes(der)
    error = refused(trusting, point.url)
    assert (error.tag, error.app_tag) == ("operation-failed", "crl-not-usable")
    assert "was not signed by" in error.message


def test_an_authority_that_nobody_trusts(trusting, scep_responder, point):
    point.body = scep_responder().ca.crl().public_bytes(Encoding.DER)
    assert "authenticate it first" in refused(trusting, point.url).message


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"", 200, "no revocation list"),
        (b"<html>", 200, "no revocation list"),
        (b"\x30\x82\xff\xff", 200, "no revocation list"),
        (b"gone", 404, "HTTP status 404"),
    ],
)
def test_what_is_no_list(trusting, point, body, status, says):
    point.body, point.status = body, status
    error = refused(trusting, point.url)
    assert error.app_tag == "crl-not-usable"
    assert says in error.message


@pytest.mark.parametrize("url", ["ldap://ca.example.com/cn=ca", "file:///etc/passwd", "http://", "http://u:p@ca/crl"])
def test_other_urls(trusting, url):
    error = refused(trusting, url)
    assert (error.tag, error.app_tag) == ("invalid-value", "invalid-crl-url")
    assert error.path.endswith("uri")


def test_nobody_there(trusting, point):
    point.close()
    error = refused(trusting, point.url)
    assert (error.tag, error.app_tag) == ("operation-failed", "server-unreachable")
