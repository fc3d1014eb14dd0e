"""Debian packages that were built, installed and tampered with, judged beside `dpkg -V`."""

import hashlib
import os

import pytest

from agent.host.rooted import RootedHost
from agent.integrity.errors import SourceUnavailableError
from agent.integrity.packages.dpkg_files import Basis
from agent.integrity.packages.fingerprint import NONE, FileClass
from agent.integrity.packages.measuring import DigestCache
from agent.integrity.packages.openpgp import Keyring
from agent.integrity.packages.package_set import collect
from tests.integrity.packages.deb_workshop import DpkgRoot, build

FILES = {
    "/bin/old-place": "in a folder that is a link\n",
    "/usr/share/tool/data": "data\n",
    "/usr/share/tool/with space": "more\n",
    "/usr/share/tool/link": "->data",
    "/etc/tool.conf": "setting\n",
}


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return build(tmp_path_factory.mktemp("deb"), "tool", FILES, conffiles=("/etc/tool.conf",))


@pytest.fixture
def installed(package, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root may install packages into a folder")
    root = DpkgRoot(tmp_path / "root")
    root.install(package)
    return root


def report(root, name="tool"):
    packages = collect(RootedHost(root.root), Keyring(), DigestCache()).packages
    return next(each for each in packages if each.id.name == name)


def test_a_package_that_nobody_touched(installed):
    found = report(installed)
    assert found.id.text == "tool-2:1.0-3.all"
    assert found.basis is Basis.MD5SUMS
    assert found.install_time == found.run_time
    assert found.drift == ()
    assert installed.verify() == {}


def test_the_definition_by_hand(installed):
    lines = [
        f"{path}\0-\0-\0-\0{hashlib.md5(FILES[path].encode()).hexdigest()}\0-\n"
        for path in sorted(FILES)
        if path not in ("/etc/tool.conf", "/usr/share/tool/link")
    ]
    assert report(installed).install_time == hashlib.sha256("".join(lines).encode()).hexdigest()


TAMPERING = {
    "content": lambda root: (root / "usr/share/tool/with space").write_text("x"),
    "content behind a link": lambda root: (root / "usr/bin/old-place").write_text("x"),
    "deleted": lambda root: (root / "usr/share/tool/data").unlink(),
}


@pytest.mark.parametrize("name", TAMPERING)
def test_tampering_is_seen_as_dpkg_sees_it(installed, name):
    before = report(installed)
    TAMPERING[name](installed.root)
    found = report(installed)
    assert found.install_time == before.install_time
    assert found.run_time != found.install_time
    assert {each.path: "missing" if each.changes == ("missing",) else "5" for each in found.drift} == installed.verify()


def test_a_configuration_file_has_its_own_fingerprint(installed):
    (installed.root / "etc/tool.conf").write_text("mine\n")
    found = report(installed)
    assert found.install_time == found.run_time
    assert found.configuration_install_time != found.configuration_run_time
    [drift] = found.drift
    assert (drift.path, drift.file_class, drift.changes) == ("/etc/tool.conf", FileClass.CONFIGURATION, ("contents",))
    assert installed.verify() == {"/etc/tool.conf": "5"}


def test_a_diverted_file_is_looked_for_where_it_was_put(installed, tmp_path):
    before = report(installed)
    other = build(tmp_path / "other", "other", {"/usr/share/tool/data": "of the other\n"})
    installed.divert("/usr/share/tool/data", "/usr/share/tool/data.tool", "other")
    installed.install(other)
    assert report(installed) == before
    assert report(installed, "other").drift == ()
    (installed.root / "usr/share/tool/data.tool").write_text("x")
    assert [each.path for each in report(installed).drift] == ["/usr/share/tool/data"]
    assert report(installed, "other").drift == ()


def test_digests_that_are_gone_leave_no_value(installed):
    (installed.root / "var/lib/dpkg/info/tool.md5sums").unlink()
    found = report(installed)
    assert (found.basis, found.install_time, found.run_time) == (Basis.NONE, NONE, NONE)


def test_a_host_without_packages(tmp_path):
    with pytest.raises(SourceUnavailableError, match="no package database"):
        collect(RootedHost(tmp_path), Keyring(), DigestCache())
