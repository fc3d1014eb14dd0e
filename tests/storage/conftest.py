from __future__ import annotations

import pytest

from agent.storage.database import Database


@pytest.fixture
def database(tmp_path):
    database = Database.open(tmp_path / "test.db")
    yield database
    database.close()
