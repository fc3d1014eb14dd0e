"""The stores of this room on a fresh database, with a clock that stands still."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agent.clock import ManualClock
from agent.pki.enrollment.self_authority import SelfAuthority
from agent.pki.key_store import KeyStore
from agent.pki.trustpoint_store import TrustpointStore
from agent.pki.user_key_store import UserKeyStore
from agent.storage.database import Database
from agent.storage.sealing import Sealer

START = datetime(2019, 10, 20, 13, 7, 26, 250000, tzinfo=UTC)


@pytest.fixture
def clock():
    return ManualClock(START)


@pytest.fixture
def database(tmp_path):
    database = Database.open(tmp_path / "test.db")
    yield database
    database.close()


@pytest.fixture
def sealer():
    return Sealer(bytes(range(32)))


@pytest.fixture
def events():
    return []


@pytest.fixture
def key_store(database, sealer, clock, events):
    return KeyStore(database, sealer, clock, listener=events.append)


@pytest.fixture
def trustpoint_store(database, key_store, clock):
    return TrustpointStore(database, key_store, clock)


@pytest.fixture
def user_key_store(database, key_store, clock):
    return UserKeyStore(database, key_store, clock)


@pytest.fixture
def authority(database, key_store, trustpoint_store, clock):
    """The device as its own certification authority."""
    return SelfAuthority(database, key_store, trustpoint_store, clock)
