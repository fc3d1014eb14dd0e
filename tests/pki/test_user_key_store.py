"""The store of users' keys: four places a user, durable, and whoever removes a key is told which one."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.pki.errors import KeysNotFipsCompliantError, NotFipsCompliantError
from agent.pki.key_store import KeyStore
from agent.pki.keys import KeyType
from agent.pki.user_key_errors import UserKeyNotFoundError, UserKeyTwiceError
from agent.pki.user_key_store import KEY_NUMBERS, UserKeyStore
from agent.pki.user_keys import parse_user_key
from agent.storage.database import Database
from tests.pki.conftest import START


def new_key(private=ed25519.Ed25519PrivateKey.generate):
    return parse_user_key(private().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def new_ecdsa_key():
    return new_key(lambda: ec.generate_private_key(ec.SECP384R1()))


def places(store, user=None):
    return [(imported.user, imported.number) for imported in store.list(user)]


def test_a_key_is_the_same_after_a_restart(user_key_store, database, sealer, clock, tmp_path):
    key = parse_user_key(b"%s jane@laptop" % new_ecdsa_key().line.encode())
    imported = user_key_store.put("jane", 2, key)
    assert (imported.user, imported.number, imported.key, imported.imported) == ("jane", 2, key, START)
    database.close()

    again = Database.open(tmp_path / "test.db")
    store = UserKeyStore(again, KeyStore(again, sealer, clock), clock)

    assert store.list() == store.list("jane") == [imported]
    again.close()


def test_a_user_has_four_places_and_others_have_theirs(user_key_store):
    for user in ("jane", "bob"):
        for number in reversed(KEY_NUMBERS):
            user_key_store.put(user, number, new_key())

    assert places(user_key_store, "jane") == [("jane", 1), ("jane", 2), ("jane", 3), ("jane", 4)]
    assert len(places(user_key_store)) == 8
    assert places(user_key_store, "nobody") == []
    assert places(user_key_store, "' OR 1=1 --") == []


def test_a_key_replaces_the_one_in_its_place(user_key_store, clock):
    user_key_store.put("jane", 1, new_key())
    clock.advance(timedelta(hours=1))
    second = user_key_store.put("jane", 1, new_key())

    assert user_key_store.list() == [second]
    assert second.imported - START == timedelta(hours=1)


def test_a_key_has_one_place_so_that_zeroizing_it_is_the_end(user_key_store):
    key = new_key()
    user_key_store.put("jane", 3, key)

    with pytest.raises(UserKeyTwiceError, match="Key number 3 of user jane"):
        user_key_store.put("jane", 1, key)
    assert user_key_store.put("jane", 3, key).number == 3
    assert user_key_store.put("bob", 1, key).user == "bob"
    assert places(user_key_store) == [("bob", 1), ("jane", 3)]


def test_what_zeroizing_takes(user_key_store):
    for user, number, key in (
        ("jane", 1, new_key()), ("jane", 2, new_ecdsa_key()), ("jane", 4, new_key()), ("bob", 1, new_key()),
    ):  # fmt: skip
        user_key_store.put(user, number, key)

    def zeroize(*arguments, **options):
        return [(gone.user, gone.number) for gone in user_key_store.zeroize(*arguments, **options)]

    for number, key_type in ((3, None), (2, KeyType.ED25519), (1, KeyType.RSA)):
        with pytest.raises(UserKeyNotFoundError, match=f"number {number}; nothing was zeroized"):
            zeroize("jane", number, type=key_type)
    assert zeroize("nobody") == []
    assert zeroize("jane", 1) == [("jane", 1)]
    assert zeroize(None, type=KeyType.ED25519) == [("bob", 1), ("jane", 4)]
    assert zeroize("jane") == [("jane", 2)]
    assert zeroize(None) == []


def test_events_are_told_when_they_are_true(user_key_store, database):
    told = []
    user_key_store.listener = lambda event: told.append((event.action, event.imported.number, places(user_key_store)))
    user_key_store.put("jane", 1, new_key())
    user_key_store.zeroize("jane", 1)
    assert told == [("imported", 1, [("jane", 1)]), ("zeroized", 1, [])]

    told.clear()
    user_key_store.put("jane", 2, new_key())

    def fail():
        with database.transaction() as transaction:
            user_key_store.zeroize("jane", transaction=transaction)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert told == [("imported", 2, [("jane", 2)])]
    assert places(user_key_store) == [("jane", 2)]


def test_fips_mode_decides_about_keys_of_users_too(user_key_store, key_store, database):
    with database.transaction() as transaction:
        key_store.set_fips_mode(True, transaction)

    with pytest.raises(NotFipsCompliantError):
        user_key_store.put("jane", 1, new_key())
    assert user_key_store.put("jane", 1, new_ecdsa_key())


def test_fips_mode_can_be_told_of_other_keys(key_store, database):
    def switch_on():
        with database.transaction() as transaction:
            key_store.set_fips_mode(True, transaction, [(KeyType.ED25519, "key 1 of user jane", 256)])

    with pytest.raises(KeysNotFipsCompliantError, match="ed25519 key 1 of user jane"):
        switch_on()
    assert not key_store.is_fips_mode()


def test_many_at_once_keep_to_the_places(user_key_store):
    def work():
        for number in KEY_NUMBERS:
            user_key_store.put("jane", number, new_key())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert places(user_key_store) == [("jane", number) for number in KEY_NUMBERS]
