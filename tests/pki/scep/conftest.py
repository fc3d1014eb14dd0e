"""A real CA for the tests that need one."""

from __future__ import annotations

import pytest

from tests.pki.scep.scepserver import run_scepserver


@pytest.fixture(scope="session")
def scep_server(tmp_path_factory):
    """A SCEP server that renews at any time."""
    with run_scepserver(tmp_path_factory.mktemp("depot"), "-allowrenew", "0") as server:
        yield server
