"""Sealed secrets: they open under the same key and context, and under nothing else."""

from __future__ import annotations

import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.storage.database import Database
from agent.storage.errors import MasterKeyError, SealingError
from agent.storage.sealing import CREDENTIAL_NAME, Sealer, claim_master_key
from agent.storage.state_folder import StateFolder

KEY = bytes(range(32))
SEALER = Sealer(KEY)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    return StateFolder(tmp_path / "state")


@given(secret=st.binary(max_size=4096), context=st.binary(max_size=200))
def test_what_was_sealed_opens(secret, context):
    assert Sealer(KEY).open(SEALER.seal(secret, context), context) == secret


@given(secret=st.binary(max_size=64), position=st.integers(min_value=0), bit=st.integers(0, 7))
def test_any_flipped_bit_is_noticed(secret, position, bit):
    sealed = bytearray(SEALER.seal(secret, b"context"))
    sealed[position % len(sealed)] ^= 1 << bit
    with pytest.raises((SealingError, MasterKeyError)):
        SEALER.open(bytes(sealed), b"context")


@given(secret=st.binary(max_size=64), keep=st.integers(0, 100))
def test_a_truncated_one_is_noticed(secret, keep):
    sealed = SEALER.seal(secret, b"")
    with pytest.raises(SealingError):
        SEALER.open(sealed[: min(keep, len(sealed) - 1)], b"")


@given(blob=st.binary(max_size=200))
def test_garbage_is_refused(blob):
    with pytest.raises((SealingError, MasterKeyError)):
        SEALER.open(blob, b"")


def test_a_secret_does_not_open_elsewhere():
    with pytest.raises(SealingError, match="where it belongs"):
        SEALER.open(SEALER.seal(b"secret", b"key_parts\0rsa\0a"), b"key_parts\0rsa\0b")


def test_another_key_is_told_from_damage():
    with pytest.raises(MasterKeyError, match="another master key"):
        Sealer(bytes(32)).open(SEALER.seal(b"secret", b""), b"")


def test_the_same_secret_never_looks_the_same():
    assert len({SEALER.seal(b"secret", b"") for _ in range(100)}) == 100
    assert all(b"secret" not in SEALER.seal(b"secret", b"") for _ in range(10))


def test_a_key_of_another_length_is_refused():
    with pytest.raises(MasterKeyError, match="32 bytes"):
        Sealer(b"short")


def test_the_key_file_is_made_once_and_private(folder):
    first = Sealer.from_state_folder(folder)
    assert stat.S_IMODE(folder.master_key.stat().st_mode) == 0o600
    assert len(folder.master_key.read_bytes()) == 32
    assert Sealer.from_state_folder(folder).key_id == first.key_id


def test_a_key_file_that_others_can_read_is_refused(folder):
    Sealer.from_state_folder(folder)
    folder.master_key.chmod(0o640)
    with pytest.raises(MasterKeyError, match="0640"):
        Sealer.from_state_folder(folder)


def test_a_damaged_key_file_is_refused_not_replaced(folder):
    folder.master_key.write_bytes(b"too short")
    folder.master_key.chmod(0o600)
    with pytest.raises(MasterKeyError, match="exactly 32"):
        Sealer.from_state_folder(folder)
    assert folder.master_key.read_bytes() == b"too short"


def test_the_systemd_credential_takes_the_place_of_the_file(folder, tmp_path, monkeypatch):
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / CREDENTIAL_NAME).write_bytes(KEY)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert Sealer.from_state_folder(folder).key_id == SEALER.key_id
    assert not folder.master_key.exists()


def test_other_credentials_do_not_matter(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    Sealer.from_state_folder(folder)
    assert folder.master_key.exists()


def test_a_database_remembers_its_master_key(folder):
    database = Database.open(folder.database)
    claim_master_key(database, SEALER)
    claim_master_key(database, Sealer(KEY))
    with pytest.raises(MasterKeyError, match="Restore the master key"):
        claim_master_key(database, Sealer(bytes(32)))
    database.close()
