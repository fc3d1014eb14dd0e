"""netconf-console2, a command line client. It needs an older paramiko than ours and lives in .venv-console, which
scripts/setup-environment makes."""

import subprocess
from pathlib import Path

import pytest
from lxml import etree

from tests.agent_process import ADMIN

CONSOLE = Path(__file__).parents[2] / ".venv-console/bin/netconf-console2"
NS = {
    "nc": "urn:ietf:params:xml:ns:netconf:base:1.0",
    "ncm": "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring",
    "sys": "urn:ietf:params:xml:ns:yang:ietf-system",
    "tck": "urn:trustconf:yang:trustconf-keys",
}
EDIT = f'<system xmlns="{NS["sys"]}"><hostname>by-console</hostname></system>'


@pytest.fixture(scope="module")
def console(shared_agent, tmp_path_factory):
    """Runs netconf-console2 with arguments; the finished process."""
    # Without --ssh-config it insists on a password.
    ssh_config = tmp_path_factory.mktemp("console") / "ssh_config"
    ssh_config.write_text(
        f"Host agent\n  HostName 127.0.0.1\n  Port {shared_agent.port}\n  User {ADMIN}\n"
        f"  IdentityFile {shared_agent.key_file}\n"
    )

    def run(*arguments, data=None):
        # Its own options have defaults that win over the file.
        connection = [
            "--ssh-config", ssh_config, "--host", "agent", "--port", str(shared_agent.port), "--user", ADMIN,
            "--privKeyFile", shared_agent.key_file,
        ]  # fmt: skip
        return subprocess.run(
            [CONSOLE, *connection, *arguments], input=data, capture_output=True, text=True, timeout=60, check=False
        )

    return run


def parsed(result):
    """The document that a successful run printed."""
    assert result.returncode == 0, result.stdout + result.stderr
    return etree.fromstring(result.stdout.encode())


def test_hello(console):
    greeting = parsed(console("--hello"))
    capabilities = [element.text for element in greeting.iter(f"{{{NS['nc']}}}capability")]
    assert "urn:ietf:params:netconf:base:1.1" in capabilities
    assert any(uri.startswith(NS["tck"]) for uri in capabilities)


def test_get_by_xpath_and_by_subtree(console):
    by_xpath = parsed(console("--ns", f"sys={NS['sys']}", "--get", "/sys:system-state/sys:platform"))
    assert [element.text for element in by_xpath.iterfind(".//sys:os-name", NS)] == ["Linux"]
    assert by_xpath.find(".//sys:clock", NS) is None
    by_subtree = parsed(console("--ns", f"sys={NS['sys']}", "--get", "--filter", "/sys:system-state/clock"))
    assert by_subtree.find(".//sys:clock", NS) is not None
    assert by_subtree.find(".//sys:platform", NS) is None


def test_get_config_by_xpath(console):
    reply = parsed(console("--ns", f"sys={NS['sys']}", "--get-config", "-x", f"//sys:user[sys:name='{ADMIN}']"))
    assert [element.text for element in reply.iterfind(".//sys:user/sys:name", NS)] == [ADMIN]


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_edit_validate_and_commit_in_one_session(console, tmp_path, version):
    edit = tmp_path / "edit.xml"
    edit.write_text(EDIT)
    result = console(
        "-v", version, "--lock", "--db", "candidate", "--edit-config", str(edit), "--validate", "candidate",
        "--commit", "--unlock", "--db", "running", "--get-config",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert "rpc-error" not in result.stdout
    assert ">by-console</" in result.stdout


def test_set_and_discard(console):
    result = console(
        "--ns", f"sys={NS['sys']}", "--db", "candidate",
        "--set", "/sys:system/sys:contact=nobody", "--get-config", "/sys:system/sys:contact", "--discard-changes",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert ">nobody</" in result.stdout
    assert "nobody" not in console("--get-config").stdout


def test_get_schema(console):
    result = console("--get-schema", "trustconf-keys")
    assert result.returncode == 0, result.stderr
    assert "module trustconf-keys {" in result.stdout
    assert "rpc generate-key-pair {" in result.stdout


def test_an_rpc_of_a_model(console):
    request = f'<generate-key-pair xmlns="{NS["tck"]}"><type>ed25519</type><label>console</label></generate-key-pair>'
    reply = parsed(console("--rpc", "-", data=request))
    assert reply.findtext(".//tck:label", namespaces=NS) == "console"


def test_refusals_are_shown(console):
    result = console("--get", "--ns", "nobody=urn:nobody", "-x", "/nobody:x[")
    assert "invalid-value" in result.stdout + result.stderr


def test_kill_session(console, shared_agent):
    victim = shared_agent.connect()
    result = console("--kill-session", victim.session_id)
    assert result.returncode == 0, result.stdout + result.stderr
    with shared_agent.connect() as m:
        sessions = m.get(("xpath", ({"ncm": NS["ncm"]}, "/ncm:netconf-state/ncm:sessions"))).data_ele
        found = [element.text for element in sessions.iterfind(".//ncm:session-id", NS)]
        assert m.session_id in found
        assert victim.session_id not in found
