"""A device of each test's own."""

import pytest

from tests.providers.bench import Bench


@pytest.fixture
def bench(tmp_path):
    device = Bench(tmp_path)
    yield device
    device.scheduler.stop()
    device.database.close()
