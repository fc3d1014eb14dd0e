"""What the TPM says: as operational data, in dossiers, and by rpcs, on a device with a TPM in software."""

import base64
import json
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_public_key

from agent.integrity.certificate_proof import prove_certificates
from agent.integrity.signatures import ALGORITHMS, algorithm_for, is_valid
from agent.integrity.tpm.attestation import read_attestation
from agent.northbound.errors import ProviderError
from tests.providers.bench import Bench
from tests.providers.test_trustpoints import enrolled

SNAPSHOT = "system-integrity-snapshot"


@pytest.fixture
def device(tmp_path, swtpm):
    device = Bench(tmp_path, swtpm.address)
    yield device
    device.scheduler.stop()
    device.database.close()


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
    bench = Bench(tmp_path, "device:/dev/null")
    asked = []
    session = bench.services.tpm.session
    monkeypatch.setattr(bench.services.tpm, "session", lambda: asked.append(1) or session())
    assert tpm_of(bench)["result-code"] == "Failed"
    assert tpm_of(bench)["result-code"] == "Failed"
    assert len(asked) == 1
    bench.clock.advance(timedelta(seconds=61))
    tpm_of(bench)
    assert len(asked) == 2
    bench.scheduler.stop()
    bench.database.close()


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
