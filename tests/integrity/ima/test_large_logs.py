"""A log that is larger than what reading it takes."""

import subprocess
import sys

import pytest


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
def test_two_hundred_thousand_events_in_little_memory(tmp_path):
    command = [sys.executable, "-m", "tests.integrity.ima.large_log", str(tmp_path), "200000"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    # The log has 27 MiB. What grows with it are 8 bytes an event.
    assert float(answer.stdout) < 20
