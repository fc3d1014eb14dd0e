"""EST at the front door (RFC 7030): NETCONF to the agent, TLS from it to a server whose TLS is the machine's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.enrollment.by_hand import QUICK, where
from tests.enrollment.openssl_ca import fingerprint, text, verify
from tests.enrollment.operator import Operator
from tests.enrollment.state_folder import files_with, rows_of
from tests.peers.est_server import EstServer, line_of_today, server_certificate
from tests.pki.authorities import Authority, of_today, rsa_key

LOGIN = "<credential><username>router1</username><password>s3cret horse</password></credential>"
USERS = {"router1": "s3cret horse"}


def pem(authority: Authority) -> str:
    return authority.certificate.public_bytes(Encoding.PEM).decode()


def chain_of(server: EstServer) -> list[str]:
    return [pem(authority) for authority in server.chain]


def configured(
    operator: Operator, name: str, server: EstServer, *, type: str = QUICK, login: str = "", extra: str = "", **key
) -> None:
    operator.generate(name, type, **key)
    operator.configure(name, server.url, name, type, extra=extra, enrollment=login)


def authenticated(operator: Operator, name: str, server: EstServer, **options) -> None:
    configured(operator, name, server, **options)
    outcome = operator.call("authenticate", trustpoint=name, fingerprint=fingerprint(pem(server.chain[0])))
    assert outcome["enrollment-state"] == "authenticated"


def own(operator: Operator, name: str) -> str:
    certificate: str = operator.certificates(name)["router"]["pem"]
    return certificate


def issued_so(issuer: Authority, key, options):
    """For EstServer.issue: a certificate of this issuer, for this key instead of the one of the request."""
    return lambda request: issuer.issue(request.subject, key or request.public_key(), **options)


class TestAuthenticating:
    def test_by_a_fingerprint(self, operator: Operator, est_server):
        server = est_server(3)
        configured(operator, "known", server)
        stranger = pem(Authority.root("Stranger", 4, **of_today()))
        refusal = operator.refused("authenticate", trustpoint="known", fingerprint=fingerprint(stranger))
        assert where(refusal) == ("invalid-value", "fingerprint-mismatch", "fingerprint")
        assert "certificate" not in operator.trustpoint("known")

        operator.call("authenticate", trustpoint="known", fingerprint=fingerprint(pem(server.chain[0])))

        shown = operator.trustpoint("known")["certificate"]
        assert [entry["pem"] for entry in shown] == chain_of(server)[::-1]
        # Nothing was said about the device to whoever answers.
        assert {(seen.operation, seen.username, seen.client) for seen in server.seen} == {("cacerts", None, None)}

    def test_by_what_is_offered(self, operator: Operator, est_server):
        server = est_server(2)
        configured(operator, "offered", server)
        right = fingerprint(pem(server.chain[0]))
        refusal = operator.refused("accept-ca", trustpoint="offered", fingerprint=right)
        assert where(refusal) == ("data-missing", "nothing-offered", None)

        outcome = operator.call("authenticate", trustpoint="offered")

        assert outcome["enrollment-state"] == "not-authenticated"
        assert "accept-ca" in outcome["next-step"]
        assert [entry["subject"] for entry in outcome["offered-certificate"]] == ["CN=Tier 2", "CN=Tier 1"]
        assert operator.agent.exec("show crypto ca certificates offered").returncode == 1
        assert where(operator.refused("enroll", trustpoint="offered"))[1] == "not-authenticated"
        refusal = operator.refused("accept-ca", trustpoint="offered", fingerprint="AB" * 32)
        assert where(refusal) == ("invalid-value", "fingerprint-mismatch", "fingerprint")
        assert (
            operator.call("accept-ca", trustpoint="offered", fingerprint=right)["enrollment-state"] == "authenticated"
        )
        assert "offered-certificate" not in operator.trustpoint("offered")

    def test_what_is_no_chain_is_not_even_offered(self, operator: Operator, est_server):
        start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=9)
        expired = Authority.root("Old", 0, start=start, days=2)
        server = est_server([expired], tls=server_certificate(Authority.root("T", 1, **of_today())))
        configured(operator, "hopeless", server)
        refusal = operator.refused("authenticate", trustpoint="hopeless", fingerprint=fingerprint(pem(expired)))
        assert where(refusal) == ("operation-failed", "enrollment-failed", None)
        assert "CN=Old expired at" in refusal.message
        assert operator.trustpoint("hopeless")["last-error"] == refusal.message
        server.scripts["cacerts"] = lambda handler: handler.answer(500, b"tired")
        refusal = operator.refused("authenticate", trustpoint="hopeless")
        assert "HTTP status 500: tired" in refusal.message

    def test_a_certificate_is_not_pasted_for_a_server(self, operator: Operator, est_server):
        server = est_server(1)
        configured(operator, "pasted", server)
        refusal = operator.refused("authenticate", trustpoint="pasted", certificate=pem(server.chain[0]))
        assert where(refusal) == ("operation-failed", "wrong-method", "certificate")


class TestEnrolling:
    @pytest.mark.parametrize("key_type", ["ecdsa-nistp256", "ed25519", "rsa", "dsa"])
    def test_with_a_password_and_then_with_the_certificate(
        self, operator: Operator, tmp_path: Path, est_server, key_type
    ):
        chain, name = line_of_today(3), f"full-{key_type}"
        server = est_server(chain, users=USERS, client_cas=[chain[-1]])
        names = "<subject-alternative-name>router1.example.com</subject-alternative-name>"
        authenticated(operator, name, server, type=key_type, login=LOGIN, extra=names)

        assert operator.call("enroll", trustpoint=name)["enrollment-state"] == "granted"

        first = own(operator, name)
        verify(tmp_path, chain_of(server), first)
        assert "DNS:router1.example.com" in text(first)
        enrolled = server.seen[-1]
        assert (enrolled.operation, enrolled.username, enrolled.client) == ("simpleenroll", "router1", None)

        operator.call("enroll", trustpoint=name, regenerate_key_pair=True)

        second = own(operator, name)
        assert text(second, "-pubkey") != text(first, "-pubkey")
        renewed = server.seen[-1]
        if key_type == "dsa":
            # TLS has no DSA any more: the password says who asks.
            assert (renewed.operation, renewed.client) == ("simpleenroll", None)
        else:
            assert renewed.operation == "simplereenroll"
            assert renewed.client.public_bytes(Encoding.PEM).decode() == first
        [previous] = operator.trustpoint(name)["previous-certificate"]
        assert previous["sha256-fingerprint"] == fingerprint(first).replace(":", "")
        operator.call("restore-certificates", trustpoint=name)
        assert own(operator, name) == first

    def test_other_names_are_another_certificate(self, operator: Operator, est_server):
        chain = line_of_today(2)
        server = est_server(chain, users=USERS, client_cas=[chain[-1]])
        authenticated(operator, "renamed", server, login=LOGIN)
        operator.call("enroll", trustpoint="renamed")
        names = "<subject-alternative-name>router2.example.com</subject-alternative-name>"
        operator.configure("renamed", server.url, "renamed", QUICK, extra=names)
        operator.call("enroll", trustpoint="renamed")
        assert (server.seen[-1].operation, server.seen[-1].client is None) == ("simpleenroll", False)
        operator.call("enroll", trustpoint="renamed")
        assert server.seen[-1].operation == "simplereenroll"

    def test_usage_keys(self, operator: Operator, tmp_path: Path, est_server):
        server = est_server(2)
        authenticated(operator, "usage", server, type="rsa", usage="usage", size=1024)
        operator.call("enroll", trustpoint="usage")
        certificates = operator.certificates("usage")
        assert set(certificates) == {"ca", "router-signature", "router-encryption"}
        for role in ("router-signature", "router-encryption"):
            verify(tmp_path, chain_of(server), certificates[role]["pem"])

    def test_refused_with_the_words_of_the_server(self, operator: Operator, est_server):
        server = est_server(2, users=USERS)
        authenticated(operator, "refused", server)
        refusal = operator.refused("enroll", trustpoint="refused")
        assert where(refusal) == ("operation-failed", "enrollment-rejected", None)
        assert "Who are you?" in refusal.message
        trustpoint = operator.trustpoint("refused")
        assert trustpoint["enrollment-state"] == "rejected"
        assert trustpoint["last-error"] == refusal.message
        assert trustpoint["next-step"] == "Mend what last-error says, and enroll again."

        operator.configure("refused", server.url, "refused", QUICK, enrollment=LOGIN)
        server.rejection = (403, "not in my network")
        assert "not in my network" in operator.refused("enroll", trustpoint="refused").message
        server.rejection = None
        assert operator.call("enroll", trustpoint="refused")["enrollment-state"] == "granted"
        assert "last-error" not in operator.trustpoint("refused")
        assert files_with(operator.agent.state, *USERS.values()) == []

    def test_a_refused_renewal_leaves_the_old_certificate_in_service(self, operator: Operator, est_server):
        server = est_server(2)
        authenticated(operator, "steady", server)
        operator.call("enroll", trustpoint="steady")
        certificate = own(operator, "steady")
        issuing, stranger, other_key = (
            server.chain[-1],
            Authority.root("Tier 2", 4, **of_today()),
            rsa_key(5).public_key(),
        )
        past, future = ({"start": datetime.now(UTC) + timedelta(days=days), "days": 1} for days in (-3, 3))
        for issuer, key, options, words in (
            (issuing, other_key, of_today(), "no certificate for the key"),
            (stranger, None, of_today(), "not issued by the CA"),
            (issuing, None, past, "expired"),
            (issuing, None, future, "not valid before"),
        ):
            server.issue = issued_so(issuer, key, options)
            refusal = operator.refused("enroll", trustpoint="steady", regenerate_key_pair=True)
            assert where(refusal)[1] == "enrollment-rejected"
            assert words in refusal.message
            assert operator.state("steady") == "rejected"
            assert own(operator, "steady") == certificate
        rows = rows_of(operator.agent.state, "steady")
        assert not {"kept_key_parts", "enrollments", "enrollment_requests"} & rows.keys()
        server.issue = server.issue_as_asked
        operator.call("enroll", trustpoint="steady")
        assert operator.state("steady") == "granted"

    def test_a_challenge_password_is_for_scep(self, operator: Operator, est_server):
        server = est_server(1)
        authenticated(operator, "challenged", server)
        refusal = operator.refused("enroll", trustpoint="challenged", challenge_password="secret")
        assert where(refusal) == ("operation-failed", "wrong-method", "challenge-password")
        assert server.operations == ["cacerts"]


class TestWaiting:
    def test_pending_until_somebody_has_looked_at_it(self, operator: Operator, est_server):
        server = est_server(2, users=USERS)
        server.pending, server.retry_after = 2, "90"
        authenticated(operator, "patient", server, login=LOGIN)
        outcome = operator.call("enroll", trustpoint="patient")
        assert outcome["enrollment-state"] == "pending"
        assert "approve the request" in outcome["next-step"]
        assert outcome["request"]["attempts"] == "0"
        started, asked_next = (datetime.fromisoformat(outcome["request"][leaf]) for leaf in ("started", "next-attempt"))
        assert timedelta(seconds=85) < asked_next - started < timedelta(seconds=95 + 60)
        assert where(operator.refused("enroll", trustpoint="patient")) == ("in-use", "enrollment-under-way", None)

        operator.agent.restart()
        operator.agent.advance(seconds=91)
        operator.wait_for_attempt("patient", 1)
        operator.agent.advance(seconds=91)
        operator.wait_for("patient", "granted")
        # The same request each time (RFC 7030 section 4.2.3).
        bodies = {seen.body for seen in server.seen if seen.operation == "simpleenroll"}
        assert len(bodies) == 1
        assert server.operations.count("simpleenroll") == 3

    def test_given_up_after_as_many_times_as_configured(self, operator: Operator, est_server):
        server = est_server(1)
        server.pending = 100
        authenticated(operator, "limited", server, login="<retry><count>2</count></retry>")
        operator.call("enroll", trustpoint="limited")
        operator.agent.advance(minutes=1)
        operator.wait_for_attempt("limited", 1)
        operator.agent.advance(minutes=1)
        trustpoint = operator.wait_for("limited", "rejected")
        assert "asked again 2 times without a decision" in trustpoint["last-error"]
        assert server.operations.count("simpleenroll") == 3

    @pytest.mark.parametrize("end", ["cancelled", "removed"])
    def test_nobody_is_asked_any_more(self, operator: Operator, est_server, end):
        server = est_server(1)
        server.pending = 100
        authenticated(operator, end, server)
        operator.call("enroll", trustpoint=end)
        if end == "cancelled":
            assert operator.call("cancel-enrollment", trustpoint=end)["enrollment-state"] == "authenticated"
        else:
            operator.unconfigure(end)
            assert rows_of(operator.agent.state, end) == {}
        # Another one asks after it would have been asked again.
        other = est_server(1)
        other.pending = 1
        authenticated(operator, f"after-{end}", other)
        operator.call("enroll", trustpoint=f"after-{end}")
        operator.agent.advance(minutes=1)
        operator.wait_for(f"after-{end}", "granted")
        assert server.operations == ["cacerts", "simpleenroll"]

    def test_a_server_that_is_not_there(self, operator: Operator, est_server):
        server = est_server(1)
        authenticated(operator, "alone", server)
        server.__exit__()
        assert operator.call("enroll", trustpoint="alone")["enrollment-state"] == "requesting"
        trustpoint = operator.trustpoint("alone")
        assert "can't be reached" in trustpoint["last-error"]
        assert "cancel-enrollment" in trustpoint["next-step"]
        assert operator.call("cancel-enrollment", trustpoint="alone")["enrollment-state"] == "authenticated"


class TestStrangers:
    @pytest.mark.parametrize("stranger", ["another authority", "another name"])
    def test_who_is_not_the_server_gets_neither_request_nor_password(self, operator: Operator, est_server, stranger):
        chain, name = line_of_today(1), stranger.replace(" ", "-")
        if stranger == "another authority":
            certificate = server_certificate(Authority.root("Tier 1", 4, **of_today()))
        else:
            certificate = server_certificate(chain[0], names=("router.example.com",))
        impostor = est_server(chain, users=USERS, tls=certificate)
        authenticated(operator, name, impostor, login=LOGIN + "<retry><count>1</count></retry>")

        outcome = operator.call("enroll", trustpoint=name)

        assert outcome["enrollment-state"] == "requesting"
        assert "certificate" in operator.trustpoint(name)["last-error"]
        operator.agent.advance(minutes=1)
        trustpoint = operator.wait_for(name, "rejected")
        assert "router" not in operator.certificates(name)
        assert "was asked again once without a decision. The CA at" in trustpoint["last-error"]
        assert impostor.operations == ["cacerts"]
