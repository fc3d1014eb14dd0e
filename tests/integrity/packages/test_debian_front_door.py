"""A device whose Debian packages apt has installed, asked over SSH."""

import json

import pytest
from lxml import etree

from tests.integrity.packages.apt_workshop import AptRoot
from tests.integrity.packages.rpm_workshop import run
from tests.integrity.packages.test_front_door import OURS, SPIRIT, Device, key
from tests.integrity.packages.test_known_good import kgv

__all__ = ["key"]
NAMES = {"o": OURS, "i": SPIRIT}


@pytest.fixture
def device(apt_pristine, debs, tmp_path):
    run("cp", "-a", apt_pristine.root, tmp_path / "root")
    apt = AptRoot.__new__(AptRoot)
    apt.root = tmp_path / "root"
    made = Device(apt, debs.key, tmp_path)
    yield made
    made.agent.kill()


def test_more_than_dpkg_sees(device, debs, key, tmp_path):
    (device.keys / "kgv.pem").write_bytes(key[1].read_bytes())
    values = kgv(key, tmp_path, debs.tool, debs.other)
    assert device.regenerate() is None
    assert device.verify(values).items() >= {"match": "2", "mismatch": "0", "unknown": "0"}.items()
    summary = f"<install xmlns='{SPIRIT}'><packages><active><summary/></active></packages></install>"
    for package in device.get(summary).xpath("//i:package", namespaces=NAMES):
        first, second = package.find(f"{{{SPIRIT}}}rpm-fingerprint")
        assert first.text == second.text

    # Nobody asks for new values: the kernel tells.
    (device.root / "usr/bin/tool").chmod(0o6755)
    run("setcap", "cap_net_raw=ep", device.root / "usr/bin/raw")
    changed = device.told_of_change()

    assert changed.xpath("o:package/o:name/text()", namespaces=NAMES) == ["tool"]
    # It may have told of the first of the two changes.
    device.regenerate()
    assert device.installed.verify() == {}
    assert device.verify(values).items() >= {"match": "1", "mismatch": "1", "unknown": "0"}.items()
    reply = device.get(f"<integrity xmlns='{OURS}'><packages><fingerprints/></packages></integrity>")
    assert reply.xpath("//o:fingerprints/o:change-detection/o:method/text()", namespaces=NAMES) == ["events"]
    other, tool = reply.xpath("//o:package", namespaces=NAMES)
    assert [each.xpath("string(o:fingerprint-basis)", namespaces=NAMES) for each in (other, tool)] == ["deb", "deb"]
    drift = {
        each.findtext(f"{{{OURS}}}path"): each.findtext(f"{{{OURS}}}change")
        for each in tool.iterfind(f"{{{OURS}}}drift")
    }
    assert drift == {"/usr/bin/raw": "capabilities", "/usr/bin/tool": "mode"}
    assert b"drift" not in etree.tostring(other)
    shown = device.agent.exec("show platform security integrity dossier include packages").stdout
    (node,) = json.loads(shown[shown.index("{") :])["packages"]["node"]
    (database,) = node["package-database"]
    assert (database["type"], database["result-code"]) == ("dpkg", "Success")
    assert {each["path"] for package in database["package"] for each in package.get("drift", ())} == set(drift)
