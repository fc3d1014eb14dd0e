"""The command line through its front door: every command, with what a person may get wrong."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import paramiko
import pytest
from ncclient import manager

from agent import __version__, cli
from agent.settings import Settings
from tests.agent_process import AgentProcess

COMMANDS = (
    [], ["serve"], ["user"], ["user", "add"], ["show"], ["verify"], ["kgv"], ["kgv", "build"],
    ["collect"], ["trust"], ["archive"], ["archive", "list"], ["archive", "show"], ["archive", "export"],
    ["archive", "accept"], ["archive", "prune"],
)  # fmt: skip
PASSWORD = "correct horse battery"


def serve(*arguments):
    """`trustconf serve` as a process that ends by itself; what it printed is text."""
    done = subprocess.run(
        [sys.executable, "-m", "agent.cli", "serve", *map(str, arguments)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done


def trustconf(*arguments, stdin=b""):
    """Any other command, or a serve that does not get far, in this process: a new one costs half a second."""
    output, errors = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        for name, stream in (("stdin", io.TextIOWrapper(io.BytesIO(stdin))), ("stdout", output), ("stderr", errors)):
            patch.setattr(sys, name, stream)
        patch.setenv("COLUMNS", "80")
        try:
            status = cli.main([str(argument) for argument in arguments])
        except SystemExit as end:
            status = end.code
    return subprocess.CompletedProcess(arguments, status, output.getvalue(), errors.getvalue())


def refused(*arguments, **options):
    """The message of a command that must fail with status 1: one line, for a person."""
    return refusal(trustconf(*arguments, **options))


def refusal(done):
    assert done.returncode == 1, done
    assert done.stdout == ""
    assert done.stderr.startswith("trustconf: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr.removeprefix("trustconf: ").rstrip("\n")


def make_key(folder, name="id", comment="somebody@somewhere", kind="ed25519"):
    """A key pair by ssh-keygen; the private key's file."""
    folder.mkdir(exist_ok=True)
    file = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", comment, "-f", file], check=True, timeout=30)
    return file


def add_user(state, name, *credential, **options):
    return trustconf("user", "add", name, "--state-dir", state, "--group", "administrators", *credential, **options)


def log_in(agent, user, key):
    """True if `ssh user@agent 'show version'` works with that key."""
    done = subprocess.run(
        [*agent.ssh_command(), "-i", key, f"{user}@127.0.0.1", "show version"],
        capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    return done.returncode == 0 and "Version" in done.stdout


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return make_key(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="module")
def stopped_state(tmp_path_factory):
    """The state folder of an agent that ran and was stopped."""
    agent = AgentProcess(tmp_path_factory.mktemp("stopped") / "state").start()
    assert agent.stop() == 0
    return agent.state


# Help and version ----------------------------------------------------------------------------------------------------


def test_the_version():
    assert trustconf("--version").stdout == f"trustconf {__version__}\n"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_is_there_for_every_command(command):
    done = trustconf(*command, "--help")
    assert done.returncode == 0
    assert done.stderr == ""
    assert max(map(len, done.stdout.splitlines())) <= 110
    assert f"usage: {' '.join(['trustconf', *command])}" in done.stdout


def test_help_of_serve_tells_every_setting():
    text = trustconf("serve", "--help").stdout
    names = {name.replace("_", "-") for name in Settings.__slots__} - {"host", "port"} | {"listen"}
    assert [name for name in names if f"\n  {name} = " not in text] == []


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["user"],
        ["user", "add", "alice"],
        ["user", "add", "alice", "--group", "administrators"],
        ["user", "add", "alice", "--group", "administrators", "--public-key", "x", "--password-stdin"],
        ["serve", "--log-format", "xml"],
        ["show"],
        ["verify"],
        ["verify", "envelope.json", "--kgv", "KGV.json"],
        ["verify", "envelope.json", "--nonce", "1", "--any-nonce"],
        ["collect", "router1", "--at-once", "0"],
        ["collect", "router1", "--time-limit", "x"],
        ["collect", "router1", "--kgv-key", "KEY.pem"],
        ["trust"],
        ["archive", "show", "x"],
        ["archive", "prune", "--keep", "0"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_has_status_2_and_shows_the_usage(arguments):
    done = trustconf(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: trustconf")


# serve ---------------------------------------------------------------------------------------------------------------


def test_the_bound_port_is_printed_and_written(shared_agent):
    assert f"listening on 127.0.0.1:{shared_agent.port}, state in {shared_agent.state}" in shared_agent.output
    assert f"-p {shared_agent.port} -s admin@127.0.0.1 netconf" in shared_agent.output


def test_a_second_agent_on_the_same_state_folder_is_refused(shared_agent):
    port = shared_agent.port
    message = refusal(serve("--state-dir", shared_agent.state, "--listen", "127.0.0.1:0"))
    assert message == (
        f"The state folder {shared_agent.state} is in use by process {shared_agent.process.pid}. Stop that agent first,"
        " or choose another --state-dir."
    )
    assert shared_agent.port == port
    assert shared_agent.exec("show version").returncode == 0


def test_a_port_that_is_taken_is_told(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        options = ["--state-dir", tmp_path / "state", "--listen", address]
        text, as_json = serve(*options), serve(*options, "--log-format", "json")
    said = f"The agent can't listen on {address}: Address already in use. Choose another address with --listen."
    assert (text.returncode, as_json.returncode) == (1, 1)
    assert text.stderr.splitlines()[-1] == f"trustconf: {said}"
    assert json.loads(as_json.stderr.splitlines()[-1])["message"] == said


@pytest.mark.parametrize("address", ["830", "127.0.0.1", "127.0.0.1:65536", "::1:830", "127.0.0.1:²", "a b:1", ":830"])
def test_an_address_that_is_none_is_told(tmp_path, address):
    message = refused("serve", "--state-dir", tmp_path / "state", "--listen", address)
    assert "listen must be ADDR:PORT" in message
    assert not (tmp_path / "state").exists()


def test_a_settings_file_counts_and_options_win_over_it(tmp_path):
    config = tmp_path / "trustconf.toml"
    config.write_text('listen = "127.0.0.1:1"\nlog-format = "json"\nlog-level = "debug"\n')
    agent = AgentProcess(tmp_path / "state", "--config", str(config)).start()
    assert agent.stop() == 0
    lines = [json.loads(line) for line in agent.log.splitlines()]
    assert lines[-1]["message"] == "stopping"
    agent = AgentProcess(tmp_path / "state", "--config", str(config), "--log-format", "text").start()
    assert agent.stop() == 0
    assert agent.log.splitlines()[-1].endswith("info    agent.daemon: stopping")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"listen = ", "is not TOML: Invalid value (at end of document)"),
        (b"\xff", "is not TOML"),
        (b'colour = "red"', "unknown setting 'colour'; known are: listen, log-format, log-level, max-message-size"),
        (b'log-level = "loud"', "log-level must be one of debug, info, warning, error, not 'loud'"),
    ],
)
def test_a_wrong_settings_file_is_told(tmp_path, content, said):
    file = tmp_path / "trustconf.toml"
    file.write_bytes(content)
    message = refused("serve", "--state-dir", tmp_path / "state", "--config", file)
    assert message.startswith(f"settings file {file}: {said}")


def test_a_settings_file_that_is_missing_is_told(tmp_path):
    message = refused("serve", "--config", tmp_path / "none.toml")
    assert message == f"settings file {tmp_path / 'none.toml'}: can't be read: No such file or directory"


# user add ------------------------------------------------------------------------------------------------------------


def test_a_user_added_before_the_first_start_is_the_only_one(tmp_path, key):
    state = tmp_path / "state"
    done = add_user(state, "alice", "--public-key", f"{key}.pub")
    assert (done.returncode, done.stdout) == (0, "user alice may log in (group administrators)\n")
    agent = AgentProcess(state).start()
    try:
        assert log_in(agent, "alice", key)
        assert not agent.key_file.exists()
        assert "trustconf user add NAME --state-dir" in agent.output
        assert "manager.connect" not in agent.output
    finally:
        agent.kill()


def test_a_user_added_beside_a_running_agent_logs_in_at_once(shared_agent, key):
    assert not log_in(shared_agent, "bob", key)
    assert add_user(shared_agent.state, "bob", "--public-key", f"{key}.pub").returncode == 0
    assert log_in(shared_agent, "bob", key)


@pytest.mark.parametrize("comment", ["work", "", "first start"])
def test_a_second_key_of_the_same_comment_keeps_the_first(shared_agent, tmp_path, comment):
    keys = [make_key(tmp_path, name, comment) for name in ("one", "two")]
    for file in (*keys, keys[0]):
        assert add_user(shared_agent.state, "carol", "--public-key", f"{file}.pub").returncode == 0
    assert all(log_in(shared_agent, "carol", file) for file in keys)


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_other_kinds_of_keys(shared_agent, tmp_path, kind):
    file = make_key(tmp_path, kind=kind)
    assert add_user(shared_agent.state, "dave", "--public-key", f"{file}.pub").returncode == 0
    assert log_in(shared_agent, "dave", file)


def test_the_same_key_again_is_no_second_entry(tmp_path, key):
    for _ in range(2):
        assert add_user(tmp_path / "state", "alice", "--public-key", f"{key}.pub").returncode == 0
    agent = AgentProcess(tmp_path / "state").start()
    try:
        with agent_as(agent, "alice", key) as session:
            reply = session.get_config("running").data_xml
        assert reply.count("<key-data>") == 1
    finally:
        agent.kill()


def agent_as(agent, user, key):
    return manager.connect(
        host="127.0.0.1", port=agent.port, username=user, key_filename=str(key),
        hostkey_verify=False, allow_agent=False, look_for_keys=False, timeout=60,
    )  # fmt: skip


def test_users_added_all_at_once_while_an_agent_starts(tmp_path, key):
    state = tmp_path / "state"
    commands = [
        subprocess.Popen(
            [
                sys.executable, "-m", "agent.cli", "user", "add", f"user{number}", "--state-dir", state,
                "--group", "administrators", "--public-key", f"{key}.pub",
            ],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for number in range(4)
    ]  # fmt: skip
    agent = AgentProcess(state).start()
    try:
        assert [(command.communicate(timeout=60)[0], command.returncode) for command in commands] == [
            (f"user user{number} may log in (group administrators)\n", 0) for number in range(4)
        ]
        assert all(log_in(agent, f"user{number}", key) for number in range(4))
    finally:
        agent.kill()


def test_a_password_from_standard_input(shared_agent):
    done = add_user(shared_agent.state, "erin", "--password-stdin", stdin=f"{PASSWORD}\nsecond line\n".encode())
    assert done.returncode == 0
    for password, right in ((PASSWORD, True), (f"{PASSWORD}\n", False)):
        transport = paramiko.Transport(("127.0.0.1", shared_agent.port))
        try:
            transport.start_client(timeout=30)
            if right:
                transport.auth_password("erin", password)
                assert transport.is_authenticated()
            else:
                with pytest.raises(paramiko.AuthenticationException):
                    transport.auth_password("erin", password)
        finally:
            transport.close()
    assert PASSWORD not in shared_agent.log


def test_a_lost_administrators_key_is_replaced(agent, key):
    agent.key_file.unlink()
    agent.restart()
    assert "trustconf user add NAME --state-dir" in agent.output
    assert not agent.key_file.exists(), "a later start makes nothing"
    assert add_user(agent.state, "admin", "--public-key", f"{key}.pub").returncode == 0
    assert log_in(agent, "admin", key)


@pytest.mark.parametrize("name", ["", "a b", "1st", "x" * 33, "röt", "../x", "a\nb", "$(id)"])
def test_a_name_that_is_none_is_told(tmp_path, key, name):
    message = refused(
        "user", "add", name, "--state-dir", tmp_path / "s", "--group", "administrators", "--public-key", f"{key}.pub"
    )
    assert message == (
        f"{name!r} is no user name: use 1 to 32 letters, digits, '_', '.' or '-', starting with a letter or '_'."
    )
    assert not (tmp_path / "s").exists()


def test_an_unknown_group_is_told(tmp_path, key):
    message = refused("user", "add", "a", "--state-dir", tmp_path, "--group", "root", "--public-key", f"{key}.pub")
    assert message == "Unknown group 'root'; the groups are: administrators."


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "a line of OpenSSH is one line, and there are 0."),
        (b"\xff\xfe", "is not text in UTF-8"),
        (b"hello", "ecdsa-sha2-nistp521, ssh-rsa."),
        (b"ssh-dss AAAA me", "Use an Ed25519, ECDSA or RSA key."),
        (b"ssh-ed25519", "The data after ssh-ed25519 is not a key of that type: give the whole line."),
        (b"ssh-ed25519 ???", "The data after ssh-ed25519 is not a key of that type: give the whole line."),
        (b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== me", "ssh-ed25519 is damaged: give it again, whole."),
        (b"ssh-ed25519 A\nssh-ed25519 B\n", "a line of OpenSSH is one line, and there are 2."),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", "give the public one, such as the .pub file beside it."),
    ],
)
def test_a_key_file_that_is_none_is_told(tmp_path, content, said):
    file = tmp_path / "key.pub"
    file.write_bytes(content)
    message = refused(
        "user", "add", "a", "--state-dir", tmp_path / "s", "--group", "administrators", "--public-key", file
    )
    assert message.endswith(said)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(("path", "reason"), [("none.pub", "No such file or directory"), (".", "Is a directory")])
def test_a_key_file_that_can_not_be_read_is_told(tmp_path, path, reason):
    message = refused("user", "add", "a", "--group", "administrators", "--public-key", tmp_path / path)
    assert message == f"can't read {tmp_path / path}: {reason}"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"", "no password on standard input"),
        (b"\n", "no password on standard input"),
        (b"seven77\n", "The password is too short: use at least 8 characters."),
        (b"x" * 600, "The password is too long: use at most 512 bytes"),
        (b"\xff" * 10, "the password is not text in UTF-8"),
        (b"eight\x00888\n", "The password has control characters"),
    ],
)
def test_a_password_that_is_none_is_told(tmp_path, line, said):
    message = refused(
        "user", "add", "a", "--state-dir", tmp_path / "s", "--group", "administrators", "--password-stdin", stdin=line
    )
    assert message.startswith(said)


# show ----------------------------------------------------------------------------------------------------------------


def test_show_says_the_same_with_and_without_a_running_agent(shared_agent, stopped_state):
    for state in (shared_agent.state, stopped_state):
        done = trustconf("show", "--state-dir", state, "version")
        assert done.returncode == 0, done.stderr
        assert f"trustconf, Version {__version__}" in done.stdout
    assert "ControlProtocolError" not in shared_agent.log
    for state in (shared_agent.state, stopped_state):
        assert trustconf("show", "version", "--state-dir", state).returncode == 0
        wrong = trustconf("show", "--state-dir", state, "nonsense")
        assert wrong.returncode == 1
        assert "% Invalid input detected at '^' marker." in wrong.stdout


@pytest.mark.parametrize("make", [lambda folder: None, Path.mkdir, Path.touch], ids=["missing", "empty", "a file"])
def test_show_makes_no_state(tmp_path, make):
    make(tmp_path / "state")
    before = sorted(tmp_path.rglob("*"))
    assert refused("show", "--state-dir", tmp_path / "state", "version").startswith("There is no agent's state in")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_reader_who_has_seen_enough_is_no_error(stopped_state):
    command = [sys.executable, "-m", "agent.cli", "show", "--state-dir", str(stopped_state), "version"]
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, b"")


# verify --------------------------------------------------------------------------------------------------------------


def test_verify_of_nothing_that_makes_sense(tmp_path):
    (tmp_path / "envelope.json").write_bytes(b"\xff")
    (tmp_path / "root.pem").write_text("none")
    common = ["--trust-anchor", tmp_path / "root.pem", "--nonce", "1"]
    assert refused("verify", tmp_path / "none.json", *common).endswith("No such file or directory")
    assert refused("verify", tmp_path, *common).endswith("Is a directory")
    assert refused("verify", "-", "--previous", "-", *common).endswith("can't be both dossiers")
    for evidence, stdin in ((tmp_path / "envelope.json", b""), ("-", b"{}")):
        done = trustconf("verify", evidence, *common, stdin=stdin)
        assert done.returncode == 2
        assert "trust anchor" in done.stdout


def test_verify_of_a_dossier_that_nobody_signed():
    done = trustconf("verify", "-", stdin=b'{"collection-start-time": 1.5, "collection-end-time": 2.5}')
    assert done.returncode == 20
    assert done.stdout.startswith("NOT SIGNED.\n")
    assert trustconf("verify", "-", stdin=b"{}").returncode == 2


def test_verify_of_what_comes_through_a_pipe():
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(b'{"collection-start-time": 1.5, "collection-end-time": 2.5}')
    done = trustconf("verify", f"/dev/fd/{reading}")
    os.close(reading)
    assert (done.returncode, done.stdout[:11]) == (20, "NOT SIGNED.")
