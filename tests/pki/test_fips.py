"""FIPS mode in the key store."""

from __future__ import annotations

import pytest

from agent.pki.errors import KeysNotFipsCompliantError, NotFipsCompliantError
from agent.pki.keys import KeyType


def switch(key_store, database, on):
    with database.transaction() as transaction:
        key_store.set_fips_mode(on, transaction)


def test_refusals_say_what_is_allowed(key_store, database):
    switch(key_store, database, True)
    for key_type, size, field, message in (
        (KeyType.RSA, 1024, "size", "2048, 3072 or 4096 bits, not 1024"),
        (KeyType.DSA, 1024, "size", "2048 bits, not 1024"),
        (KeyType.ED25519, None, "type", "use rsa, dsa, ecdsa-nistp256, ecdsa-nistp384 or ecdsa-nistp521"),
    ):
        with pytest.raises(NotFipsCompliantError, match=message) as refusal:
            key_store.generate(key_type, "k", size=size)
        assert refusal.value.field == field
    assert key_store.list() == []
    assert key_store.generate(KeyType.ECDSA_NISTP256, "k").label == "k"


def test_the_mode_stays_and_can_be_switched_twice(key_store, database):
    assert not key_store.is_fips_mode()
    for on in (True, True, False, False):
        switch(key_store, database, on)
        assert key_store.is_fips_mode() is on


def test_switching_on_names_the_keys_that_stand_against_it_but_not_hundreds(key_store, database):
    for number in range(12):
        key_store.generate(KeyType.ED25519, f"k{number:02}")
    with pytest.raises(KeysNotFipsCompliantError, match=r"ed25519 k09 \(256 bits\) and 2 more\. Zeroize") as refusal:
        switch(key_store, database, True)
    assert len(refusal.value.keys) == 12
    assert not key_store.is_fips_mode()


def test_a_key_that_is_not_stored_is_nowhere_and_hides_its_secret(key_store, events):
    new = key_store.make(KeyType.ED25519, "k")
    assert "private" not in repr(new)
    assert key_store.list() == []
    assert events == []
