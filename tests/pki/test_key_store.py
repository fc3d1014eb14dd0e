"""The key store: what was generated is there and usable after a restart, what was zeroized is gone."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from agent.pki import key_store as key_store_module
from agent.pki.errors import (
    InvalidKeySizeError,
    KeyGenerationNotSupportedError,
    KeyNotFoundError,
    KeyOwnedByConfigurationError,
    ReservedLabelError,
    TooManyKeysError,
)
from agent.pki.key_store import KeyStore
from agent.pki.keys import KeyPurpose, KeyType, KeyUsage
from agent.storage.database import Database
from agent.storage.errors import MasterKeyError, SealingError
from agent.storage.sealing import Sealer
from tests.pki.conftest import START

ED25519 = KeyType.ED25519
P256 = KeyType.ECDSA_NISTP256


def public_bytes(private_key):
    return private_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("key_type", KeyType)
def test_a_key_is_the_same_after_a_restart(key_type, key_store, database, sealer, clock, tmp_path):
    pair = key_store.generate(key_type, "k", size=512 if key_type is KeyType.RSA else None)
    assert (pair.type, pair.label, pair.usage, pair.origin) == (key_type, "k", KeyUsage.GENERAL, "exec")
    assert pair.created == START
    assert load_der_public_key(pair.public_key_der)
    database.close()
    again = Database.open(tmp_path / "test.db")
    store = KeyStore(again, sealer, clock)
    assert store.list() == [pair]
    assert store.find(key_type, "k") == pair
    assert public_bytes(store.private_key(key_type, "k")) == pair.public_key_der
    again.close()


def test_no_label_is_the_default_label(key_store):
    assert key_store.generate(ED25519, None).label == "the_default"
    assert [pair.label for pair in key_store.list()] == ["the_default"]


def test_a_label_has_one_key_of_each_type(key_store):
    for key_type in (P256, ED25519, KeyType.ECDSA_NISTP521):
        key_store.generate(key_type, "k")
    assert [pair.type for pair in key_store.list()] == [P256, KeyType.ECDSA_NISTP521, ED25519]


def test_a_second_key_replaces_the_first(key_store, clock):
    first = key_store.generate(ED25519, "k")
    clock.advance(timedelta(hours=1))
    second = key_store.generate(ED25519, "k")
    assert second.public_key_der != first.public_key_der
    assert second.created - first.created == timedelta(hours=1)
    assert key_store.list() == [second]
    assert public_bytes(key_store.private_key(ED25519, "k")) == second.public_key_der


def test_the_old_key_stays_when_the_new_one_is_not_stored(key_store, database, events):
    old = key_store.generate(ED25519, "k")
    new = key_store.make(ED25519, "k")

    def fail():
        with database.transaction() as transaction:
            key_store.store(new, transaction)
            key_store.zeroize(ED25519, "k", transaction=transaction)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert key_store.list() == [old]
    assert public_bytes(key_store.private_key(ED25519, "k")) == old.public_key_der
    assert len(events) == 1, "nothing is told of what has not happened"


def test_usage_keys_are_two_pairs(key_store):
    pair = key_store.generate(KeyType.RSA, "k", size=512, usage=KeyUsage.USAGE)
    purposes = dict(pair.parts)
    assert list(purposes) == [KeyPurpose.SIGNATURE, KeyPurpose.ENCRYPTION]
    assert purposes[KeyPurpose.SIGNATURE] == pair.public_key_der != pair.encryption_public_key_der
    assert key_store.list() == [pair]
    assert public_bytes(key_store.private_key(KeyType.RSA, "k")) == pair.public_key_der
    for purpose, public_key in pair.parts:
        assert public_bytes(key_store.private_key(KeyType.RSA, "k", purpose=purpose)) == public_key
    with pytest.raises(KeyNotFoundError):
        key_store.private_key(KeyType.RSA, "k", purpose=KeyPurpose.GENERAL)
    general = key_store.generate(KeyType.RSA, "k", size=512)
    assert key_store.list() == [general]
    with pytest.raises(KeyNotFoundError):
        key_store.private_key(KeyType.RSA, "k", purpose=KeyPurpose.ENCRYPTION)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"type": KeyType.DSA, "size": 512}, KeyGenerationNotSupportedError),
        ({"type": KeyType.RSA, "size": 100000}, InvalidKeySizeError),
        ({"type": ED25519, "usage": KeyUsage.USAGE}, KeyGenerationNotSupportedError),
    ],
)
def test_a_refusal_changes_nothing(key_store, events, arguments, error):
    with pytest.raises(error):
        key_store.generate(label="k", **arguments)
    assert key_store.list() == []
    assert events == []


def test_zeroizing_one_key(key_store, database):
    key_store.generate(ED25519, "a")
    b = key_store.generate(ED25519, "b")
    key_store.generate(P256, "a")
    assert [pair.label for pair in key_store.zeroize(ED25519, "a")] == ["a"]
    assert [(pair.type, pair.label) for pair in key_store.list()] == [(P256, "a"), (ED25519, "b")]
    assert key_store.find(ED25519, "a") is None
    assert key_store.find(ED25519, "b") == b
    with pytest.raises(KeyNotFoundError):
        key_store.private_key(ED25519, "a")
    assert len(database.query("SELECT * FROM key_parts")) == 2, "nothing of the key stays behind"


def test_zeroizing_all_keys_of_a_type(key_store):
    for label in ("a", "b"):
        key_store.generate(ED25519, label)
    key_store.generate(P256, "a")
    assert [pair.label for pair in key_store.zeroize(ED25519)] == ["a", "b"]
    assert [pair.type for pair in key_store.list()] == [P256]
    assert key_store.zeroize(ED25519) == []


def test_zeroizing_what_is_not_there_says_so(key_store):
    with pytest.raises(KeyNotFoundError, match="nothing was zeroized") as refused:
        key_store.zeroize(ED25519, "k")
    assert (refused.value.key_type, refused.value.label) == ("ed25519", "k")


def test_commands_neither_overwrite_nor_delete_the_configurations_keys(key_store):
    configured = key_store.generate(ED25519, "k", origin="config")
    mine = key_store.generate(ED25519, "mine")
    with pytest.raises(KeyOwnedByConfigurationError, match=r"^Cannot execute the command : Operation not permitted\n"):
        key_store.generate(ED25519, "k")
    with pytest.raises(KeyOwnedByConfigurationError):
        key_store.zeroize(ED25519, "k")
    assert key_store.zeroize(ED25519) == [mine]
    assert key_store.list() == [configured]


def test_the_configuration_overwrites_keys_of_commands_and_deletes_only_its_own(key_store):
    key_store.generate(ED25519, "k")
    configured = key_store.generate(ED25519, "k", origin="config")
    assert key_store.list() == [configured]
    key_store.generate(ED25519, "mine")
    with pytest.raises(KeyNotFoundError):
        key_store.zeroize(ED25519, "mine", origin="config")
    assert key_store.zeroize(ED25519, origin="config") == [configured]
    assert [pair.label for pair in key_store.list()] == ["mine"]


@pytest.mark.parametrize("label", ["system-root-key", "system-enroll-key"])
def test_the_configuration_has_no_predefined_labels(key_store, label):
    with pytest.raises(ReservedLabelError):
        key_store.generate(ED25519, label, origin="config")
    assert key_store.generate(ED25519, label).label == label


def test_keys_of_commands_are_listed_first(key_store):
    key_store.generate(P256, "z")
    key_store.generate(KeyType.RSA, "a", size=512, origin="config")
    key_store.generate(P256, "b")
    assert [(pair.origin, pair.label) for pair in key_store.list()] == [("exec", "b"), ("exec", "z"), ("config", "a")]


def test_the_store_has_an_end(key_store, monkeypatch):
    monkeypatch.setattr(key_store_module, "MAX_KEY_PAIRS", 2)
    for label in ("a", "b"):
        key_store.generate(ED25519, label)
    with pytest.raises(TooManyKeysError, match="zeroize"):
        key_store.generate(ED25519, "c")
    key_store.generate(ED25519, "b")
    assert [pair.label for pair in key_store.list()] == ["a", "b"]


def test_what_happened_is_told_after_it_is_durable(database, sealer, clock):
    told = []
    store = KeyStore(database, sealer, clock, lambda event: told.append((event.text, len(store.list()))))
    store.generate(ED25519, None)
    store.zeroize(ED25519, "the_default")
    assert told == [
        ("crypto key ED25519 generated, label:the_default, modBits:256", 1),
        ("crypto key ED25519 zeroized, label:the_default", 0),
    ]


def test_no_private_key_is_readable_in_the_files(key_store, database, tmp_path):
    key_store.generate(ED25519, "k")
    raw = key_store.private_key(ED25519, "k").private_bytes_raw()
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("test.db*"))
    assert len(stored) > 4096
    assert raw not in stored


def test_a_key_that_was_moved_to_another_label_does_not_open(key_store, database):
    key_store.generate(ED25519, "a")
    key_store.generate(ED25519, "b")
    with database.transaction() as transaction:
        transaction.execute(
            "UPDATE key_parts SET sealed_private_key ="
            " (SELECT sealed_private_key FROM key_parts WHERE label = 'a') WHERE label = 'b'"
        )
    with pytest.raises(SealingError):
        key_store.private_key(ED25519, "b")


def test_another_master_key_is_noticed_at_start(key_store, database, clock):
    with pytest.raises(MasterKeyError):
        KeyStore(database, Sealer(bytes(32)), clock)


def test_many_threads_generate_at_once(key_store):
    failures = []

    def work(number):
        try:
            for _ in range(5):
                key_store.generate(ED25519, "shared")
                key_store.generate(KeyType.RSA, f"own{number}", size=512)
                pair = key_store.find(ED25519, "shared")
                assert pair is not None
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(key_store.list()) == 5
    shared = key_store.find(ED25519, "shared")
    assert public_bytes(key_store.private_key(ED25519, "shared")) == shared.public_key_der
