"""The peers as fixtures of every test; tests/conftest.py has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.peers.fault_proxy import FaultProxy
from tests.peers.scep_responder import ScepResponder
from tests.peers.scepserver import ScepServer, run_scepserver


@pytest.fixture
def scep_responder() -> Iterator[Callable[..., ScepResponder]]:
    """Makes SCEP servers with the arguments of ScepResponder. At the end, none may have anything to complain of about
    its clients; a test that wants a wrong request empties `ca.complaints`."""
    made: list[ScepResponder] = []

    def make(*arguments: Any, **options: Any) -> ScepResponder:
        made.append(ScepResponder(*arguments, **options))
        return made[-1]

    yield make
    for responder in made:
        responder.close()
    assert [complaint for responder in made for complaint in responder.ca.complaints] == []


@pytest.fixture
def fault_proxy() -> Iterator[Callable[[str], FaultProxy]]:
    """Makes proxies before a URL."""
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(FaultProxy(url))


@pytest.fixture(scope="session")
def scepserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScepServer]:
    """The real CA of the Debian package `scep`, which renews at any time. All tests of a run share it: give subjects
    of the test's own."""
    with run_scepserver(tmp_path_factory.mktemp("depot"), "-allowrenew", "0") as server:
        yield server
