"""Names, users and limits, as a client sets and reads them."""

import base64
import struct
from datetime import timedelta

import pytest

from agent.northbound.errors import ProviderError
from agent.providers.services import SshServerLimits
from agent.providers.system.config import password_rewriter, ssh_server_limits
from agent.providers.system.users import ConfiguredUsers
from tests.providers.bench import SCHEMA

SYSTEM = "ietf-system:system"


def blob(algorithm="ssh-ed25519"):
    name = algorithm.encode()
    return struct.pack(">I", len(name)) + name + struct.pack(">I", 32) + bytes(32)


LAPTOP = (("laptop", "ssh-ed25519", blob()),)


def user(name="alice", *, groups=("administrators",), keys=LAPTOP, password=None):
    entry = {
        "name": name,
        "authorized-key": [
            {"name": label, "algorithm": algorithm, "key-data": base64.b64encode(data).decode()}
            for label, algorithm, data in keys
        ],
        "trustconf-system:group": list(groups),
    }
    if password is not None:
        entry["password"] = password
    return entry


def users(*entries, **system):
    return {SYSTEM: {"authentication": {"user": list(entries)}, **system}}


def test_users_are_found_with_their_keys_and_groups_from_the_commit_on(bench):
    directory = ConfiguredUsers(bench)
    assert directory.find_user("alice") is None

    bench.commit(users(user()))

    found = directory.find_user("alice")
    assert found.authorized_keys == (("ssh-ed25519", blob()),)
    assert found.groups == ("administrators",)
    assert found.password_hash is None
    assert directory.find_user("alice' or '1'='1") is None


def test_the_last_administrator_can_not_be_removed(bench):
    bench.commit(users(user("alice"), user("bob", groups=["operators"])))

    with pytest.raises(ProviderError) as refusal:
        bench.commit(users(user("bob", groups=["operators"])))

    assert refusal.value.app_tag == "last-administrator"
    assert ConfiguredUsers(bench).find_user("alice") is not None


def test_the_last_administrator_can_not_lose_the_last_credential(bench):
    bench.commit(users(user("alice")))

    with pytest.raises(ProviderError) as refusal:
        bench.commit(users(user("alice", keys=[])))

    assert refusal.value.app_tag == "last-administrator"


def test_an_administrator_may_go_when_another_one_stays(bench):
    bench.commit(users(user("alice"), user("bob", keys=[], password=f"$6$salt${'.' * 86}")))

    bench.commit(users(user("bob", keys=[], password=f"$6$salt${'.' * 86}")))

    assert [found.name for found in ConfiguredUsers(bench)] == ["bob"]


@pytest.mark.parametrize(
    ("algorithm", "data", "app_tag"),
    [
        ("ssh-dss", blob("ssh-dss"), "key-algorithm-not-supported"),
        ("ssh-ed25519", blob("ssh-rsa"), "invalid-key-data"),
        ("ssh-ed25519", b"", "invalid-key-data"),
    ],
)
def test_a_key_that_could_never_log_in_is_refused(bench, algorithm, data, app_tag):
    with pytest.raises(ProviderError) as refusal:
        bench.commit(users(user(keys=[("k", algorithm, data)])))

    assert (refusal.value.tag, refusal.value.app_tag) == ("invalid-value", app_tag)
    assert "alice" in refusal.value.path


def test_an_rsa_key_may_be_named_by_its_signature_algorithm(bench):
    bench.commit(users(user(keys=[("k", "rsa-sha2-512", blob("ssh-rsa"))])))

    assert ConfiguredUsers(bench).find_user("alice").can_administrate


def test_a_clear_text_password_becomes_a_hash_and_hashes_stay(bench):
    rewrite = bench.registry.rewriters[SCHEMA.find(f"/{SYSTEM}/authentication/user/password")]

    assert rewrite("$0$secret").startswith("$6$")
    assert "secret" not in rewrite("$0$secret")
    assert rewrite("$5$salt$hash") == "$5$salt$hash"
    assert rewrite("$6$rounds=1000000$salt$hash") == "$6$rounds=1000000$salt$hash"


@pytest.mark.parametrize(
    ("text", "app_tag"),
    [
        ("$1$salt$x", "password-hash-not-supported"),
        ("$0$", "invalid-password"),
        ("$6$rounds=1000001$salt$hash", "password-hash-not-supported"),
        ("$5$rounds=0999999999$salt$hash", "password-hash-not-supported"),
        (f"$5$rounds={'9' * 6000}$salt$hash", "password-hash-not-supported"),
    ],
)
def test_weak_hashes_and_impossible_passwords_are_refused(text, app_tag):
    def refuse(password):
        raise ValueError(f"secret detail about {password}")

    with pytest.raises(ProviderError) as refusal:
        password_rewriter(refuse)(text)

    assert refusal.value.app_tag == app_tag
    assert "secret detail" not in refusal.value.message


def test_limits_of_the_ssh_server_have_defaults_and_changes_are_told(bench):
    assert ssh_server_limits(bench) == SshServerLimits(600, 30, 60, 3600, 128)

    bench.commit({SYSTEM: {"trustconf-system:ssh-server": {"rate-limit": 60, "idle-timeout": 0}}})

    assert bench.limits == [SshServerLimits(60, 30, 60, 0, 128)]
    bench.commit({})
    assert bench.limits[-1] == SshServerLimits(600, 30, 60, 3600, 128)


@pytest.mark.parametrize(
    ("system", "fqdn"),
    [
        ({}, "box"),
        ({"hostname": "ios"}, "ios"),
        ({"hostname": "ios", "trustconf-system:domain-name": "cisco.com"}, "ios.cisco.com"),
        ({"hostname": "ios.example.org", "trustconf-system:domain-name": "cisco.com"}, "ios.example.org"),
        ({"trustconf-system:domain-name": "domain1"}, "box.domain1"),
    ],
)
def test_the_fqdn_is_hostname_and_domain_name(bench, system, fqdn):
    bench.commit({SYSTEM: system} if system else {})

    assert bench.state()["ietf-system:system-state"]["trustconf-system:agent"]["fqdn"] == fqdn


def test_state_tells_of_the_host_and_the_agent(bench):
    bench.clock.advance(timedelta(minutes=5))

    state = bench.state()["ietf-system:system-state"]

    assert state["platform"]["os-name"] == "Linux"
    assert state["platform"]["machine"] == "x86_64"
    assert state["clock"] == {"current-datetime": "2026-03-01T12:05:00Z", "boot-datetime": "2026-02-25T06:13:20Z"}
    agent = state["trustconf-system:agent"]
    assert agent["uptime"] == "300"
    assert agent["start-time"] == "2026-03-01T12:00:00Z"
    assert len(agent["serial-number"]) == 16


def test_what_the_host_does_not_tell_is_left_out(bench):
    (bench.root / "proc/stat").unlink()
    (bench.root / "etc/machine-id").unlink()

    state = bench.state()["ietf-system:system-state"]

    assert "boot-datetime" not in state["clock"]
    assert "serial-number" not in state["trustconf-system:agent"]
