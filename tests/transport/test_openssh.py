"""The OpenSSH client against our server: what people and collectors really type."""

from __future__ import annotations

import re
import subprocess

import pytest

from agent.transport import algorithms
from tests.transport.rig import EOM, HELLO


@pytest.fixture
def ssh(rig):
    """Runs ssh with our key; `options` come before the host."""

    def run(*command, options=(), data=b"", user="admin"):
        return subprocess.run(
            [
                "ssh", "-F", "none", "-p", str(rig.port), "-i", str(rig.key_file),
                "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes",
                "-o", "IdentitiesOnly=yes", *options, "-o", "LogLevel=ERROR",
                f"{user}@127.0.0.1", *command,
            ],
            input=data, capture_output=True, timeout=30, check=False,
        )  # fmt: skip

    return run


def test_netconf_subsystem(ssh):
    result = ssh("netconf", options=["-s"], data=HELLO + b"one" + EOM + b"two" + EOM + b"close" + EOM)
    assert result.stdout == HELLO + b"one" + EOM + b"two" + EOM + b"closing" + EOM
    assert result.returncode == 0


def test_the_end_of_input_ends_the_session(ssh, rig):
    result = ssh("netconf", options=["-s"], data=HELLO + b"half a mess")
    assert result.returncode == 0
    assert rig.core.opened[0].lost.wait(10)


def test_a_large_reply_arrives_whole(ssh):
    result = ssh("netconf", options=["-s"], data=HELLO + b"big 5000000" + EOM + b"close" + EOM)
    assert result.stdout == HELLO + b"x" * 5_000_000 + EOM + b"closing" + EOM


@pytest.mark.parametrize(("command", "status"), [("show version", 0), ("bad", 1)])
def test_exec(ssh, command, status):
    result = ssh(command)
    assert result.stdout == f"admin: {command}\n".encode()
    assert result.returncode == status


def test_an_error_of_the_agent_is_not_shown(ssh):
    result = ssh("boom")
    assert result.returncode == 1
    assert b"secret" not in result.stdout + result.stderr
    assert b"failed inside the agent" in result.stdout


def test_an_interactive_shell_is_refused_politely(ssh):
    result = ssh()
    assert b"no interactive shell" in result.stdout
    assert result.returncode == 1


def test_unknown_subsystems_and_forwarding_are_refused(ssh):
    assert ssh("sftp", options=["-s"]).returncode != 0
    assert ssh(options=["-W", "127.0.0.1:1"]).returncode != 0


@pytest.mark.parametrize(
    "option",
    [
        "Ciphers=aes128-cbc",
        "Ciphers=3des-cbc",
        "MACs=hmac-sha1",
        "MACs=hmac-md5",
        "KexAlgorithms=diffie-hellman-group14-sha1",
        "HostKeyAlgorithms=ssh-rsa",
    ],
)
def test_old_algorithms_are_not_offered(ssh, option):
    # A cipher with its own integrity would never get to the MAC.
    extra = ["-o", "Ciphers=aes128-ctr"] if option.startswith("MACs") else []
    result = ssh("show version", options=["-o", option, *extra])
    assert result.returncode == 255
    assert b"Bad " not in result.stderr  # that would be the client's own refusal
    assert result.stdout == b""


@pytest.mark.parametrize(
    "option",
    [
        "HostKeyAlgorithms=ssh-ed25519",
        "HostKeyAlgorithms=ecdsa-sha2-nistp256",
        "HostKeyAlgorithms=rsa-sha2-512",
        "HostKeyAlgorithms=rsa-sha2-256",
        "Ciphers=aes256-gcm@openssh.com",
        "Ciphers=aes256-ctr",
        "KexAlgorithms=curve25519-sha256@libssh.org",
        "KexAlgorithms=ecdh-sha2-nistp384",
        "KexAlgorithms=diffie-hellman-group16-sha512",
    ],
)
def test_good_algorithms_work(ssh, option):
    assert ssh("show version", options=["-o", option]).returncode == 0


def test_strict_key_exchange_and_rekeying(ssh):
    data = HELLO + (b"big 400000" + EOM) * 4 + b"close" + EOM
    result = ssh("netconf", options=["-s", "-o", "RekeyLimit=200K", "-o", "LogLevel=DEBUG3"], data=data)
    assert result.stdout.count(EOM) == 6
    assert b"strict KEX ordering" in result.stderr
    assert result.stderr.count(b"SSH2_MSG_NEWKEYS received") > 1


def test_the_offer_is_the_allow_list(ssh):
    log = ssh("show version", options=["-o", "LogLevel=DEBUG2"]).stderr.decode()
    proposal = log.split("peer server KEXINIT proposal")[1]
    offered = {
        kind: re.search(rf"debug2: {label}: (.*?)\r?\n", proposal)[1].split(",")
        for kind, label in {
            "kex": "KEX algorithms",
            "keys": "host key algorithms",
            "ciphers": "ciphers stoc",
            "macs": "MACs ctos",
            "compression": "compression ctos",
        }.items()
    }
    assert offered.pop("kex") == [*algorithms.available("kex"), "kex-strict-s-v00@openssh.com"]
    assert {kind: tuple(names) for kind, names in offered.items()} == {
        kind: algorithms.ALLOWED[kind] for kind in offered
    }
    for names in algorithms.ALLOWED.values():
        assert not any(bad in name for name in names for bad in ("cbc", "3des", "md5", "sha1", "dss"))
