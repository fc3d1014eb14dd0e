"""Package lists beside dpkg-query and rpm, and parsers beside every kind of damage."""

import contextlib
import shutil
import sqlite3
import struct
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.host.contract import FileStatus
from agent.host.real import RealHost
from agent.integrity.errors import ResultCode, SourceUnavailableError
from agent.integrity.sources import dpkg
from agent.integrity.sources.dpkg import STATUS_PATH, dpkg_packages, parse_status
from agent.integrity.sources.rpm import DATABASE_FOLDERS, rpm_packages
from agent.integrity.sources.rpm_header import RpmHeaderError, RpmPackage, parse_header

from .machines import machine

# --- dpkg ------------------------------------------------------------------------------------------------------------


def test_dpkg_query_lists_the_same_packages_on_this_machine():
    fields = "${Package}\\t${Version}\\t${Architecture}\\t${db:Status-Status}\\n"
    done = subprocess.run(["dpkg-query", "-W", "-f", fields], capture_output=True, text=True, check=True, timeout=60)
    theirs = {tuple(line.split("\t")) for line in done.stdout.splitlines()}
    ours = {(each.name, each.version, each.architecture, each.state) for each in dpkg_packages(RealHost())}
    assert ours == {each for each in theirs if each[3] not in ("config-files", "not-installed")}
    assert len(ours) > 50


def test_dpkg_query_agrees_about_states_between(tmp_path):
    states = ["installed", "half-installed", "unpacked", "half-configured", "config-files", "triggers-awaited"]
    stanzas = [
        f"Package: p{number}\nStatus: install ok {state}\nPriority: optional\nMaintainer: a <a@b.c>\n"
        f"Architecture: all\nVersion: 1:{number}.0-1\n"
        f"{'Triggers-Awaited: x' if state == 'triggers-awaited' else 'Section: x'}\n"
        "Description: one\n Package: not-a-field\n .\n more\n"
        for number, state in enumerate(states)
    ]
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").write_text("\n".join(stanzas))
    admin = str(tmp_path / "var/lib/dpkg")
    fields = "${Package} ${db:Status-Status} ${Version}\\n"
    command = ["dpkg-query", "--admindir", admin, "-W", "-f", fields]
    theirs = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    ours = [f"{each.name} {each.state} {each.version}" for each in dpkg_packages(machine(tmp_path))]
    assert ours == sorted(line for line in theirs if "config-files" not in line)
    assert len(ours) == 5


def test_no_dpkg_is_absence(tmp_path):
    with pytest.raises(SourceUnavailableError) as caught:
        dpkg_packages(machine(tmp_path))
    assert caught.value.code is ResultCode.NOT_PRESENT
    assert STATUS_PATH in caught.value.reason


@given(st.binary(max_size=500))
def test_any_status_file_is_read(content):
    parse_status(content)
    parse_status(b"Package: a\nStatus: install ok installed\n" + content)


def test_too_many_packages(monkeypatch):
    monkeypatch.setattr(dpkg, "MAX_PACKAGES", 1)
    with pytest.raises(SourceUnavailableError) as caught:
        parse_status(b"Package: a\nStatus: install ok installed\n\n" * 2)
    assert caught.value.code is ResultCode.LIMIT_EXCEEDED


# --- rpm -------------------------------------------------------------------------------------------------------------

SPEC = """\
Name: {name}
Version: {version}
Release: {release}
{epoch}
Summary: a package
License: none
BuildArch: noarch
%description
A package.
%files
"""
QUERY = "%{NAME}|%{EPOCH}|%{VERSION}|%{RELEASE}|%{ARCH}|%{INSTALLTIME}\\n"


def rpm(*arguments):
    done = subprocess.run(["rpm", *arguments], capture_output=True, text=True, check=True, timeout=120)
    return done.stdout


@pytest.fixture(scope="module")
def rpm_root(tmp_path_factory):
    """A root folder with an rpm database that rpm itself has filled."""
    work = tmp_path_factory.mktemp("rpm")
    root = work / "root"
    for name, version, release, epoch in (("first", "1.0", "1", ""), ("second", "2.5~rc1", "3.el9", "Epoch: 4")):
        spec = work / f"{name}.spec"
        spec.write_text(SPEC.format(name=name, version=version, release=release, epoch=epoch))
        command = ["rpmbuild", "-bb", "--define", f"_topdir {work}/build", "--define", "_dbpath /none", str(spec)]
        subprocess.run(command, capture_output=True, check=True, timeout=120)
    folder = root / DATABASE_FOLDERS[1].lstrip("/")
    folder.mkdir(parents=True)
    packages = [str(path) for path in sorted((work / "build/RPMS/noarch").glob("*.rpm"))]
    define = ("--define", "_db_backend sqlite", "--root", str(root), "--dbpath", DATABASE_FOLDERS[1])
    rpm(*define, "--initdb")
    rpm(*define, "-i", "--nodeps", "--justdb", "--ignoreos", *packages)
    return root, define


def as_rpm_says(package):
    values = (package.name, package.epoch, package.version, package.release, package.architecture, package.install_time)
    return "|".join("(none)" if value is None else str(value) for value in values)


def test_rpm_lists_the_same_packages(rpm_root):
    root, define = rpm_root
    theirs = sorted(rpm(*define, "-qa", "--qf", QUERY).splitlines())
    ours = [as_rpm_says(package) for package in rpm_packages(machine(root))]
    assert ours == theirs
    assert len(ours) == 2
    assert ours[1].startswith("second|4|2.5~rc1|3.el9|noarch|")


@pytest.fixture
def database(rpm_root, tmp_path):
    """A copy of that root of our own, and its database file."""
    root = tmp_path / "root"
    shutil.copytree(rpm_root[0], root)
    return root, root / DATABASE_FOLDERS[1].lstrip("/") / "rpmdb.sqlite"


def test_what_is_only_in_the_wal_counts(database):
    root, file = database
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("DELETE FROM Packages WHERE hnum = (SELECT min(hnum) FROM Packages)")
    connection.commit()
    before = file.read_bytes()
    assert file.with_name("rpmdb.sqlite-wal").stat().st_size > 0
    assert len(rpm_packages(machine(root))) == 1
    assert file.read_bytes() == before
    connection.close()


def test_the_newer_place_comes_first(database):
    root, file = database
    newer = root / DATABASE_FOLDERS[0].lstrip("/")
    newer.parent.mkdir(parents=True, exist_ok=True)
    file.parent.rename(newer)
    assert len(rpm_packages(machine(root))) == 2


def test_a_damaged_database_is_said(database):
    root, file = database
    content = file.read_bytes()
    for damaged in (b"", b"nonsense", content[: len(content) // 2], b"SQLite format 3\0" + b"\xff" * 5000):
        file.write_bytes(damaged)
        with pytest.raises(SourceUnavailableError) as caught:
            rpm_packages(machine(root))
        assert caught.value.code is ResultCode.FAILED


def test_a_damaged_header_is_said(database):
    root, file = database
    for value in ("text", b"\0" * 8):
        connection = sqlite3.connect(file)
        connection.execute("UPDATE Packages SET blob = ? WHERE hnum = (SELECT min(hnum) FROM Packages)", (value,))
        connection.commit()
        connection.close()
        with pytest.raises(RpmHeaderError):
            rpm_packages(machine(root))


@pytest.mark.parametrize(("file", "backend"), [("Packages", "Berkeley DB"), ("Packages.db", "ndb")])
def test_other_backends_are_named(tmp_path, file, backend):
    with pytest.raises(SourceUnavailableError, match=backend) as caught:
        rpm_packages(machine(tmp_path, {f"/var/lib/rpm/{file}": b"x"}))
    assert caught.value.code is ResultCode.NOT_SUPPORTED


def test_no_rpm_is_absence(tmp_path):
    with pytest.raises(SourceUnavailableError) as caught:
        rpm_packages(machine(tmp_path))
    assert caught.value.code is ResultCode.NOT_PRESENT


def test_a_database_that_changes_while_it_is_read(database):
    root, _ = database

    class Restless:
        """A host on which the database is written at each look, `times` times."""

        def __init__(self, times):
            self.host, self.left = machine(root), times

        def read_file(self, *arguments):
            return self.host.read_file(*arguments)

        def stat(self, path):
            found = self.host.stat(path)
            self.left -= 1
            if self.left < 0:
                return found
            return FileStatus(found.kind, found.mode, found.size, found.modified_ns + self.left + 1, found.inode)

    assert len(rpm_packages(Restless(4))) == 2
    with pytest.raises(SourceUnavailableError, match="being changed"):
        rpm_packages(Restless(1000))


def header(*entries, data=b""):
    index = b"".join(struct.pack(">IIII", *entry) for entry in entries)
    return struct.pack(">II", len(entries), len(data)) + index + data


GOOD = header(
    (1000, 6, 0, 1), (1001, 6, 2, 1), (1002, 6, 4, 1), (1003, 4, 8, 1), data=b"n\0v\0r\0\0\0" + struct.pack(">I", 7)
)


def test_a_header_by_hand():
    assert parse_header(GOOD) == RpmPackage("n", 7, "v", "r", "", None)


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        GOOD[:-1],
        GOOD + b"\0",
        header((1000, 6, 99, 1), data=b"n\0"),
        header((1000, 6, 0, 0), data=b"n\0"),
        header((1000, 6, 0, 1), data=b"n"),
        header((1000, 4, 0, 1), data=b"\0\0\0\0"),
        header((1000, 6, 0, 1), (1001, 6, 0, 1), (1002, 6, 0, 1), (1003, 6, 0, 1), data=b"n\0"),
        header((1003, 4, 0xFFFFFFFF, 1), data=b"\0\0\0\0"),
        struct.pack(">II", 0xFFFFFFFF, 0xFFFFFFFF),
    ],
)
def test_damaged_headers(blob):
    with pytest.raises(RpmHeaderError):
        parse_header(blob)


@settings(max_examples=300)
@given(st.data())
def test_any_header_is_read_or_refused(data):
    blob = bytearray(GOOD)
    for _ in range(data.draw(st.integers(0, 5))):
        blob[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    for content in (bytes(blob), data.draw(st.binary(max_size=200))):
        with contextlib.suppress(RpmHeaderError):
            assert isinstance(parse_header(content).name, str)
