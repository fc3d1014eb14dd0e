"""Key pairs in the configuration, as clients of a real agent meet them; and what a loss of power leaves of them."""

from __future__ import annotations

import base64
import random
import subprocess
import threading
import time
from pathlib import Path

import pytest
from lxml import etree
from ncclient import manager
from ncclient.operations import RPCError
from ncclient.transport.errors import TransportError

from examples import journey
from tests.agent_process import AgentProcess

TCK = journey.NS["tck"]
SYSTEM = journey.NS["sys"]
NC = journey.NS["nc"]
NOT_PERMITTED = "Cannot execute the command : Operation not permitted"
CONFIG_MODE = "Key is added as part of config mode, key deletion is not allowed , delete key from config mode"
ALL = "<ed25519-key/><ecdsa-key><curve>ecdsa-nistp384</curve></ecdsa-key><rsa-key><label>user1</label></rsa-key>"


@pytest.fixture
def client(shared_agent):
    """A session on an agent without keys; it leaves none."""
    with shared_agent.connect() as m:
        yield m
        m.discard_changes()
        commit(m, "", operation="remove")
        for key_type in ("rsa", "dsa", "ecdsa-nistp256", "ecdsa-nistp384", "ed25519"):
            journey.rpc(m, f'<zeroize-key-pair xmlns="{TCK}"><type>{key_type}</type><all/></zeroize-key-pair>')


def commit(m, keys: str, operation: str = "merge", more: str = "") -> None:
    journey.edit_candidate(m, f'<keys xmlns="{TCK}" xmlns:nc="{NC}" nc:operation="{operation}">{keys}</keys>{more}')
    try:
        m.commit()
    except RPCError:
        m.discard_changes()
        raise


def configured(m) -> etree._Element:
    """<data> with the keys of the running configuration."""
    return m.get_config("running", filter=("subtree", f'<keys xmlns="{TCK}"/>')).data_ele


def pems(data: etree._Element) -> dict[str, str]:
    """The public keys that a configuration shows: by label, curve or the name of the node."""
    shown = {}
    for leaf in data.iterfind(".//tck:public-key-pem", journey.NS):
        node = leaf.getparent()
        name = node.findtext("tck:label", namespaces=journey.NS) or node.findtext("tck:curve", namespaces=journey.NS)
        shown[(name or etree.QName(node).localname).rpartition(":")[2]] = leaf.text
    return shown


def listed(m) -> list[dict[str, str]]:
    """The operational list of key pairs, in its order."""
    reply = m.get(("subtree", f'<keys xmlns="{TCK}"><key-pair/></keys>'))
    return [
        {etree.QName(leaf).localname: (leaf.text or "").rpartition(":")[2] for leaf in pair}
        for pair in reply.data_ele.iterfind(".//tck:key-pair", journey.NS)
    ]


def spki(pem: str) -> str:
    """base64 of the DER, by openssl."""
    run = subprocess.run(
        ["openssl", "pkey", "-pubin", "-outform", "DER"],
        input=pem.encode(),
        capture_output=True,
        check=True,
        timeout=60,
    )
    return base64.b64encode(run.stdout).decode()


def test_running_shows_the_public_keys_that_openssl_reads_and_the_agent_has(client):
    commit(client, ALL)

    shown = pems(configured(client))

    assert set(shown) == {"ed25519-key", "ecdsa-nistp384", "user1"}
    pairs = listed(client)
    assert {pair["origin"] for pair in pairs} == {"config"}
    assert {spki(pem) for pem in shown.values()} == {pair["public-key"] for pair in pairs}


def test_an_edit_of_running_makes_keys_too(client):
    client.edit_config(f'<config xmlns="{NC}"><keys xmlns="{TCK}"><ed25519-key/></keys></config>', target="running")

    assert list(pems(configured(client))) == ["ed25519-key"]
    assert client.get_config("candidate").xml.count("BEGIN PUBLIC KEY") == 1


def test_rpcs_are_refused_in_the_guides_words(client, shared_agent):
    commit(client, "<ed25519-key/>")
    before = pems(configured(client))

    for attempt in (
        lambda: journey.generate_key(client, "ed25519", "the_default"),
        lambda: journey.zeroize_key(client, "ed25519", "the_default"),
    ):
        with pytest.raises(RPCError) as refusal:
            attempt()
        assert refusal.value.tag == "access-denied"
        assert refusal.value.app_tag == "key-owned-by-configuration"
        assert refusal.value.message == f"{NOT_PERMITTED}\n{CONFIG_MODE}"
        assert refusal.value.path.endswith("label")

    assert pems(configured(client)) == before
    log = shared_agent.log
    assert f"ce_cmd: %SECURITY-CEPKI-6-ERR_2 : {NOT_PERMITTED}\n" in log
    assert f"ce_cmd: %SECURITY-CEPKI-6-ERR : {CONFIG_MODE}\n" in log
    assert "cepki: %SECURITY-CEPKI-6-KEY_INFO : crypto key ED25519 generated, label:the_default, modBits:256\n" in log


def test_show_lists_the_configurations_keys_after_the_others(client, shared_agent):
    journey.generate_key(client, "ecdsa-nistp256", "the_default")
    commit(client, "<ecdsa-key><curve>ecdsa-nistp384</curve></ecdsa-key>")

    text = shared_agent.exec("show crypto key mypubkey ecdsa").stdout

    exec_keys, configs = text.split("\n-----\nPublic keys from config sysdb:\n-----\n")
    assert exec_keys.count("Key label: the_default") == configs.count("Key label: the_default") == 1
    assert "Type      : ECDSA General Curve Nistp256\nDegree    : 256\n" in exec_keys
    assert configs.startswith("Key label: the_default\nType      : ECDSA General Curve Nistp384\nDegree    : 384\n")
    assert [pair["origin"] for pair in listed(client)] == ["exec", "config"]


def test_removing_configuration_deletes_its_keys_and_no_others(client):
    journey.generate_key(client, "ed25519", "mine")
    commit(client, ALL)

    commit(client, "", operation="remove")

    assert pems(configured(client)) == {}
    assert [pair["label"] for pair in listed(client)] == ["mine"]


def test_another_size_is_another_key(client):
    commit(client, "<rsa-key><label>k</label><size>1024</size></rsa-key>")
    first = pems(configured(client))

    commit(client, "<rsa-key><label>k</label><size>1032</size></rsa-key>")

    assert pems(configured(client)) != first
    assert [pair["size"] for pair in listed(client)] == ["1032"]


def test_a_saved_configuration_brings_new_keys(client):
    commit(client, ALL)
    saved = etree.tostring(client.get_config("running").data_ele[0].getparent()).decode()
    first = pems(configured(client))
    commit(client, "", operation="remove")

    config = etree.fromstring(saved)
    config.tag = f"{{{NC}}}config"
    client.edit_config(config, target="candidate", default_operation="replace")
    client.commit()

    second = pems(configured(client))
    assert set(second) == set(first)
    assert not set(second.values()) & set(first.values())
    assert {spki(pem) for pem in second.values()} == {pair["public-key"] for pair in listed(client)}


def test_a_commit_that_fails_makes_no_key(client):
    journey.generate_key(client, "ed25519", "the_default")
    before = listed(client)
    nobody = f'<system xmlns="{SYSTEM}"><authentication xmlns:nc="{NC}" nc:operation="remove"/></system>'

    for keys, more, app_tag in (
        ("<ed25519-key/>", nobody, "last-administrator"),
        ("<ed25519-key/><dsa-key><size>512</size></dsa-key>", "", "key-not-supported"),
        ("<ed25519-key/><rsa-key><label>system-root-key</label></rsa-key>", "", "reserved-key-label"),
        ("<ed25519-key/><fips-mode/>", "", "keys-not-fips-compliant"),
    ):
        with pytest.raises(RPCError) as refusal:
            commit(client, keys, more=more)
        assert refusal.value.app_tag == app_tag
        assert pems(configured(client)) == {}
        assert listed(client) == before


@pytest.mark.parametrize(
    ("key_type", "size", "config"),
    [
        ("rsa", 1024, "<rsa-key><label>k</label><size>1024</size></rsa-key>"),
        ("dsa", 1024, "<dsa-key/>"),
        ("ed25519", None, "<ed25519-key/>"),
    ],
)
def test_fips_mode_refuses_what_table_9_does_not_have(client, key_type, size, config):
    commit(client, "<fips-mode/>")

    for attempt in (lambda: commit(client, config), lambda: journey.generate_key(client, key_type, "k", size)):
        with pytest.raises(RPCError, match="In FIPS mode") as refusal:
            attempt()
        assert (refusal.value.tag, refusal.value.app_tag) == ("invalid-value", "not-fips-compliant")
    assert listed(client) == []
    journey.generate_key(client, "ecdsa-nistp256", "k")
    commit(client, "<ecdsa-key><curve>ecdsa-nistp256</curve></ecdsa-key>")
    assert len(listed(client)) == 2


class Work:
    """Commits that each make, replace or delete keys, and what was told of them."""

    def __init__(self) -> None:
        self.acknowledged = 0
        self.attempted = 0
        #: Set with the first acknowledgement of a round.
        self.told = threading.Event()

    def until_the_end(self, m: manager.Manager) -> None:
        try:
            while True:
                self.attempted += 1
                journey.edit_candidate(m, commit_number(self.attempted))
                m.commit()
                self.acknowledged = self.attempted
                self.told.set()
        except (TransportError, OSError, EOFError):
            return


def commit_number(number: int) -> str:
    ed25519 = "<ed25519-key/>" if number % 2 else '<ed25519-key nc:operation="remove"/>'
    return (
        f'<system xmlns="{SYSTEM}"><contact>commit {number}</contact></system><keys xmlns="{TCK}" xmlns:nc="{NC}">'
        f"<rsa-key><label>k{number % 3}</label><size>{512 + number % 5}</size></rsa-key>{ed25519}</keys>"
    )


def check_agreement(m: manager.Manager) -> int:
    """Configuration and keys tell of the same commit; its number."""
    data = m.get_config("running").data_ele
    number = int((data.findtext(f".//{{{SYSTEM}}}contact") or "commit 0").split()[1])
    pairs = {pair["label"]: pair for pair in listed(m)}
    shown = pems(data)
    if number:
        assert ("ed25519-key" in shown) == bool(number % 2)
        assert int(pairs[f"k{number % 3}"]["size"]) == 512 + number % 5
    names = {"ed25519-key": "the_default"}
    assert {names.get(name, name): spki(pem) for name, pem in shown.items()} == {
        label: pair["public-key"] for label, pair in pairs.items()
    }
    return number


def kill_and_check(tmp_path: Path, rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    agent = AgentProcess(tmp_path / "state").start()
    try:
        work = Work()
        for _ in range(rounds):
            client = agent.connect()
            work.told.clear()
            thread = threading.Thread(target=work.until_the_end, args=(client,))
            thread.start()
            assert work.told.wait(timeout=60), "no commit was acknowledged"
            time.sleep(chance.uniform(0, 0.5))  # the instant of the power loss
            agent.kill()
            thread.join(timeout=30)
            assert not thread.is_alive()
            agent.start()
            with agent.connect() as m:
                number = check_agreement(m)
            assert work.acknowledged <= number <= work.attempted
            work.acknowledged = work.attempted = number
        assert work.acknowledged >= rounds
    finally:
        agent.kill()


@pytest.mark.timeout(300)
def test_power_loss_leaves_configuration_and_keys_in_agreement(tmp_path):
    kill_and_check(tmp_path, rounds=4, seed=8)


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
def test_power_loss_100_times(tmp_path):
    kill_and_check(tmp_path, rounds=100, seed=100)
