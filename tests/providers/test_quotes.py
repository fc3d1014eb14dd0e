"""What the TPM says: as operational data, in dossiers, and by rpcs, on a device with a TPM in software."""

import base64
import json
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key

from agent.integrity.dossier import DossierRequest
from agent.providers.integrity.operations import IntegrityOperations
from tests.providers.bench import ALICE, Bench

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
    request = DossierRequest(selectors=[SNAPSHOT])
    dossier = json.loads(IntegrityOperations(bench.services).collect(request, ALICE))
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
