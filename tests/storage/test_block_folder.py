"""Files that can be made again."""

import os

import pytest

from agent.storage.block_folder import BlockFolder


@pytest.fixture
def folder(tmp_path):
    return BlockFolder(tmp_path / "blocks")


def test_what_was_written_is_read(folder, tmp_path):
    assert folder.write("block-1", b"first")
    assert folder.write("block-1", b"second")
    assert folder.read("block-1", 6) == b"second"
    assert folder.read("block-1", 5) is None
    assert folder.read("block-2", 5) is None
    assert (tmp_path / "blocks").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "blocks/block-1").stat().st_mode & 0o777 == 0o600


def test_only_what_is_named_is_kept(folder, tmp_path):
    for name in ("a", "b", "c"):
        folder.write(name, b"x")
    (tmp_path / "blocks/a.new").write_bytes(b"what a crash has left")
    folder.keep_only({"b", "z"})
    assert os.listdir(tmp_path / "blocks") == ["b"]


def test_a_folder_that_can_t_be_used(tmp_path):
    (tmp_path / "blocks").write_text("a file")
    folder = BlockFolder(tmp_path / "blocks")
    assert not folder.write("a", b"x")
    assert folder.read("a", 9) is None
    folder.keep_only(set())
    assert (tmp_path / "blocks").read_text() == "a file"


def test_links_are_not_followed(folder, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "blocks/a").symlink_to(tmp_path / "secret")
    assert folder.read("a", 9) is None
    folder.write("a", b"x")
    assert (tmp_path / "secret").read_text() == "secret"


@pytest.mark.parametrize("name", ["", "../a", "a/b", "A", "a.b", "x" * 65])
def test_names_are_plain(folder, name):
    with pytest.raises(ValueError, match="not a name"):
        folder.read(name, 1)
    with pytest.raises(ValueError, match="not a name"):
        folder.write(name, b"")
