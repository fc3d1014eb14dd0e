"""Real logs, which lie beside the project (not in it): tests that want them are skipped where they are not."""

from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
_PLACES = [TOP.parent / "shared/data/attestation", TOP.parent.parent / "shared/data/attestation"]
FOLDER = next((place for place in _PLACES if place.is_dir()), None)


def real_log(name):
    """The content of one of the files; skips the test where there are none."""
    if FOLDER is None:
        pytest.skip("the real logs are not on this machine: shared/data/attestation")
    return (FOLDER / name).read_bytes()
