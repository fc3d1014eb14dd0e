"""Packages that were built, signed, installed and tampered with, judged beside `rpm -V`."""

import hashlib
import os
import sqlite3
import stat
import struct
import subprocess

import pytest

from agent.host.commands import RPM_EXPORTS
from agent.host.contract import CommandResult
from agent.host.errors import DeniedError
from agent.host.rooted import RootedHost
from agent.integrity.filesystem.owners import Owner, owned_files
from agent.integrity.filesystem.records import PackageKind
from agent.integrity.packages.fingerprint import NONE
from agent.integrity.packages.measuring import DigestCache
from agent.integrity.packages.openpgp import Keyring
from agent.integrity.packages.package_set import collect
from agent.integrity.packages.rpm_files import HeaderStatus
from agent.integrity.sources.rpm_header import RpmHeader
from tests.integrity.packages.rpm_workshop import DATABASE, SMALL_SPEC, RpmRoot, SigningKey, build, run

#: Our words for a change and rpm's letter.
LETTERS = {
    "missing": "missing",
    "type": "M",
    "mode": "M",
    "contents": "5",
    "link": "L",
    "device": "D",
    "user": "U",
    "group": "G",
    "capabilities": "P",
}


def keyring(*keys):
    pinned = Keyring()
    for key in keys:
        pinned.add(key.public.encode())
    return pinned


def collected(root, *keys, digests=None, host=None):
    return collect(host or RootedHost(root.root), keyring(*keys), digests or DigestCache())


def tool(root, *keys, **options):
    (report,) = [each for each in collected(root, *keys, **options).packages if each.id.name.startswith("tool")]
    return report


def letters(report):
    return {
        each.path: "missing" if each.changes == ("missing",) else "".join(sorted({LETTERS[c] for c in each.changes}))
        for each in report.drift
    }


def test_a_package_that_nobody_touched(installed, signing_key):
    report = tool(installed, signing_key)
    assert report.header_status is HeaderStatus.OK
    assert report.key_id == signing_key.key_id
    assert report.id.text == "tool-1:2.0-3.el9." + os.uname().machine
    assert report.install_time == report.run_time
    assert len(report.install_time) == 64
    assert report.drift == ()
    assert report.files == 11
    assert installed.verify("tool") == {}


def test_the_definition_by_hand(installed, signing_key):
    """docs/fingerprint.md, followed with stat and sha256sum."""
    lines = []
    for path in run("rpm", *installed.options, "-ql", "tool").stdout.splitlines():
        if path in ("/etc/tool.conf", "/var/lib/tool/state"):
            continue
        found = (installed.root / path.lstrip("/")).lstat()
        names = {0: "root", 1: "daemon"}
        mode, user, value, caps = f"{found.st_mode:o}", names[found.st_uid], "", ""
        if stat.S_ISREG(found.st_mode):
            value = run("sha256sum", installed.root / path.lstrip("/")).stdout.split()[0].lstrip("\\")
        if path.endswith("/link"):
            value = "data"
        if path.endswith("/null"):
            value = "1:3"
        if path.endswith("/raw"):
            caps = "p=0000000000003000 i=0000000000000000 e=1"
        if path.endswith("/loose"):
            mode = user = "-"
        lines.append("\0".join([path, mode, user, names[found.st_gid], value, caps]) + "\n")
    assert len(lines) == 9
    expected = hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()
    assert tool(installed, signing_key).run_time == expected


TAMPERING = {
    "content": lambda root: (root / "usr/lib/tool/with space").write_text("other"),
    "content of the same size and time": lambda root: same_size_and_time(root / "usr/lib/tool/with space"),
    "mode": lambda root: (root / "usr/bin/tool").chmod(0o755),
    "mode of a folder": lambda root: (root / "usr/lib/tool").chmod(0o777),
    "owner": lambda root: os.chown(root / "usr/lib/tool/with space", 1, 0),
    "owner without a name": lambda root: os.chown(root / "usr/lib/tool/with space", 54321, 54321),
    "group": lambda root: os.chown(root / "usr/lib/tool/data", 0, 0),
    "owner of a link": lambda root: os.chown(root / "usr/lib/tool/link", 1, 1, follow_symlinks=False),
    "link": lambda root: replaced(root / "usr/lib/tool/link", lambda place: place.symlink_to("/etc/shadow")),
    "file in place of a link": lambda root: replaced(root / "usr/lib/tool/link", lambda place: place.write_text("x")),
    "link in place of a file": lambda root: replaced(
        root / "usr/lib/tool/hard", lambda place: place.symlink_to("data")
    ),
    "capability taken": lambda root: os.removexattr(root / "usr/bin/raw", "security.capability"),
    "capability given": lambda root: run("setcap", "cap_sys_admin=ep", root / "usr/lib/tool/with space"),
    "capability changed": lambda root: run("setcap", "cap_net_raw=ep", root / "usr/bin/raw"),
    "deleted": lambda root: (root / "usr/bin/tool").unlink(),
    "folder gone": lambda root: run("rm", "-r", root / "usr/lib/tool"),
    "device": lambda root: replaced(
        root / "usr/lib/tool/null", lambda place: os.mknod(place, 0o20600, os.makedev(1, 5))
    ),
    "FIFO in place of a file": lambda root: replaced(root / "usr/lib/tool/with space", os.mkfifo),
}


def replaced(place, make):
    place.unlink()
    make(place)


def same_size_and_time(place):
    before = place.stat()
    place.write_text("PLAIN\n")
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert place.stat().st_size == before.st_size


@pytest.mark.parametrize("name", TAMPERING)
def test_tampering_is_seen_as_rpm_sees_it(installed, signing_key, name):
    digests = DigestCache()
    before = tool(installed, signing_key, digests=digests)
    TAMPERING[name](installed.root)
    report = tool(installed, signing_key, digests=digests)
    assert report.install_time == before.install_time
    assert report.run_time != report.install_time
    theirs = installed.verify("tool")
    assert theirs
    # Of what has become another kind of file, rpm compares what the new kind has.
    ours = {path: set(found) for path, found in letters(report).items()}
    assert ours.keys() == theirs.keys()
    assert all(ours[path] >= set(theirs[path]) - {"5", "L"} for path in theirs)
    if "place" not in name:
        assert letters(report) == theirs


HARMLESS = {
    "configuration": lambda root: (root / "etc/tool.conf").write_text("mine"),
    "state": lambda root: (root / "var/lib/tool").mkdir(parents=True) or (root / "var/lib/tool/state").write_text("x"),
    "time": lambda root: os.utime(root / "usr/bin/tool", (1, 1)),
    "%verify(not mode user)": lambda root: (
        (root / "usr/lib/tool/loose").chmod(0o600) or os.chown(root / "usr/lib/tool/loose", 1, 0)
    ),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_may_change_does_not_change_the_fingerprint(installed, signing_key, name):
    HARMLESS[name](installed.root)
    report = tool(installed, signing_key)
    assert report.install_time == report.run_time
    assert letters(report) == installed.verify("tool")
    assert (report.configuration_install_time != report.configuration_run_time) == (name == "configuration")


def test_healing_restores_the_value(installed, signing_key):
    before = tool(installed, signing_key)
    (installed.root / "usr/bin/tool").chmod(0o755)
    assert tool(installed, signing_key).run_time != before.run_time
    (installed.root / "usr/bin/tool").chmod(0o4755)
    assert tool(installed, signing_key) == before


def test_what_can_t_be_read_has_no_value(installed, signing_key):
    class Closed(RootedHost):
        def digest_file(self, path, algorithm):
            raise DeniedError(path, "permission denied")

    report = tool(installed, signing_key, host=Closed(installed.root))
    assert report.run_time == NONE
    assert report.install_time != NONE
    assert {each.changes for each in report.drift} == {("unreadable",)}


# --- the database and its signatures ---------------------------------------------------------------------------------


def edited_digest(blob, installed):
    """The header with the digest of what stands in a file now, as a forger would write it."""
    old = hashlib.sha256(b"program\n").hexdigest().encode()
    new = hashlib.sha256((installed.root / "usr/bin/tool").read_bytes()).hexdigest().encode()
    assert old in blob
    return blob.replace(old, new)


def database_edited_like_the_file(installed):
    (installed.root / "usr/bin/tool").write_text("backdoor\n")
    with installed.header("tool") as held:
        held[0] = edited_digest(held[0], installed)


def digests_of_the_header_made_anew(installed):
    (installed.root / "usr/bin/tool").write_text("backdoor\n")
    with installed.header("tool") as held:
        signed = RpmHeader(held[0]).signed_bytes
        forged = edited_digest(held[0], installed)
        for name in ("sha1", "sha256"):
            old = hashlib.new(name, signed).hexdigest().encode()
            new = hashlib.new(name, RpmHeader(forged).signed_bytes).hexdigest().encode()
            assert old in forged
            forged = forged.replace(old, new)
        held[0] = forged


def without_tags(blob, *tags):
    """The header with entries of these tags turned into ones that nobody reads."""
    entries, _ = struct.unpack_from(">II", blob)
    changed = bytearray(blob)
    for number in range(entries):
        (tag,) = struct.unpack_from(">I", blob, 8 + 16 * number)
        if tag in tags:
            struct.pack_into(">I", changed, 8 + 16 * number, 0x7FFFFF00 + number)
    return bytes(changed)


def signature_stripped(installed):
    with installed.header("tool") as held:
        held[0] = without_tags(held[0], 267, 268, 278)


#: What somebody does to the database -> what it is called.
FORGERIES = {
    database_edited_like_the_file: HeaderStatus.BAD_DIGEST,
    digests_of_the_header_made_anew: HeaderStatus.BAD_SIGNATURE,
    signature_stripped: HeaderStatus.UNSIGNED,
}


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_a_forged_database_is_told(installed, signing_key, forge):
    forge(installed)
    report = tool(installed, signing_key)
    assert report.header_status is FORGERIES[forge]
    assert report.run_time != NONE
    if report.header_status is HeaderStatus.UNSIGNED:
        assert report.key_id == ""
        assert report.install_time == report.run_time
    else:
        assert report.install_time == NONE
    if report.header_status is HeaderStatus.BAD_DIGEST:
        # rpm itself no longer knows the package.
        assert run("rpm", *installed.options, "-q", "tool", check=False).returncode != 0


def test_a_list_of_files_behind_the_region_does_not_count(installed, signing_key):
    """Somebody adds another list of modes where rpm adds its notes: the signed one counts."""
    before = tool(installed, signing_key)
    with installed.header("tool") as held:
        entries, data_bytes = struct.unpack_from(">II", held[0])
        index, data = held[0][8 : 8 + 16 * entries], held[0][8 + 16 * entries :]
        added = struct.pack(">IIII", 1030, 3, data_bytes, 11)
        held[0] = struct.pack(">II", entries + 1, data_bytes + 22) + index + added + data + b"\x81\xed" * 11
    assert tool(installed, signing_key) == before


def test_a_damaged_header_is_told_and_the_others_stay(installed, signing_key):
    with installed.header("tool") as held:
        held[0] = held[0][:50]
    packages = collected(installed, signing_key).packages
    assert [each.header_status for each in packages] == [HeaderStatus.DAMAGED]
    assert packages[0].id.name.startswith("damaged-")
    assert (packages[0].install_time, packages[0].run_time) == (NONE, NONE)


def test_only_pinned_keys_count(installed, signing_key):
    """The key is in rpm's own database, and that is worth nothing."""
    report = tool(installed)
    assert report.header_status is HeaderStatus.NO_KEY
    assert report.key_id == signing_key.key_id


def test_another_key_with_the_same_id_in_the_keyring(installed, signing_key):
    other = SigningKey()
    try:
        pinned = keyring(other)
        pinned._keys[signing_key.key_id] = pinned._keys[other.key_id]
        report = next(each for each in collect(RootedHost(installed.root), pinned, DigestCache()).packages)
        assert report.header_status is HeaderStatus.BAD_SIGNATURE
    finally:
        other.close()


@pytest.mark.parametrize("algorithm", ["ed25519", "dsa2048"])
def test_signatures_of_every_kind_that_rpm_makes(algorithm, tmp_path):
    key = SigningKey(algorithm)
    try:
        package = build(tmp_path / "build", SMALL_SPEC.format(name="small"))
        key.sign(package)
        root = RpmRoot(tmp_path / "root")
        root.install(package)
        (report,) = collected(root, key).packages
        assert report.header_status is HeaderStatus.OK
        assert report.key_id == key.key_id
    finally:
        key.close()


def test_other_databases_are_read_through_rpm(installed, signing_key, tmp_path):
    command = ["rpmdb", *installed.options, "--exportdb"]
    exported = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    expected = tool(installed, signing_key)
    installed.database.rename(installed.database.with_name("Packages.db"))
    host = RootedHost(installed.root, commands={RPM_EXPORTS[DATABASE]: CommandResult(0, exported)})
    assert tool(installed, signing_key, host=host) == expected


def test_a_database_of_berkeley_db(installed, signing_key):
    """As RHEL 8 has it: written by Berkeley DB's own program, exported by the command of the agent, which does not know
    the format. rpm reads it, too."""
    expected = tool(installed, signing_key)
    blobs = sqlite3.connect(installed.database).execute("SELECT hnum, blob FROM Packages").fetchall()
    # Record 0 has the number of the last header. Numbers are in the order of the machine.
    records = [(0, struct.pack("=I", max(number for number, _ in blobs))), *blobs]
    lines = [f" {content.hex()}" for number, blob in records for content in (struct.pack("=I", number), blob)]
    text = "\n".join(["VERSION=3", "format=bytevalue", "type=hash", "HEADER=END", *lines, "DATA=END", ""])
    database = installed.database.with_name("Packages")
    subprocess.run(["db5.3_load", database], input=text.encode(), check=True, timeout=60)
    installed.database.unlink()
    installed.options = tuple(each.replace("sqlite", "bdb_ro") for each in installed.options)

    command = RPM_EXPORTS[DATABASE]
    elsewhere = (command[0], "--root", str(installed.root), *command[1:])
    exported = subprocess.run(elsewhere, capture_output=True, check=True, timeout=60).stdout
    host = RootedHost(installed.root, commands={command: CommandResult(0, exported)})
    assert tool(installed, signing_key, host=host) == expected
    (installed.root / "usr/bin/tool").chmod(0o755)
    (installed.root / "usr/lib/tool/link").unlink()
    found = letters(tool(installed, signing_key, host=host))
    # By all: there is no index of names.
    assert found == installed.verify("-a") == {"/usr/bin/tool": "M", "/usr/lib/tool/link": "missing"}


def test_added_files_are_nobodys(installed, signing_key):
    """As with rpm -V: a file that no package has is told by the inventory of files."""
    before = tool(installed, signing_key)
    (installed.root / "usr/lib/tool/added").write_text("backdoor\n")
    assert tool(installed, signing_key) == before
    assert installed.verify("tool") == {}


def test_the_set_has_a_fingerprint(installed, signing_key):
    before = collected(installed, signing_key)
    assert len(before.fingerprint) == 64
    (installed.root / "usr/bin/tool").chmod(0o755)
    assert collected(installed, signing_key).fingerprint != before.fingerprint


def test_files_belong_to_the_packages_that_rpm_tells(installed):
    problems = []
    found = {
        folder + b"/" + name: owner
        for owner, places in owned_files(RootedHost(installed.root), problems)
        for folder, name in places
    }
    told = run("rpm", *installed.options, "-ql", "tool").stdout
    assert set(found) == {os.fsencode(path) for path in told.splitlines()}
    version = run("rpm", *installed.options, "-q", "--qf", "%{EVR}", "tool").stdout
    assert set(found.values()) == {Owner(PackageKind.RPM, "tool", version)}
    assert problems == []
