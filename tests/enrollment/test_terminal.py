"""Cut and paste at the front door (the guide: "Multi-Tier Certificate Authority for Trustpoint Authentication",
"Configure Certificate Enrollment Using Cut-and-Paste"): openssl is the certification authority, and the judge of what
the agent makes."""

from __future__ import annotations

import hashlib
import random
import re
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lxml import etree

from tests.enrollment.by_hand import QUICK, authenticated, configured, enroll, enrolled, requests, where
from tests.enrollment.openssl_ca import (
    CA_EXTENSIONS,
    OpensslCa,
    bag,
    base64_of,
    fingerprint,
    make_request,
    text,
    verified_request,
    verify,
)
from tests.enrollment.operator import TCK, Operator
from tests.pki.trustpoints import openssl

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> OpensslCa:
    """A CA of two tiers for tests that don't care which."""
    return OpensslCa.tiers(tmp_path_factory.mktemp("authorities"), 2)


class TestAuthenticating:
    @pytest.mark.parametrize("tiers", [1, 2, 8])
    def test_the_whole_hierarchy_in_any_order(self, operator: Operator, tmp_path: Path, tiers):
        issuing, name = OpensslCa.tiers(tmp_path, tiers), f"tiers{tiers}"
        configured(operator, name)
        pasted = list(issuing.chain)
        random.Random(tiers).shuffle(pasted)

        outcome = operator.call("authenticate", trustpoint=name, certificate="\n".join(pasted) + "quit\n")

        assert outcome["enrollment-state"] == "authenticated"
        shown = operator.trustpoint(name)
        assert [entry["subject"] for entry in shown["certificate"]] == [f"CN=Tier {n}" for n in range(tiers, 0, -1)]
        assert [entry["position"] for entry in shown["certificate"]] == [str(n) for n in range(tiers)]
        assert [entry["pem"] for entry in shown["certificate"]] == issuing.chain[::-1]
        assert shown["next-step"] == "Get the certificate of the device with enroll."
        assert outcome["certificate"][0]["sha256-fingerprint"] == fingerprint(issuing.pem).replace(":", "")

    def test_a_single_certificate_without_pem_lines(self, operator: Operator, tmp_path: Path):
        root = OpensslCa.root(tmp_path)
        configured(operator, "bare")
        operator.call("authenticate", trustpoint="bare", certificate=base64_of(root.pem))
        assert operator.certificates("bare")["ca"]["pem"] == root.pem

    @pytest.mark.parametrize(("tier", "digest"), [(0, "sha256"), (1, "sha1"), (1, "md5")])
    def test_with_a_fingerprint_as_openssl_prints_it(self, operator: Operator, ca: OpensslCa, tier, digest):
        name = f"by-{digest}"
        configured(operator, name)
        pasted = {"trustpoint": name, "certificate": ca.hierarchy}
        wrong = fingerprint(make_stranger(ca), digest)
        refusal = operator.refused("authenticate", fingerprint=wrong, **pasted)
        assert where(refusal) == ("invalid-value", "fingerprint-mismatch", "fingerprint")
        assert operator.state(name) == "not-authenticated"
        right = fingerprint(ca.chain[tier], digest)
        assert operator.call("authenticate", fingerprint=right, **pasted)["enrollment-state"] == "authenticated"

    def test_what_is_refused_changes_nothing_and_says_why(self, operator: Operator, tmp_path: Path, ca: OpensslCa):
        certificate = enrolled(operator, "steady", ca)
        before = shown_as_stored(operator, "steady")
        state_before = operator.state("steady")

        for kind, pasted, app_tag, words in bad_pastes(tmp_path, ca):
            refusal = operator.refused("authenticate", trustpoint="steady", certificate=pasted)
            assert where(refusal)[1:] == (app_tag, "certificate"), (kind, etree.tostring(refusal.xml))
            assert refusal.tag == ("too-big" if app_tag == "too-many-certificates" else "invalid-value"), kind
            assert re.search(words, refusal.message), (kind, refusal.message)
            trustpoint = operator.trustpoint("steady")
            assert trustpoint["last-error"] == refusal.message, kind
            assert trustpoint["enrollment-state"] == state_before == "granted"
            assert shown_as_stored(operator, "steady") == before, kind
        assert operator.certificates("steady")["router"]["pem"] == certificate

    def test_what_does_not_fit_into_an_rpc_at_all(self, operator: Operator):
        configured(operator, "huge")
        refusal = operator.refused("authenticate", trustpoint="huge", certificate="A" * 262145)
        assert (refusal.tag, where(refusal)[2]) == ("invalid-value", "certificate")

    def test_nothing_pasted(self, operator: Operator):
        configured(operator, "empty")
        refusal = operator.refused("authenticate", trustpoint="empty")
        assert where(refusal) == ("missing-element", "certificate-missing", "certificate")
        assert "<bad-element>certificate</bad-element>" in etree.tostring(refusal.xml).decode()

    def test_another_authority_takes_the_certificate_of_the_first_one_away(
        self, operator: Operator, tmp_path: Path, ca: OpensslCa
    ):
        enrolled(operator, "moving", ca)
        pending = enroll(operator, "moving")
        other = OpensslCa.root(tmp_path, "/CN=Other")

        operator.call("authenticate", trustpoint="moving", certificate=other.pem)

        trustpoint = operator.trustpoint("moving")
        assert [entry["subject"] for entry in trustpoint["certificate"]] == ["CN=Other"]
        assert trustpoint["enrollment-state"] == "authenticated"
        assert "request" not in trustpoint
        refusal = operator.refused("import-certificate", trustpoint="moving", certificate=other.sign(pending))
        assert where(refusal) == ("data-missing", "nothing-requested", None)


def bad_pastes(tmp_path: Path, ca: OpensslCa):
    """What can't be a hierarchy: kind, what is pasted, error-app-tag, and words of the message."""
    root = OpensslCa.root(tmp_path, "/CN=Top")
    middle = root.sub("/CN=Middle")
    low = middle.sub("/CN=Low")
    leaf = low.sign(make_request(tmp_path)[0])
    nine = OpensslCa.tiers(tmp_path, 9)
    expired = root.sub("/CN=Old", start=NOW - timedelta(days=9), end=NOW - timedelta(days=2))
    narrow = OpensslCa.root(tmp_path, "/CN=Narrow", extensions=CA_EXTENSIONS.replace("CA:TRUE", "CA:TRUE,pathlen:0"))
    # Another key under the same name: the names fit together, the signatures don't.
    impostor = OpensslCa.root(tmp_path, "/CN=Top")
    plain = "basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=none\nauthorityKeyIdentifier=none\n"
    forged = OpensslCa.root(tmp_path, "/CN=Forger", extensions=plain)
    forged_low = forged.sub("/CN=Forged", extensions=plain)
    other_forger = OpensslCa.root(tmp_path, "/CN=Forger", extensions=plain)
    # Two that have signed each other, and no root.
    a = OpensslCa.root(tmp_path, "/CN=A")
    b = OpensslCa.root(tmp_path, "/CN=B")
    a_by_b, b_by_a = (by.sign(of.request, extensions=CA_EXTENSIONS) for of, by in ((a, b), (b, a)))
    yield from (
        ("broken link", root.pem + low.pem, "invalid-chain", "broken: CN=Low was issued by CN=Middle"),
        ("no root", middle.pem + low.pem, "invalid-chain", "broken: CN=Middle was issued by CN=Top"),
        ("a root of the same name", impostor.pem + middle.pem, "invalid-chain", "broken: CN=Middle"),
        ("forged", other_forger.pem + forged_low.pem, "invalid-chain", "CN=Forged was not made by CN=Forger"),
        ("no CA", low.hierarchy + leaf, "invalid-chain", "CN=router is not that of a certification authority"),
        ("twice", low.hierarchy + middle.pem, "invalid-chain", "CN=Middle is there twice"),
        ("expired", root.pem + expired.pem, "invalid-chain", "CN=Old expired at"),
        ("loop", a_by_b + b_by_a, "invalid-chain", "each other in a circle"),
        ("side by side", root.pem + middle.pem + narrow.pem, "invalid-chain", "not one chain"),
        ("too deep", narrow.hierarchy + narrow.sub("/CN=N").pem + narrow.sub("/CN=O").pem, "invalid-chain", "not one"),
        ("a ninth tier", nine.hierarchy, "invalid-chain", "9 tiers, and at most 8"),
        ("private key", root.pem + root.key.read_text(), "private-key-disclosed", "nothing of it was taken"),
        ("garbage", "hello, world", "invalid-certificates", "neither PEM nor base64"),
        ("cut off", root.pem[:300], "invalid-certificates", "cut off"),
        ("changed", root.pem.replace("MII", "M!I", 1), "invalid-certificates", "block 1 is not base64"),
        ("a request", root.request, "invalid-certificates", "CERTIFICATE REQUEST"),
        ("too many", root.pem * 65, "too-many-certificates", "64 certificates"),
    )


def make_stranger(ca: OpensslCa) -> str:
    return OpensslCa.root(ca.folder.parent, "/CN=Stranger").pem


def shown_as_stored(operator: Operator, name: str) -> dict[str, object]:
    return {leaf: value for leaf, value in operator.trustpoint(name).items() if not leaf.startswith("last-error")}


class TestRequests:
    def test_it_asks_for_what_is_configured(self, operator: Operator, ca: OpensslCa):
        authenticated(
            operator, "asking", ca, type="rsa", size=2048,
            extra="<subject-name>C=NL,O=Spark Network,CN=Anetwork</subject-name>"
            "<subject-alternative-name>DNS:router1.example.com,IP:192.0.2.1,IP:2001:db8::1</subject-alternative-name>"
            "<key-usage><certificate>digitalsignature keyagreement</certificate></key-usage>"
            "<extended-key-usage>client-auth</extended-key-usage><extended-key-usage>ipsec-ike</extended-key-usage>"
            "<message-digest>sha384</message-digest><ip-address>10.1.1.1</ip-address>",
        )  # fmt: skip

        outcome = operator.call("enroll", trustpoint="asking")

        assert outcome["enrollment-state"] == "pending"
        assert "import-certificate" in outcome["next-step"]
        assert outcome["request"]["method"] == "terminal"
        request = requests(outcome)["router"]
        said = verified_request(request)
        assert re.search(
            r"Subject: C = NL, O = Spark Network, CN = Anetwork, unstructuredName = \S+,"
            r" unstructuredAddress = 10\.1\.1\.1, serialNumber = \S+\n",
            said,
        )
        assert "X509v3 Key Usage: critical\n                    Digital Signature, Key Agreement\n" in said
        assert "TLS Web Client Authentication, ipsec Internet Key Exchange\n" in said
        assert "DNS:router1.example.com, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1\n" in said
        assert "Signature Algorithm: sha384WithRSAEncryption" in said
        assert "challengePassword" not in said
        # The fingerprints are those of the request as it is pasted.
        [told] = outcome["request"]["certificate-request"]
        assert told["sha256-fingerprint"] == sha256_of(request)
        assert operator.trustpoint("asking")["request"] == outcome["request"]

    def test_signed_by_the_ca_and_imported(self, operator: Operator, tmp_path: Path, ca: OpensslCa):
        authenticated(
            operator, "signed", ca, extra="<subject-alternative-name>r1.example.com</subject-alternative-name>"
        )
        certificate = ca.sign(enroll(operator, "signed"))

        outcome = operator.call("import-certificate", trustpoint="signed", certificate=certificate)

        assert outcome["enrollment-state"] == "granted"
        assert "next-step" not in outcome
        own = operator.certificates("signed")["router"]
        assert own["pem"] == certificate
        assert own["status"] == "available"
        assert "changed-by-ca" not in own
        assert "DNS:r1.example.com" in text(own["pem"])
        verify(tmp_path, ca.chain, own["pem"])
        assert "request" not in operator.trustpoint("signed")

    @pytest.mark.parametrize("form", ["base64", "PKCS #7", "PKCS #7 in base64", "after the chain"])
    def test_forms_of_the_certificate(self, operator: Operator, tmp_path: Path, ca: OpensslCa, form):
        name = form.replace(" ", "-").replace("#", "")
        authenticated(operator, name, ca)
        certificate = ca.sign(enroll(operator, name))
        pasted = {
            "base64": lambda: base64_of(certificate),
            "PKCS #7": lambda: bag(tmp_path, *ca.chain, certificate),
            "PKCS #7 in base64": lambda: base64_of(bag(tmp_path, certificate)),
            "after the chain": lambda: ca.hierarchy + certificate,
        }[form]()
        operator.call("import-certificate", trustpoint=name, certificate=pasted)
        assert operator.certificates(name)["router"]["pem"] == certificate

    def test_by_openssl_x509_too(self, operator: Operator, tmp_path: Path, ca: OpensslCa):
        authenticated(operator, "simple", ca)
        (tmp_path / "request").write_text(enroll(operator, "simple"))
        files = ("-in", tmp_path / "request", "-CA", ca.folder / "ca.pem", "-CAkey", ca.key, "-CAcreateserial")
        certificate = openssl("x509", "-req", "-copy_extensions", "copy", *files)
        operator.call("import-certificate", trustpoint="simple", certificate=certificate)
        assert operator.state("simple") == "granted"

    def test_what_the_ca_changed_is_shown(self, operator: Operator, ca: OpensslCa):
        authenticated(operator, "changed", ca, extra="<subject-name>CN=wanted</subject-name>")
        certificate = ca.sign(enroll(operator, "changed"), subject="/CN=other")
        operator.call("import-certificate", trustpoint="changed", certificate=certificate)
        [change] = operator.certificates("changed")["router"]["changed-by-ca"]
        assert change.startswith("subject: CN=other instead of ")

    def test_certificates_of_no_use_are_refused_and_the_old_one_serves(
        self, operator: Operator, tmp_path: Path, ca: OpensslCa
    ):
        certificate = enrolled(operator, "careful", ca)
        request = enroll(operator, "careful", regenerate_key_pair=True)
        stranger = OpensslCa.root(tmp_path, "/CN=Stranger")
        namesake = OpensslCa.root(tmp_path, "/CN=Tier 2")
        someone, _ = make_request(tmp_path)
        old, new = NOW - timedelta(days=9), NOW + timedelta(days=2)
        before = shown_as_stored(operator, "careful")
        for pasted, app_tag, words in (
            (ca.sign(someone), "certificate-mismatch", "for another key"),
            (certificate, "certificate-mismatch", "for another key"),
            (stranger.sign(request), "certificate-mismatch", "not issued by the CA of the trustpoint"),
            (namesake.sign(request), "certificate-mismatch", "not issued by the CA of the trustpoint"),
            (ca.sign(request, start=old, days=2), "certificate-mismatch", "expired at"),
            (ca.sign(request, start=new, days=2), "certificate-mismatch", "not valid before"),
            ("rubbish", "invalid-certificates", "neither PEM nor base64"),
        ):
            refusal = operator.refused("import-certificate", trustpoint="careful", certificate=pasted)
            assert where(refusal) == ("invalid-value", app_tag, "certificate")
            assert words in refusal.message
            assert shown_as_stored(operator, "careful") == before
        assert operator.certificates("careful")["router"]["pem"] == certificate
        operator.call("import-certificate", trustpoint="careful", certificate=ca.sign(request))
        assert operator.certificates("careful")["router"]["pem"] != certificate

    def test_cancelled(self, operator: Operator, ca: OpensslCa):
        authenticated(operator, "cancelled", ca)
        request = enroll(operator, "cancelled")
        again = operator.refused("enroll", trustpoint="cancelled")
        assert where(again) == ("in-use", "enrollment-under-way", None)
        assert "last-error" not in operator.trustpoint("cancelled"), "nothing is wrong with the one under way"
        assert "cancel-enrollment" in again.message

        outcome = operator.call("cancel-enrollment", trustpoint="cancelled")

        assert outcome["enrollment-state"] == "authenticated"
        assert "request" not in outcome
        refusal = operator.refused("import-certificate", trustpoint="cancelled", certificate=ca.sign(request))
        assert where(refusal) == ("data-missing", "nothing-requested", None)
        assert operator.call("cancel-enrollment", trustpoint="cancelled")["enrollment-state"] == "authenticated"
        assert enroll(operator, "cancelled") != request

    def test_a_challenge_password_is_not_for_cut_and_paste(self, operator: Operator, ca: OpensslCa):
        authenticated(operator, "unchallenged", ca)
        refusal = operator.refused("enroll", trustpoint="unchallenged", challenge_password="secret")
        assert where(refusal) == ("operation-failed", "wrong-method", "challenge-password")
        assert operator.state("unchallenged") == "authenticated"

    def test_not_before_the_authority_is_trusted(self, operator: Operator):
        configured(operator, "early")
        assert where(operator.refused("enroll", trustpoint="early")) == ("operation-failed", "not-authenticated", None)

    @pytest.mark.parametrize("fate", ["replaced", "zeroized", "relabelled"])
    def test_a_key_that_has_gone_since_its_request(self, operator: Operator, ca: OpensslCa, fate):
        """Nothing may be put into service that can't be used."""
        name = fate
        authenticated(operator, name, ca)
        request = enroll(operator, name)
        match fate:
            case "replaced":
                operator.generate(name, QUICK)
            case "zeroized":
                operator.call("zeroize-key-pair", TCK, type=QUICK, label=name)
            case "relabelled":
                operator.generate("another", QUICK)
                operator.configure(name, "terminal", "another", QUICK)

        refusal = operator.refused("import-certificate", trustpoint=name, certificate=ca.sign(request))

        assert where(refusal) == ("operation-failed", "key-changed", None)
        assert "Enroll the trustpoint again" in refusal.message
        assert "router" not in operator.certificates(name)


def sha256_of(request: str) -> str:
    return hashlib.sha256(b64decode(base64_of(request))).hexdigest().upper()


class TestUsageKeys:
    @pytest.mark.parametrize(
        "order", [("router-signature", "router-encryption"), ("router-encryption", "router-signature")]
    )
    def test_two_requests_and_certificates_in_any_order(self, operator: Operator, tmp_path: Path, ca: OpensslCa, order):
        name = f"first-{order[0]}"
        authenticated(operator, name, ca, type="rsa", usage="usage", size=1024)
        asked = requests(operator.call("enroll", trustpoint=name))
        assert set(asked) == {"router-signature", "router-encryption"}
        assert "Digital Signature\n" in verified_request(asked["router-signature"])
        assert "Key Encipherment\n" in verified_request(asked["router-encryption"])
        made = {role: ca.sign(request) for role, request in asked.items()}

        first = operator.call("import-certificate", trustpoint=name, certificate=made[order[0]])
        assert first["enrollment-state"] == "pending"
        granted = {one["role"]: one["granted"] for one in first["request"]["certificate-request"]}
        assert granted == {order[0]: "true", order[1]: "false"}
        assert set(operator.certificates(name)) == {"ca"}
        second = operator.call("import-certificate", trustpoint=name, certificate=made[order[1]])

        assert second["enrollment-state"] == "granted"
        own = operator.certificates(name)
        assert {role: own[role]["pem"] for role in made} == made
        for certificate in made.values():
            verify(tmp_path, ca.chain, certificate)

    def test_both_at_once(self, operator: Operator, ca: OpensslCa):
        authenticated(operator, "both", ca, type="rsa", usage="usage", size=1024)
        asked = requests(operator.call("enroll", trustpoint="both"))
        pasted = "".join(ca.sign(request) for request in asked.values())
        assert (
            operator.call("import-certificate", trustpoint="both", certificate=pasted)["enrollment-state"] == "granted"
        )

    def test_the_old_ones_serve_until_both_are_there_also_over_a_restart(self, operator: Operator, ca: OpensslCa):
        authenticated(operator, "lasting", ca, type="rsa", usage="usage", size=1024)
        asked = requests(operator.call("enroll", trustpoint="lasting"))
        pasted = "".join(ca.sign(request) for request in asked.values())
        operator.call("import-certificate", trustpoint="lasting", certificate=pasted)
        old = operator.certificates("lasting")

        asked = requests(operator.call("enroll", trustpoint="lasting", regenerate_key_pair=True))
        made = {role: ca.sign(request) for role, request in asked.items()}
        operator.call("import-certificate", trustpoint="lasting", certificate=made["router-encryption"])
        operator.agent.restart()
        assert operator.certificates("lasting") == old
        assert requests(operator.trustpoint("lasting")) == asked
        operator.call("import-certificate", trustpoint="lasting", certificate=made["router-signature"])

        own = operator.certificates("lasting")
        assert {role: own[role]["pem"] for role in made} == made
        previous = operator.trustpoint("lasting")["previous-certificate"]
        assert {entry["sha256-fingerprint"] for entry in previous} == {old[role]["sha256-fingerprint"] for role in made}
