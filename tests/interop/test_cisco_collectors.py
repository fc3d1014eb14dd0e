"""What collectors written for IOS XR say and read: every Cisco-named rpc and list, and the show commands over SSH."""

import base64
import json
import re
import subprocess
import sys

import pytest
from lxml import etree
from ncclient.operations import RPCError

from examples import journey

ACT = "http://cisco.com/ns/yang/Cisco-IOS-XR-crypto-act"
NS = {
    "nc": "urn:ietf:params:xml:ns:netconf:base:1.0",
    "keys": "http://cisco.com/ns/yang/Cisco-IOS-XR-crypto-cepki-new-oper",
    "certs": "http://cisco.com/ns/yang/Cisco-IOS-XR-crypto-cepki-oper",
    "boots": "http://cisco.com/ns/yang/Cisco-IOS-XR-linux-os-reboot-history-oper",
}
TIME_LINE = re.compile(r"\A\w{3} \w{3} +\d+ \d\d:\d\d:\d\d\.\d{3} UTC\n")


@pytest.fixture(scope="module")
def m(shared_agent):
    with shared_agent.connect() as manager:
        yield manager


@pytest.fixture(scope="module")
def enrolled(m):
    """The guide's trustpoint, made with Cisco's names alone."""
    for label in ("system-root-key", "system-enroll-key"):
        act(m, "key-generate-ecdsa", key_label=label, key_modulus="nistp256")
    journey.configure_trustpoint(m, "ecdsa-nistp256")
    act(m, "ca-authenticate", server_name=journey.TRUSTPOINT)
    act(m, "ca-enroll", server_name=journey.TRUSTPOINT)
    return m


def act(m, name, **leaves):
    """Call an rpc of Cisco-IOS-XR-crypto-act: none has an output."""
    inside = "".join(f"<{leaf.replace('_', '-')}>{value}</{leaf.replace('_', '-')}>" for leaf, value in leaves.items())
    reply = journey.rpc(m, f'<{name} xmlns="{ACT}">{inside}</{name}>')
    assert [child.tag for child in reply] == [f"{{{NS['nc']}}}ok"]


def refused(m, name, **leaves):
    with pytest.raises(RPCError) as refusal:
        act(m, name, **leaves)
    return refusal.value


def read(m, path):
    """The elements that a path selects in operational data."""
    namespaces = {prefix: uri for prefix, uri in NS.items() if f"{prefix}:" in path}
    data = m.get(("xpath", (namespaces, path))).data_ele
    return data.xpath(f".{path}", namespaces=namespaces)


def record(element):
    return {etree.QName(leaf).localname: leaf.text for leaf in element if not len(leaf)}


def public_keys(m, kind):
    return {
        entry["key-label"]: entry for entry in map(record, read(m, f"/keys:crypto-cepki/keys:mypubkey//keys:{kind}"))
    }


class TestKeys:
    @pytest.mark.parametrize(
        ("generate", "leaves", "kind", "expected", "zeroize"),
        [
            ("key-generate-rsa", {"key_modulus": 1024}, "rsa-key",
             {"key-type": "RSA General purpose", "key-size": "1024"}, "key-zeroize-rsa"),
            ("key-generate-rsa-general-keys", {"key_modulus": 512}, "rsa-key",
             {"key-type": "RSA General purpose", "key-size": "512"}, "key-zeroize-rsa"),
            ("key-generate-rsa-usage-keys", {"key_modulus": 1024}, "rsa-key", {"key-size": "1024"}, "key-zeroize-rsa"),
            ("key-generate-dsa", {"key_modulus": 1024}, "dsa-key", {"key-size": "1024"}, "key-zeroize-dsa"),
            ("key-generate-ecdsa", {"key_modulus": "nistp256"}, "nistp256-key", {"degree": "256"}, "key-zeroize-ecdsa"),
            ("key-generate-ecdsa", {"key_modulus": "nistp384"}, "nistp384-key", {"degree": "384"}, "key-zeroize-ecdsa"),
            ("key-generate-ecdsa", {"key_modulus": "nistp521"}, "nistp521-key", {"degree": "521"}, "key-zeroize-ecdsa"),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("label", ["labelled", None])
    def test_generate_read_and_zeroize(self, m, generate, leaves, kind, expected, zeroize, label):
        named = {"key_label": label} if label else {}
        act(m, generate, **named, **leaves)
        entry = public_keys(m, kind)[label or "the_default"]
        assert entry.items() >= expected.items()
        assert int(entry["key-creation-time"]) > 1_700_000_000
        assert re.fullmatch(r"[0-9A-F\s]+", entry["key-data"])
        if zeroize == "key-zeroize-dsa":
            act(m, zeroize)
        else:
            curve = leaves if zeroize == "key-zeroize-ecdsa" else {}
            act(m, zeroize, **({"key_label": label} if label else {"key_label": "the_default"}), **curve)
        assert (label or "the_default") not in public_keys(m, kind)

    def test_ed25519_has_no_cisco_list_and_is_shown_all_the_same(self, m, shared_agent):
        act(m, "key-generate-ed25519", key_label="edwards")
        shown = shared_agent.exec("show crypto key mypubkey ed25519").stdout
        assert "edwards" in shown
        act(m, "key-zeroize-ed25519", key_label="edwards")
        assert "edwards" not in shared_agent.exec("show crypto key mypubkey ed25519").stdout

    def test_all_of_a_type_at_once(self, m):
        for label in ("a", "b"):
            act(m, "key-generate-ed25519", key_label=label)
            act(m, "key-generate-ecdsa", key_label=label, key_modulus="nistp384")
        act(m, "key-zeroize-ed25519")
        assert set(public_keys(m, "nistp384-key")) >= {"a", "b"}
        act(m, "key-zeroize-ecdsa", key_modulus="nistp384")
        assert not public_keys(m, "nistp384-key")

    @pytest.mark.parametrize(
        ("name", "leaves", "tag", "path"),
        [
            ("key-generate-rsa", {}, "missing-element", "/nc:rpc/crypto-act:key-generate-rsa"),
            ("key-generate-rsa", {"key_modulus": 511}, "invalid-value",
             "/nc:rpc/crypto-act:key-generate-rsa/crypto-act:key-modulus"),
            ("key-generate-dsa", {"key_modulus": 512}, "operation-not-supported",
             "/nc:rpc/crypto-act:key-generate-dsa/crypto-act:key-modulus"),
            ("key-generate-ecdsa", {"key_modulus": "secp256k1"}, "invalid-value",
             "/nc:rpc/crypto-act:key-generate-ecdsa/crypto-act:key-modulus"),
            ("key-zeroize-rsa", {"key_label": "ghost"}, "data-missing",
             "/nc:rpc/crypto-act:key-zeroize-rsa/crypto-act:key-label"),
            ("ca-authenticate", {"server_name": "ghost"}, "data-missing",
             "/nc:rpc/crypto-act:ca-authenticate/crypto-act:server-name"),
            ("ca-enroll", {}, "missing-element", "/nc:rpc/crypto-act:ca-enroll"),
        ],
    )  # fmt: skip
    def test_refusals(self, m, name, leaves, tag, path):
        error = refused(m, name, **leaves)
        assert (error.type, error.tag) == ("application", tag)
        assert error.path.startswith(path)
        assert error.message


class TestCertificates:
    def test_certificates_of_an_enrolled_trustpoint(self, enrolled):
        [trustpoint] = read(enrolled, f"//certs:trustpoint[certs:name='{journey.TRUSTPOINT}']")
        root = record(trustpoint.find("certs:certificate-authority-certificate", NS))
        leaf = record(trustpoint.find("certs:router-certificate", NS))
        assert leaf["issuer"] == root["subject"] == root["issuer"]
        assert leaf["serial-num"] != root["serial-num"]
        assert int(leaf["certificate-expires-on"]) - int(leaf["certificate-valid-from"]) == 300 * 86400
        assert re.fullmatch("[0-9A-F]{40}", leaf["finger-print"])

    def test_the_same_certificates_are_shown(self, enrolled, shared_agent):
        [serial] = read(enrolled, "//certs:router-certificate/certs:serial-num")
        result = shared_agent.exec(f"show crypto ca certificates {journey.TRUSTPOINT}")
        assert result.returncode == 0
        assert TIME_LINE.match(result.stdout)
        assert serial.text in result.stdout
        assert shared_agent.exec("show crypto ca certificates").stdout.count("\nTrustpoint ") == 1

    def test_clearing_comes_last(self, enrolled, shared_agent):
        act(enrolled, "ca-clear-certificates", server_name=journey.TRUSTPOINT)
        assert not read(enrolled, f"//certs:trustpoint[certs:name='{journey.TRUSTPOINT}']")
        assert shared_agent.exec(f"show crypto ca certificates {journey.TRUSTPOINT}").returncode == 1
        act(enrolled, "ca-authenticate", server_name=journey.TRUSTPOINT)
        act(enrolled, "ca-enroll", server_name=journey.TRUSTPOINT)


def test_reboot_history_is_the_one_of_the_dossier(m, shared_agent):
    entries = [record(entry) for entry in read(m, "/boots:reboot-history/boots:node/boots:reboot-history")]
    shown = shared_agent.exec("show platform security integrity dossier include reboot-history").stdout
    section = json.loads(TIME_LINE.sub("", shown))["reboot-history"]
    if section["result-code"] != "Success":
        assert not entries
        return
    assert entries
    assert [int(entry["no"]) for entry in entries] == list(range(1, len(entries) + 1))
    assert entries[-1]["time"] in shown


class TestShowCommands:
    """`ssh HOST 'show ...'`, as collectors run it."""

    @pytest.mark.parametrize(
        ("command", "expected"),
        [
            ("show version", "Version"),
            ("show platform", "0/RP0/CPU0"),
            ("show crypto key mypubkey rsa", None),
            ("show crypto key mypubkey dsa", None),
            ("show crypto key mypubkey ecdsa", "Key label"),
            ("show crypto key mypubkey ed25519", None),
            ("show crypto ca certificates", "Trustpoint"),
            ("show crypto ca certificates detail", "Trustpoint"),
            ("sh cry ca cert", "Trustpoint"),
        ],
    )
    def test_all_commands(self, enrolled, shared_agent, command, expected):
        result = shared_agent.exec(command)
        assert (result.returncode, result.stderr) == (0, "")
        assert TIME_LINE.match(result.stdout), result.stdout[:80]
        assert expected is None or expected in result.stdout

    @pytest.mark.parametrize(
        "command", ["show crypto ca certificates", "show crypto key mypubkey ecdsa", "show nonsense"]
    )
    def test_trustconf_show_prints_the_same(self, enrolled, shared_agent, command):
        local = subprocess.run(
            [sys.executable, "-m", "agent.cli", *command.split(), "--state-dir", shared_agent.state],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        over_ssh = shared_agent.exec(command)
        assert local.returncode == over_ssh.returncode
        assert TIME_LINE.sub("", local.stdout) == TIME_LINE.sub("", over_ssh.stdout)

    def test_terminal_length_alone_and_before_a_command(self, shared_agent):
        alone = shared_agent.exec("terminal length 0")
        assert (alone.returncode, alone.stdout) == (0, "")
        assert "Version" in shared_agent.exec("terminal length 0\nshow version").stdout

    @pytest.mark.parametrize(
        ("command", "marker"),
        [
            ("show nonsense", "     ^"),
            ("configure terminal", "^"),
            ("show crypto key mypubkey rot13", "                         ^"),
        ],
    )
    def test_an_unknown_command_has_a_caret_and_status_1(self, shared_agent, command, marker):
        result = shared_agent.exec(command)
        assert result.returncode == 1
        assert result.stdout == f"{command}\n{marker}\n% Invalid input detected at '^' marker.\n"

    @pytest.mark.parametrize(
        ("command", "message"), [("show crypto key", "% Incomplete command."), ("show crypto c", None)]
    )
    def test_incomplete_commands(self, shared_agent, command, message):
        result = shared_agent.exec(command)
        assert result.returncode == 1
        assert message is None or message in result.stdout

    @pytest.mark.parametrize(
        "command",
        [
            "show platform security integrity dossier nonce 1580 include packages system-inventory",
            "show platform security integrity dossier include packages system-inventory nonce 1580",
        ],
    )
    def test_the_dossier_in_either_order_of_words(self, shared_agent, command):
        result = shared_agent.exec(command)
        assert result.returncode == 0, result.stdout
        dossier = json.loads(TIME_LINE.sub("", result.stdout))
        assert {"license-udi", "version", "platform", "packages", "system-inventory"} <= set(dossier)
        assert not {"reboot-history", "rollback-history"} & set(dossier)

    def test_pipes(self, enrolled, shared_agent):
        included = shared_agent.exec("show version | include Version").stdout
        assert [line for line in TIME_LINE.sub("", included).splitlines() if "Version" not in line] == []
        assert "Version" not in shared_agent.exec("show version | exclude Version").stdout
        signed = shared_agent.exec("show version | utility sign nonce 1580 include-certificate")
        assert signed.returncode == 0, signed.stdout
        envelope = json.loads(TIME_LINE.sub("", signed.stdout))
        # The payload is what the command shows, without its time line.
        assert base64.b64decode(envelope["payload"]).decode().startswith("trustconf, Version")
        assert shared_agent.exec("show version | format c:").returncode == 1
        assert shared_agent.exec("show version | file harddisk:x").returncode == 1

    def test_nothing_of_it_reaches_a_shell_of_the_host(self, shared_agent, tmp_path):
        for command in (f"show version; touch {tmp_path}/x", f"show version | include $(touch {tmp_path}/x)"):
            shared_agent.exec(command)
        assert not list(tmp_path.iterdir())
