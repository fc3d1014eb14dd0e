"""Agents with an operator each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.agent_process import AgentProcess
from tests.enrollment.operator import Operator


@pytest.fixture(scope="module")
def shared_agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProcess]:
    """One agent for all tests of a module, whose time they may move on by hours."""
    process = AgentProcess(tmp_path_factory.mktemp("agent") / "state", on_a_clock=True).start()
    yield process
    process.kill()


@pytest.fixture
def operator(shared_agent: AgentProcess) -> Iterator[Operator]:
    """At the agent that the tests of a module share: each test has trustpoints and keys of its own names."""
    operator = Operator(shared_agent)
    yield operator
    operator.close()


@pytest.fixture(scope="module")
def shared_agent_on_a_clock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProcess]:
    """One agent for all tests of a module that move its time on: each ends what it has begun."""
    process = AgentProcess(tmp_path_factory.mktemp("agent") / "state", on_a_clock=True).start()
    yield process
    process.kill()


@pytest.fixture
def clocked(shared_agent_on_a_clock: AgentProcess) -> Iterator[Operator]:
    """At the agent on a clock that the tests of a module share."""
    operator = Operator(shared_agent_on_a_clock)
    yield operator
    operator.close()


@pytest.fixture
def timed_operator(agent_on_a_clock: AgentProcess) -> Iterator[Operator]:
    """At an agent of the test's own, whose time the test moves."""
    operator = Operator(agent_on_a_clock)
    yield operator
    operator.close()
