"""An EST server that anybody may ask."""

from __future__ import annotations

import pytest

from tests.peers.est_server import EstServer, line_of_today


@pytest.fixture(scope="session")
def chain():
    """A root, and the CA that issues."""
    return line_of_today(2)


@pytest.fixture
def server(tmp_path, chain):
    with EstServer(tmp_path, chain) as running:
        yield running
