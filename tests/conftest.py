"""Fixtures that all rooms' tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent_process import AgentProcess
from tests.peers.fixtures import est_server, fault_proxy, scep_responder, scepserver, swtpm  # noqa: F401


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[AgentProcess]:
    """A fresh agent of the test's own."""
    process = AgentProcess(tmp_path / "state").start()
    yield process
    process.kill()


@pytest.fixture(scope="module")
def shared_agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProcess]:
    """One agent for all tests of a module: for tests that don't depend on what is configured."""
    process = AgentProcess(tmp_path_factory.mktemp("agent") / "state").start()
    yield process
    process.kill()


@pytest.fixture
def agent_on_a_clock(tmp_path: Path) -> Iterator[AgentProcess]:
    """A fresh agent of the test's own, whose time the test moves with `advance`."""
    process = AgentProcess(tmp_path / "state", on_a_clock=True).start()
    yield process
    process.kill()
