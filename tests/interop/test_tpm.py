"""A device with a TPM, over SSH: its system trustpoint's keys are the TPM's, and others verify what they sign."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples import journey
from tests.agent_process import AgentProcess
from tests.enrollment.by_hand import enrolled, where
from tests.enrollment.openssl_ca import OpensslCa
from tests.enrollment.operator import TCK, Operator
from tests.peers.swtpm import Swtpm

TOP = Path(__file__).parents[2]
NONCE = "tpm 4711"
SYSTEM = "system-trustpoint"
P256 = "ecdsa-nistp256"


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
    return run(
        sys.executable, "-m", "agent.cli", "verify", envelope,
        "--trust-anchor", device.root, "--nonce", nonce, "--json", *options,
    )  # fmt: skip


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
