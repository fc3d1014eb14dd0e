"""The start and the end of an agent: what the first start makes, what later ones leave alone, and every way in which
a state folder can be unusable."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading

import pytest
from ncclient.xml_ import to_ele

from tests import agent_forks
from tests.agent_process import AgentProcess

HOST_KEYS = {"ssh_host_ed25519_key": "ED25519", "ssh_host_ecdsa_key": "ECDSA", "ssh_host_rsa_key": "RSA"}
LISTEN = ("--listen", "127.0.0.1:0")

#: Starts an agent that is killed at its n-th step on disk, for n = 1, 2, ... until one start comes through. After each,
#: a start in the same folder must give what a first start gives.
KILLED_STARTS = """
import contextlib, os, signal, sys, threading
from pathlib import Path
from agent import daemon
from agent.clock import SystemClock
from agent.core import Core
from agent.first_start import administrator_key, create_administrator
from agent.settings import Settings
from agent.storage.database import Database
from agent.storage.state_folder import StateFolder
from agent.transport.host_keys import load_or_create
from tests import agent_forks

agent_forks.load()

def start_killed_at(step, state):
    steps = iter(range(step))
    def count(function):
        def counted(*arguments, **options):
            if next(steps, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)
        return counted
    for name in ("fsync", "rename", "link", "mkdir"):
        setattr(os, name, count(getattr(os, name)))
    Database.transaction = count(Database.transaction)
    daemon._announce = count(lambda *arguments: os.kill(os.getpid(), signal.SIGTERM))
    with contextlib.redirect_stderr(None):
        os._exit(daemon.serve(state, Settings(port=0)))

def came_through(step, state):
    child = os.fork()
    if child == 0:
        start_killed_at(step, state)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL), status
    return status == 0

for step in range(100):
    state = Path(sys.argv[1]) / str(step)
    if came_through(step, state):
        print(step)
        break
    folder = StateFolder(state)
    with folder.lock(), Core.open(folder, SystemClock()) as opened:
        create_administrator(opened, folder)
        assert administrator_key(opened, folder) is not None, step
        assert opened.datastores.last_commit_id == 1, step
        assert len(load_or_create(state / "host_keys")) == 3, step
    assert threading.active_count() == 1, threading.enumerate()
"""


def refusal(state):
    """What `trustconf serve` says when it can't start."""
    with tempfile.TemporaryFile("w+") as told:
        process = agent_forks.start("agent.cli", ["serve", "--state-dir", str(state), *LISTEN], told)
        status = process.wait(timeout=60)
        stdout = process.stdout.read()
        process.stdout.close()
        told.seek(0)
        return last_words(status, stdout.decode(), told.read())


def last_words(status, stdout, stderr):
    """Why it ended, as it was told to a person."""
    assert status == 1, stderr
    assert stdout == ""
    assert "Traceback" not in stderr
    assert "error  " not in stderr
    return stderr.splitlines()[-1].removeprefix("trustconf: ")


def contents(folder):
    """Everything below a folder: mode, and a digest of what does not change by being opened."""
    return {
        str(path.relative_to(folder)): (
            stat.S_IMODE(path.stat().st_mode),
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and path.suffix != ".db" else None,
        )
        for path in folder.rglob("*")
    }


@pytest.fixture(scope="module")
def stopped_state(tmp_path_factory):
    """The state folder of an agent that ran and was stopped."""
    agent = AgentProcess(tmp_path_factory.mktemp("stopped") / "state").start()
    assert agent.stop() == 0
    return agent.state


@pytest.fixture
def state(stopped_state, tmp_path):
    """A copy of it."""
    return shutil.copytree(stopped_state, tmp_path / "state")


# The first start, and later ones -------------------------------------------------------------------------------------


def test_the_first_start_makes_host_keys_and_an_administrator(agent):
    for name, kind in HOST_KEYS.items():
        file = agent.state / "host_keys" / name
        told = subprocess.run(["ssh-keygen", "-l", "-f", file], capture_output=True, text=True, check=True, timeout=30)
        assert f"({kind})" in told.stdout
        assert kind != "RSA" or told.stdout.startswith("3072 ")
    assert agent.exec("show version").returncode == 0
    for path in (agent.state, *agent.state.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_the_commands_that_the_start_prints_work(agent, tmp_path):
    (command,) = [line.strip() for line in agent.output.splitlines() if "'show version'" in line]
    options = "-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes"
    done = subprocess.run(
        ["sh", "-c", command.replace("ssh ", f"ssh {options} ", 1)],
        capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done
    lines = agent.output.splitlines()
    start = lines.index("  from ncclient import manager")
    script = "\n".join(line[2:] for line in lines[start : start + 4])
    done = subprocess.run(
        [sys.executable, "-c", f"{script}\nprint(m.session_id)\nm.close_session()"],
        capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done
    assert int(done.stdout) > 0


def test_a_second_start_changes_nothing(agent):
    with agent.connect() as session:
        config = session.get_config("running").data_xml
    agent.stop()
    before = contents(agent.state)
    agent.start()
    with agent.connect() as session:
        assert session.get_config("running").data_xml == config
    assert "first start" not in agent.log.split("stopping")[1]
    agent.stop()
    assert contents(agent.state) == before


def test_an_administrator_who_was_removed_does_not_come_back(agent, tmp_path):
    key = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True, timeout=30)
    subprocess.run(
        [
            sys.executable, "-m", "agent.cli", "user", "add", "alice", "--state-dir", agent.state,
            "--group", "administrators", "--public-key", f"{key}.pub",
        ],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    with agent.connect() as session:
        session.edit_config(
            target="running",
            config='<config><system xmlns="urn:ietf:params:xml:ns:yang:ietf-system"><authentication><user'
            ' xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="delete"><name>admin</name></user>'
            "</authentication></system></config>",
        )
    agent.restart()
    assert "manager.connect" not in agent.output
    assert agent.exec("show version").returncode == 255


def test_a_first_start_that_was_killed_at_any_step_is_made_good_by_the_next(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", KILLED_STARTS, str(tmp_path)], capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 15, "steps on disk that a first start has"


# The end -------------------------------------------------------------------------------------------------------------


def test_sigterm_ends_everything_at_once(agent, monkeypatch):
    """Sessions are open, one is half a handshake, a long rpc runs: the end is clean all the same."""
    sessions = [agent.connect() for _ in range(3)]
    silent = socket.create_connection(("127.0.0.1", agent.port))
    local = socket.socket(socket.AF_UNIX)
    monkeypatch.chdir(agent.state.parent)
    local.connect("state/control.sock")
    key = (
        '<generate-key-pair xmlns="urn:trustconf:yang:trustconf-keys"><type>rsa</type><label>long{}</label>'
        "<size>4096</size></generate-key-pair>"
    )

    def generate():
        for number in range(50):
            sessions[0].dispatch(to_ele(key.format(number)))

    ended = []

    def work():
        try:
            generate()
        except Exception as error:
            ended.append(type(error).__name__)

    worker = threading.Thread(target=work)
    worker.start()
    while "key RSA generated" not in agent.log:
        worker.join(0.05)
    port_file = agent.state / "port"
    assert port_file.exists()
    assert agent.stop() == 0
    worker.join(30)
    assert ended
    assert not port_file.exists()
    assert not (agent.state / "control.sock").exists()
    silent.close()
    local.close()
    agent.start()
    assert agent.exec("show crypto key mypubkey rsa").stdout.count("long0") == 1


def test_sigint_ends_it_too(agent):
    agent.process.send_signal(2)
    assert agent.process.wait(timeout=10) == 0
    agent.kill()


# Unusable state ------------------------------------------------------------------------------------------------------


def test_a_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "state").touch()
    assert refusal(tmp_path / "state") == f"The state folder {tmp_path}/state can't be used: it is not a folder."


def test_a_folder_that_can_not_be_made():
    assert refusal("/proc/trustconf").startswith("The state folder /proc/trustconf can't be used: ")


def test_a_folder_of_somebody_else(tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    if os.geteuid() == 0:
        os.chown(folder, 12345, 12345)
    else:
        folder = "/"
    assert refusal(folder).endswith("Run this as the folder's owner, or choose another --state-dir.")


@pytest.mark.parametrize("kilobytes", [0, 4, 40])
def test_a_disk_that_is_full(tmp_path, kilobytes):
    limit = (kilobytes * 1024, kilobytes * 1024)
    done = subprocess.run(
        [sys.executable, "-m", "agent.cli", "serve", "--state-dir", str(tmp_path / "state"), *LISTEN],
        capture_output=True, text=True, timeout=60, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )  # fmt: skip
    message = last_words(done.returncode, done.stdout, done.stderr)
    assert str(tmp_path) in message or message.startswith("The database can't be used now: ")
    agent = AgentProcess(tmp_path / "state").start()
    assert agent.exec("show version").returncode == 0, "what failed for want of space works with it"
    agent.kill()


def overwrite(path, offset, content):
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


def execute(path, *statements):
    connection = sqlite3.connect(path)
    with connection:
        for statement in statements:
            connection.execute(*statement)
    connection.close()


def damage_diff(path):
    rows = sqlite3.connect(path).execute("SELECT id, diff FROM commits").fetchall()
    for number, text in rows:
        unknown = json.dumps(json.loads(text)).replace("authentication", "hovercraft")
        assert unknown != text
        execute(path, ("UPDATE commits SET diff = ? WHERE id = ?", (unknown, number)))


DAMAGES = {
    "not a database": (lambda path: path.write_bytes(b"hello" * 1000), "is damaged or not a database"),
    "header": (lambda path: overwrite(path, 0, bytes(16)), "is damaged or not a database"),
    "pages": (lambda path: overwrite(path, 4096, b"\xff" * (path.stat().st_size - 4096)), "is damaged"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "can't be opened"),
    "of another program": (
        lambda path: (path.unlink(), execute(path, ("CREATE TABLE letters (text)",))),
        "is an SQLite database of another program",
    ),
    "newer": (lambda path: execute(path, ("PRAGMA user_version = 9999",)), "Use the newer program again"),
    "no JSON": (lambda path: execute(path, ("UPDATE commits SET diff = '{'",)), "has a damaged record of commit 1"),
    "unknown nodes": (damage_diff, "holds a configuration that can't be read"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_database(state, damage):
    do, said = DAMAGES[damage]
    do(state / "trustconf.db")
    message = refusal(state)
    assert said in message
    assert "trustconf.db" in message or message.startswith("The database is damaged")


@pytest.mark.parametrize(
    ("file", "content", "mode", "said"),
    [
        ("master.key", b"short", 0o600, "must hold exactly 32 bytes"),
        ("master.key", bytes(32), 0o600, "were sealed under another master key"),
        ("master.key", bytes(32), 0o644, "others can read it. Make it 0600."),
        ("host_keys/ssh_host_rsa_key", b"none", 0o600, "is not a usable host key"),
    ],
)
def test_a_damaged_key_file(state, file, content, mode, said):
    (state / file).write_bytes(content)
    (state / file).chmod(mode)
    message = refusal(state)
    assert said in message
    assert str(state / file) in message or "trustconf.db" in message


def test_the_host_keys_folder_is_a_file(state):
    shutil.rmtree(state / "host_keys")
    (state / "host_keys").touch()
    assert refusal(state) == f"The agent can't use {state}/host_keys: File exists."
