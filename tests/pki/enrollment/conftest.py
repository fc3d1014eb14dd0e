"""Enrolling on real stores, with a certification authority that a test plays by hand."""

from __future__ import annotations

import pytest

from agent.clock import ManualClock
from agent.pki.enrollment import authenticating, enrolling
from agent.pki.enrollment.enroller import Enroller
from agent.scheduler import Scheduler
from tests.pki.authorities import START
from tests.pki.enrollment.played_ca import Configs, Ear, PlayedCa


@pytest.fixture
def clock():
    return ManualClock(START)


@pytest.fixture
def configs():
    return Configs()


@pytest.fixture
def ear():
    return Ear()


@pytest.fixture
def ca(monkeypatch):
    played = PlayedCa()
    for module in (enrolling, authenticating):
        monkeypatch.setattr(module, "server_of", lambda config, clock: played)
    return played


@pytest.fixture
def restart(database, sealer, key_store, trustpoint_store, clock, configs, ear):
    """Makes an Enroller as a new process would, on the same storage; the one before has ended."""
    schedulers = []

    def make():
        for old in schedulers:
            old.stop()
        schedulers.append(Scheduler(clock))
        schedulers[-1].start()
        return Enroller.make(
            database=database,
            sealer=sealer,
            key_store=key_store,
            store=trustpoint_store,
            scheduler=schedulers[-1],
            clock=clock,
            configs=configs,
            listener=ear,
        )

    yield make
    schedulers[-1].stop()


@pytest.fixture
def enroller(restart, ca):
    return restart()
