"""Being told of changes in folders by the kernel."""

import errno
import os
import struct
import threading

import pytest

from agent.host.changes import ANYWHERE, FolderWatch
from agent.host.real import RealHost
from agent.host.recording import Recording, RecordingHost, ReplayHost
from agent.host.rooted import RootedHost


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "etc").mkdir()
    (tmp_path / "bin").symlink_to("usr/bin")
    (tmp_path / "usr/bin/a").write_text("a")
    return tmp_path


@pytest.fixture
def watch(folder):
    made = RootedHost(folder).watch()
    yield made
    made.close()
    while made.wait() is not None:
        pass


def told_until(watch, change):
    """All that is told, until this is."""
    told = set()
    while change not in told:
        told.update(watch.wait())
    return told


CHANGES = {
    "written": lambda place: place.write_text("b"),
    "truncated": lambda place: os.truncate(place, 0),
    "mode": lambda place: place.chmod(0o600),
    "time": lambda place: os.utime(place, (1, 1)),
    "deleted": lambda place: place.unlink(),
    "moved away": lambda place: place.rename(place.parent.parent / "a"),
    "replaced": lambda place: (place.parent / "new").rename(place),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_of_a_file_are_told_under_all_its_paths(folder, watch, name):
    (folder / "usr/bin/new").write_text("new")
    assert watch.follow(["/usr/bin", "/bin"]) == 0
    assert watch.count == 2
    CHANGES[name](folder / "usr/bin/a")
    assert told_until(watch, ("/usr/bin", "a")) >= {("/usr/bin", "a"), ("/bin", "a")}


def test_only_the_folders_that_are_followed(folder, watch):
    watch.add("/etc")
    watch.add("/nothing")
    assert watch.count == 1
    assert watch.follow(["/usr/bin", "/nothing", "/usr/bin/a"]) == 0
    assert watch.count == 1
    (folder / "etc/x").write_text("x")
    (folder / "usr/bin/a").write_text("x")
    assert {place for place, _ in told_until(watch, ("/usr/bin", "a"))} == {"/usr/bin"}


def test_reading_is_no_change(folder, watch):
    watch.follow(["/usr/bin"])
    host = RootedHost(folder)
    host.digest_file("/usr/bin/a", "sha256")
    host.list_dir("/usr/bin")
    (folder / "usr/bin/b").touch()
    assert {name for _, name in told_until(watch, ("/usr/bin", "b"))} == {"b"}


def test_closing_ends_the_waiting(folder):
    made = RealHost().watch()
    ended = []
    waiter = threading.Thread(target=lambda: ended.append(made.wait()))
    waiter.start()
    made.close()
    waiter.join(60)
    assert ended == [None]


def test_the_limit_of_the_kernel_goes_to_the_most_important_folders(folder, watch, monkeypatch):
    """The kernel of this test lets two folders be watched."""
    for name in "bcd":
        (folder / name).mkdir()
    call, watched = watch._call, set()

    def limited(name, *arguments):
        if name == "inotify_add_watch" and len(watched) >= 2:
            raise OSError(errno.ENOSPC, "no space")
        result = call(name, *arguments)
        if name == "inotify_add_watch":
            watched.add(result)
        if name == "inotify_rm_watch":
            watched.discard(arguments[1])
        return result

    monkeypatch.setattr(watch, "_call", limited)
    for name in ("/d", "/c", "/b"):
        watch.add(name)
    assert watch.count == 2
    assert watch.follow(["/b", "/c", "/d"]) == 1
    assert watch.count == 2
    for name in "dbc":
        (folder / name / "x").touch()
    assert {place for place, _ in told_until(watch, ("/c", "x"))} == {"/b", "/c"}


def test_too_many_changes_may_be_anywhere(watch):
    assert watch._changes(struct.pack("iIII", -1, 0x4000, 0, 0)) == [ANYWHERE]


def test_without_inotify(folder, monkeypatch):
    def none(self, name, *arguments):
        raise OSError(errno.EMFILE, "too many")

    monkeypatch.setattr(FolderWatch, "_call", none)
    assert RootedHost(folder).watch() is None


def test_recordings_tell_of_no_changes(folder):
    recorder = RecordingHost(RootedHost(folder))
    made = recorder.watch()
    made.close()
    assert made.wait() is None
    assert ReplayHost(Recording()).watch() is None
