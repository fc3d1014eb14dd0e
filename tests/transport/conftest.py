"""Keys are slow to make: once a run. A server is cheap: one a test."""

from __future__ import annotations

from datetime import UTC, datetime

import paramiko
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from agent.clock import ManualClock
from agent.transport.host_keys import load_or_create
from tests.transport.rig import start_rig


@pytest.fixture(scope="session")
def host_keys(tmp_path_factory):
    return load_or_create(tmp_path_factory.mktemp("host_keys"))


@pytest.fixture(scope="session")
def user_key():
    return paramiko.ECDSAKey(vals=_ecdsa_values())


def _ecdsa_values():
    key = ec.generate_private_key(ec.SECP256R1())
    return key, key.public_key()


@pytest.fixture
def make_rig(tmp_path, host_keys, user_key):
    """Starts servers with the limits and clock of a test; stops them after it."""
    rigs = []

    def make(**options):
        rig = start_rig(tmp_path, host_keys, user_key, **options)
        rigs.append(rig)
        return rig

    yield make
    for rig in rigs:
        rig.listener.stop()


@pytest.fixture
def rig(make_rig):
    return make_rig()


@pytest.fixture
def manual_clock():
    return ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
