"""Dossiers that are larger than the memory they may take, one at a time, over real SSH sessions."""

import contextlib
import io
import json
import re
import subprocess
import threading
import time
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from lxml import etree
from ncclient import NCClientError

from agent.integrity.envelope import verify_envelope
from agent.shell.commands import COMMANDS
from examples import journey
from tests.agent_process import ADMIN, AgentProcess

TOP = Path(__file__).parents[2]
NONCE = "4711"
INTEGRITY = "urn:trustconf:yang:trustconf-integrity"
BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
SIGN = f"utility sign nonce {NONCE} include-certificate"
DOSSIER = "show platform security integrity dossier include"
#: Megabytes of memory that a dossier may take beside what the agent has anyway.
MEMORY = 8


class Agent(AgentProcess):
    def _command(self):
        return ["tests.agent_with_large_sections", str(self.state)]

    def set_megabytes(self, count):
        (self.state.parent / "megabytes").write_text(str(count))

    def memory(self, name):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) / 1024

    def forget_peak(self):
        """From here on VmHWM counts."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")
        return self.memory("VmHWM")

    def state_of_dossiers(self, session):
        reply = session.get(filter=("subtree", f'<integrity xmlns="{INTEGRITY}"><dossiers/></integrity>')).data_xml
        return etree.fromstring(reply.encode()).find(f".//{{{INTEGRITY}}}dossiers")


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    agent = Agent(tmp_path_factory.mktemp("large") / "state")
    agent.set_megabytes(1)
    agent.start()
    with agent.connect() as m:
        journey.set_names(m, "ios", "cisco.com")
        for label in ("system-root-key", "system-enroll-key"):
            journey.generate_key(m, "ed25519", label)
        journey.configure_trustpoint(m, "ed25519")
        journey.authenticate(m)
        journey.enroll(m)
        (agent.state.parent / "root.pem").write_text(journey.read_certificates(m)["ca"])
    yield agent
    agent.kill()


def verified(agent, file, payload):
    """By our library and by openssl; the payload is left in a file."""
    anchor = agent.state.parent / "root.pem"
    with file.open("rb") as source:
        assert verify_envelope(source, anchor.read_bytes(), NONCE, datetime.now(UTC)).failures == ()
    openssl = [TOP / "scripts/verify-with-openssl", file, anchor, NONCE, payload]
    subprocess.run(openssl, capture_output=True, timeout=120, check=True)


@pytest.mark.parametrize("megabytes", [16, pytest.param(200, marks=pytest.mark.exhaustive)])
def test_a_large_dossier_takes_little_memory_over_ssh(large, tmp_path, megabytes):
    large.set_megabytes(megabytes)
    before = large.forget_peak()
    with (tmp_path / "envelope").open("wb") as output:
        command = [*large.ssh_command(f"{ADMIN}@127.0.0.1"), f"{DOSSIER} rollback-history reboot-history | {SIGN}"]
        subprocess.run(command, stdout=output, stdin=subprocess.DEVNULL, timeout=600, check=True)
    assert large.memory("VmHWM") - before < MEMORY
    verified(large, tmp_path / "envelope", tmp_path / "payload")
    dossier = json.loads((tmp_path / "payload").read_bytes())
    assert len(dossier["rollback-history"]["node"][0]["row"]) == megabytes * 1024
    # What failed after as much again has left nothing.
    assert dossier["reboot-history"]["result-code"] == "Not present"
    assert dossier["reboot-history"]["reason"] == "the disk has come off"


@pytest.mark.parametrize("version", [0, 1])
def test_a_large_dossier_takes_little_memory_over_netconf(large, tmp_path, version):
    large.set_megabytes(12)
    messages = [
        f"<hello xmlns='{BASE}'><capabilities><capability>urn:ietf:params:netconf:base:1.{version}</capability>"
        "</capabilities></hello>",
        f"<rpc xmlns='{BASE}' message-id='1'><collect-dossier xmlns='{INTEGRITY}'><selector>rollback-history</selector>"
        f"<sign><nonce>{NONCE}</nonce><include-certificate>true</include-certificate></sign></collect-dossier></rpc>",
        f"<rpc xmlns='{BASE}' message-id='2'><close-session/></rpc>",
    ]
    framed = [messages[0] + "]]>]]>"]
    framed += [f"\n#{len(text)}\n{text}\n##\n" if version else text + "]]>]]>" for text in messages[1:]]
    (tmp_path / "input").write_text("".join(framed))
    before = large.forget_peak()
    with (tmp_path / "output").open("wb") as output, (tmp_path / "input").open("rb") as requests:
        command = large.ssh_command("-s", f"{ADMIN}@127.0.0.1", "netconf")
        subprocess.run(command, stdin=requests, stdout=output, timeout=120, check=True)
    assert large.memory("VmHWM") - before < MEMORY
    _, reply, closed = messages_of((tmp_path / "output").read_bytes(), version)
    assert b"<ok/>" in closed
    envelope = etree.fromstring(reply, etree.XMLParser(huge_tree=True)).findtext(f"{{{INTEGRITY}}}envelope")
    (tmp_path / "envelope").write_text(envelope)
    verified(large, tmp_path / "envelope", tmp_path / "payload")
    assert (tmp_path / "payload").stat().st_size > 12 * 1024 * 1000


def messages_of(stream, version):
    hello, _, stream = stream.partition(b"]]>]]>")
    if not version:
        return [hello, *stream.split(b"]]>]]>")[:2]]
    messages = [b""]
    while stream:
        header, _, stream = stream[2:].partition(b"\n")
        if header == b"#":
            messages.append(b"")
        else:
            messages[-1] += stream[: int(header)]
            stream = stream[int(header) :]
    return [hello, *messages[:2]]


def test_a_gzipped_dossier_is_a_fraction(large, tmp_path):
    large.set_megabytes(4)
    answer = large.exec(f"{DOSSIER} rollback-history | {SIGN} compress gzip")
    assert len(answer.stdout) < 500_000
    (tmp_path / "envelope").write_text(answer.stdout)
    verified(large, tmp_path / "envelope", tmp_path / "payload")
    assert (tmp_path / "payload").stat().st_size > 4 * 1024 * 1000


def eventually(check):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = check()
        if found is not None and found is not False:
            return found
    raise AssertionError("it did not happen")


def leaf(element, path):
    return element.findtext("/".join(f"{{{INTEGRITY}}}{name}" for name in path.split("/")))


def test_a_collection_ends_with_its_client_and_others_wait_meanwhile(large):
    large.set_megabytes(1)
    with large.connect() as session:
        stopped = int(leaf(large.state_of_dossiers(session), "stopped"))
        ssh = large.ssh_command(f"{ADMIN}@127.0.0.1")
        first = subprocess.Popen([*ssh, f"{DOSSIER} system-inventory"], stdin=subprocess.DEVNULL)

        def progress():
            found = large.state_of_dossiers(session)
            return found if leaf(found, "in-progress/section") == "system-inventory" else None

        state = eventually(progress)
        assert leaf(state, "in-progress/user") == ADMIN
        assert int(leaf(state, "in-progress/size")) > 0
        second = subprocess.Popen(
            [*ssh, DOSSIER.removesuffix("include")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        eventually(lambda: leaf(large.state_of_dossiers(session), "waiting") == "1")
        first.kill()
        first.wait(timeout=30)
        output, _ = second.communicate(timeout=60)
        assert b'"collection-end-time"' in output
        state = large.state_of_dossiers(session)
        assert int(leaf(state, "stopped")) == stopped + 1
        assert state.find(f"{{{INTEGRITY}}}in-progress") is None
    assert "rollback-history: Success" in large.log


def test_a_collection_ends_with_its_session(large):
    other = large.connect()
    with large.connect() as session:
        stopped = int(leaf(large.state_of_dossiers(session), "stopped"))
        request = f'<collect-dossier xmlns="{INTEGRITY}"><selector>system-inventory</selector></collect-dossier>'

        def ask():
            with pytest.raises(NCClientError):
                journey.rpc(other, request)

        thread = threading.Thread(target=ask)
        thread.start()
        eventually(lambda: large.state_of_dossiers(session).find(f"{{{INTEGRITY}}}in-progress"))
        session.kill_session(other.session_id)
        thread.join(30)
        eventually(lambda: int(leaf(large.state_of_dossiers(session), "stopped")) == stopped + 1)


def test_no_dossier_is_left_in_the_state_folder(large):
    def opened():
        for link in Path(f"/proc/{large.process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                yield str(link.readlink())

    def is_left():
        return any(name.startswith(str(large.state)) and "(deleted)" in name for name in opened())

    # The collection of a session that has just been killed ends at its next row.
    eventually(lambda: not is_left())
    assert [path for path in large.state.iterdir() if path.is_file() and path.stat().st_size > 3_000_000] == []


def show_commands():
    """Every show command of the table, its words spelled out and its arguments filled in."""
    for command in COMMANDS._commands:
        words = [element.keywords[0] for element in command.elements if element.keywords and not element.optional]
        if command.target.is_show:
            yield " ".join(words)


@pytest.mark.parametrize("form", ["envelope", "dsse", "jws"])
def test_every_show_command_can_be_signed(large, tmp_path, form):
    """In one go, and each is verified and compared with what the command shows otherwise."""
    commands = sorted(set(show_commands()))
    assert "show crypto ca certificates" in commands
    for command in commands:
        shown = large.exec(command).stdout.partition("\n")[2]
        answer = large.exec(f"{command} | {SIGN} {form}")
        with io.BytesIO(answer.stdout.encode()) as source:
            anchor = (large.state.parent / "root.pem").read_bytes()
            verdict = verify_envelope(source, anchor, NONCE, datetime.now(UTC))
        assert verdict.failures == (), command
        # Times and the seconds since the start move on.
        assert digits_gone(verdict.payload_bytes().decode()) == digits_gone(shown.rstrip("\n"))
        assert names_of_form(answer.stdout) == form


def names_of_form(answer):
    return {"envelope-version": "envelope", "payloadType": "dsse", "protected": "jws"}[answer.split('"')[1]]


def digits_gone(text):
    return re.sub(r"\d+", "0", text.rstrip("\n"))


@pytest.mark.parametrize("form", ["dsse", "jws"])
def test_other_forms_by_rpc(large, form):
    with large.connect() as session:
        sign = f"<sign><nonce>{NONCE}</nonce><include-certificate>true</include-certificate><form>{form}</form></sign>"
        collect = f'<collect-dossier xmlns="{INTEGRITY}"><selector>packages</selector>{sign}</collect-dossier>'
        reply = journey.rpc(session, collect)
        text = reply.findtext(f"{{{INTEGRITY}}}envelope")
        state = large.state_of_dossiers(session)
    anchor = (large.state.parent / "root.pem").read_bytes()
    verdict = verify_envelope(io.BytesIO(text.encode()), anchor, NONCE, datetime.now(UTC))
    assert verdict.failures == ()
    assert "packages" in json.loads(verdict.payload_bytes())
    assert leaf(state, "dossier/signature/form") == form
    assert leaf(state, "dossier/digest") == sha256(verdict.payload_bytes()).hexdigest()
