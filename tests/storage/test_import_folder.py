"""The import folder: its own files can be read by their names, and nothing else of the machine."""

from __future__ import annotations

import os
import socket
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.storage.errors import ImportFileError, ImportFileNameError, StateFolderError
from agent.storage.import_folder import ImportFolder


@pytest.fixture
def place(tmp_path):
    return tmp_path / "state" / "import"


@pytest.fixture
def folder(place):
    place.parent.mkdir()
    return ImportFolder(place)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_of_the_folder_is_read_by_its_name(folder, place):
    for name in ("id_rsa.pub", "K-1.key", "a..b", "x" * 255):
        (place / name).write_bytes(b"content")
        assert folder.read(name, 7) == b"content"


def test_the_folder_is_private_also_if_it_was_there(folder, place):
    assert mode(place) == 0o700
    place.chmod(0o755)
    ImportFolder(place)
    assert mode(place) == 0o700


def test_what_is_no_folder_can_not_be_used(place):
    place.parent.mkdir()
    place.write_text("")
    with pytest.raises(StateFolderError):
        ImportFolder(place)
    place.unlink()
    place.symlink_to("/tmp", target_is_directory=True)
    with pytest.raises(StateFolderError):
        ImportFolder(place)


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", "../master.key", "/etc/passwd", "sub/file", "./file", ".hidden", "file\0", "file\n", "a b",
        "disk0:/id_rsa.pub", "http://host/key", "~root", "x" * 256, "-\\..", "é",
    ],
)  # fmt: skip
def test_a_path_is_no_name(folder, place, name):
    (place.parent / "master.key").write_bytes(b"secret")
    (place / "file").write_bytes(b"content")
    with pytest.raises(ImportFileNameError, match="folder 'import'"):
        folder.read(name, 100)


@given(st.text(max_size=20))
def test_no_name_leads_out_of_the_folder(tmp_path_factory, name):
    folder = ImportFolder(tmp_path_factory.getbasetemp() / "empty-import")
    with pytest.raises(ImportFileError):
        folder.read(name, 100)


def test_what_is_no_regular_file_is_refused_at_once(folder, place, tmp_path):
    (tmp_path / "outside").write_bytes(b"secret")
    (place / "link").symlink_to(tmp_path / "outside")
    (place / "dangling").symlink_to(place / "nowhere")
    (place / "inside").write_bytes(b"content")
    (place / "link-inside").symlink_to("inside")
    (place / "folder").mkdir()
    os.mkfifo(place / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(place / "socket"))
    for name in ("link", "dangling", "link-inside", "folder", "fifo", "socket"):
        with pytest.raises(
            ImportFileError, match=f"^{name} in the folder 'import' can't be read: it must be a regular"
        ):
            folder.read(name, 100)


def test_a_file_that_is_not_there_is_told(folder, place):
    with pytest.raises(ImportFileError, match="no file nothing"):
        folder.read("nothing", 100)
    place.rmdir()
    with pytest.raises(ImportFileError, match="no file nothing"):
        folder.read("nothing", 100)


def test_a_large_file_is_refused_and_not_cut(folder, place):
    (place / "large").write_bytes(b"x" * 101)
    with pytest.raises(ImportFileError, match="more than 100 bytes"):
        folder.read("large", 100)
    os.truncate(place / "large", 1 << 40)
    with pytest.raises(ImportFileError, match="more than 100 bytes"):
        folder.read("large", 100)


def test_nothing_stays_open(folder, place):
    (place / "file").write_bytes(b"content")
    (place / "folder").mkdir()
    before = len(os.listdir("/proc/self/fd"))
    for name in ("file", "folder", "nothing"):
        try:
            folder.read(name, 3)
        except ImportFileError as error:
            assert error.message  # noqa: PT017
    assert len(os.listdir("/proc/self/fd")) == before
