"""Agents with an operator each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.agent_process import AgentProcess
from tests.enrollment.operator import Operator


@pytest.fixture
def operator(shared_agent: AgentProcess) -> Iterator[Operator]:
    """At the agent that the tests of a module share: each test has trustpoints and keys of its own names."""
    operator = Operator(shared_agent)
    yield operator
    operator.close()


@pytest.fixture
def timed_operator(agent_on_a_clock: AgentProcess) -> Iterator[Operator]:
    """At an agent of the test's own, whose time the test moves."""
    operator = Operator(agent_on_a_clock)
    yield operator
    operator.close()
