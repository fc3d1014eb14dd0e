"""Beside AIDE: every change that it sees in a tree, we see."""

import json
import os
import shutil
import subprocess

import pytest

from tests.integrity.filesystem.rig import Device
from tests.integrity.filesystem.test_front_door import Device as FrontDoor

CONFIG = """\
database_in=file:{folder}/aide.db
database_out=file:{folder}/aide.db
report_format=json
report_url=file:{folder}/report.json
root_prefix={root}
All = p+u+g+s+m+c+i+n+ftype+l+sha256{caps}
/ All
"""
ROOT = os.geteuid() == 0


class Aide:
    """AIDE, which has seen the folder `root` as it is now; `folder` keeps what it needs."""

    def __init__(self, folder, root):
        self._folder = folder
        caps = "+caps" if "caps: yes" in self._run("--version").stdout else ""
        (folder / "aide.conf").write_text(CONFIG.format(folder=folder, root=root, caps=caps))
        self.look()

    def look(self):
        assert self._run("--init").returncode == 0

    def changes(self):
        """Paths by what AIDE says of them."""
        path = self._folder / "report.json"
        path.unlink(missing_ok=True)
        self._run("--check")
        report = json.loads(path.read_text())
        return {kind: set(report.get(kind, {})) for kind in ("added", "removed", "changed")}

    def _run(self, *arguments):
        return subprocess.run(
            ["aide", "-c", self._folder / "aide.conf", *arguments], capture_output=True, text=True, timeout=60
        )


def write(place, content):
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(content)


def change_everything(root):
    (root / "etc/content").write_text("other content\n")
    before = (root / "etc/forged").stat()
    (root / "etc/forged").write_text("Same size\n")
    os.utime(root / "etc/forged", ns=(before.st_atime_ns, before.st_mtime_ns))
    (root / "etc/mode").chmod(0o600)
    (root / "bin/setuid").chmod(0o4755)
    (root / "bin/setgid").chmod(0o2755)
    if ROOT:
        os.chown(root / "etc/owner", 1234, -1)
        os.chown(root / "etc/group", -1, 1234)
        os.chown(root / "etc/owned-link", 1234, 1234, follow_symlinks=False)
    (root / "etc/link").unlink()
    (root / "etc/link").symlink_to("mode")
    (root / "etc/added").touch()
    (root / "etc/removed").unlink()
    (root / "etc/renamed").rename(root / "etc/has-been-renamed")
    os.link(root / "etc/linked", root / "etc/second-name")
    (root / "etc/replaced").unlink()
    (root / "etc/replaced").mkdir()
    (root / "etc/new-folder/inside").mkdir(parents=True)
    (root / "etc/new-folder/inside/file").touch()
    shutil.rmtree(root / "var/gone")
    os.utime(root / "etc/touched")
    (root / "folder").chmod(0o700)
    (root / "bin/tool").write_bytes(b"\0" * 4096)


def make_everything(root):
    """What change_everything needs."""
    for name in ("content", "mode", "owner", "group", "removed", "renamed", "linked", "replaced", "touched"):
        write(root / "etc" / name, f"{name}\n")
    write(root / "etc/forged", "same size\n")
    for name in ("setuid", "setgid", "tool"):
        write(root / "bin" / name, "#!/bin/sh\n")
        (root / "bin" / name).chmod(0o755)
    write(root / "var/gone/deep/file", "x")
    (root / "folder").mkdir()
    for name in ("link", "owned-link"):
        (root / "etc" / name).symlink_to("content")


@pytest.fixture
def device(tmp_path):
    device = Device(tmp_path)
    make_everything(device.root)
    yield device
    device.store.close()


def agree(seen, ours):
    """`seen` by AIDE, and `ours`: path -> the kind of its change."""
    assert seen["added"] == {path for path, kind in ours.items() if kind == "created"}
    assert seen["removed"] == {path for path, kind in ours.items() if kind == "deleted"}
    changed = {path for path, kind in ours.items() if kind.endswith("modified")}
    assert seen["changed"] - changed == set()
    assert len(changed) >= 12


def test_all_that_aide_sees(device, tmp_path):
    aide = Aide(tmp_path, device.root)
    device.scan()
    change_everything(device.root)
    agree(aide.changes(), device.changes())
    # The same once more: both are at rest.
    assert device.changes() == {}


def test_all_that_aide_sees_is_told_over_ssh(tmp_path):
    device = FrontDoor(tmp_path)
    try:
        make_everything(device.root)
        device.configure()
        assert device.finished()["result"] == "success"
        aide = Aide(tmp_path, device.root)
        change_everything(device.root)
        device.rpc("start-scan")
        assert device.finished()["result"] == "success"
        (section,) = device.section()["node"]
        kinds = {file["name"]: file["change-kind"] for file in section["snapshot"][-1]["files"]}
        agree(aide.changes(), {name: kind.removeprefix("change-kind-") for name, kind in kinds.items()})
    finally:
        device.agent.kill()


@pytest.mark.skipif(not ROOT, reason="setcap needs root")
def test_capabilities(device, tmp_path):
    # AIDE tells of capabilities that are others than before, and says nothing of the first ones.
    subprocess.run(["setcap", "cap_net_admin=ep", device.root / "bin/tool"], check=True)
    aide = Aide(tmp_path, device.root)
    device.scan()
    subprocess.run(["setcap", "cap_net_raw=ep", device.root / "bin/tool"], check=True)
    assert aide.changes()["changed"] == {"/bin/tool"}
    outcome = device.scan()
    record = device.files(outcome)["/bin/tool"]
    assert record["change-kind"] == "change-kind-meta-data-modified"
    assert record["capabilities"] == "p=0000000000002000 i=0000000000000000 e=1"
    assert outcome.counts.unowned_privileged == 1
