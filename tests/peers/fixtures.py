"""The peers as fixtures of every test; tests/conftest.py has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.peers.est_server import EstServer, line_of_today
from tests.peers.fault_proxy import FaultProxy
from tests.peers.scep_responder import ScepResponder
from tests.peers.scepserver import ScepServer, run_scepserver
from tests.peers.swtpm import Swtpm


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
def est_server(tmp_path: Path) -> Iterator[Callable[..., EstServer]]:
    """Makes EST servers with the arguments of EstServer but its folder; `chain` may be a number of tiers."""
    with ExitStack() as stack:

        def make(chain: Any = 2, **options: Any) -> EstServer:
            authorities = line_of_today(chain) if isinstance(chain, int) else chain
            return stack.enter_context(EstServer(tmp_path, authorities, **options))

        yield make


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


@pytest.fixture(scope="module")
def swtpm() -> Iterator[Swtpm]:
    """A TPM for the tests of a module."""
    with Swtpm() as tpm:
        yield tpm
