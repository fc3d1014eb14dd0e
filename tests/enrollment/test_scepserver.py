"""The agent and a real certification authority: the Debian package `scep`, which answers in SHA-1 and single DES."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from tests.enrollment.operator import Operator
from tests.enrollment.scep import WEAK, configure, loaded
from tests.peers.scep_responder import fingerprint
from tests.peers.scepserver import ScepServer, run_scepserver
from tests.pki.trustpoints import openssl


def test_trusting_it(operator: Operator, scepserver: ScepServer):
    configure(operator, "trusting", scepserver.url, extra="", enrollment=WEAK)
    refused = operator.refused("authenticate", trustpoint="trusting", fingerprint="0" * 64)
    assert refused.app_tag == "fingerprint-mismatch"
    assert operator.certificates("trusting") == {}

    # As the guide's dialogue shows it, and openssl prints it.
    for digest, option in ((hashes.SHA256(), "-sha256"), (hashes.SHA1(), "-sha1"), (hashes.MD5(), "-md5")):
        printed = openssl("x509", "-in", scepserver.depot / "ca.pem", "-noout", "-fingerprint", option)
        outcome = operator.call("authenticate", trustpoint="trusting", fingerprint=printed.strip())
        assert outcome["enrollment-state"] == "authenticated", digest.name
        assert operator.certificates("trusting")["ca"]["sha256-fingerprint"] == fingerprint(scepserver.ca)
        operator.call("clear-certificates", trustpoint="trusting")

    (offered,) = operator.call("authenticate", trustpoint="trusting")["offered-certificate"]
    assert operator.state("trusting") == "not-authenticated"
    outcome = operator.call("accept-ca", trustpoint="trusting", fingerprint=offered["sha1-fingerprint"])
    assert outcome["enrollment-state"] == "authenticated"


def authenticated_with(operator: Operator, name: str, server: ScepServer, **options) -> None:
    configure(operator, name, server.url, extra="", **options)
    operator.call("authenticate", trustpoint=name, fingerprint=fingerprint(server.ca))


def test_enrolling_and_renewing(operator: Operator, scepserver: ScepServer, tmp_path):
    authenticated_with(operator, "real", scepserver, enrollment=WEAK)
    refused = operator.refused("enroll", trustpoint="real", challenge_password="wrong horse")
    assert refused.app_tag == "enrollment-rejected"
    assert operator.state("real") == "rejected"
    assert set(operator.certificates("real")) == {"ca"}

    outcome = operator.call("enroll", trustpoint="real", challenge_password=scepserver.challenge)
    assert outcome["enrollment-state"] == "granted"
    first = loaded(operator.certificates("real")["router"])
    assert "CN=real" in operator.certificates("real")["router"]["subject"]

    operator.call("enroll", trustpoint="real", challenge_password=scepserver.challenge, regenerate_key_pair=True)
    second = loaded(operator.certificates("real")["router"])
    assert second.public_key() != first.public_key()
    (tmp_path / "own.pem").write_bytes(second.public_bytes(Encoding.PEM))
    openssl("verify", "-CAfile", scepserver.depot / "ca.pem", tmp_path / "own.pem")

    # Whoever renews has its former certificate revoked.
    crl = x509.load_der_x509_crl(scepserver.make_crl())
    assert crl.is_signature_valid(scepserver.ca.public_key())
    assert crl.get_revoked_certificate_by_serial_number(first.serial_number) is not None
    assert crl.get_revoked_certificate_by_serial_number(second.serial_number) is None

    logged = [line for line in operator.agent.log.splitlines() if "trustpoint real:" in line and " uses " in line]
    assert any("sha1" in line for line in logged)
    assert any("des" in line for line in logged)


def test_without_leave_its_weak_answers_are_refused(operator: Operator, scepserver: ScepServer):
    authenticated_with(operator, "strict", scepserver)
    refused = operator.refused("enroll", trustpoint="strict", challenge_password=scepserver.challenge)
    assert "enrollment/allow-weak-algorithms" in refused.message
    trustpoint = operator.trustpoint("strict")
    assert trustpoint["enrollment-state"] == "rejected"
    assert trustpoint["last-error"] == refused.message
    assert set(operator.certificates("strict")) == {"ca"}


def test_a_ca_that_renews_later_refuses_and_the_old_certificate_stays(operator: Operator, tmp_path):
    with run_scepserver(tmp_path / "depot", "-allowrenew", "14") as server:
        authenticated_with(operator, "early", server, enrollment=WEAK)
        operator.call("enroll", trustpoint="early", challenge_password=server.challenge)
        own = operator.certificates("early")["router"]
        refused = operator.refused("enroll", trustpoint="early", challenge_password=server.challenge)
        assert "badRequest" in refused.message
        assert operator.certificates("early")["router"] == own
        assert operator.state("early") == "rejected"
        operator.call("export-pkcs12", trustpoint="early", password="export-me")


@pytest.mark.parametrize("rpc", ["get-crl", "get-next-ca"])
def test_what_it_can_not_is_told(operator: Operator, scepserver: ScepServer, rpc):
    if operator.trustpoint("queries") == {}:
        authenticated_with(operator, "queries", scepserver, enrollment=WEAK)
        operator.call("enroll", trustpoint="queries", challenge_password=scepserver.challenge)
    refused = operator.refused(rpc, trustpoint="queries")
    assert refused.tag == "operation-failed"
    assert "Error" not in refused.message
