"""What a scan finds, on small machines; every change that AIDE sees is seen in test_aide.py."""

import json
import os
import shutil
import socket
import stat
import subprocess
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.host.errors import AbsentError
from agent.host.trees import OpenFolder
from agent.integrity.filesystem import scan as scanning
from agent.integrity.filesystem.classification import classify
from agent.integrity.filesystem.paths import path_of, shown_path
from agent.integrity.filesystem.records import (
    ChangeKind,
    Classification,
    PackageKind,
    canonical,
    deleted_line,
    owner_members,
    present_line,
)
from agent.integrity.filesystem.scan import ROTATION, StoppedError
from tests.integrity.filesystem.rig import Device


@pytest.fixture
def device(tmp_path):
    device = Device(tmp_path)
    for path, content in {"bin/tool": "tool\n", "etc/app.conf": "a = 1\n", "data/deep/er/file": "x"}.items():
        place = device.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
    (device.root / "bin/tool").chmod(0o755)
    yield device
    device.store.close()


def settle(device):
    """Until nothing is told any more: a first scan."""
    device.scan()
    assert device.changes() == {}


def test_the_first_snapshot_is_full_and_the_next_ones_tell_changes(device):
    first = device.scan()
    files = device.files(first)
    assert first.snapshot.is_full
    assert set(files) == {
        "/", "/bin", "/bin/tool", "/data", "/data/deep", "/data/deep/er", "/data/deep/er/file", "/etc", "/etc/app.conf",
    }  # fmt: skip
    assert {record["change-kind"] for record in files.values()} == {"change-kind-created"}
    tool, found = files["/bin/tool"], (device.root / "bin/tool").stat()
    assert tool["meta"] == {
        "uid": found.st_uid, "gid": found.st_gid, "devid": found.st_dev, "inode": found.st_ino,
        "blocks": found.st_blocks, "size": 5, "atime": int(found.st_atime), "mtime": int(found.st_mtime),
        "ctime": int(found.st_ctime), "mode": stat.S_IFREG | 0o755,
    }  # fmt: skip
    oracle = subprocess.run(["openssl", "dgst", "-sha256", "-binary", device.root / "bin/tool"], capture_output=True)
    encoded = subprocess.run(["openssl", "base64", "-A"], input=oracle.stdout, capture_output=True).stdout.decode()
    assert tool["digest"] == {"algorithm": "sha256", "digest-value": encoded}
    assert [files[name]["classification"] for name in ("/bin", "/bin/tool", "/etc/app.conf", "/data/deep/er/file")] == [
        "direct-ory", "executable", "config", "unclassified",
    ]  # fmt: skip
    second = device.scan()
    assert not second.snapshot.is_full
    assert device.files(second) == {}
    assert second.counts.files == first.counts.files == 9


def change(kind):
    def mark(function):
        CHANGES[function.__name__] = (function, kind)
        return function

    return mark


CHANGES = {}


@change({"/bin/tool": "contents-modified"})
def content(root):
    (root / "bin/tool").write_text("evil\n")


@change({"/bin/tool": "contents-modified"})
def same_size_and_time(root):
    before = (root / "bin/tool").stat()
    (root / "bin/tool").write_text("Tool\n")
    os.utime(root / "bin/tool", ns=(before.st_atime_ns, before.st_mtime_ns))


@change({"/bin/tool": "meta-data-modified"})
def setuid(root):
    (root / "bin/tool").chmod(0o4755)


@change({"/bin/tool": "meta-data-modified"})
def touched(root):
    os.utime(root / "bin/tool")


@change({"/etc": "meta-data-modified", "/etc/new": "created"})
def added(root):
    (root / "etc/new").touch()


@change({"/etc": "meta-data-modified", "/etc/app.conf": "deleted"})
def removed(root):
    (root / "etc/app.conf").unlink()


@change({"/data": "meta-data-modified", "/data/deep": "deleted", "/data/deep/er": "deleted",
         "/data/deep/er/file": "deleted"})  # fmt: skip
def folder_removed(root):
    shutil.rmtree(root / "data/deep")


@change({"/data": "meta-data-modified", "/data/deep": "contents-modified", "/data/deep/er": "deleted",
         "/data/deep/er/file": "deleted"})  # fmt: skip
def folder_replaced_by_a_file(root):
    folder_removed(root)
    (root / "data/deep").write_text("no folder\n")


@change({"/etc": "meta-data-modified", "/etc/app.conf": "contents-modified"})
def file_replaced_by_a_link(root):
    (root / "etc/app.conf").unlink()
    (root / "etc/app.conf").symlink_to("/bin/tool")


@change({"/data": "meta-data-modified", "/data/deep": "deleted", "/data/deep/er": "deleted",
         "/data/deep/er/file": "deleted", "/data/renamed": "created", "/data/renamed/er": "created",
         "/data/renamed/er/file": "created"})  # fmt: skip
def folder_renamed(root):
    (root / "data/deep").rename(root / "data/renamed")


@change({})
def read(root):
    (root / "bin/tool").read_text()
    list((root / "data/deep").iterdir())


@pytest.mark.parametrize("name", CHANGES)
def test_changes_have_their_kind(device, name):
    apply, expected = CHANGES[name]
    settle(device)
    apply(device.root)
    assert device.changes() == expected
    assert device.changes() == {}


def test_what_is_gone_has_no_metadata_but_its_package(device):
    device.install("app", "/bin/app")
    settle(device)
    (device.root / "bin/app").unlink()
    record = device.files(device.scan())["/bin/app"]
    assert record == {
        "name": "/bin/app", "change-kind": "change-kind-deleted", "classification": "unclassified",
        "package-kind": "package-dpkg", "package-name": "app", "package-version": "1.0-1",
    }  # fmt: skip


def test_a_forged_time_is_found_when_the_file_s_turn_comes(device):
    settle(device)
    place = device.root / "bin/tool"
    place.write_text("evil\n")
    # As if clock and disk had been forged as well: the state has the new times with the old digest.
    found = place.stat()
    stamp = scanning.STAMP.pack(
        found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_mode, found.st_uid, found.st_gid,
        found.st_rdev,
    )  # fmt: skip
    with device.store.writing() as connection:
        connection.execute("UPDATE file SET stamp = ? WHERE name = ?", (stamp, b"tool"))
    changes = [device.changes() for _ in range(ROTATION)]
    assert [each for each in changes if each] == [{"/bin/tool": "contents-modified"}]


def test_reading_all_finds_it_at_once(device):
    settle(device)
    with device.store.writing() as connection:
        connection.execute("UPDATE file SET digest = ? WHERE name = ?", (b"0" * 32, b"tool"))
    assert device.changes(reads_all=True) == {"/bin/tool": "contents-modified"}


def test_pipes_sockets_and_loops_of_links_are_told_and_never_opened(device):
    os.mkfifo(device.root / "data/pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(device.root / "data/sock"))
    (device.root / "data/loop").symlink_to("loop")
    (device.root / "data/up").symlink_to("..")
    files = device.files(device.scan())
    assert "digest" not in files["/data/pipe"]
    assert files["/data/pipe"]["classification"] == "volatile"
    assert "digest" not in files["/data/sock"]
    assert files["/data/loop"]["digest"]["algorithm"] == "sha256"
    assert not any(name.startswith("/data/up/") for name in files)


def test_names_of_any_bytes_come_back(device):
    names = [b"line\nfeed", b"caf\xc3\xa9", b"\xff\xfe", b'quote"\\back', b"\xe2\x80\x8bzero", b"a" * 255]
    for name in names:
        with open(os.fsencode(device.root) + b"/data/" + name, "wb"):
            pass
    files = device.files(device.scan())
    assert {path_of(name) for name in files} >= {b"/data/" + name for name in names}
    assert device.changes() == {}


def test_a_folder_of_many_files_is_compared_in_parts(device, monkeypatch):
    monkeypatch.setattr(scanning, "_ROWS", 7)
    place = device.root / "many"
    place.mkdir()
    for number in range(50):
        (place / f"{number:03}").touch()
    settle(device)
    for number in range(0, 50, 3):
        (place / f"{number:03}").unlink()
    for number in range(1, 50, 3):
        (place / f"{number:03}x").touch()
    expected = {f"/many/{number:03}": "deleted" for number in range(0, 50, 3)}
    expected |= {f"/many/{number:03}x": "created" for number in range(1, 50, 3)}
    assert device.changes() == expected | {"/many": "meta-data-modified"}
    assert device.changes() == {}


def test_what_is_left_out(device):
    for folder in ("proc/1", "sys/kernel", "dev", "run/lock", "skip/this", "var/keep"):
        (device.root / folder).mkdir(parents=True)
        (device.root / folder / "file").touch()
    (device.root / "var/keep/secret").touch()
    device.skipped = (b"/skip", b"/var/keep/secret")
    files = device.files(device.scan())
    assert {"/proc", "/sys", "/dev", "/run", "/skip", "/var/keep/secret"} & set(files) == set()
    assert "/var/keep/file" in files


def test_a_new_scope_is_a_new_beginning_and_deletes_nothing(device):
    settle(device)
    device.skipped = (b"/data",)
    outcome = device.scan()
    assert outcome.snapshot.is_full
    files = device.files(outcome)
    assert "change-kind" not in files["/bin/tool"]
    assert not any(name.startswith("/data") for name in files)
    assert outcome.counts.deleted == 0


def test_the_agent_s_own_folder_is_left_out(tmp_path):
    device = Device(tmp_path)
    device.store.close()
    device.folder = device.root / "state"
    device.open()
    (device.root / "file").touch()
    assert set(device.files(device.scan())) == {"/", "/file"}
    device.store.close()


def test_pseudo_file_systems_are_known_by_the_table_of_mounts(device):
    place = device.root / "data"
    found = place.stat()
    number = f"{os.major(found.st_dev)}:{os.minor(found.st_dev)}"
    mounts = device.root / "proc/self/mountinfo"
    mounts.parent.mkdir(parents=True)
    mounts.write_text(f"36 35 {number} / /data rw - tracefs none rw\n1 x 9:9 nonsense\n\n2 3 7:y / /x rw - proc p rw\n")
    # The whole tree is on it: then it is the root file system, and none to leave out.
    assert "/data/deep" in device.files(device.scan())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_can_t_be_read_is_told(device):
    (device.root / "bin/tool").chmod(0)
    (device.root / "data").chmod(0)
    outcome = device.scan()
    assert device.files(outcome)["/bin/tool"]["digest"] == {"algorithm": "digest-invalid", "digest-value": ""}
    assert outcome.problems == ("/data: permission denied",)
    (device.root / "data").chmod(0o755)


def test_a_folder_that_can_t_be_opened_keeps_what_is_known_of_it(device, monkeypatch):
    settle(device)
    names = OpenFolder.names

    def refuse(folder, *arguments):
        found = names(folder, *arguments)
        if b"er" in found:
            raise scanning.HostError(".", "permission denied")
        return found

    monkeypatch.setattr(OpenFolder, "names", refuse)
    outcome = device.scan()
    assert outcome.problems == ("/data/deep: permission denied",)
    assert outcome.counts.deleted == 0
    monkeypatch.undo()
    assert device.changes() == {}


def test_files_that_vanish_while_they_are_looked_for(device, monkeypatch):
    settle(device)
    status = OpenFolder.status

    def vanish(folder, name):
        if name == b"tool":
            raise AbsentError("tool", "does not exist")
        return status(folder, name)

    monkeypatch.setattr(OpenFolder, "status", vanish)
    assert device.changes() == {"/bin/tool": "deleted"}


def test_a_file_that_is_replaced_by_a_link_at_the_last_moment_is_not_followed(device, monkeypatch, tmp_path):
    secret = tmp_path / "outside"
    secret.write_text("secret\n")
    status = OpenFolder.status

    def swap(folder, name):
        found = status(folder, name)
        if name == b"app.conf" and stat.S_ISREG(found.st_mode):
            (device.root / "etc/app.conf").unlink()
            (device.root / "etc/app.conf").symlink_to(secret)
        return found

    monkeypatch.setattr(OpenFolder, "status", swap)
    record = device.files(device.scan())["/etc/app.conf"]
    assert record["digest"]["algorithm"] == "digest-invalid"


def test_a_folder_that_is_replaced_by_a_link_at_the_last_moment_is_not_followed(device, monkeypatch, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").touch()
    opened = OpenFolder.folder

    def swap(folder, name):
        if name == b"er":
            (device.root / "data/deep/er").rename(device.root / "data/deep/moved")
            (device.root / "data/deep/er").symlink_to(tmp_path / "outside")
        return opened(folder, name)

    monkeypatch.setattr(OpenFolder, "folder", swap)
    outcome = device.scan()
    assert not any("secret" in name for name in device.files(outcome))
    assert outcome.problems == ("/data/deep/er: is not what it was",)


def test_folders_too_deep_are_told(device, monkeypatch):
    monkeypatch.setattr(scanning, "MAX_DEPTH", 2)
    outcome = device.scan()
    assert outcome.problems == ("/data/deep/er: more than 2 folders deep; it is not looked at",)


def test_large_files_have_no_digest(device):
    order = device.order()
    scope = type(order.scope)(order.scope.folders, max_file_bytes=4)
    outcome = device.inventory.scan(type(order)(scope, order.retention, order.budget))
    assert device.files(outcome)["/bin/tool"]["digest"]["algorithm"] == "digest-invalid"
    assert device.files(outcome)["/data/deep/er/file"]["digest"]["algorithm"] == "sha256"


def test_a_scan_that_is_stopped_changes_nothing(device):
    settle(device)
    (device.root / "bin/tool").write_text("evil\n")
    before = sorted(os.listdir(device.folder))
    device.stop_after = device.pauses
    for number in range(600):
        (device.root / "data" / str(number)).touch()
    with pytest.raises(StoppedError):
        device.scan()
    assert sorted(os.listdir(device.folder)) == before
    assert len(device.store.snapshots()) == 2
    device.stop_after = None
    assert device.changes()["/bin/tool"] == "contents-modified"


def test_owners_are_those_of_the_package_lists(device):
    (device.root / "usr/bin").mkdir(parents=True)
    (device.root / "sbin").symlink_to("usr/bin")
    # As it was packaged before /sbin became a link, and diverted by another package.
    device.install("merged", "/sbin/merged", version="2:1.0-1")
    device.install("victim", "/usr/bin/other")
    (device.root / "usr/bin/other").rename(device.root / "usr/bin/other.real")
    device.install("taker", "/usr/bin/other")
    (device.root / "var/lib/dpkg/diversions").write_text("/usr/bin/other\n/usr/bin/other.real\ntaker\n")
    files = device.files(device.scan())

    def owner(path):
        record = files[path]
        return record["package-kind"], record.get("package-name"), record.get("package-version")

    assert owner("/usr/bin/merged") == ("package-dpkg", "merged", "2:1.0-1")
    assert owner("/usr/bin/other.real") == ("package-dpkg", "victim", "1.0-1")
    assert owner("/usr/bin/other") == ("package-dpkg", "taker", "1.0-1")
    assert owner("/bin/tool") == ("package-anonymous", None, None)


def test_a_file_that_gets_an_owner_is_told(device):
    settle(device)
    device.install("late", "/bin/tool")
    changes = device.changes()
    assert changes["/bin/tool"] == "meta-data-modified"
    assert device.changes() == {}


def test_full_snapshots_tell_every_file_and_what_was_deleted(device):
    settle(device)
    (device.root / "etc/app.conf").unlink()
    outcome = device.scan(is_full=True)
    files = device.files(outcome)
    assert outcome.snapshot.is_full
    assert files["/etc/app.conf"]["change-kind"] == "change-kind-deleted"
    assert "change-kind" not in files["/bin/tool"]
    assert "digest" in files["/bin/tool"]


def test_directory_sets_have_snapshots_of_their_own(device):
    settle(device)
    device.scan([b"/data", b"/etc"], directory_set=3)
    device.scan([b"/data", b"/etc"], directory_set=3)
    [snapshot] = device.section(3)
    assert (snapshot["directory-set"], snapshot["snapshot-block-no"]) == (3, 1)
    assert {file["name"] for file in snapshot["files"]} == {
        "/data/deep", "/data/deep/er", "/data/deep/er/file", "/etc/app.conf",
    }  # fmt: skip
    assert not any("change-kind" in file for file in snapshot["files"])
    # The chain goes on as if nothing had been.
    assert device.changes() == {}


def test_privileged_files_that_no_package_owns_are_counted(device):
    device.install("good", "/bin/good")
    for name in ("good", "tool"):
        (device.root / "bin" / name).chmod(0o4755)
    outcome = device.scan()
    assert outcome.counts.unowned_privileged == 1
    with device.store.reading() as connection:
        rows = connection.execute("SELECT name, flags FROM file WHERE flags <> 0 ORDER BY name").fetchall()
    assert rows == [(b"good", scanning.SETUID), (b"tool", scanning.SETUID)]


def test_reading_while_a_scan_goes_on_sees_what_was_before(device):
    device.scan()
    seen = []

    def look(seconds):
        seen.append(len(device.store.snapshots()))
        return False

    device.inventory.wait = look
    for number in range(600):
        (device.root / "data" / str(number)).touch()
    device.scan()
    assert set(seen) == {1}
    assert len(device.store.snapshots()) == 2


@pytest.mark.parametrize(
    ("path", "mode", "expected"),
    [
        (b"/usr/lib/x.so", 0o100644, Classification.LIBRARY),
        (b"/usr/lib/libc.so.6", 0o120777, Classification.LIBRARY),
        (b"/lib/modules/6.1/kernel/x.ko.xz", 0o100644, Classification.LIBRARY),
        (b"/usr/lib/x.sonet", 0o100644, Classification.UNCLASSIFIED),
        (b"/etc/init.d/x", 0o100755, Classification.EXECUTABLE),
        (b"/etc/alternatives/x", 0o120777, Classification.CONFIG),
        (b"/tmp/x", 0o100600, Classification.VOLATILE),
        (b"/var/log/a/b", 0o100600, Classification.VOLATILE),
        (b"/srv/x", 0o010600, Classification.VOLATILE),
        (b"/srv/x", 0o040755, Classification.DIRECTORY),
        (b"/etcetera", 0o100600, Classification.UNCLASSIFIED),
    ],
)
def test_classes(path, mode, expected):
    folder, _, name = path.rpartition(b"/")
    assert classify(folder, name, mode) is expected


PATHS = st.binary(max_size=60).map(lambda name: b"/" + name.replace(b"\0", b""))


@given(path=PATHS, owner=st.text(max_size=20), change=st.none() | st.sampled_from(ChangeKind), caps=st.text(max_size=9))
@settings(max_examples=100, deadline=None)
def test_lines_are_canonical_json_and_names_come_back(path, owner, change, caps):
    status = os.stat("/")
    members = owner_members(PackageKind.RPM, owner, "1") if owner else owner_members(PackageKind.ANONYMOUS, "", "")
    line = present_line(
        path, status, Classification.CONFIG, members, digest=b"x" * 32 if owner else None, has_content=True,
        capabilities=caps, change=change,
    )  # fmt: skip
    record = json.loads(line)
    assert canonical(record) == line
    assert path_of(record["name"]) == path
    assert shown_path(path) == record["name"]
    gone = deleted_line(path, Classification.LIBRARY, members)
    assert canonical(json.loads(gone)) == gone


def test_a_scan_leaves_the_time_of_last_access_as_it_is(device):
    place = device.root / "bin/tool"
    os.utime(place, ns=(10**18, place.stat().st_mtime_ns))
    device.scan(reads_all=True)
    assert place.stat().st_atime_ns == 10**18


def test_a_scan_may_run_in_any_thread(device):
    found = []
    thread = threading.Thread(target=lambda: found.append(device.scan()))
    thread.start()
    thread.join(60)
    assert found[0].counts.files == 9
