"""Open folders of the real and the rooted host; a recording passes them on, and a replay has none."""

import os
import socket
import threading

import pytest

from agent.clock import SystemClock
from agent.host import trees
from agent.host.errors import AbsentError, NotRecordedError, TimeLimitError, TooLargeError, UnreadableError
from agent.host.real import RealHost
from agent.host.recording import Recording, RecordingHost, ReplayHost
from agent.host.rooted import RootedHost
from agent.host.trees import OpenFolder, StoppedReadingError


@pytest.fixture
def place(tmp_path):
    (tmp_path / "folder/inner").mkdir(parents=True)
    (tmp_path / "folder/file").write_text("content\n")
    (tmp_path / "folder/link").symlink_to("file")
    (tmp_path / "folder/away").symlink_to("/")
    os.mkfifo(tmp_path / "folder/fifo")
    return tmp_path


@pytest.fixture(params=["real", "rooted", "recording"])
def folder(place, request):
    rooted = RootedHost(place)
    host, path = {
        "real": (RealHost(), f"{place}/folder"),
        "rooted": (rooted, "/folder"),
        "recording": (RecordingHost(rooted), "/folder"),
    }[request.param]
    opened = host.open_folder(path)
    yield opened
    opened.close()


def digest(folder, name, **options):
    return folder.digest(name, "sha256", folder.status(name), options.get("is_stopped", lambda: False))


def test_what_is_in_a_folder(folder, place):
    assert folder.names() == [b"away", b"fifo", b"file", b"inner", b"link"]
    assert folder.status(b"link").st_ino == (place / "folder/link").lstat().st_ino
    assert folder.own_status().st_ino == (place / "folder").stat().st_ino
    assert folder.link(b"away") == b"/"
    assert digest(folder, b"file").hex() == "434728a410a78f56fc1b5899c3593436e61ab0c731e9072d95e96db290205e53"
    assert folder.attribute(b"file", "security.capability") is None
    inner = folder.folder(b"inner")
    assert inner.names() == []
    inner.close()


def test_it_stays_the_same_folder_when_its_path_leads_elsewhere(folder, place):
    (place / "folder").rename(place / "moved")
    (place / "folder").symlink_to("/")
    assert b"file" in folder.names()


def test_refusals(folder):
    with pytest.raises(TooLargeError):
        folder.names(4)
    with pytest.raises(AbsentError):
        folder.status(b"nothing")
    with pytest.raises(UnreadableError, match="is not what it was"):
        folder.folder(b"away")
    with pytest.raises(UnreadableError, match="is not what it was"):
        folder.folder(b"file")
    for name in (b"fifo", b"link", b"inner"):
        with pytest.raises(UnreadableError):
            digest(folder, name)
    with pytest.raises(AbsentError, match="replaced"):
        folder.digest(b"file", "sha256", folder.status(b"inner"), lambda: False)
    with pytest.raises(UnreadableError):
        folder.link(b"file")
    with pytest.raises(AbsentError):
        folder.attribute(b"nothing", "security.capability")


def test_a_socket_is_not_read(folder, place):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place / "folder/sock"))
    with pytest.raises(UnreadableError):
        digest(folder, b"sock")


def test_long_files_can_be_given_up(place, monkeypatch):
    monkeypatch.setattr(trees, "_CHUNK", 4)
    monkeypatch.setattr(trees, "_buffers", threading.local())
    folder = OpenFolder.at(str(place / "folder"), "/folder", SystemClock().monotonic)
    assert digest(folder, b"file").hex().startswith("434728a4")
    with pytest.raises(StoppedReadingError):
        digest(folder, b"file", is_stopped=lambda: True)
    seconds = iter([0.0, 1000.0])
    folder._monotonic = lambda: next(seconds)
    with pytest.raises(TimeLimitError):
        digest(folder, b"file")
    folder.close()


def test_folders_that_are_none(place):
    for path in ("/folder/link", "/folder/file", "/folder/away"):
        with pytest.raises(UnreadableError):
            RealHost().open_folder(f"{place}{path}")
    with pytest.raises(AbsentError):
        RootedHost(place).open_folder("/nothing")
    with pytest.raises(ValueError, match="absolute"):
        RootedHost(place).open_folder("relative")
    with pytest.raises(NotRecordedError):
        ReplayHost(Recording()).open_folder("/folder")
