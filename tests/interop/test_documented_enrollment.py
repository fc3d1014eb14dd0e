"""The ways to enroll as the pages tell them: the examples against real peers, and the pages' own openssl commands."""

from __future__ import annotations

import base64
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ncclient.manager import Manager
from ncclient.operations import RPCError

from examples import cut_and_paste, enroll_scep, journey
from tests.agent_process import ADMIN, AgentProcess
from tests.peers.scep_responder import fingerprint
from tests.peers.scepserver import ScepServer

DOCS = Path(__file__).parents[2] / "docs"
TCT = journey.NS["tct"]


@pytest.fixture
def m(shared_agent: AgentProcess) -> Iterator[Manager]:
    with journey.connect("127.0.0.1", shared_agent.port, ADMIN, shared_agent.key_file) as manager:
        yield manager


def openssl_block(page: str, heading: str, folder: Path) -> str:
    """Run the commands that stand under a heading of a page in `folder`; what they print."""
    part = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", (DOCS / page).read_text(), re.M | re.S)
    assert part is not None
    (commands,) = re.findall(r"^```sh openssl\n(.*?)^```$", part[1], re.M | re.S)
    done = subprocess.run(
        ["bash", "-e"], input=commands, cwd=folder, env={**os.environ, "PASSWORD": "correct horse"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def state(m: Manager, name: str) -> str:
    return str(enroll_scep.read_trustpoint(m, name).findtext("tct:enrollment-state", namespaces=journey.NS))


def test_cut_and_paste_with_openssl_as_the_ca(m: Manager, tmp_path: Path) -> None:
    openssl_block("cut-and-paste.md", "A CA of two tiers, by openssl", tmp_path)
    journey.generate_key(m, "rsa", "branch")
    cut_and_paste.configure_trustpoint(m, "branch", "CN=router1,O=example")
    assert cut_and_paste.authenticate(m, "branch", (tmp_path / "chain.pem").read_text()) == "authenticated"
    (tmp_path / "request.pem").write_text(cut_and_paste.enroll(m, "branch")["router"])
    assert "router.pem: OK" in openssl_block("cut-and-paste.md", "Enroll", tmp_path)
    openssl_block("cut-and-paste.md", "Import", tmp_path)
    assert cut_and_paste.import_certificate(m, "branch", (tmp_path / "router.p7b").read_text()) == "granted"


def test_the_certificates_of_usage_keys_in_one_pkcs7(m: Manager, tmp_path: Path) -> None:
    openssl_block("cut-and-paste.md", "A CA of two tiers, by openssl", tmp_path)
    inputs = "<type>rsa</type><label>twin</label><usage>usage</usage>"
    journey.rpc(m, f'<generate-key-pair xmlns="{journey.NS["tck"]}">{inputs}</generate-key-pair>')
    cut_and_paste.configure_trustpoint(m, "twin", "CN=twin,O=example")
    cut_and_paste.authenticate(m, "twin", (tmp_path / "chain.pem").read_text())
    for role, request in cut_and_paste.enroll(m, "twin").items():
        (tmp_path / f"{role}.csr").write_text(request)
    openssl_block("cut-and-paste.md", "Usage keys", tmp_path)
    assert cut_and_paste.import_certificate(m, "twin", (tmp_path / "router-signature.pem").read_text()) == "pending"
    assert cut_and_paste.import_certificate(m, "twin", (tmp_path / "both.p7b").read_text()) == "granted"

    inputs = "<trustpoint>twin</trustpoint><password>horse battery</password>"
    with pytest.raises(RPCError, match="one key"):
        journey.rpc(m, f'<export-pkcs12 xmlns="{TCT}">{inputs}</export-pkcs12>')


def test_a_pkcs12_file_made_with_openssl(m: Manager, tmp_path: Path) -> None:
    openssl_block("cut-and-paste.md", "A CA of two tiers, by openssl", tmp_path)
    for command in (
        "openssl req -new -newkey rsa:2048 -noenc -keyout spare.key -out spare.csr -subj /CN=spare",
        "openssl x509 -req -in spare.csr -CA issuing.pem -CAkey issuing.key -CAcreateserial -out spare.pem",
    ):
        subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    openssl_block("pkcs12.md", "Import", tmp_path)
    journey.generate_key(m, "rsa", "spare")
    cut_and_paste.configure_trustpoint(m, "spare", "CN=spare")
    pkcs12 = f"<pkcs12>{(tmp_path / 'spare.b64').read_text()}</pkcs12><password>correct horse</password>"
    journey.rpc(m, f'<import-pkcs12 xmlns="{TCT}"><trustpoint>spare</trustpoint>{pkcs12}</import-pkcs12>')
    assert state(m, "spare") == "granted"

    inputs = "<trustpoint>spare</trustpoint><password>horse battery</password>"
    reply = journey.rpc(m, f'<export-pkcs12 xmlns="{TCT}">{inputs}</export-pkcs12>')
    exported = base64.b64decode(str(reply.findtext("tct:pkcs12", namespaces=journey.NS)))
    shown = subprocess.run(
        ["openssl", "pkcs12", "-noenc", "-passin", "pass:horse battery"],
        input=exported, capture_output=True, check=True, timeout=60,
    ).stdout.decode()  # fmt: skip
    assert shown.count("BEGIN CERTIFICATE") == 3
    made = subprocess.run(
        ["openssl", "pkey", "-pubout"], input=shown, capture_output=True, text=True, check=True, timeout=60
    )
    given = subprocess.run(
        ["openssl", "pkey", "-in", "spare.key", "-pubout"], cwd=tmp_path, capture_output=True, text=True, check=True,
        timeout=60,
    )  # fmt: skip
    assert made.stdout == given.stdout


def test_the_key_of_the_system_trustpoint_leaves_by_no_other_trustpoint(m: Manager, tmp_path: Path) -> None:
    openssl_block("cut-and-paste.md", "A CA of two tiers, by openssl", tmp_path)
    for label in ("system-root-key", "system-enroll-key"):
        journey.generate_key(m, "rsa", label)
    journey.configure_trustpoint(m, "rsa")
    cut_and_paste.configure_trustpoint(m, "system-enroll-key", "CN=thief")
    cut_and_paste.authenticate(m, "system-enroll-key", (tmp_path / "chain.pem").read_text())
    (tmp_path / "request.pem").write_text(cut_and_paste.enroll(m, "system-enroll-key")["router"])
    openssl_block("cut-and-paste.md", "Enroll", tmp_path)
    assert cut_and_paste.import_certificate(m, "system-enroll-key", (tmp_path / "router.pem").read_text()) == "granted"

    inputs = "<trustpoint>system-enroll-key</trustpoint><password>horse battery</password>"
    with pytest.raises(RPCError, match="never leaves it"):
        journey.rpc(m, f'<export-pkcs12 xmlns="{TCT}">{inputs}</export-pkcs12>')


def run_enroll_scep(agent: AgentProcess, monkeypatch: pytest.MonkeyPatch, *arguments: str, challenge: str = "") -> int:
    connection = ("--port", str(agent.port), "--user", ADMIN, "--key", str(agent.key_file))
    monkeypatch.setattr(sys, "argv", ["enroll_scep.py", *arguments, *connection])
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{challenge}\n"))
    return enroll_scep.main()


def test_a_real_ca_with_a_fingerprint_that_is_compared(
    shared_agent: AgentProcess, m: Manager, scepserver: ScepServer, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    place = ("desk", scepserver.url, "--subject", "CN=desk,O=example", "--allow-weak", "--challenge-stdin")
    assert run_enroll_scep(shared_agent, monkeypatch, *place) == 1
    assert fingerprint(scepserver.ca) in capsys.readouterr().out
    assert state(m, "desk") == "not-authenticated"

    known = ("--fingerprint", fingerprint(scepserver.ca))
    assert run_enroll_scep(shared_agent, monkeypatch, *place, *known, challenge="wrong") == 1
    assert "has refused the request" in capsys.readouterr().out
    assert state(m, "desk") == "rejected"

    assert run_enroll_scep(shared_agent, monkeypatch, *place, *known, challenge=scepserver.challenge) == 0
    assert "-- router certificate of" in capsys.readouterr().out
    assert state(m, "desk") == "granted"


def test_a_ca_that_waits_for_somebody_is_waited_for(agent_on_a_clock: AgentProcess, scep_responder) -> None:
    agent, responder = agent_on_a_clock, scep_responder(tiers=2, pending=1, challenge="secret")
    with journey.connect("127.0.0.1", agent.port, ADMIN, agent.key_file) as m:
        journey.generate_key(m, "rsa", "slow")
        subject = "CN=slow,O=example"
        enroll_scep.configure_trustpoint(
            m, "slow", responder.url, "slow", subject, allow_weak=False, skip_challenge=False
        )
        offered = enroll_scep.authenticate(m, "slow")
        assert [one["sha256-fingerprint"] for one in offered] == [fingerprint(ca) for ca in responder.ca.chain[::-1]]
        with pytest.raises(RPCError, match="this fingerprint"):
            enroll_scep.accept_ca(m, "slow", "00" * 32)
        enroll_scep.accept_ca(m, "slow", fingerprint(responder.ca.root))
        enroll_scep.subscribe(m)
        assert enroll_scep.enroll(m, "slow", "secret") == "pending"
        agent.advance(minutes=1)
        assert enroll_scep.wait_for_decision(m, "slow", timeout=60) == "granted"
