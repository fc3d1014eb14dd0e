"""What the TPM says: as operational data, in dossiers, and by rpcs, on a device with a TPM in software."""

import base64
import json
from contextlib import contextmanager
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_public_key

from agent.integrity.certificate_proof import prove_certificates
from agent.integrity.signatures import ALGORITHMS, algorithm_for, is_valid
from agent.integrity.tpm.attestation import read_attestation
from agent.integrity.tpm.quote import Quote, read_quote, verify_quote
from agent.integrity.verification import Standard, verify_report
from agent.northbound.errors import ProviderError
from agent.providers.quotes.challenge_response import nonce_in_quote
from agent.yang.errors import ValidationFailure
from tests.integrity.ima.writer import usual as usual_log
from tests.peers.swtpm import Swtpm
from tests.pki.request_infos import request_info
from tests.providers.bench import NOW, Bench
from tests.providers.test_keystore import csr
from tests.providers.test_trustpoints import certificates, enrolled

SNAPSHOT = "system-integrity-snapshot"


@contextmanager
def running(folder, address):
    """A device with this TPM."""
    device = Bench(folder, address)
    try:
        yield device
    finally:
        device.scheduler.stop()
        device.database.close()


@pytest.fixture
def device(tmp_path, swtpm):
    with running(tmp_path, swtpm.address) as device:
        yield device


def tpm_of(bench):
    return bench.state()["trustconf-integrity:integrity"]["tpm"]


def snapshot(bench):
    request = {"selector": [SNAPSHOT]}
    dossier = json.loads(bench.call("/trustconf-integrity:collect-dossier", request)["dossier"])
    assert dossier[SNAPSHOT]["result-code"] == "Success"
    return dossier[SNAPSHOT]["node"][0]["tpm-state"]


def test_what_the_tpm_is(device):
    found = tpm_of(device)
    assert found["result-code"] == "Success"
    assert found["manufacturer"] == "IBM"
    assert "sha256" in found["pcr-bank"]
    assert load_der_public_key(base64.b64decode(found["attestation-key"])).curve.name == "secp256r1"


def test_a_dossier_has_the_registers(device, swtpm):
    swtpm.run("tpm2_pcrextend", f"16:sha256={'22' * 32}")
    found = snapshot(device)
    assert found["attestation-key"] == tpm_of(device)["attestation-key"]
    assert set(found["pcr-values"]) == {"sha256"}
    assert found["pcr-values"]["sha256"]["16"].upper() in swtpm.run("tpm2_pcrread", "sha256:16")
    assert len(found["pcr-values"]["sha256"]) == 24


def test_its_absence_is_a_result_code(bench):
    absence = {"result-code": "Not present", "reason": "The agent is told to use no TPM"}
    assert tpm_of(bench) == absence
    assert snapshot(bench) == absence


def test_a_tpm_that_fails_is_left_alone_for_a_while(tmp_path, swtpm, monkeypatch):
    with running(tmp_path, "device:/dev/null") as bench:
        asked = []
        session = bench.services.tpm.session
        monkeypatch.setattr(bench.services.tpm, "session", lambda: asked.append(1) or session())
        assert tpm_of(bench)["result-code"] == "Failed"
        assert tpm_of(bench)["result-code"] == "Failed"
        assert len(asked) == 1
        bench.clock.advance(timedelta(seconds=61))
        tpm_of(bench)
        assert len(asked) == 2


ACT = "/Cisco-IOS-XR-remote-attestation-act:"
ATTEST = f"{ACT}attest-platform-config-registers"
CERTIFICATE = f"{ACT}get-certificate"
SUDI = {"certificate-identifier": "CiscoSUDI", "nonce": "5PKosQ=="}


def refused(bench, path, request):
    with pytest.raises(ProviderError) as error:
        bench.call(path, request)
    return error.value.tag, error.value.app_tag, error.value.path


def test_registers_are_quoted(device):
    answer = device.call(ATTEST, {"pcr-index": [10, 3, 10], "nonce": "AAECAw==", "location": "0/RP0/CPU0"})
    answer = next(iter(answer.values()))
    assert answer["nonce"] == "AAECAw=="
    [node] = answer["node-data"]
    assert (node["tpm-name"], node["node-location"], node["up-time"]) == ("tpm0", "0/RP0/CPU0", 3600)
    quoted = read_attestation(base64.b64decode(node["pcr-quote"]))
    assert quoted.extra_data == b"\0\1\2\3"
    assert quoted.selection == {"sha256": (3, 10)}
    assert [register["index"] for register in node["PCR"]] == [3, 10]


def test_without_a_choice_the_usual_registers_are_quoted(device):
    answer = next(iter(device.call(ATTEST).values()))
    assert [register["index"] for register in answer["node-data"][0]["PCR"]] == [*range(11), 14]


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"pcr-index": [24]}, ("invalid-value", "unknown-register", "pcr-index")),
        ({"location": "0/RP1/CPU0"}, ("invalid-value", "unknown-node", "location")),
        (
            {"attestation-certificate-identifier": "x"},
            ("invalid-value", "unknown-certificate", "attestation-certificate-identifier"),
        ),
    ],
)
def test_what_can_t_be_quoted_is_refused(device, request_, error):
    assert refused(device, ATTEST, request_) == error


def test_without_a_tpm_nothing_is_quoted(bench):
    assert refused(bench, ATTEST, {})[:2] == ("operation-failed", "tpm-absent")


def test_certificates_need_no_tpm_but_an_enrolled_system_trustpoint(bench):
    assert refused(bench, CERTIFICATE, SUDI)[:2] == ("operation-failed", "not-enrolled")
    enrolled(bench)
    assert refused(bench, CERTIFICATE, {"certificate-identifier": "x"}) == (
        "invalid-value", "unknown-certificate", "certificate-identifier"
    )  # fmt: skip
    answer = next(iter(bench.call(CERTIFICATE, SUDI).values()))
    [node] = answer["system-certificates"]
    listed = node["certificates"]["certificate"]
    assert [certificate["name"] for certificate in listed] == ["Root", "Device"]
    certificates = [base64.b64decode(certificate["value"]) for certificate in listed]
    signed = base64.b64decode(SUDI["nonce"]) + node["signature_version"].to_bytes(4, "big") + b"".join(certificates)
    key = x509.load_der_x509_certificate(certificates[-1]).public_key()
    algorithm = ALGORITHMS[algorithm_for(key)]
    assert is_valid(algorithm, key, base64.b64decode(node["signature"]), signed)


@pytest.mark.parametrize(
    ("count", "names"), [(1, ["Device"]), (2, ["Root", "Device"]), (4, ["Root", "CA", "CA 2", "Device"])]
)
def test_certificates_of_longer_chains_have_names(count, names):
    class Chain:
        chain = tuple(f"{number}".encode() for number in range(count))

        def sign(self, data):
            return b"signed " + data

    proof = prove_certificates(b"n", Chain())
    assert [name for name, _ in proof.certificates] == names
    ordered = b"".join(reversed(Chain.chain))
    assert proof.signature == b"signed n\0\0\0\1" + ordered


RATS = "ietf-tpm-remote-attestation"
CHALLENGE = f"/{RATS}:tpm20-challenge-response-attestation"


def challenge(nonce="AAECAwQFBgcICQoLDA0ODxAREhM=", selection=None):
    asked = {"nonce-value": nonce} | ({} if selection is None else {"tpm20-pcr-selection": selection})
    return {f"{RATS}:tpm20-attestation-challenge": asked}


def sha(bank):
    return f"ietf-tcg-algs:TPM_ALG_{bank}"


def test_a_challenge_is_answered_by_a_quote_of_the_key_in_the_keystore(device):
    selection = [
        {"tpm20-hash-algo": sha("SHA256"), "pcr-index": [7, 0]},
        {"tpm20-hash-algo": sha("SHA1"), "pcr-index": [10]},
    ]
    [answer] = next(iter(device.call(CHALLENGE, challenge(selection=selection)).values()))
    state = device.state()
    [tpm] = state[f"{RATS}:rats-support-structures"]["tpms"]["tpm"]
    assert (tpm["name"], tpm["hardware-based"], tpm["manufacturer"]) == ("tpm0", False, "IBM")
    assert tpm["status"] == "operational"
    assert tpm["firmware-version"] == "ietf-tcg-algs:tpm20"
    assert {"tpm20-hash-algo": sha("SHA256"), "pcr-index": list(range(24))} in tpm["tpm20-pcr-bank"]
    [certificate] = tpm["certificates"]["certificate"]
    assert answer["certificate-name"] == certificate["name"]
    [key] = [
        base64.b64decode(entry["public-key"])
        for entry in state["ietf-keystore:keystore"]["asymmetric-keys"]["asymmetric-key"]
        if entry["name"] == certificate["keystore-ref"]
    ]
    # quote-data is TPM2B_ATTEST: TPMS_ATTEST with its length before it.
    data = base64.b64decode(answer["quote-data"])
    assert int.from_bytes(data[:2], "big") == len(data) - 2
    values = {
        entry["tpm20-hash-algo"].partition("TPM_ALG_")[2].lower(): {
            register["pcr-index"]: base64.b64decode(register["pcr-value"]) for register in entry["pcr-values"]
        }
        for entry in answer["unsigned-pcr-values"]
    }
    assert {bank: sorted(registers) for bank, registers in values.items()} == {"sha256": [0, 7], "sha1": [10]}
    quote = Quote(key, data[2:], base64.b64decode(answer["quote-signature"]), values)
    assert verify_quote(quote, bytes(range(20))).faults == frozenset()
    assert answer["up-time"] == 3600


def test_without_a_selection_the_usual_registers_are_quoted_by_the_standard_s_rpc_too(device):
    for selection in (None, [{}]):
        [answer] = next(iter(device.call(CHALLENGE, challenge(selection=selection)).values()))
        [entry] = answer["unsigned-pcr-values"]
        assert [register["pcr-index"] for register in entry["pcr-values"]] == [*range(11), 14]


@pytest.mark.parametrize(
    ("selection", "error"),
    [
        ({"tpm20-hash-algo": sha("SM3_256"), "pcr-index": [0]}, "unknown-pcr-bank"),
        ({"pcr-index": [31]}, "unknown-register"),
    ],
)
def test_a_selection_that_the_tpm_does_not_have(device, selection, error):
    tag, app_tag, path = refused(device, CHALLENGE, challenge(selection=[selection]))
    assert (tag, app_tag, path.rpartition("/")[2]) == ("invalid-value", error, "tpm20-pcr-selection")


def test_without_a_tpm_the_challenge_is_refused_and_nothing_is_listed(bench):
    assert refused(bench, CHALLENGE, challenge())[:2] == ("operation-failed", "tpm-absent")
    state = bench.state()
    assert f"{RATS}:rats-support-structures" not in state
    assert "ietf-keystore:keystore" not in state


@pytest.mark.parametrize(("size", "quoted"), [(0, 20), (8, 20), (20, 20), (21, 32), (32, 32), (64, 32)])
def test_the_nonce_in_a_quote_has_20_or_32_bytes(size, quoted):
    nonce = bytes(range(1, size + 1))
    assert nonce_in_quote(nonce) == (bytes(quoted) + nonce)[-quoted:] if size <= 32 else nonce[:32]


def quoted_dossier(device, folder):
    """What `trustconf verify` says of a signed dossier with a quote and the IMA log."""
    sign = {"include-certificate": True, "include-tpm-quote": True}
    envelope = device.call("/trustconf-integrity:collect-dossier", {"selector": ["ima"], "nonce": "n", "sign": sign})
    (folder / "envelope.json").write_text(envelope["envelope"])
    standard = Standard(
        trust_anchor=certificates(device)["ca"]["pem"].encode(), nonce="n", at=NOW, is_quote_required=True
    )
    with (folder / "envelope.json").open("rb") as file:
        return json.loads(verify_report(file, standard, as_json=True).text)


def test_the_ima_log_of_a_quoted_dossier_leads_to_the_register_of_the_tpm(tmp_path):
    # A TPM of its own: its register begins with zeros.
    with Swtpm() as tpm, running(tmp_path, tpm.address) as device:
        enrolled(device)
        log = usual_log(5)
        for entry in log.entries:
            digests = ",".join(f"{bank}={log.template_hash(entry, bank).hex()}" for bank in ("sha1", "sha256"))
            tpm.run("tpm2_pcrextend", f"10:{digests}")
        place = device.root / "sys/kernel/security/ima/binary_runtime_measurements"
        place.parent.mkdir(parents=True)
        place.write_bytes(log.binary())
        report = quoted_dossier(device, tmp_path)
        assert report["accepted"], report
        assert [finding["name"] for finding in report["findings"]] == []
        assert report["exit-status"] == 0

        # Somebody who is root leaves an event out.
        del log.entries[3]
        place.write_bytes(log.binary())
        report = quoted_dossier(device, tmp_path)
        assert report["verified"]
        assert [finding["name"] for finding in report["findings"]] == ["ima-mismatch"]
        assert report["exit-status"] == 35


def test_a_key_of_the_tpm_signs_the_request_that_a_client_has_written(device):
    made = device.call(
        "/trustconf-keys:generate-key-pair", {"type": "ecdsa-nistp256", "label": "lab", "held-by": "tpm"}
    )
    request = csr(device, "ecdsa-nistp256:lab", request_info(base64.b64decode(made["public-key"])))
    assert x509.load_der_x509_csr(request).is_signature_valid


def test_registers_of_an_envelope_are_chosen(device):
    enrolled(device)
    request = {"payload": "eA==", "include-tpm-quote": True, "quoted-register": [14, 7]}
    envelope = json.loads(device.call("/trustconf-integrity:sign", request)["envelope"])
    quote = read_quote(base64.b64decode(envelope["tpm-quote"]))
    assert list(quote.pcr_values["sha256"]) == [7, 14]
    with pytest.raises(ValidationFailure, match="include-tpm-quote"):
        device.call("/trustconf-integrity:sign", {"payload": "eA==", "quoted-register": [7]})
