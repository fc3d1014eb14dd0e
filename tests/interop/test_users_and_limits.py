"""Who gets in, by which credential, and how many: `trustconf user add`, the configuration, and real SSH clients."""

import socket
import subprocess
import sys

import paramiko
import pytest
from ncclient import manager
from ncclient.operations import RPCError
from ncclient.transport.errors import AuthenticationError, SSHError

from tests.agent_process import ADMIN, AgentProcess
from tests.interop.raw_netconf import BASE

SYS = "urn:ietf:params:xml:ns:yang:ietf-system"
TCS = "urn:trustconf:yang:trustconf-system"
PASSWORD = "correct horse: battery 'staple' \u00e9"
ALGORITHMS = {
    "ed25519": ["-t", "ed25519"],
    "ecdsa": ["-t", "ecdsa", "-b", "384"],
    "rsa": ["-t", "rsa", "-b", "2048"],
}


def user_add(state, name, *credential, stdin=None, group="administrators"):
    return subprocess.run(
        [sys.executable, "-m", "agent.cli", "user", "add", name, "--state-dir", state, "--group", group, *credential],
        input=stdin, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def make_key(folder, kind):
    path = folder / f"id_{kind}"
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-f", path, *ALGORITHMS[kind]], check=True, timeout=60)
    return path


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return {kind: make_key(folder, kind) for kind in ALGORITHMS}


@pytest.fixture(scope="module")
def agent(tmp_path_factory, keys):
    """An agent whose state had its first users before its first start; `early` gets more keys while it runs."""
    state = tmp_path_factory.mktemp("users") / "state"
    add_key(state, "early", keys["ed25519"])
    added = user_add(state, "typist", "--password-stdin", stdin=f"{PASSWORD}\n")
    assert added.returncode == 0, added.stderr
    process = AgentProcess(state).start()
    add_key(state, "early", keys["ecdsa"])
    add_key(state, "early", keys["rsa"])
    yield process
    process.kill()


def add_key(state, name, key):
    added = user_add(state, name, "--public-key", f"{key}.pub")
    assert (added.returncode, added.stderr) == (0, "")


def login(agent, user, **credential):
    """A NETCONF session as that user; raises AuthenticationError."""
    return manager.connect(
        host="127.0.0.1", port=agent.port, username=user, hostkey_verify=False, allow_agent=False,
        look_for_keys=False, timeout=60, **credential,
    )  # fmt: skip


def by_key(agent, user, key):
    return login(agent, user, key_filename=str(key))


def edit(m, content):
    m.edit_config(target="running", config=f'<config xmlns="{BASE}" xmlns:nc="{BASE}">{content}</config>')


def ssh_server(content, operation="merge"):
    return f'<system xmlns="{SYS}"><ssh-server xmlns="{TCS}" nc:operation="{operation}">{content}</ssh-server></system>'


class TestLogin:
    @pytest.mark.parametrize("kind", ALGORITHMS)
    def test_key(self, agent, keys, kind):
        with by_key(agent, "early", keys[kind]) as m:
            assert m.session_id

    def test_there_are_users_so_no_administrator_is_made_up(self, agent):
        assert not agent.key_file.exists()
        assert f"made the administrator '{ADMIN}'" not in agent.log

    def test_password(self, agent):
        with login(agent, "typist", password=PASSWORD) as m:
            assert m.session_id

    def test_keyboard_interactive(self, agent):
        transport = paramiko.Transport(("127.0.0.1", agent.port))
        try:
            transport.start_client(timeout=30)
            prompts = []

            def answer(title, instructions, fields):
                prompts.extend(fields)
                return [PASSWORD for _ in fields]

            assert transport.auth_interactive("typist", answer) == []
            assert transport.is_authenticated()
            [(prompt, echo)] = prompts
            assert "assword" in prompt
            assert not echo
        finally:
            transport.close()


class TestBesideARunningAgent:
    def test_by_key(self, agent, tmp_path):
        key = make_key(tmp_path, "ed25519")
        with pytest.raises(AuthenticationError):
            by_key(agent, "late", key)
        add_key(agent.state, "late", key)
        with by_key(agent, "late", key) as m:
            assert "late" in m.get_config("running").xml

    def test_by_password_which_is_nowhere_to_be_read(self, agent, keys):
        added = user_add(agent.state, "early", "--password-stdin", stdin="another-secret\n")
        assert added.returncode == 0, added.stderr
        with login(agent, "early", password="another-secret") as m:
            assert "another-secret" not in m.get_config("running").xml
        with by_key(agent, "early", keys["ed25519"]) as m:
            assert m.session_id, "the password came beside the keys, not in their place"
        assert "another-secret" not in agent.log
        for path in agent.state.rglob("*"):
            assert not path.is_file() or b"another-secret" not in path.read_bytes(), path

    @pytest.mark.parametrize(
        ("name", "group", "credential", "stdin", "message"),
        [
            ("x y", "administrators", ("--password-stdin",), "p\n", "user name"),
            ("eve", "wheel", ("--password-stdin",), "p\n", "nknown group"),
            ("eve", "administrators", ("--password-stdin",), "", "password"),
            ("eve", "administrators", ("--public-key", "/dev/null"), None, "public key"),
            ("eve", "administrators", ("--public-key", "/no/such/file"), None, "/no/such/file"),
        ],
    )
    def test_refusals(self, agent, name, group, credential, stdin, message):
        result = user_add(agent.state, name, *credential, stdin=stdin, group=group)
        assert result.returncode == 1
        assert message in result.stderr
        assert "Traceback" not in result.stderr


class TestWhoIsRefused:
    def test_wrong_credentials(self, agent, tmp_path):
        for attempt in (
            {"user": "typist", "password": "wrong"},
            {"user": "nobody", "password": PASSWORD},
            {"user": "early", "key_filename": str(make_key(tmp_path, "ed25519"))},
        ):
            with pytest.raises(AuthenticationError):
                login(agent, **attempt)

    def test_a_user_without_the_group(self, agent, keys):
        line = (keys["ecdsa"].parent / f"{keys['ecdsa'].name}.pub").read_text().split()
        user = (
            f'<system xmlns="{SYS}"><authentication><user><name>guest</name><password>$0$guest-password</password>'
            f"<authorized-key><name>k</name><algorithm>{line[0]}</algorithm><key-data>{line[1]}</key-data>"
            f'</authorized-key><group xmlns="{TCS}">%s</group></user></authentication></system>'
        )
        with by_key(agent, "early", keys["ed25519"]) as m:
            edit(m, user % "spectators")
            for credential in ({"key_filename": str(keys["ecdsa"])}, {"password": "guest-password"}):
                with pytest.raises(AuthenticationError):
                    login(agent, "guest", **credential)
            edit(m, user.replace("$0$guest-password", "$0$other") % "administrators")
            with by_key(agent, "guest", keys["ecdsa"]) as guest:
                assert guest.session_id
            # Who loses the group is refused from then on.
            edit(
                m,
                f'<system xmlns="{SYS}"><authentication><user><name>guest</name>'
                f'<group xmlns="{TCS}" nc:operation="delete">administrators</group></user></authentication></system>',
            )
            with pytest.raises(AuthenticationError):
                by_key(agent, "guest", keys["ecdsa"])

    def test_the_last_administrators_stay(self, agent, keys):
        with by_key(agent, "early", keys["rsa"]) as m:
            with pytest.raises(RPCError) as refusal:
                edit(m, f'<system xmlns="{SYS}"><authentication nc:operation="delete"/></system>')
            assert refusal.value.app_tag == "last-administrator"


class TestLimits:
    """trustconf-system's ssh-server: what is committed counts for the connections that come."""

    @pytest.fixture
    def m(self, agent, keys):
        with by_key(agent, "early", keys["ed25519"]) as manager:
            yield manager
            edit(manager, ssh_server("", "remove"))

    def is_refused(self, agent):
        """Whether a new connection is closed before the server says anything."""
        with socket.create_connection(("127.0.0.1", agent.port), timeout=30) as connection:
            return connection.recv(100) == b""

    def test_session_limit(self, agent, m, keys):
        edit(m, ssh_server("<session-limit>2</session-limit>"))
        with by_key(agent, "early", keys["rsa"]), pytest.raises(SSHError, match="Could not open connection"):
            by_key(agent, "early", keys["rsa"])
        edit(m, ssh_server("<session-limit>3</session-limit>"))
        with by_key(agent, "early", keys["rsa"]), by_key(agent, "early", keys["rsa"]) as third:
            assert third.session_id

    def test_rate_limit(self, agent, m):
        assert not self.is_refused(agent)
        edit(m, ssh_server("<rate-limit>1</rate-limit>"))
        assert [self.is_refused(agent) for _ in range(3)] == [False, True, True]
        edit(m, ssh_server("", "remove"))
        assert not any(self.is_refused(agent) for _ in range(3)), "without the configuration the default holds again"

    def test_what_is_no_limit_is_refused(self, m):
        for content, leaf in (
            ("<rate-limit>0</rate-limit>", "rate-limit"),
            ("<session-limit>1025</session-limit>", "session-limit"),
            ("<login-grace>4</login-grace>", "login-grace"),
            ("<idle-timeout>5</idle-timeout>", "idle-timeout"),
        ):
            with pytest.raises(RPCError) as refusal:
                edit(m, ssh_server(content))
            assert refusal.value.tag == "invalid-value"
            assert refusal.value.path.endswith(f"/tcs:{leaf}")

    def test_limits_outlive_a_restart(self, agent, keys):
        with by_key(agent, "early", keys["ed25519"]) as m:
            edit(m, ssh_server("<session-limit>1</session-limit>"))
        agent.restart()
        with by_key(agent, "early", keys["ed25519"]) as first:
            with pytest.raises(SSHError, match="Could not open connection"):
                by_key(agent, "early", keys["ed25519"])
            edit(first, ssh_server("", "remove"))
        with by_key(agent, "early", keys["ed25519"]), by_key(agent, "early", keys["ed25519"]) as second:
            assert second.session_id
