"""A device with a TPM, over SSH: its system trustpoint's keys are the TPM's, and others verify what they sign."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lxml import etree

from examples import journey
from tests.agent_process import ADMIN, AgentProcess
from tests.enrollment import scep
from tests.enrollment.by_hand import enrolled, where
from tests.enrollment.openssl_ca import OpensslCa
from tests.enrollment.operator import TCK, Operator
from tests.peers.scep_responder import ScepResponder, fingerprint
from tests.peers.swtpm import Swtpm
from tests.test_cli import trustconf

TOP = Path(__file__).parents[2]
NONCE = "tpm 4711"
SYSTEM = "system-trustpoint"
P256 = "ecdsa-nistp256"
TCI = journey.NS["tci"]
TPM = "urn:ietf:params:xml:ns:yang:ietf-tpm-remote-attestation"
ACT = "http://cisco.com/ns/yang/Cisco-IOS-XR-remote-attestation-act"


class Device:
    """An agent with a TPM, enrolled with keys that the TPM holds."""

    def __init__(self, folder: Path, tpm: Swtpm) -> None:
        self.folder = folder
        self.tpm = tpm
        self.agent = AgentProcess(folder / "state", "--tpm", tpm.address).start()
        self.operator = Operator(self.agent)
        for label in ("system-root-key", "system-enroll-key"):
            self.operator.generate(label, P256, held_by="tpm")
        journey.set_names(self.operator.session, "ios", "cisco.com")
        journey.configure_trustpoint(self.operator.session, P256)
        journey.authenticate(self.operator.session)
        journey.enroll(self.operator.session)
        self.root = folder / "root.pem"
        self.root.write_text(journey.read_certificates(self.operator.session)["ca"])


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory, swtpm: Swtpm) -> Iterator[Device]:
    device = Device(tmp_path_factory.mktemp("tpm"), swtpm)
    yield device
    device.operator.close()
    device.agent.kill()


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, arguments)), capture_output=True, text=True, timeout=60, check=False)


def verify(device: Device, envelope: Path, nonce: str = NONCE, *options: str) -> subprocess.CompletedProcess[str]:
    return trustconf("verify", envelope, "--trust-anchor", device.root, "--nonce", nonce, "--json", *options)


def call_attestation(device: Device, rpc: str, **leaves: object) -> etree._Element:
    """The output of an rpc of Cisco-IOS-XR-remote-attestation-act; bytes are sent as binary, lists as leaf-lists."""
    children = ""
    for name, value in leaves.items():
        for each in value if isinstance(value, list) else [value]:
            text = base64.b64encode(each).decode() if isinstance(each, bytes) else each
            children += f"<{name.replace('_', '-')}>{text}</{name.replace('_', '-')}>"
    return journey.rpc(device.operator.session, f'<{rpc} xmlns="{ACT}">{children}</{rpc}>')


def test_the_keys_of_the_system_trustpoint_are_the_tpm_s(device: Device) -> None:
    pairs = device.operator.get("keys", TCK)["key-pair"]
    assert {pair["label"]: pair["held-by"] for pair in pairs} == {
        "system-enroll-key": "tpm",
        "system-root-key": "tpm",
    }
    assert device.tpm.run("tpm2_getcap", "handles-transient").strip() == ""


def test_evidence_signed_by_the_tpm_is_verified_by_others(device: Device, tmp_path: Path) -> None:
    envelope = tmp_path / "envelope.json"
    envelope.write_text(journey.collect_signed_dossier(device.operator.session, NONCE))
    assert verify(device, envelope).returncode == 0
    assert verify(device, envelope, "another").returncode != 0
    by_openssl = run(TOP / "scripts/verify-with-openssl", envelope, device.root, NONCE, tmp_path / "dossier")
    assert by_openssl.returncode == 0, by_openssl.stdout + by_openssl.stderr


def test_a_request_for_another_authority_is_signed_by_the_tpm_and_the_key_stays_there(
    device: Device, tmp_path: Path
) -> None:
    operator = device.operator
    enrolled(operator, "lab", OpensslCa.tiers(tmp_path, 1), held_by="tpm")
    assert operator.state("lab") == "granted"
    error = operator.refused("export-pkcs12", trustpoint="lab", password="Tr0ub4dor&3 plus")
    assert where(error)[:2] == ("access-denied", "export-not-allowed")
    operator.unconfigure("lab")
    operator.call("zeroize-key-pair", TCK, type=P256, label="lab")


@pytest.mark.parametrize("leaves", [{"type": "ed25519"}, {"type": "rsa", "size": 4096}])
def test_what_the_tpm_does_not_hold_is_refused(device: Device, leaves: dict[str, object]) -> None:
    error = device.operator.refused("generate-key-pair", TCK, held_by="tpm", **leaves)
    assert where(error) == ("operation-not-supported", "key-not-supported", "held-by")


@pytest.fixture(scope="module")
def quoted(device: Device) -> str:
    """A signed dossier with a quote."""
    reply = journey.rpc(
        device.operator.session,
        f'<collect-dossier xmlns="{TCI}"><selector>system-integrity-snapshot</selector>'
        f"<nonce>{NONCE}</nonce><sign><include-certificate>true</include-certificate>"
        "<include-tpm-quote>true</include-tpm-quote></sign></collect-dossier>",
    )
    return str(reply.findtext("{*}envelope"))


def test_a_dossier_with_a_quote_is_verified(device: Device, quoted: str, tmp_path: Path) -> None:
    envelope = tmp_path / "envelope.json"
    envelope.write_text(quoted)
    done = verify(device, envelope, NONCE, "--require-tpm-quote")
    assert done.returncode == 0, done.stdout
    report = json.loads(done.stdout)
    assert report["quoted-registers"] == "sha256:0,1,2,3,4,5,6,7,8,9,10,14"

    # The same by others: the envelope by openssl, the quote by tpm2-tools.
    by_openssl = run(TOP / "scripts/verify-with-openssl", envelope, device.root, NONCE, tmp_path / "payload")
    assert by_openssl.returncode == 0, by_openssl.stdout + by_openssl.stderr
    quote = json.loads(base64.b64decode(json.loads(quoted)["tpm-quote"]))
    for name, member in (("attest", "attest"), ("signature", "signature"), ("key.der", "attestation-key")):
        (tmp_path / name).write_bytes(base64.b64decode(quote[member]))
    assert hashlib.sha256((tmp_path / "key.der").read_bytes()).hexdigest() == report["attestation-key"]
    run("openssl", "pkey", "-pubin", "-inform", "DER", "-in", tmp_path / "key.der", "-out", tmp_path / "key.pem")
    payload_digest = hashlib.sha256(base64.b64decode(json.loads(quoted)["payload"])).digest()
    bound = hashlib.sha256(NONCE.encode() + (2).to_bytes(4, "big") + payload_digest).hexdigest()
    for qualification, status in ((bound, 0), ("00" * 32, 1)):
        checked = run(
            "tpm2_checkquote", "-u", tmp_path / "key.pem", "-m", tmp_path / "attest", "-s", tmp_path / "signature",
            "-g", "sha256", "-q", qualification,
        )  # fmt: skip
        assert checked.returncode == status, checked.stderr
    # The registers are those that the TPM has now.
    printed = device.tpm.run("tpm2_pcrread", "sha256:10")
    assert quote["pcr-values"]["sha256"]["10"].upper() in printed


def test_a_quote_that_was_tampered_with_is_refused(device: Device, quoted: str, tmp_path: Path) -> None:
    envelope = tmp_path / "envelope.json"
    member = json.loads(quoted)["tpm-quote"]
    quote = base64.b64decode(member).replace(b'"10":"00', b'"10":"01')
    envelope.write_text(quoted.replace(member, base64.b64encode(quote).decode()))
    names = [failure["name"] for failure in json.loads(verify(device, envelope).stdout)["failures"]]
    assert names == ["bad-signature", "pcr-mismatch"]
    # Without it, the signature does not hold either.
    envelope.write_text(quoted.replace(f'"tpm-quote": "{member}",\n', ""))
    names = [failure["name"] for failure in json.loads(verify(device, envelope).stdout)["failures"]]
    assert names == ["bad-signature"]


def test_any_command_can_be_signed_with_a_quote(device: Device, tmp_path: Path) -> None:
    envelope = tmp_path / "envelope.json"
    sign = f"show version | utility sign nonce '{NONCE}' include-certificate include-tpm-quote"
    for form in ("", " jws", " compress gzip", " jws compress zstd"):
        envelope.write_text(device.agent.exec(sign + form).stdout)
        done = verify(device, envelope, NONCE, "--require-tpm-quote")
        assert done.returncode == 0, done.stdout
    envelope.write_text(device.agent.exec(f"{sign} registers 7,0,7").stdout)
    assert json.loads(verify(device, envelope).stdout)["quoted-registers"] == "sha256:0,7"
    refused = device.agent.exec(f"{sign} dsse")
    assert refused.returncode == 1
    assert "DSSE" in refused.stdout
    plain = device.agent.exec(f"show version | utility sign nonce '{NONCE}' include-certificate")
    envelope.write_text(plain.stdout)
    done = verify(device, envelope, NONCE, "--require-tpm-quote")
    assert done.returncode == 26
    assert "no-quote" in done.stdout


def test_the_certificates_are_proved_as_collectors_check_it(device: Device, tmp_path: Path) -> None:
    nonce = bytes.fromhex("e4f2a8b1")
    answer = call_attestation(device, "get-certificate", nonce=nonce, certificate_identifier="CiscoSUDI")
    [node] = answer.iter("{*}system-certificates")
    certificates = [base64.b64decode(value.text or "") for value in node.iter("{*}value")]
    assert [name.text for name in node.iter("{*}name")] == ["Root", "Device"]
    # As sudi_verifier does it: nonce, version, and the certificates from the root down.
    version = int(node.findtext("{*}signature_version") or "")
    (tmp_path / "signed").write_bytes(nonce + version.to_bytes(4, "big") + b"".join(certificates))
    (tmp_path / "signature").write_bytes(base64.b64decode(node.findtext("{*}signature") or ""))
    (tmp_path / "leaf.der").write_bytes(certificates[-1])
    run("openssl", "x509", "-inform", "DER", "-in", tmp_path / "leaf.der", "-out", tmp_path / "leaf.pem")
    public = run("openssl", "x509", "-in", tmp_path / "leaf.pem", "-noout", "-pubkey").stdout
    (tmp_path / "public.pem").write_text(public)
    assert run("openssl", "verify", "-CAfile", device.root, tmp_path / "leaf.pem").returncode == 0
    check = ["openssl", "dgst", "-sha256", "-verify", tmp_path / "public.pem", "-signature", tmp_path / "signature"]
    assert run(*check, tmp_path / "signed").returncode == 0
    (tmp_path / "signed").write_bytes(b"x" + (tmp_path / "signed").read_bytes()[1:])
    assert run(*check, tmp_path / "signed").returncode != 0


def test_registers_are_attested_with_the_nonce(device: Device, tmp_path: Path) -> None:
    nonce = bytes(range(20))
    answer = call_attestation(device, "attest-platform-config-registers", nonce=nonce, pcr_index=[10, 0])
    [node] = answer.iter("{*}node-data")
    assert [register.findtext("{*}index") for register in node.iter("{*}PCR")] == ["0", "10"]
    key = base64.b64decode(device.operator.get("integrity", TCI)["tpm"]["attestation-key"])
    (tmp_path / "key.der").write_bytes(key)
    run("openssl", "pkey", "-pubin", "-inform", "DER", "-in", tmp_path / "key.der", "-out", tmp_path / "key.pem")
    for name, leaf in (("attest", "pcr-quote"), ("signature", "pcr-quote-signature")):
        (tmp_path / name).write_bytes(base64.b64decode(node.findtext(f"{{*}}{leaf}") or ""))
    for qualification, status in ((nonce.hex(), 0), ("00" * 20, 1)):
        checked = run(
            "tpm2_checkquote", "-u", tmp_path / "key.pem", "-m", tmp_path / "attest", "-s", tmp_path / "signature",
            "-g", "sha256", "-q", qualification,
        )  # fmt: skip
        assert checked.returncode == status, checked.stderr


def test_the_standard_s_challenge_is_answered(device: Device, tmp_path: Path) -> None:
    nonce = bytes(range(32))
    answer = journey.rpc(
        device.operator.session,
        f'<tpm20-challenge-response-attestation xmlns="{TPM}"><tpm20-attestation-challenge>'
        f"<nonce-value>{base64.b64encode(nonce).decode()}</nonce-value><tpm20-pcr-selection>"
        '<tpm20-hash-algo xmlns:t="urn:ietf:params:xml:ns:yang:ietf-tcg-algs">t:TPM_ALG_SHA256</tpm20-hash-algo>'
        "<pcr-index>0</pcr-index><pcr-index>10</pcr-index></tpm20-pcr-selection>"
        "</tpm20-attestation-challenge></tpm20-challenge-response-attestation>",
    )
    # From the name of the certificate to the key: by the list of TPMs and the keystore.
    state = device.operator.session.get(("subtree", f'<rats-support-structures xmlns="{TPM}"/>')).data_ele
    assert state.findtext(".//{*}certificate/{*}name") == answer.findtext(".//{*}certificate-name")
    name = state.findtext(".//{*}keystore-ref")
    keystore = "urn:ietf:params:xml:ns:yang:ietf-keystore"
    reply = device.operator.session.get(
        ("subtree", f'<keystore xmlns="{keystore}"><asymmetric-keys><asymmetric-key><name>{name}</name>'
         "</asymmetric-key></asymmetric-keys></keystore>")
    )  # fmt: skip
    (tmp_path / "key.der").write_bytes(base64.b64decode(reply.data_ele.findtext(".//{*}public-key") or ""))
    run("openssl", "pkey", "-pubin", "-inform", "DER", "-in", tmp_path / "key.der", "-out", tmp_path / "key.pem")
    (tmp_path / "attest").write_bytes(base64.b64decode(answer.findtext(".//{*}quote-data") or "")[2:])
    (tmp_path / "signature").write_bytes(base64.b64decode(answer.findtext(".//{*}quote-signature") or ""))
    checked = run(
        "tpm2_checkquote", "-u", tmp_path / "key.pem", "-m", tmp_path / "attest", "-s", tmp_path / "signature",
        "-g", "sha256", "-q", nonce.hex(),
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr


def test_scep_enrolls_a_key_of_the_tpm_and_a_new_one_is_made_there(
    device: Device, scep_responder: Callable[..., ScepResponder]
) -> None:
    operator, responder = device.operator, scep_responder()
    operator.generate("scep", "rsa", held_by="tpm")
    operator.configure("scep", responder.url, "scep", "rsa", extra=scep.subject("scep") + scep.SKIP_CHALLENGE)
    operator.call("authenticate", trustpoint="scep", fingerprint=fingerprint(responder.ca.root))
    assert operator.call("enroll", trustpoint="scep")["enrollment-state"] == "granted"
    first = scep.loaded(operator.certificates("scep")["router"])
    outcome = operator.call("enroll", trustpoint="scep", regenerate_key_pair=True)
    assert outcome["enrollment-state"] == "granted"
    second = scep.loaded(operator.certificates("scep")["router"])
    assert second.public_key() != first.public_key()
    held = {pair["label"]: pair["held-by"] for pair in operator.get("keys", TCK)["key-pair"]}
    assert held["scep"] == "tpm"
    operator.unconfigure("scep")
    operator.call("zeroize-key-pair", TCK, type="rsa", label="scep")


def test_collectors_ask_for_quotes_and_compare_them(device: Device, tmp_path: Path) -> None:
    known_hosts, archive = tmp_path / "known_hosts", tmp_path / "archive.sqlite"
    known_hosts.write_text(run("ssh-keyscan", "-p", str(device.agent.port), "127.0.0.1").stdout)
    target = f"{ADMIN}@127.0.0.1:{device.agent.port}"
    options = ["--known-hosts", known_hosts, "--key", device.agent.key_file, "--archive", archive]
    shown = run("openssl", "x509", "-in", device.root, "-noout", "-fingerprint", "-sha256").stdout
    trusted = trustconf("trust", target, "--fingerprint", shown.partition("=")[2].strip(), *options)
    assert trusted.returncode == 0, trusted.stderr
    collect = ["collect", target, *options, "--include", "system-integrity-snapshot", "--json"]
    for by in ([], ["--ssh"]):
        done = trustconf(*collect, "--tpm-quote", *by)
        [record] = json.loads(done.stdout)
        assert record["accepted"], done.stdout + done.stderr
        assert record["quoted-registers"] == "sha256:0,1,2,3,4,5,6,7,8,9,10,14"
    # Another boot loader, or whoever can extend its register.
    device.tpm.run("tpm2_pcrextend", f"4:sha256={'33' * 32}")
    [record] = json.loads(trustconf(*collect, "--tpm-quote").stdout)
    assert record["accepted"]
    found = {finding["name"]: finding.get("subject") for finding in record["findings"]}
    assert found["boot-state-changed"] == "PCR 4"
