"""Beside AIDE: every change that it sees in a tree, we see."""

import json
import os
import shutil
import subprocess

import pytest

from tests.integrity.filesystem.rig import Device

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


def aide(device, *arguments):
    return subprocess.run(
        ["aide", "-c", device.folder.parent / "aide.conf", *arguments], capture_output=True, text=True, timeout=60
    )


def seen_by_aide(device):
    """Paths by what AIDE says of them."""
    path = device.folder.parent / "report.json"
    path.unlink(missing_ok=True)
    aide(device, "--check")
    report = json.loads(path.read_text())
    return {kind: set(report.get(kind, {})) for kind in ("added", "removed", "changed")}


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


@pytest.fixture
def device(tmp_path):
    device = Device(tmp_path)
    for name in ("content", "mode", "owner", "group", "removed", "renamed", "linked", "replaced", "touched"):
        write(device.root / "etc" / name, f"{name}\n")
    write(device.root / "etc/forged", "same size\n")
    for name in ("setuid", "setgid", "tool"):
        write(device.root / "bin" / name, "#!/bin/sh\n")
        (device.root / "bin" / name).chmod(0o755)
    write(device.root / "var/gone/deep/file", "x")
    (device.root / "folder").mkdir()
    for name in ("link", "owned-link"):
        (device.root / "etc" / name).symlink_to("content")
    caps = "+caps" if "caps: yes" in aide(device, "--version").stdout else ""
    (tmp_path / "aide.conf").write_text(CONFIG.format(folder=tmp_path, root=device.root, caps=caps))
    assert aide(device, "--init").returncode == 0
    yield device
    device.store.close()


def test_all_that_aide_sees(device):
    device.scan()
    change_everything(device.root)
    seen = seen_by_aide(device)
    ours = device.changes()
    assert seen["added"] == {path for path, kind in ours.items() if kind == "created"}
    assert seen["removed"] == {path for path, kind in ours.items() if kind == "deleted"}
    changed = {path for path, kind in ours.items() if kind.endswith("modified")}
    assert seen["changed"] - changed == set()
    assert len(changed) >= 12
    # The same once more: both are at rest.
    assert device.changes() == {}


@pytest.mark.skipif(not ROOT, reason="setcap needs root")
def test_capabilities(device):
    # AIDE tells of capabilities that are others than before, and says nothing of the first ones.
    subprocess.run(["setcap", "cap_net_admin=ep", device.root / "bin/tool"], check=True)
    assert aide(device, "--init").returncode == 0
    device.scan()
    subprocess.run(["setcap", "cap_net_raw=ep", device.root / "bin/tool"], check=True)
    assert seen_by_aide(device)["changed"] == {"/bin/tool"}
    outcome = device.scan()
    record = device.files(outcome)["/bin/tool"]
    assert record["change-kind"] == "change-kind-meta-data-modified"
    assert record["capabilities"] == "p=0000000000002000 i=0000000000000000 e=1"
    assert outcome.counts.unowned_privileged == 1
