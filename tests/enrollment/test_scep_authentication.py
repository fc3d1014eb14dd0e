"""Whom a trustpoint trusts: chains, registration authorities and fingerprints of SCEP servers, at the front door."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives import hashes
from ncclient.operations import RPCError

from tests.agent_process import AgentProcess
from tests.enrollment.operator import Operator
from tests.enrollment.scep import NON_RSA, SKIP_CHALLENGE, WEAK, authenticated, configure, loaded
from tests.peers.fault_proxy import HttpFault
from tests.peers.http_server import loopback_tls
from tests.peers.scep_ca import Ra
from tests.peers.scep_responder import ScepResponder, fingerprint


def chain_of(operator: Operator, name: str) -> list[str]:
    """The fingerprints of the CA certificates in service, in the order of their positions."""
    cas = [one for one in operator.trustpoint(name).get("certificate", []) if one["role"] == "ca"]
    assert [one["position"] for one in cas] == [str(position) for position in range(len(cas))]
    return [one["sha256-fingerprint"] for one in cas]


def issuing_first(responder: ScepResponder) -> list[str]:
    return [fingerprint(certificate) for certificate in reversed(responder.ca.chain)]


@pytest.mark.parametrize("tiers", [1, 2, 8])
def test_a_chain_is_stored_and_shown_in_its_order(operator: Operator, scep_responder, tiers):
    responder = scep_responder(tiers=tiers)
    name = f"tiers{tiers}"
    # The server sends its certificates in no order.
    responder.ca.ca_certificates = _shuffled(responder)
    authenticated(operator, name, responder)

    assert chain_of(operator, name) == issuing_first(responder)
    shown = operator.agent.exec(f"show crypto ca certificates {name}").stdout
    assert shown.count("Trusted Certificate Chain") == tiers - 1
    at = [shown.index(fingerprint(ca, hashes.SHA1())) for ca in reversed(responder.ca.chain)]
    assert at == sorted(at)
    assert operator.call("enroll", trustpoint=name)["enrollment-state"] == "granted"


def _shuffled(responder: ScepResponder):
    right = responder.ca.ca_certificates
    chain = responder.ca.chain

    def ca_certificates():
        responder.ca.chain = chain[::2] + chain[1::2][::-1]
        try:
            return right()
        finally:
            responder.ca.chain = chain

    return ca_certificates


def test_a_ninth_tier_is_refused(operator: Operator, scep_responder):
    responder = scep_responder(tiers=9)
    configure(operator, "nine", responder.url)
    refused = operator.refused("authenticate", trustpoint="nine", fingerprint=fingerprint(responder.ca.root))
    assert "9 tiers" in refused.message
    assert "at most 8" in refused.message
    assert chain_of(operator, "nine") == []
    assert operator.trustpoint("nine")["last-error"] == refused.message


def test_a_fingerprint_vouches_for_nothing_above_its_certificate(operator: Operator, scep_responder):
    responder = scep_responder(tiers=4, ra=Ra.SPLIT)
    configure(operator, "below", responder.url)
    operator.call("authenticate", trustpoint="below", fingerprint=fingerprint(responder.ca.chain[2]))
    assert chain_of(operator, "below") == issuing_first(responder)[:2]
    # The RAs are below it.
    assert "ra" in operator.certificates("below")
    assert operator.call("enroll", trustpoint="below")["enrollment-state"] == "granted"


LAYOUTS = {
    "sha256": lambda ca: fingerprint(ca),
    "sha256-colons": lambda ca: ":".join(fingerprint(ca)[at : at + 2] for at in range(0, 64, 2)).lower(),
    "sha1": lambda ca: fingerprint(ca, hashes.SHA1()),
    # As the guide's dialogue prints it.
    "md5": lambda ca: " ".join(fingerprint(ca, hashes.MD5())[at : at + 2] for at in range(0, 32, 2)),
    "md5-groups": lambda ca: " ".join(fingerprint(ca, hashes.MD5())[at : at + 8] for at in range(0, 32, 8)),
}


def test_every_layout_of_a_fingerprint(operator: Operator, scep_responder):
    responder = scep_responder()
    configure(operator, "layouts", responder.url)
    for layout in LAYOUTS.values():
        for digest in (hashes.SHA256(), hashes.SHA1(), hashes.MD5()):
            wrong = "0" * len(fingerprint(responder.ca.root, digest))
            refused = operator.refused("authenticate", trustpoint="layouts", fingerprint=wrong)
            assert refused.app_tag == "fingerprint-mismatch"
            assert refused.path.endswith("fingerprint")
            assert operator.state("layouts") == "not-authenticated"
            assert "offered-certificate" not in operator.trustpoint("layouts")
        operator.call("authenticate", trustpoint="layouts", fingerprint=layout(responder.ca.root))
        assert chain_of(operator, "layouts") == issuing_first(responder)
        operator.call("clear-certificates", trustpoint="layouts")


def test_offered_certificates_are_trusted_when_somebody_has_compared_them(operator: Operator, scep_responder):
    responder = scep_responder(tiers=2, ra=Ra.ONE)
    configure(operator, "offered", responder.url)
    assert operator.refused("accept-ca", trustpoint="offered", fingerprint="0" * 64).app_tag == "nothing-offered"

    outcome = operator.call("authenticate", trustpoint="offered")
    assert outcome["enrollment-state"] == "not-authenticated"
    assert "accept-ca" in outcome["next-step"]
    assert [one["sha256-fingerprint"] for one in outcome["offered-certificate"]] == issuing_first(responder)
    assert operator.refused("enroll", trustpoint="offered").app_tag == "not-authenticated"
    refused = operator.refused("accept-ca", trustpoint="offered", fingerprint="0" * 64)
    assert refused.app_tag == "fingerprint-mismatch"
    assert chain_of(operator, "offered") == []

    outcome = operator.call(
        "accept-ca", trustpoint="offered", fingerprint=outcome["offered-certificate"][1]["sha1-fingerprint"]
    )
    assert outcome["enrollment-state"] == "authenticated"
    trustpoint = operator.trustpoint("offered")
    assert "offered-certificate" not in trustpoint
    assert [one["role"] for one in trustpoint["certificate"]] == ["ca", "ca", "ra"]


@pytest.mark.parametrize("ra", list(Ra))
def test_registration_authorities(operator: Operator, scep_responder, ra):
    responder = scep_responder(tiers=2, ra=ra, challenge="secret")
    name = f"ra-{ra.value}"
    authenticated(operator, name, responder, extra="")
    roles = [one["role"] for one in operator.trustpoint(name)["certificate"]]
    assert roles.count("ra") == len(responder.ca.authorities)
    outcome = operator.call("enroll", trustpoint=name, challenge_password="secret")
    assert outcome["enrollment-state"] == "granted"
    own = loaded(operator.certificates(name)["router"])
    own.verify_directly_issued_by(responder.ca.issuer.certificate)


def test_another_authority_takes_the_place_of_the_first_one(operator: Operator, scep_responder):
    first, second = scep_responder(), scep_responder(tiers=2, name="Other")
    authenticated(operator, "moving", first)
    operator.call("enroll", trustpoint="moving")
    operator.edit(
        '<trustpoints xmlns="urn:trustconf:yang:trustconf-trustpoints"><trustpoint><name>moving</name>'
        f"<enrollment><url>{second.url}</url></enrollment></trustpoint></trustpoints>"
    )
    # Until somebody has accepted it, the old one serves.
    operator.call("authenticate", trustpoint="moving")
    assert operator.state("moving") == "granted"
    operator.call("accept-ca", trustpoint="moving", fingerprint=fingerprint(second.ca.root))
    assert operator.state("moving") == "authenticated"
    assert chain_of(operator, "moving") == issuing_first(second)
    assert operator.call("enroll", trustpoint="moving")["enrollment-state"] == "granted"


def refusal_of_configuration(operator: Operator, name: str, *arguments, **options):
    with pytest.raises(RPCError) as caught:
        operator.configure(name, *arguments, **options)
    return caught.value


def test_contradictions_are_refused_with_what_to_do(operator: Operator, scep_responder):
    responder = scep_responder()
    operator.generate("ed", "ed25519")
    operator.generate("contradictory", size=1024)
    url = responder.url
    refused = refusal_of_configuration(operator, "bad", url, "ed", "ed25519")
    assert "enrollment/non-rsa-keys" in refused.message
    refused = refusal_of_configuration(operator, "bad", "http://user:pw@127.0.0.1/scep", "contradictory")
    assert refused.app_tag == "invalid-enrollment-url"
    assert "pw" not in refused.message
    refused = refusal_of_configuration(operator, "bad", url, "nobody-made-it")
    assert refused.app_tag == "key-not-found"
    assert operator.trustpoint("bad") == {}

    operator.configure("needs-one", url, "contradictory")
    operator.call("authenticate", trustpoint="needs-one", fingerprint=fingerprint(responder.ca.root))
    refused = operator.refused("enroll", trustpoint="needs-one")
    assert refused.app_tag == "challenge-password-missing"
    assert refused.path.endswith("challenge-password")
    assert "skip-challenge-password" in refused.message
    operator.configure("ed-ok", url, "ed", "ed25519", enrollment=NON_RSA, extra=SKIP_CHALLENGE)
    operator.unconfigure("ed-ok")


def test_the_vrf_leads_to_the_server(operator: Operator, scep_responder):
    responder = scep_responder()
    configure(operator, "vrf-none", responder.url, extra=f"{SKIP_CHALLENGE}<vrf>no-such-device</vrf>")
    refused = operator.refused("authenticate", trustpoint="vrf-none")
    assert refused.app_tag == "ca-unreachable"
    assert "no-such-device" in refused.message
    authenticated(operator, "vrf-lo", responder, extra=f"{SKIP_CHALLENGE}<vrf>lo</vrf>")
    assert operator.call("enroll", trustpoint="vrf-lo")["enrollment-state"] == "granted"


def test_an_answer_that_comes_late(operator: Operator, scep_responder, fault_proxy):
    """Nobody waits for it longer than some seconds; it counts if the configuration is still the same."""
    responder = scep_responder()
    proxy = fault_proxy(responder.url)
    proxy.break_with(HttpFault.HOLD, when="GetCACert")
    names = ("late", "changed")

    def authenticate(name: str) -> str:
        asking = Operator(operator.agent)
        state = asking.call("authenticate", trustpoint=name, fingerprint=fingerprint(responder.ca.root))
        asking.close()
        return state["enrollment-state"]

    for name in names:
        configure(operator, name, proxy.url)
    with ThreadPoolExecutor() as threads:
        assert list(threads.map(authenticate, names)) == ["not-authenticated"] * len(names)
    operator.configure("changed", proxy.url, "changed", extra="<subject-name>CN=another</subject-name>")
    proxy.release()
    operator.wait_for("late", "authenticated")
    trustpoint = operator.wait_until("changed", lambda found: "last-error" in found)
    assert "was changed meanwhile" in trustpoint["last-error"]
    assert "certificate" not in trustpoint


#: Inputs that nobody means: rpc -> its leaves.
ODD = [
    ("authenticate", {"fingerprint": "AB" * 5000}, "fingerprint"),
    ("authenticate", {"fingerprint": "no hexadecimal digits at all, but long"}, "fingerprint"),
    ("authenticate", {"fingerprint": "A" * 63}, "fingerprint"),
    ("authenticate", {"certificate": "M" * (1 << 20)}, "certificate"),
    ("accept-ca", {"fingerprint": "é" * 64}, "fingerprint"),
    ("import-certificate", {"certificate": "-----BEGIN CERTIFICATE-----\n" * 5000}, "certificate"),
    ("enroll", {"challenge-password": "x" * 256}, "challenge-password"),
    ("enroll", {"challenge-password": ""}, "challenge-password"),
    ("enroll", {"regenerate-key-pair": "perhaps"}, "regenerate-key-pair"),
    ("get-certificate", {"serial-number": "zz"}, "serial-number"),
    ("get-certificate", {"serial-number": "F" * 65}, "serial-number"),
    ("authenticate", {"trustpoint": "x" * 129}, "trustpoint"),
    ("authenticate", {"trustpoint": "../../etc/passwd"}, "trustpoint"),
    ("enroll", {"trustpoint": "nobody"}, "trustpoint"),
]


@pytest.mark.parametrize(("rpc", "leaves", "leaf"), ODD)
def test_odd_input_is_refused_where_it_is(operator: Operator, rpc, leaves, leaf):
    if operator.trustpoint("odd") == {}:
        configure(operator, "odd", "http://127.0.0.1:9/scep", enrollment=WEAK)
    refused = operator.refused(rpc, **{"trustpoint": "odd", **leaves})
    assert refused.path is not None, refused.message
    assert leaf in refused.path
    assert "Error" not in refused.message
    assert operator.state("odd") == "not-authenticated"


def test_a_challenge_of_any_characters_arrives(operator: Operator, scep_responder):
    challenge = "Pässwörd \"<&>'日本 \\ $x"
    responder = scep_responder(challenge=challenge)
    authenticated(operator, "odd-challenge", responder, extra="")
    refused = operator.refused("enroll", trustpoint="odd-challenge", challenge_password="tab\tand\nline")
    assert refused.path.endswith("challenge-password")
    assert "line" not in refused.message
    outcome = operator.call("enroll", trustpoint="odd-challenge", challenge_password=challenge)
    assert outcome["enrollment-state"] == "granted"
    assert responder.ca.requests[-1].challenge == challenge


def test_https_needs_a_server_that_the_system_trusts(tmp_path, monkeypatch, operator: Operator, scep_responder):
    serving, _ = loopback_tls(tmp_path)
    responder = scep_responder(tls=serving)
    configure(operator, "https", responder.url)
    error = operator.refused("authenticate", trustpoint="https", fingerprint=fingerprint(responder.ca.root))
    assert error.app_tag == "ca-unreachable"
    assert "TLS certificate" in error.message
    assert operator.state("https") == "not-authenticated"
    # OpenSSL's own variable for the system's authorities.
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "tls.pem"))
    agent = AgentProcess(tmp_path / "state").start()
    try:
        trusting = Operator(agent)
        authenticated(trusting, "https", responder)
        assert trusting.call("enroll", trustpoint="https")["enrollment-state"] == "granted"
        trusting.close()
    finally:
        agent.kill()
