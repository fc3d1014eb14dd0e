"""A device with rpm packages, asked over SSH as the guide does it."""

import itertools
import json
import re
import subprocess

import pytest
from lxml import etree
from ncclient.operations import RPCError

from agent import __version__
from tests.agent_process import AgentProcess
from tests.integrity.packages.conftest import copied
from tests.integrity.packages.test_known_good import kgv

SPIRIT = "http://cisco.com/ns/yang/Cisco-IOS-XR-spirit-install-instmgr-oper"
XR7 = "http://cisco.com/ns/yang/Cisco-IOS-XR-install-oper"
OURS = "urn:trustconf:yang:trustconf-integrity"


class Device:
    """An agent on a folder that rpm has installed a package into, with the packager's key pinned."""

    def __init__(self, installed, signing_key, folder):
        self.installed = installed
        self.root = installed.root
        keys = folder / "state/package-keys"
        keys.parent.mkdir(mode=0o700)
        keys.mkdir(mode=0o700)
        (keys / "packager.asc").write_text(signing_key.public)
        self.keys = keys
        self.agent = AgentProcess(folder / "state", on_a_root=installed.root).start()
        self.session = self.agent.connect()
        self.session.create_subscription()

    def regenerate(self):
        """Ask for new fingerprints and wait for them; the notification of changes on the way, if there was one."""
        self.rpc(f"<regenerate-fingerprints xmlns='{OURS}'/>")
        changed = None
        while True:
            told = etree.fromstring(self.session.take_notification(timeout=60).notification_xml.encode())
            if told.find(f"{{{OURS}}}fingerprints-generated") is not None:
                return changed
            found = told.find(f"{{{OURS}}}fingerprint-changed")
            changed = changed if found is None else found

    def told_of_change(self):
        """The next notification of a change."""
        while True:
            told = etree.fromstring(self.session.take_notification(timeout=60).notification_xml.encode())
            found = told.find(f"{{{OURS}}}fingerprint-changed")
            if found is not None:
                return found

    def rpc(self, text):
        return etree.fromstring(self.session.rpc(etree.fromstring(text)).xml.encode())

    def get(self, text):
        return etree.fromstring(self.session.get(("subtree", text)).data_xml.encode())

    def verify(self, values):
        request = etree.Element(f"{{{OURS}}}verify-packages")
        etree.SubElement(request, f"{{{OURS}}}kgv").text = values
        reply = etree.fromstring(self.session.rpc(request).xml.encode())
        return {child.tag.split("}")[1]: child.text for child in reply if len(child) == 0}


@pytest.fixture(scope="module")
def device(pristine, signing_key, tmp_path_factory):
    """One for all tests, in this order: first there are no values, and the last one spoils the packages."""
    folder = tmp_path_factory.mktemp("device")
    made = Device(copied(pristine, folder / "root"), signing_key, folder)
    yield made
    made.agent.kill()


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kgv")
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", folder / "key"], check=True, timeout=60)
    subprocess.run(
        ["openssl", "pkey", "-in", folder / "key", "-pubout", "-out", folder / "pem"], check=True, timeout=60
    )
    return folder / "key", folder / "pem"


def outline(element):
    """Names of the elements below, in order."""
    return [child.tag.split("}")[1] for child in element]


def test_before_there_are_values(device):
    reply = device.get(f"<install xmlns='{SPIRIT}'><packages><active/></packages></install>")
    names = {"i": SPIRIT}
    assert reply.xpath("string(//i:summary/i:rpm-fingerprint-status)", namespaces=names) == "to-be-regenerated-at-apply"
    assert reply.xpath("string(//i:nodes/i:node/i:node)", namespaces=names) == "0/RP0/CPU0"
    assert reply.xpath("count(//i:package)", namespaces=names) == 0


def test_the_reply_of_the_guide(device, signing_key):
    device.regenerate()
    for namespace, which in itertools.product((SPIRIT, XR7), ("active", "committed")):
        reply = device.get(f"<install xmlns='{namespace}'><packages><{which}><summary/></{which}></packages></install>")
        names = {"i": namespace}
        (summary,) = reply.xpath(f"i:install/i:packages/i:{which}/i:summary", namespaces=names)
        assert outline(summary)[:2] == ["rpm-fingerprint-status", "rpm-fingerprint-timestamp"]
        assert summary[0].text == "generation-up-to-date"
        assert len(summary[1].text) == len("Mon Jun 15 15:58:22 2020")
        (package,) = summary.findall("i:package", names)
        assert outline(package)[:5] == ["name", "version", "release", "gpg-key-id", "rpm-fingerprint"]
        assert [child.text for child in package[:4]] == ["tool", "2.0", "3.el9", signing_key.key_id]
        assert outline(package[4]) == ["rpm-fingerprint-install-time", "rpm-fingerprint-run-time"]
        install_time, run_time = (child.text for child in package[4])
        assert install_time == run_time
        assert len(install_time) == 64


def test_what_ansible_reads(device):
    """What get_device_info of cisco.iosxr's NETCONF plugin asks, and how it reads the answer."""
    device.regenerate()
    reply = device.get(
        f"<install xmlns='{SPIRIT}'><prepare><prepared-boot-image/></prepare>"
        "<version><label/><hardware-info/><package/></version></install>"
    )
    # The plugin takes namespaces away, and looks for the first element of a name anywhere.
    resp = re.sub(rb' xmlns(:\w+)?="[^"]*"', b"", etree.tostring(reply)).replace(b"nc:", b"")
    read = {name: etree.fromstring(resp).find(f".//{name}") for name in ("name", "label", "hardware-info")}
    assert read["name"].text == "tool"
    assert read["label"].text == __version__
    assert re.search(r"^[Cc]isco (.+) \(\) processor", read["hardware-info"].text, re.MULTILINE)[1]
    # Nothing is ever prepared for the next start on this device: package managers install at once. The plugin asks for
    # the image, and never reads it.
    assert etree.fromstring(resp).find(".//prepared-boot-image") is None
    assert etree.fromstring(resp).find(".//prepare") is None


def test_known_good_values_of_nobody_who_is_trusted(device, signed_package, key, tmp_path):
    device.regenerate()
    with pytest.raises(RPCError) as caught:
        device.verify(kgv(key, tmp_path, signed_package))
    assert caught.value.tag == "invalid-value"
    assert caught.value.app_tag == "untrusted-kgv"
    assert "package-keys" in caught.value.message


def test_packages_are_being_installed(device):
    device.regenerate()
    lock = device.root / "var/lib/rpm/.rpm.lock"
    lock.touch()
    found = lock.stat()
    place = f"{found.st_dev >> 8 & 0xFFF:02x}:{found.st_dev & 0xFF:02x}:{found.st_ino}"
    (device.root / "proc").mkdir(exist_ok=True)
    (device.root / "proc/locks").write_text(f"1: POSIX  ADVISORY  WRITE 1 {place} 0 EOF\n")
    device.rpc(f"<regenerate-fingerprints xmlns='{OURS}'/>")
    reply = device.get(f"<install xmlns='{SPIRIT}'><packages><active><summary/></active></packages></install>")
    assert reply.findtext(f".//{{{SPIRIT}}}rpm-fingerprint-status") == "to-be-regenerated-at-apply"
    assert reply.find(f".//{{{SPIRIT}}}package") is not None
    (device.root / "proc/locks").write_text("")
    device.regenerate()
    reply = device.get(f"<install xmlns='{SPIRIT}'><packages><active><summary/></active></packages></install>")
    assert reply.findtext(f".//{{{SPIRIT}}}rpm-fingerprint-status") == "generation-up-to-date"


def test_a_file_that_somebody_changes(device, signed_package, key, tmp_path):
    (device.keys / "kgv.pem").write_bytes(key[1].read_bytes())
    values = kgv(key, tmp_path, signed_package)
    assert device.regenerate() is None
    assert device.verify(values).items() >= {"match": "1", "mismatch": "0", "unknown": "0"}.items()

    (device.root / "usr/bin/tool").write_text("backdoor\n")
    changed = device.regenerate()

    names = {"o": OURS}
    assert changed.xpath("string(o:package/o:name)", namespaces=names) == "tool"
    assert device.verify(values).items() >= {"match": "0", "mismatch": "1", "unknown": "0"}.items()
    reply = device.get(f"<integrity xmlns='{OURS}'><packages><fingerprints/></packages></integrity>")
    (package,) = reply.xpath("//o:package", namespaces=names)
    assert package.xpath("string(o:header-status)", namespaces=names) == "ok"
    assert package.xpath("string(o:install-time)", namespaces=names) != package.xpath(
        "string(o:run-time)", namespaces=names
    )
    assert package.xpath("o:drift/o:path/text()", namespaces=names) == list(device.installed.verify("tool"))
    # Writing to a file takes its setuid bit away.
    assert set(package.xpath("o:drift/o:change/text()", namespaces=names)) >= {"contents"}
    assert b"backdoor" not in etree.tostring(reply)
    # The next change is found without being asked for.
    (device.root / "usr/bin/raw").unlink()
    changed = device.told_of_change()
    assert changed.xpath("string(o:package/o:previous-run-time)", namespaces=names) == package.xpath(
        "string(o:run-time)", namespaces=names
    )
    # The dossier over SSH has the same values.
    shown = device.agent.exec("show platform security integrity dossier include packages").stdout
    (node,) = json.loads(shown[shown.index("{") :])["packages"]["node"]
    ((told,),) = (database["package"] for database in node["package-database"])
    assert told["rpm-fingerprint-run-time"] == changed.xpath("string(o:package/o:run-time)", namespaces=names)
    assert [each["path"] for each in told["drift"]] == ["/usr/bin/raw", "/usr/bin/tool"]
