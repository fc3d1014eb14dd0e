"""The register that a TPM has quoted, beside what the IMA log of the same dossier leads to."""

from dataclasses import replace

import pytest

from agent.integrity.judging.judge import Known, judge
from tests.integrity.judging.dossiers import codes, dossier, evidence, ima

VALUE = b"\x22" * 32
QUOTED = {"sha256": {0: bytes(32), 10: VALUE}}


def judgement(replay, quoted=QUOTED, section="ima"):
    log = ima(1, 5)
    log["node"][0]["pcr-replay"] = replay
    found = evidence(dossier(**{section: log}))
    return judge(replace(found, verdict=replace(found.verdict, quoted_registers=quoted)), Known())


@pytest.mark.parametrize("section", ["ima", "incremental_ima"])
def test_a_log_that_leads_elsewhere_is_an_alarm(section):
    found = judgement({"sha256": "00" * 32}, section=section)
    assert codes(found) == ["ima-mismatch"]
    assert found.exit_status == 35
    assert found.findings[0].facts == {"bank": "sha256", "log": "00" * 32, "quoted": VALUE.hex()}


@pytest.mark.parametrize(
    ("replay", "quoted"),
    [
        ({"sha1": "00" * 20, "sha256": VALUE.hex().upper()}, QUOTED),
        ({"sha1": "00" * 20}, QUOTED),
        ({"sha256": "00" * 32}, {}),
        ({"sha256": "00" * 32}, {"sha256": {0: VALUE}}),
        (None, QUOTED),
        ([], QUOTED),
        ({"sha256": 1}, QUOTED),
    ],
    ids=["right", "another bank", "no quote", "another register", "no replay", "no object", "no text"],
)
def test_what_can_t_be_compared_or_agrees_is_silent(replay, quoted):
    assert codes(judgement(replay, quoted)) == []
