"""The journey that must work: from a fresh device to evidence that somebody else verifies, and over a restart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ncclient.operations import RPCError

from examples import journey
from tests.agent_process import ADMIN, AgentProcess
from tests.enrollment.operator import TCK, Operator

TOP = Path(__file__).parents[2]
NONCE = "journey 1580"


def run(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, arguments)), capture_output=True, text=True, timeout=60, check=False, **options)


def trustconf_verify(folder: Path, nonce: str) -> subprocess.CompletedProcess[str]:
    return run(
        sys.executable, "-m", "agent.cli", "verify", folder / "envelope.json",
        "--trust-anchor", folder / "root.pem", "--nonce", nonce, "--json",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("key_type", "shown_as"),
    [("rsa", "rsa"), ("ecdsa-nistp256", "ecdsa"), ("ecdsa-nistp521", "ecdsa"), ("ed25519", "ed25519")],
)
def test_from_fresh_device_to_verified_evidence(
    agent: AgentProcess, tmp_path: Path, key_type: str, shown_as: str
) -> None:
    with journey.connect("127.0.0.1", agent.port, ADMIN, agent.key_file) as m:
        journey.set_names(m, "ios", "cisco.com")
        for label in ("system-root-key", "system-enroll-key"):
            journey.generate_key(m, key_type, label)
        journey.configure_trustpoint(m, key_type)
        journey.authenticate(m)
        journey.enroll(m)
        certificates = journey.read_certificates(m)
        assert set(certificates) == {"ca", "router"}
        envelope = journey.collect_signed_dossier(m, NONCE)
    (tmp_path / "root.pem").write_text(certificates["ca"])
    (tmp_path / "leaf.pem").write_text(certificates["router"])
    (tmp_path / "envelope.json").write_text(envelope)

    # The evidence holds outside the agent: by openssl alone, and by trustconf verify.
    chain = run("openssl", "verify", "-CAfile", tmp_path / "root.pem", tmp_path / "leaf.pem")
    assert chain.returncode == 0, chain.stderr
    subject = run("openssl", "x509", "-in", tmp_path / "leaf.pem", "-noout", "-subject", "-nameopt", "RFC2253").stdout
    assert "unstructuredName=ios.cisco.com" in subject
    assert "CN=lab1-ads" in subject
    by_openssl = run(
        TOP / "scripts/verify-with-openssl",
        tmp_path / "envelope.json",
        tmp_path / "root.pem",
        NONCE,
        tmp_path / "dossier",
    )
    assert by_openssl.returncode == 0, by_openssl.stdout + by_openssl.stderr
    assert run(
        TOP / "scripts/verify-with-openssl", tmp_path / "envelope.json", tmp_path / "root.pem", "another nonce"
    ).returncode != 0  # fmt: skip
    verdict = trustconf_verify(tmp_path, NONCE)
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr
    assert ",unstructuredName=ios.cisco.com," in json.loads(verdict.stdout)["signer"]
    assert trustconf_verify(tmp_path, "another nonce").returncode != 0

    dossier = json.loads((tmp_path / "dossier").read_text())
    assert list(dossier)[:6] == [
        "collection-start-time", "model-name", "model-revision", "license-udi", "version", "platform"
    ]  # fmt: skip
    assert list(dossier)[-1] == "collection-end-time"
    assert dossier["version"]["result-code"] == "Success"
    assert dossier["packages"]["result-code"] == "Success"
    assert dossier["rollback-history"]["result-code"] == "Success"

    # The same collector by SSH exec gets the same kind of envelope.
    answer = agent.exec(
        f"show platform security integrity dossier include reboot-history nonce '{NONCE}'"
        f" | utility sign nonce '{NONCE}' include-certificate"
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    (tmp_path / "envelope.json").write_text(answer.stdout)
    assert trustconf_verify(tmp_path, NONCE).returncode == 0

    # The leaf is re-keyed and enrolled again under the same root.
    with journey.connect("127.0.0.1", agent.port, ADMIN, agent.key_file) as m:
        journey.generate_key(m, key_type, "system-enroll-key")
        journey.enroll(m)
        renewed = journey.read_certificates(m)
        assert renewed["ca"] == certificates["ca"]
        assert renewed["router"] != certificates["router"]
        journey.zeroize_key(m, key_type, "system-enroll-key")
        with pytest.raises(RPCError) as refusal:
            journey.collect_signed_dossier(m, NONCE)
        assert refusal.value.tag == "operation-failed"

    agent.restart()

    with journey.connect("127.0.0.1", agent.port, ADMIN, agent.key_file) as m:
        assert journey.read_certificates(m) == renewed
        assert "ios" in m.get_config("running").xml
    keys = agent.exec(f"show crypto key mypubkey {shown_as}").stdout
    assert "system-root-key" in keys
    assert "system-enroll-key" not in keys
    shown = agent.exec("show crypto ca certificates system-trustpoint").stdout
    assert "Trustpoint" in shown
    assert "unstructuredName=ios.cisco.com" in shown


def test_every_schema_can_be_fetched_and_passes_pyang(shared_agent: AgentProcess, tmp_path: Path) -> None:
    with shared_agent.connect() as m:
        schemas = journey.fetch_schemas(m)
    assert len(schemas) > 15
    for name, text in schemas.items():
        (tmp_path / f"{name.rstrip('@')}.yang").write_text(text)
    modules = sorted(path for path in tmp_path.glob("*.yang") if "\nsubmodule " not in path.read_text())
    pyang = Path(sys.executable).with_name("pyang")
    result = run(pyang, "-p", tmp_path, *modules)
    assert result.returncode == 0, result.stderr


def test_nothing_secret_is_readable_in_the_state_folder(shared_agent: AgentProcess) -> None:
    assert shared_agent.state.stat().st_mode & 0o777 == 0o700
    for folder, _folders, files in os.walk(shared_agent.state):
        for name in files:
            path = Path(folder) / name
            assert path.lstat().st_mode & 0o077 == 0, path


def test_second_agent_on_the_same_state_is_refused(shared_agent: AgentProcess) -> None:
    second = run(
        sys.executable, "-m", "agent.cli", "serve", "--state-dir", shared_agent.state, "--listen", "127.0.0.1:0"
    )
    assert second.returncode == 1
    assert "Traceback" not in second.stderr
    assert str(shared_agent.process.pid) in second.stderr


def test_sigterm_ends_the_agent_cleanly(agent: AgentProcess) -> None:
    session = agent.connect()
    assert agent.stop() == 0
    assert not session.connected
    assert not (agent.state / "port").exists()


def test_what_needs_a_tpm_is_refused_where_there_is_none(shared_agent: AgentProcess) -> None:
    operator = Operator(shared_agent)
    act = "http://cisco.com/ns/yang/Cisco-IOS-XR-remote-attestation-act"
    for error in (
        operator.refused("generate-key-pair", TCK, type="ecdsa-nistp256", held_by="tpm"),
        operator.refused("attest-platform-config-registers", act),
    ):
        assert (error.tag, error.app_tag) == ("operation-failed", "tpm-absent")
    assert operator.get("integrity", journey.NS["tci"])["tpm"]["result-code"] == "Not present"
    operator.close()
