"""The state folder: private, used by one agent at a time, its small files whole at any instant."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

from agent.storage.errors import StateFolderError, StateFolderInUseError
from agent.storage.state_folder import StateFolder, create_file, replace_file

HOLD_LOCK = """
import sys
from pathlib import Path
from agent.storage.state_folder import StateFolder
folder = StateFolder(Path(sys.argv[1])).lock()
print("locked", flush=True)
sys.stdin.read()
"""


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folder_is_made_private(tmp_path):
    folder = StateFolder(tmp_path / "deep" / "state")
    assert mode(folder.path) == 0o700


def test_a_folder_that_others_may_read_is_closed(tmp_path):
    (tmp_path / "state").mkdir(mode=0o755)
    StateFolder(tmp_path / "state")
    assert mode(tmp_path / "state") == 0o700


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "home").mkdir(mode=0o755)
    (tmp_path / "home" / "letter.txt").write_text("")
    with pytest.raises(StateFolderError, match="other things"):
        StateFolder(tmp_path / "home")
    assert mode(tmp_path / "home") == 0o755
    (tmp_path / "home" / "trustconf.db").write_text("")
    StateFolder(tmp_path / "home")
    assert mode(tmp_path / "home") == 0o700


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path):
    (tmp_path / "state").write_text("")
    with pytest.raises(StateFolderError, match="it is not a folder"):
        StateFolder(tmp_path / "state")


def test_a_second_agent_is_refused_and_told_who_runs(tmp_path):
    StateFolder(tmp_path / "state")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_LOCK, str(tmp_path / "state")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(StateFolderInUseError, match=str(holder.pid)) as refused:
            StateFolder(tmp_path / "state").lock()
        assert refused.value.pid == holder.pid
    finally:
        holder.kill()
        holder.communicate()
    with StateFolder(tmp_path / "state").lock() as folder:
        assert folder.lock_file.read_text() == f"{os.getpid()}\n"


def test_the_lock_is_free_after_the_block(tmp_path):
    with StateFolder(tmp_path / "state").lock(), pytest.raises(StateFolderInUseError):
        StateFolder(tmp_path / "state").lock()
    StateFolder(tmp_path / "state").lock().unlock()


def test_the_lock_file_is_not_followed_elsewhere(tmp_path):
    folder = StateFolder(tmp_path / "state")
    folder.lock_file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateFolderError, match="symbolic"):
        folder.lock()
    assert not (tmp_path / "elsewhere").exists()


def test_the_port_file_comes_and_goes(tmp_path):
    folder = StateFolder(tmp_path / "state")
    folder.write_port(830)
    folder.write_port(8300)
    assert folder.port.read_text() == "8300\n"
    assert mode(folder.port) == 0o600
    assert [path.name for path in folder.path.iterdir()] == ["port"], "nothing temporary is left"
    folder.remove_port()
    folder.remove_port()
    assert not folder.port.exists()


def test_a_file_is_created_once(tmp_path):
    create_file(tmp_path / "key", b"first")
    with pytest.raises(FileExistsError):
        create_file(tmp_path / "key", b"second")
    assert (tmp_path / "key").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_replacement_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    replace_file(tmp_path / "port", b"old")

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="space"):
        replace_file(tmp_path / "port", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["port"]
    assert (tmp_path / "port").read_bytes() == b"old"
