"""What Debian packages are compared with: the package file that apt fetched, what was seen first, or dpkg's digests."""

import bz2
import hashlib
import lzma
import os
import re
import shutil
import stat
import zlib
from pathlib import Path

import lz4.frame
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.host.rooted import RootedHost
from agent.integrity.packages import apt_archive
from agent.integrity.packages.baselines import Baseline, Baselines
from agent.integrity.packages.dpkg_files import Basis
from agent.integrity.packages.dpkg_notes import DIVERSIONS, OVERRIDES, read_notes
from agent.integrity.packages.fingerprint import NONE, FileClass, Override
from agent.integrity.packages.known_good import Verdict, compare
from agent.integrity.packages.measuring import DigestCache
from agent.integrity.packages.openpgp import Keyring
from agent.integrity.packages.package_files import read_package_file
from agent.integrity.packages.package_set import collect
from agent.storage.database import Database
from agent.storage.package_evidence import PackageEvidence
from tests.integrity.packages.apt_workshop import FILES, AptRoot
from tests.integrity.packages.deb_workshop import build
from tests.integrity.packages.rpm_workshop import run

DOCUMENT = Path(__file__).parents[3] / "docs/fingerprint.md"
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may install packages into a folder")


class Device:
    """A copy of what apt has installed, looked at with a storage of its own."""

    def __init__(self, pristine, folder):
        # cp keeps owners, times and hard links.
        run("cp", "-a", pristine.root, folder / "root")
        self.apt = AptRoot.__new__(AptRoot)
        self.root = self.apt.root = folder / "root"
        self.evidence = PackageEvidence(Database.open(folder / "database"))
        self.restart()

    def restart(self):
        """Nothing is left but what storage has."""
        self.baselines, self.digests = Baselines(self.evidence), DigestCache()

    def look(self, *keys):
        """The packages by name, with these keys pinned."""
        keyring = Keyring()
        for key in keys:
            keyring.add(key.public.encode())
        found = collect(RootedHost(self.root), keyring, self.digests, baselines=self.baselines)
        assert found.problems == ()
        return {report.id.name: report for report in found.packages}

    def place(self, path):
        return self.root / path.lstrip("/")


@pytest.fixture
def device(apt_pristine, tmp_path):
    return Device(apt_pristine, tmp_path)


def changes(report):
    return {each.path: each.changes for each in report.drift}


# --- the package file ------------------------------------------------------------------------------------------------


def test_a_package_that_apt_has_fetched(device, debs):
    report = device.look(debs.key)["tool"]
    assert report.basis is Basis.DEB
    assert report.install_time == report.run_time
    assert report.configuration_install_time == report.configuration_run_time
    assert report.drift == ()
    # Folders don't count.
    assert report.files == len(FILES) + 1
    # The same value as that of the package file, wherever that is.
    (known,) = [each for each in read_package_file(debs.tool) if each.basis is Basis.DEB]
    assert (known.id, known.value) == (report.id, report.install_time)


def test_the_definition_by_hand(device, debs):
    """docs/fingerprint.md, followed with stat and sha256sum."""
    lines = []
    for path in [*FILES, "/usr/share/tool/zhard"]:
        if path == "/etc/tool.conf":
            continue
        found = device.place(path).lstat()
        value = "data" if path.endswith("/link") else run("sha256sum", device.place(path)).stdout.split()[0]
        owners = [{0: "root", 1: "daemon"}[number] for number in (found.st_uid, found.st_gid)]
        lines.append("\0".join([path, f"{found.st_mode:o}", *owners, value.lstrip("\\"), ""]) + "\n")
    expected = hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()
    assert device.look(debs.key)["tool"].install_time == expected


TAMPERING = {
    "content": (lambda place: place("/usr/share/tool/with space").write_text("other"), {"contents"}),
    "content of the same size and time": (
        lambda place: same_size_and_time(place("/usr/share/tool/with space")),
        {"contents"},
    ),
    "mode": (lambda place: place("/usr/bin/tool").chmod(0o755), {"mode"}),
    "setuid given": (lambda place: place("/usr/bin/raw").chmod(0o4755), {"mode"}),
    "owner": (lambda place: os.chown(place("/usr/share/tool/with space"), 1, 0), {"user"}),
    "group": (lambda place: os.chown(place("/usr/share/tool/with space"), 0, 54321), {"group"}),
    "owner of a link": (
        lambda place: os.chown(place("/usr/share/tool/link"), 1, 1, follow_symlinks=False),
        {"user", "group"},
    ),
    "link": (lambda place: replaced(place("/usr/share/tool/link"), lambda at: at.symlink_to("/etc/shadow")), {"link"}),
    "file in place of a link": (
        lambda place: replaced(place("/usr/share/tool/link"), lambda at: at.write_text("x")),
        {"type", "link", "mode"},
    ),
    "link in place of a file": (
        lambda place: replaced(place("/usr/share/tool/with space"), lambda at: at.symlink_to("data")),
        {"type", "contents", "mode"},
    ),
    "capability given": (lambda place: run("setcap", "cap_net_raw=ep", place("/usr/bin/raw")), {"capabilities"}),
    "deleted": (lambda place: place("/usr/bin/tool").unlink(), {"missing"}),
    "FIFO in place of a file": (
        lambda place: replaced(place("/usr/share/tool/with space"), os.mkfifo),
        {"type", "contents"},
    ),
}


def replaced(place, make):
    place.unlink()
    make(place)


def same_size_and_time(place):
    before = place.stat()
    place.write_text("MORE\n")
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert place.stat().st_size == before.st_size


@pytest.mark.parametrize("basis", [Basis.DEB, Basis.FIRST_SIGHT])
@pytest.mark.parametrize("name", TAMPERING)
def test_tampering_is_seen_by_what_dpkg_sees_and_more(device, debs, basis, name):
    keys = (debs.key,) if basis is Basis.DEB else ()
    before = device.look(*keys)["tool"]
    assert (before.basis, before.drift) == (basis, ())
    tamper, expected = TAMPERING[name]
    tamper(device.place)
    report = device.look(*keys)["tool"]
    assert (report.basis, report.install_time) == (basis, before.install_time)
    assert report.run_time not in (report.install_time, NONE)
    assert {change for each in report.drift for change in each.changes} == expected
    # dpkg -V would wait for ever for somebody who writes into the FIFO.
    theirs = {} if "FIFO" in name else device.apt.verify()
    assert changes(report).keys() >= theirs.keys()
    assert all(("missing" in changes(report)[path]) == (theirs[path] == "missing") for path in theirs)


def test_what_is_added_is_nobodys(device, debs):
    """As with dpkg -V: a file that no package has is told by the inventory of files."""
    before = device.look(debs.key)
    device.place("/usr/bin/added").write_text("backdoor\n")
    assert device.look(debs.key) == before
    assert device.apt.verify() == {}


def test_who_edits_the_digests_of_dpkg_too_is_seen(device, debs):
    """dpkg -V no longer sees anything."""
    device.look()
    place, sums = device.place("/usr/bin/tool"), device.place("/var/lib/dpkg/info/tool.md5sums")
    old, new = (hashlib.md5(content).hexdigest() for content in (place.read_bytes(), b"backdoor\n"))
    place.write_text("backdoor\n")
    place.chmod(0o4755)
    sums.write_text(sums.read_text().replace(old, new))
    assert device.apt.verify() == {}
    for keys in ((), (debs.key,)):
        assert changes(device.look(*keys)["tool"]) == {"/usr/bin/tool": ("contents",)}


def test_the_package_file_is_remembered(device, debs):
    """After apt-get clean, and when the index has moved on."""
    before = device.look(debs.key)["tool"]
    shutil.rmtree(device.place("/var/cache/apt/archives"))
    shutil.rmtree(device.apt.lists)
    device.restart()
    assert device.look(debs.key)["tool"] == before


def test_a_key_that_is_no_longer_pinned_vouches_for_nothing(device, debs):
    assert device.look(debs.key)["tool"].basis is Basis.DEB
    assert device.look()["tool"].basis is Basis.FIRST_SIGHT
    assert device.look(debs.key)["tool"].basis is Basis.DEB


def test_only_pinned_keys_vouch(device, signing_key):
    assert device.look(signing_key)["tool"].basis is Basis.FIRST_SIGHT


def edited(file):
    content = bytearray(file.read_bytes())
    content[-20] ^= 1
    file.write_bytes(content)


BROKEN_CHAINS = {
    "the package file": lambda apt: edited(apt.archived("tool")),
    "the index": lambda apt: edited(apt.index()),
    "the release": lambda apt: [
        file.write_bytes(file.read_bytes().replace(b"Suite: stable", b"Suite: staple"))
        for file in apt.lists.glob("*_InRelease")
    ],
    "no index": lambda apt: apt.index().unlink(),
    "no lists": lambda apt: shutil.rmtree(apt.lists),
    "another package under its name": lambda apt: shutil.copy(apt.archived("other"), apt.archived("tool")),
    "no package": lambda apt: replaced(apt.archived("tool"), os.mkfifo),
}


@pytest.mark.parametrize("name", BROKEN_CHAINS)
def test_a_chain_that_is_broken_proves_nothing(device, debs, name):
    BROKEN_CHAINS[name](device.apt)
    report = device.look(debs.key)["tool"]
    assert (report.basis, report.drift) == (Basis.FIRST_SIGHT, ())


def test_what_proves_nothing_is_not_read_again_and_again(device, debs, monkeypatch):
    edited(device.apt.archived("tool"))
    assert device.look(debs.key)["other"].basis is Basis.DEB
    device.look(debs.key)
    monkeypatch.setattr(apt_archive, "_index", None)
    device.look(debs.key)


@pytest.mark.parametrize("suffix", ["", ".gz", ".xz", ".bz2", ".lz4", ".zst"])
def test_indexes_of_every_compression(device, debs, suffix):
    index = device.apt.index()
    content = (debs.repository.folder / "dists/stable/main/binary-amd64/Packages").read_bytes()
    index.unlink()
    pack = {
        "": bytes,
        ".gz": lambda content: run_gzip(content),
        ".xz": lzma.compress,
        ".bz2": bz2.compress,
        ".lz4": lz4.frame.compress,
        ".zst": zstandard.compress,
    }
    (index.parent / f"{index.name.split('_Packages')[0]}_Packages{suffix}").write_bytes(pack[suffix](content))
    assert device.look(debs.key)["tool"].basis is Basis.DEB


def run_gzip(content):
    packer = zlib.compressobj(wbits=31)
    return packer.compress(content) + packer.flush()


def test_a_release_with_its_signature_beside_it(device, debs):
    (signed,) = device.apt.lists.glob("*_InRelease")
    release = signed.with_name(signed.name.replace("InRelease", "Release"))
    shutil.copy(debs.repository.folder / "dists/stable/Release", release)
    signed.unlink()
    assert device.look(debs.key)["tool"].basis is Basis.FIRST_SIGHT
    debs.key.gpg("--detach-sign", "--armor", "-o", f"{release}.gpg", release)
    device.restart()
    assert device.look(debs.key)["tool"].basis is Basis.DEB


def test_the_hook_of_the_documentation_hands_package_files_over(debs, tmp_path):
    """Run by apt itself, which keeps no package files of its own."""
    (hook,) = re.findall(r"^DPkg::Pre-Install-Pkgs .*$", DOCUMENT.read_text(), re.MULTILINE)
    (tmp_path / "device").mkdir()
    apt = AptRoot(tmp_path / "device/root", debs.repository)
    folder = apt.root / "var/cache/trustconf/packages"
    folder.mkdir(parents=True)
    # apt reads its folder of settings before it knows of another root.
    (tmp_path / "90trustconf").write_text(hook.replace("/var/cache/trustconf/packages", str(folder)))
    apt.get("-c", tmp_path / "90trustconf", "install", "tool")
    apt.get("clean")
    assert [file.name for file in folder.iterdir()] == ["tool_2%3a1.0-3_all.deb"]
    (tmp_path / "copy").mkdir()
    device = Device(apt, tmp_path / "copy")
    assert device.look(debs.key)["tool"].basis is Basis.DEB


# --- first sight -----------------------------------------------------------------------------------------------------


def test_first_sight(device):
    report = device.look()["tool"]
    assert report.basis is Basis.FIRST_SIGHT
    assert report.install_time == report.run_time
    assert report.drift == ()
    device.restart()
    assert device.look()["tool"] == report


def test_what_was_changed_before_is_not_believed(device):
    """Its digest is that of dpkg, and so it stays."""
    device.place("/usr/bin/tool").write_text("backdoor\n")
    for _ in range(2):
        report = device.look()["tool"]
        assert report.basis is Basis.FIRST_SIGHT
        assert changes(report) == {"/usr/bin/tool": ("contents",)}
        assert report.install_time != report.run_time
        device.restart()


def test_the_own_folders_of_a_package_count(device):
    device.look()
    device.place("/usr/share/tool").chmod(0o777)
    device.place("/usr/bin").chmod(0o777)
    found = device.look()
    assert changes(found["tool"]) == {"/usr/share/tool": ("mode",)}
    assert found["other"].drift == ()


def test_it_is_renewed_when_dpkg_unpacks_the_package(device, debs):
    before = device.look()
    device.place("/usr/share/tool").chmod(0o700)
    device.place("/usr/share/other").chmod(0o700)
    device.place("/usr/bin/tool").chmod(0o755)
    assert changes(device.look()["tool"]) == {"/usr/bin/tool": ("mode",), "/usr/share/tool": ("mode",)}
    device.apt.install(debs.tool)
    after = device.look()
    # dpkg has put the mode of the file right, and leaves folders as they are.
    assert after["tool"].drift == ()
    assert after["tool"].install_time != before["tool"].install_time
    assert changes(after["other"]) == {"/usr/share/other": ("mode",)}


def test_what_is_removed_is_forgotten(device):
    device.look()
    assert device.evidence.baseline("tool", "all", "first-sight") is not None
    run("dpkg", "--root", device.root, "--log", "/dev/null", "--force-not-root", "--purge", "tool")
    assert "tool" not in device.look()
    assert device.evidence.baseline("tool", "all", "first-sight") is None
    assert device.evidence.baseline("other", "all", "first-sight") is not None


def test_without_digests_there_is_no_sight(device):
    device.place("/var/lib/dpkg/info/tool.md5sums").unlink()
    report = device.look()["tool"]
    assert (report.basis, report.install_time, report.run_time) == (Basis.NONE, NONE, NONE)


def test_a_baseline_that_is_damaged_is_made_anew(device):
    before = device.look()["tool"]
    row = device.evidence.baseline("tool", "all", "first-sight")
    device.evidence.put_baselines([(*row[:6], b"nonsense")])
    assert device.look()["tool"] == before


@settings(max_examples=50, deadline=None)
@given(st.binary())
def test_any_content_of_a_baseline_is_read_or_refused(content):
    for packed in (content, zlib.compress(content)):
        assert Baseline("", "", "", packed).content is None


# --- what was set for single files -----------------------------------------------------------------------------------


def override(device, path, user, group, mode):
    run("dpkg-statoverride", "--root", device.root, "--update", "--force-all", "--add", user, group, mode, path)


@pytest.mark.parametrize("basis", [Basis.DEB, Basis.FIRST_SIGHT])
@pytest.mark.parametrize("is_early", [False, True])
def test_an_override_decides_on_owner_and_mode(device, debs, basis, is_early):
    """Whether it is there at first sight, or comes later."""
    keys = (debs.key,) if basis is Basis.DEB else ()
    before = None if is_early else device.look(*keys)["tool"]
    override(device, "/usr/bin/tool", "root", "#1", "0750")
    found = device.place("/usr/bin/tool").stat()
    assert (found.st_gid, stat.S_IMODE(found.st_mode)) == (1, 0o750)
    report = device.look(*keys)["tool"]
    assert (report.basis, report.drift, report.unverified_files) == (basis, (), 1)
    assert report.install_time == report.run_time
    assert before is None or report.install_time == before.install_time
    # As it was packaged is what it should no longer be.
    device.place("/usr/bin/tool").chmod(0o4755)
    assert changes(device.look(*keys)["tool"]) == {"/usr/bin/tool": ("mode",)}
    os.chown(device.place("/usr/bin/tool"), 1, 0)
    assert changes(device.look(*keys)["tool"]) == {"/usr/bin/tool": ("mode", "user", "group")}


def test_a_diverted_file_is_looked_for_where_it_was_put(device, debs):
    device.apt.divert("/usr/bin/tool", "/usr/bin/tool.real", "other")
    for keys in ((), (debs.key,)):
        report = device.look(*keys)["tool"]
        assert report.drift == ()
        device.place("/usr/bin/tool.real").chmod(0o777)
        assert changes(device.look(*keys)["tool"]) == {"/usr/bin/tool": ("mode",)}
        device.place("/usr/bin/tool.real").chmod(0o4755)


# --- known good values -----------------------------------------------------------------------------------------------


def test_known_good_values_match_every_basis(device, debs):
    known = {(each.id, each.basis.value): each.value for each in read_package_file(debs.tool)}
    assert {basis for _, basis in known} == {"deb", "md5sums"}

    def verdicts(*keys):
        (found,) = [each for each in compare(known, device.look(*keys).values()) if each.report.id.name == "tool"]
        return found.report.basis, found.install_time, found.run_time

    good = (Verdict.MATCH, Verdict.MATCH)
    assert verdicts() == (Basis.FIRST_SIGHT, *good)
    assert verdicts(debs.key) == (Basis.DEB, *good)
    device.place("/usr/bin/tool").chmod(0o777)
    bad = (Verdict.MATCH, Verdict.MISMATCH)
    assert verdicts() == (Basis.FIRST_SIGHT, *bad)
    assert verdicts(debs.key) == (Basis.DEB, *bad)


def test_a_package_that_was_built_by_somebody_else_mismatches(device, debs, tmp_path):
    other = build(tmp_path, "tool", FILES | {"/usr/bin/tool": "backdoor\n"}, conffiles=("/etc/tool.conf",))
    known = {(each.id, each.basis.value): each.value for each in read_package_file(other)}
    for keys in ((), (debs.key,)):
        (found,) = [each for each in compare(known, device.look(*keys).values()) if each.report.id.name == "tool"]
        assert (found.install_time, found.run_time) == (Verdict.MISMATCH, Verdict.MISMATCH)


def test_a_configuration_file_has_its_own_fingerprint(device, debs):
    for keys in ((), (debs.key,)):
        device.look(*keys)
        device.place("/etc/tool.conf").chmod(0o600)
        report = device.look(*keys)["tool"]
        assert report.install_time == report.run_time
        assert report.configuration_install_time != report.configuration_run_time
        assert [(each.file_class, each.changes) for each in report.drift] == [(FileClass.CONFIGURATION, ("mode",))]
        device.place("/etc/tool.conf").chmod(0o644)


@settings(max_examples=50, deadline=None)
@given(st.binary(), st.binary())
def test_any_notes_are_read_or_passed_over(tmp_path_factory, diversions, overrides):
    root = tmp_path_factory.getbasetemp() / f"notes-{os.getpid()}"
    (root / "var/lib/dpkg").mkdir(parents=True, exist_ok=True)
    (root / DIVERSIONS.lstrip("/")).write_bytes(diversions)
    (root / OVERRIDES.lstrip("/")).write_bytes(overrides + b"\nroot #5 4755 /usr/bin/a b\nroot root 8 /x\n")
    notes = read_notes(RootedHost(root))
    assert notes.overrides["/usr/bin/a b"] == Override("root", "#5", 0o4755)
    assert "/x" not in notes.overrides
    assert all(place.startswith("/") for place, _ in notes.diversions.values())
