"""The server's keys on disk."""

from __future__ import annotations

import stat

import pytest

from agent.transport.host_keys import HostKeyError, load_or_create


def test_made_once_and_kept(tmp_path):
    folder = tmp_path / "keys"
    made = load_or_create(folder)
    assert [key.get_name() for key in made] == ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"]
    assert made[2].get_bits() == 3072
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(path.name for path in folder.iterdir()) == [
        "ssh_host_ecdsa_key",
        "ssh_host_ed25519_key",
        "ssh_host_rsa_key",
    ]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in folder.iterdir())
    assert [key.asbytes() for key in load_or_create(folder)] == [key.asbytes() for key in made]


def test_a_key_that_is_missing_is_made_again(tmp_path, host_keys):
    made = load_or_create(tmp_path)
    (tmp_path / "ssh_host_ecdsa_key").unlink()
    again = load_or_create(tmp_path)
    assert [a.asbytes() == b.asbytes() for a, b in zip(made, again, strict=True)] == [True, False, True]


@pytest.mark.parametrize("content", [b"", b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", b"\xff" * 100])
def test_a_damaged_key_is_an_error_with_advice(tmp_path, content):
    path = tmp_path / "ssh_host_ed25519_key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(HostKeyError, match="remove it"):
        load_or_create(tmp_path)


def test_a_key_that_others_can_read_is_refused(tmp_path):
    path = tmp_path / "ssh_host_ed25519_key"
    path.write_bytes(b"x")
    path.chmod(0o644)
    with pytest.raises(HostKeyError, match="0600"):
        load_or_create(tmp_path)
