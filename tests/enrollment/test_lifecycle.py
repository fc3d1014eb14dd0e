"""What becomes of a trustpoint: its states, its keys and certificates exchanged, brought back, cleared and removed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lxml import etree

from tests.enrollment.by_hand import QUICK, authenticated, configured, enroll, enrolled, requests, where
from tests.enrollment.openssl_ca import OpensslCa
from tests.enrollment.operator import NC, TCK, TCT, Operator, Record
from tests.enrollment.state_folder import files_with, rows_of
from tests.peers.scep_responder import Ra, fingerprint
from tests.pki.trustpoints import openssl

CEPKI = "http://cisco.com/ns/yang/Cisco-IOS-XR-crypto-cepki-oper"
NOW = datetime.now(UTC)
EXPORT = "a long enough password"


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> OpensslCa:
    return OpensslCa.tiers(tmp_path_factory.mktemp("authorities"), 2)


def self_signed(operator: Operator, name: str) -> None:
    """A trustpoint with `enrollment self`, enrolled."""
    for label in (f"{name}-root", name):
        operator.generate(label, QUICK)
    ca_key = f'<ca-keypair><type xmlns:k="{TCK}">k:{QUICK}</type><label>{name}-root</label></ca-keypair>'
    operator.configure(name, "self", name, QUICK, extra=ca_key)
    operator.call("authenticate", trustpoint=name)
    operator.call("enroll", trustpoint=name)


def own(operator: Operator, name: str) -> str:
    pem: str = operator.certificates(name)["router"]["pem"]
    return pem


def public_key_of(certificate: str) -> str:
    return openssl("x509", "-noout", "-pubkey", input=certificate.encode())


def zeroize(operator: Operator, label: str, type: str = QUICK) -> None:
    operator.call("zeroize-key-pair", TCK, type=type, label=label)


class TestStates:
    """agent/pki/enrollment/states.py by row; those of servers are in test_est.py and test_scep.py."""

    def test_from_nothing_to_a_certificate(self, operator: Operator, ca: OpensslCa):
        def stands_at(state: str, next_step: str) -> None:
            trustpoint = operator.trustpoint("walk")
            assert (trustpoint["enrollment-state"], trustpoint.get("next-step", "")) == (state, next_step)
            seen.append(trustpoint.get("state-since"))

        seen: list[str | None] = []
        operator.edit(f'<trustpoints xmlns="{TCT}"><trustpoint><name>walk</name></trustpoint></trustpoints>')
        stands_at("unconfigured", "Configure the trustpoint with an enrollment url.")
        for rpc in ("authenticate", "enroll"):
            assert where(operator.refused(rpc, trustpoint="walk")) == ("operation-failed", "enrollment-missing", None)
        configured(operator, "walk")
        zeroize(operator, "walk")
        stands_at("key-missing", "Generate the key pair that the trustpoint names.")
        operator.generate("walk", QUICK)
        stands_at("not-authenticated", "Authenticate the certification authority with authenticate.")
        operator.call("authenticate", trustpoint="walk", certificate=ca.hierarchy)
        stands_at("authenticated", "Get the certificate of the device with enroll.")
        request = enroll(operator, "walk")
        stands_at(
            "pending",
            "Have the certification authority sign the request, and give its certificate to import-certificate.",
        )
        operator.call("import-certificate", trustpoint="walk", certificate=ca.sign(request))
        stands_at("granted", "")
        assert seen[-1] is not None

    def test_expired(self, operator: Operator, tmp_path: Path):
        ca = OpensslCa.root(tmp_path, end=NOW + timedelta(hours=9))
        authenticated(operator, "ageing", ca)
        certificate = ca.sign(enroll(operator, "ageing"), end=NOW + timedelta(hours=4))
        operator.call("import-certificate", trustpoint="ageing", certificate=certificate)
        assert operator.state("ageing") == "granted"

        operator.later(hours=5)

        trustpoint = operator.trustpoint("ageing")
        assert trustpoint["enrollment-state"] == "expired"
        assert trustpoint["next-step"] == "The certificate of the device has expired: enroll again."
        assert [entry["status"] for entry in trustpoint["certificate"]] == ["available", "expired"]
        # The way out: another one.
        certificate = ca.sign(enroll(operator, "ageing"), end=NOW + timedelta(hours=8))
        operator.call("import-certificate", trustpoint="ageing", certificate=certificate)
        assert operator.state("ageing") == "granted"
        refusal = operator.refused("restore-certificates", trustpoint="ageing")
        assert where(refusal) == ("data-missing", "nothing-to-restore", None)
        assert "expired at" in refusal.message

        operator.later(hours=5)

        trustpoint = operator.trustpoint("ageing")
        assert trustpoint["enrollment-state"] == "expired"
        assert "authenticate and enroll again" in trustpoint["next-step"]
        new = OpensslCa.root(tmp_path, "/CN=New")
        assert (
            operator.call("authenticate", trustpoint="ageing", certificate=new.pem)["enrollment-state"]
            == "authenticated"
        )

    def test_certificates_in_service_are_told_with_what_the_ca_changed(self, operator: Operator, ca: OpensslCa):
        configured(operator, "news")
        with operator.agent.connect() as subscriber:
            subscriber.create_subscription(filter=("subtree", f'<certificate-installed xmlns="{TCT}"/>'))
            operator.call("authenticate", trustpoint="news", certificate=ca.hierarchy)
            certificate = ca.sign(enroll(operator, "news"), subject="/CN=other")
            operator.call("import-certificate", trustpoint="news", certificate=certificate)
            events = [told(subscriber, "certificate-installed") for _ in range(3)]
        assert [(event["role"], event["subject"]) for event in events] == [
            ("ca", "CN=Tier 2"),
            ("ca", "CN=Tier 1"),
            ("router", "CN=other"),
        ]
        assert events[2]["changed-by-ca"].startswith("subject: CN=other instead of ")

    def test_they_are_told(self, operator: Operator, ca: OpensslCa):
        configured(operator, "told")
        with operator.agent.connect() as subscriber:
            subscriber.create_subscription(filter=("subtree", f'<enrollment-status-changed xmlns="{TCT}"/>'))
            operator.call("authenticate", trustpoint="told", certificate=ca.hierarchy)
            request = enroll(operator, "told")
            operator.call("import-certificate", trustpoint="told", certificate=ca.sign(request))
            operator.unconfigure("told")
            states = [told(subscriber)["enrollment-state"] for _ in range(4)]
        assert states == ["authenticated", "pending", "granted", "unconfigured"]


def told(subscriber, notification: str = "enrollment-status-changed") -> Record:
    """The next notification, which must be this one."""
    [event] = subscriber.take_notification(timeout=60).notification_ele.iterfind(f"{{{TCT}}}{notification}")
    return {etree.QName(leaf).localname: leaf.text for leaf in event}


class TestExchanging:
    @pytest.mark.parametrize("method", ["terminal", "self"])
    def test_a_new_key_pair_goes_into_service_with_its_certificate_and_back(self, operator: Operator, ca, method):
        name = f"exchanged-{method}"
        if method == "self":
            self_signed(operator, name)
        else:
            enrolled(operator, name, ca)
        old = own(operator, name)
        outcome = operator.call("enroll", trustpoint=name, regenerate_key_pair=True)
        if method == "terminal":
            assert own(operator, name) == old
            # The old key is still the one in use: what is signed now can be verified with the old certificate.
            exported = operator.call("export-pkcs12", trustpoint=name, password=EXPORT)
            assert exported["pkcs12"]
            certificate = ca.sign(requests(outcome)["router"])
            operator.call("import-certificate", trustpoint=name, certificate=certificate)
        new = own(operator, name)
        assert public_key_of(new) != public_key_of(old)
        [previous] = operator.trustpoint(name)["previous-certificate"]

        operator.call("restore-certificates", trustpoint=name)

        assert own(operator, name) == old
        assert previous["sha256-fingerprint"] == operator.certificates(name)["router"]["sha256-fingerprint"]
        # Would be refused if the key were not that of the certificate.
        assert operator.call("export-pkcs12", trustpoint=name, password=EXPORT)["pkcs12"]
        operator.call("restore-certificates", trustpoint=name)
        assert own(operator, name) == new
        assert operator.call("export-pkcs12", trustpoint=name, password=EXPORT)["pkcs12"]

    def test_the_same_key_pair_has_two_certificates(self, operator: Operator, ca: OpensslCa):
        old = enrolled(operator, "same", ca)
        operator.call("import-certificate", trustpoint="same", certificate=ca.sign(enroll(operator, "same")))
        assert own(operator, "same") != old
        operator.call("restore-certificates", trustpoint="same")
        assert own(operator, "same") == old

    def test_nothing_to_go_back_to(self, operator: Operator, tmp_path: Path, ca: OpensslCa):
        def refused(words: str) -> None:
            refusal = operator.refused("restore-certificates", trustpoint="forward")
            assert where(refusal) == ("data-missing", "nothing-to-restore", None)
            assert words in refusal.message

        enrolled(operator, "forward", ca)
        refused("no previous certificates")
        request = enroll(operator, "forward", regenerate_key_pair=True)
        operator.call("import-certificate", trustpoint="forward", certificate=ca.sign(request))
        zeroize(operator, "forward")
        refused("not there any more")
        operator.generate("forward", QUICK)
        refused("not there any more")
        other = OpensslCa.root(tmp_path, "/CN=Other")
        operator.call("authenticate", trustpoint="forward", certificate=other.pem)
        refused("no previous certificates")
        assert rows_of(operator.agent.state, "forward").keys() == {"trustpoint_certificates", "enrollment_status"}

    def test_no_key_is_kept_for_certificates_of_an_authority_that_has_gone(self, operator: Operator, tmp_path, ca):
        enrolled(operator, "unkept", ca)
        request = enroll(operator, "unkept", regenerate_key_pair=True)
        operator.call("import-certificate", trustpoint="unkept", certificate=ca.sign(request))
        enroll(operator, "unkept", regenerate_key_pair=True)
        assert rows_of(operator.agent.state, "unkept")["kept_key_parts"] == 2
        operator.call("authenticate", trustpoint="unkept", certificate=OpensslCa.root(tmp_path, "/CN=Other").pem)
        assert rows_of(operator.agent.state, "unkept").keys() == {"trustpoint_certificates", "enrollment_status"}

    def test_a_key_pair_of_the_configuration_is_not_replaced_by_an_rpc(self, operator: Operator, ca: OpensslCa):
        key = "<ecdsa-key><curve>ecdsa-nistp256</curve></ecdsa-key>"
        operator.edit(f'<keys xmlns="{TCK}">{key}</keys>')
        operator.configure("fixed", "terminal", "the_default", QUICK)
        operator.call("authenticate", trustpoint="fixed", certificate=ca.hierarchy)
        refusal = operator.refused("enroll", trustpoint="fixed", regenerate_key_pair=True)
        assert where(refusal)[:2] == ("access-denied", "key-owned-by-configuration")
        certificate = ca.sign(enroll(operator, "fixed"))
        assert operator.call("import-certificate", trustpoint="fixed", certificate=certificate)["certificate"]

    def test_a_request_ends_when_the_device_becomes_its_own_authority(self, operator: Operator, ca: OpensslCa):
        authenticated(operator, "turned", ca)
        enroll(operator, "turned", regenerate_key_pair=True)
        self_signed(operator, "turned")
        trustpoint = operator.trustpoint("turned")
        assert trustpoint["enrollment-state"] == "granted"
        assert "request" not in trustpoint
        assert "kept_key_parts" not in rows_of(operator.agent.state, "turned")

    def test_what_does_not_go_with_enrollment_self(self, operator: Operator, ca: OpensslCa):
        self_signed(operator, "alone")
        for rpc, leaves, leaf in (
            ("authenticate", {"fingerprint": "AB" * 32}, "fingerprint"),
            ("authenticate", {"certificate": ca.pem}, "certificate"),
            ("enroll", {"challenge_password": "secret"}, "challenge-password"),
        ):
            refusal = operator.refused(rpc, trustpoint="alone", **leaves)
            assert where(refusal) == ("operation-failed", "wrong-method", leaf)
        assert operator.state("alone") == "granted"


class TestRemoving:
    def test_clearing_takes_everything_but_the_keys_in_service(self, operator: Operator, ca: OpensslCa):
        enrolled(operator, "cleared", ca)
        request = enroll(operator, "cleared", regenerate_key_pair=True)
        operator.call("import-certificate", trustpoint="cleared", certificate=ca.sign(request))
        enroll(operator, "cleared", regenerate_key_pair=True)
        assert rows_of(operator.agent.state, "cleared") == {
            "trustpoint_certificates": 4,
            "kept_key_parts": 2,
            "enrollments": 1,
            "enrollment_requests": 1,
            "enrollment_status": 1,
        }
        assert operator.call("clear-certificates", trustpoint="cleared")["cleared"] == "3"
        assert rows_of(operator.agent.state, "cleared").keys() <= {"enrollment_status"}
        trustpoint = operator.trustpoint("cleared")
        assert trustpoint["enrollment-state"] == "not-authenticated"
        assert not {"certificate", "previous-certificate", "request", "last-error"} & trustpoint.keys()
        assert operator.call("clear-certificates", trustpoint="cleared")["cleared"] == "0"
        assert operator.call("clear-certificates", trustpoint="nobody")["cleared"] == "0"

    def test_with_the_trustpoint_everything_goes(self, operator: Operator, ca: OpensslCa):
        enrolled(operator, "gone", ca)
        request = enroll(operator, "gone", regenerate_key_pair=True)
        operator.call("import-certificate", trustpoint="gone", certificate=ca.sign(request))
        enroll(operator, "gone", regenerate_key_pair=True)
        operator.refused("enroll", trustpoint="gone")

        operator.unconfigure("gone")

        assert rows_of(operator.agent.state, "gone") == {}
        assert operator.trustpoint("gone") == {}
        assert operator.agent.exec("show crypto ca certificates gone").returncode == 1
        # Its key pair is not the trustpoint's alone. Back again, it begins anew.
        operator.configure("gone", "terminal", "gone", QUICK)
        trustpoint = operator.trustpoint("gone")
        assert trustpoint["enrollment-state"] == "not-authenticated"
        assert not {"certificate", "previous-certificate", "request", "last-error"} & trustpoint.keys()

    def test_removed_and_back_in_one_commit_is_still_there(self, operator: Operator, ca: OpensslCa):
        certificate = enrolled(operator, "kept", ca)
        entry = '<trustpoint nc:operation="delete"><name>kept</name></trustpoint>'
        operator.session.edit_config(
            f'<config xmlns="{NC}" xmlns:nc="{NC}"><trustpoints xmlns="{TCT}">{entry}</trustpoints></config>',
            target="candidate",
        )
        operator.configure("kept", "terminal", "kept", QUICK, extra="<description>again</description>")
        assert own(operator, "kept") == certificate

    def test_who_uses_it_is_told(self, operator: Operator):
        self_signed(operator, "system-trustpoint")
        with operator.agent.connect() as subscriber:
            subscriber.create_subscription(filter=("subtree", f'<enrollment-status-changed xmlns="{TCT}"/>'))
            operator.unconfigure("system-trustpoint")
            event = told(subscriber)
        assert event == {
            "trustpoint": "system-trustpoint",
            "previous-enrollment-state": "granted",
            "enrollment-state": "unconfigured",
            "used-by": "signatures of dossiers and of utility sign",
        }
        assert "system-trustpoint was removed with its certificates, used by: signatures" in operator.agent.log

    def test_zeroizing_takes_the_kept_keys_too(self, operator: Operator, ca: OpensslCa):
        enrolled(operator, "zero", ca)
        request = enroll(operator, "zero", regenerate_key_pair=True)
        operator.call("import-certificate", trustpoint="zero", certificate=ca.sign(request))
        request = enroll(operator, "zero", regenerate_key_pair=True)
        zeroize(operator, "zero")
        assert "kept_key_parts" not in rows_of(operator.agent.state, "zero")
        assert operator.state("zero") == "key-missing"
        refusal = operator.refused("import-certificate", trustpoint="zero", certificate=ca.sign(request))
        assert where(refusal)[:2] == ("operation-failed", "key-changed")


class TestPasswordsInConfiguration:
    LEAVES = (
        ("enrollment/credential", "<enrollment><credential>{}</credential></enrollment>"),
        ("sftp", "<sftp>{}</sftp>"),
    )

    @pytest.mark.parametrize(("place", "around"), LEAVES)
    def test_they_are_sealed_at_once_and_stay_when_sent_back(self, operator: Operator, place, around):
        name = f"secret-{place.partition('/')[0]}"
        secret = f"open sesame of {name}"

        def set_password(text: str) -> None:
            leaves = around.format(f"<username>u</username><password>{text}</password>")
            operator.edit(
                f'<trustpoints xmlns="{TCT}"><trustpoint><name>{name}</name>{leaves}</trustpoint></trustpoints>'
            )

        def password() -> str:
            only = f'<trustpoints xmlns="{TCT}"><trustpoint><name>{name}</name></trustpoint></trustpoints>'
            data = operator.session.get_config("running", filter=("subtree", only)).data_ele
            return data.find(f".//{{{TCT}}}password").text

        set_password(secret)
        sealed = password()
        assert sealed.startswith("$sealed$")
        set_password(sealed)
        assert password() == sealed
        for damaged in (sealed[:-8], "$sealed$", "$sealed$AAAA", sealed[:20] + "!" + sealed[21:], sealed + "AAAA"):
            with pytest.raises(Exception, match="set it in clear text") as refusal:
                set_password(damaged)
            assert where(refusal.value) == ("invalid-value", "invalid-secret", "password")
            operator.session.discard_changes()
            assert password() == sealed
        assert files_with(operator.agent.state, secret) == []


def test_registration_authorities_are_shown_and_have_no_place_in_ciscos_model(operator: Operator, scep_responder):
    responder = scep_responder(tiers=3, ra=Ra.SPLIT)
    operator.generate("ra", "rsa", size=2048)
    operator.configure("ra", responder.url, "ra")
    operator.call("authenticate", trustpoint="ra", fingerprint=fingerprint(responder.ca.root))
    roles = [entry["role"] for entry in operator.trustpoint("ra")["certificate"]]
    assert roles == ["ca", "ca", "ca", "ra", "ra"]
    shown = operator.agent.exec("show crypto ca certificates ra").stdout
    assert [line for line in shown.splitlines() if line.endswith(("certificate", "Chain"))] == [
        "CA certificate",
        *["Trusted Certificate Chain"] * 2,
        *["RA certificate"] * 2,
    ]
    places = f'<crypto-certificate-authority xmlns="{CEPKI}"/>'
    reply = operator.session.get(("subtree", places)).data_ele
    [entry] = [e for e in reply.iterfind(f".//{{{CEPKI}}}trustpoint") if e.findtext(f"{{{CEPKI}}}name") == "ra"]
    assert [etree.QName(child).localname for child in entry] == ["name", "certificate-authority-certificate"]
    issuing = operator.certificates("ra")["ca"]
    assert entry.findtext(f".//{{{CEPKI}}}certificate-data") == issuing["pem"]
    assert issuing["subject"] == operator.trustpoint("ra")["certificate"][0]["subject"]
