"""The registers that a TPM has quoted: beside the IMA log of the same dossier, and beside the previous quote."""

import json
from dataclasses import replace

import pytest

from agent.integrity.boot_log.section import boot_event_log
from agent.integrity.judging.judge import Known, judge
from tests.integrity.boot_log.writer import usual as usual_boot
from tests.integrity.judging.dossiers import boot_state, codes, dossier, evidence, ima
from tests.integrity.machines import machine

VALUE = b"\x22" * 32
REPLAYED = ima(1, 5)["node"][0]["pcr-replay"]
QUOTED = {"sha256": {0: bytes(32), 10: VALUE}}


def judgement(replay, quoted=QUOTED, section="ima"):
    log = ima(1, 5)
    if replay != REPLAYED:
        log["node"][0]["pcr-replay"] = replay
    found = evidence(dossier(**{section: log}))
    return judge(replace(found, verdict=replace(found.verdict, quoted_registers=quoted)), Known())


@pytest.mark.parametrize("section", ["ima", "incremental_ima"])
def test_a_log_that_leads_elsewhere_is_an_alarm(section):
    found = judgement(REPLAYED, section=section)
    assert codes(found) == ["ima-mismatch"]
    assert found.exit_status == 35
    assert found.findings[0].facts == {"bank": "sha256", "log": REPLAYED["sha256"], "quoted": VALUE.hex()}


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
    # That some of these are no values of a log is another matter.
    assert "ima-mismatch" not in codes(judgement(replay, quoted))


def quoted(registers, key="k", **sections):
    found = evidence(dossier(**sections))
    verdict = replace(found.verdict, quoted_registers=registers, quote_facts=(("attestation-key", key),))
    return replace(found, verdict=verdict)


@pytest.mark.parametrize(
    ("new", "subjects"),
    [
        (quoted({"sha256": {0: VALUE, 7: VALUE, 10: VALUE}}), []),
        (quoted({"sha256": {0: VALUE, 7: bytes(32), 10: bytes(32)}}), ["PCR 7"]),
        (quoted({"sha256": {0: bytes(32), 7: bytes(32)}}), ["PCR 0", "PCR 7"]),
        (quoted({"sha256": {0: VALUE}}, key="other"), ["TPM"]),
        (quoted({"sha1": {0: bytes(20)}}), []),
        (quoted({}), []),
    ],
    ids=["the same", "register 7", "two", "another TPM", "another bank", "no quote"],
)
def test_registers_of_the_start_are_compared_with_the_previous_quote(new, subjects):
    before = quoted({"sha256": {0: VALUE, 7: VALUE, 10: VALUE}})
    found = judge(new, Known(baseline=before))
    changed = [finding for finding in found.findings if finding.kind.code == "boot-state-changed"]
    assert [finding.subject for finding in changed] == subjects


BOOT = usual_boot("sha256")


@pytest.fixture
def boot_log(tmp_path):
    """The members of a real log."""
    host = machine(tmp_path, {"/sys/kernel/security/tpm0/binary_bios_measurements": BOOT.content})
    return json.loads(json.dumps(boot_event_log(host), default=list))


def of_boot_log(log, registers):
    snapshot = boot_state()
    snapshot["node"][0]["boot-event-log"] = log
    return codes(judge(quoted(registers, system_integrity_snapshot=snapshot), Known()))


def test_the_boot_log_must_lead_to_the_quoted_registers(boot_log):
    values = BOOT.registers["sha256"]
    assert of_boot_log(boot_log, {"sha256": {7: values[7], 9: values[9], 14: VALUE}}) == []
    assert of_boot_log(boot_log, {"sha256": {7: VALUE, 9: VALUE}}) == ["boot-log-mismatch"]
    assert of_boot_log(boot_log, {"sha1": {7: bytes(20)}}) == []
    assert of_boot_log(boot_log, {}) == []
    assert of_boot_log({"result-code": "Not present", "reason": "x"}, {"sha256": {7: VALUE}}) == []


def test_the_boot_log_must_lead_to_what_it_claims(boot_log):
    claimed = {**boot_log, "pcr-replay": {"sha256": {**boot_log["pcr-replay"]["sha256"], "7": VALUE.hex()}}}
    events = boot_log["boot-event"]
    for wrong in (
        claimed,
        {**boot_log, "boot-event": events[:-1]},
        {**boot_log, "boot-event": [*events[:2], {**events[2], "digest-list": []}, *events[3:]]},
        {**boot_log, "boot-event": [*events[:2], {**events[2], "pcr-index": -1}, *events[3:]]},
        {**boot_log, "boot-event": [*events[:2], 5, *events[3:]]},
        {**boot_log, "boot-event": events[1:]},
        {**boot_log, "secure-boot": "disabled"},
        {**boot_log, "boot-event": [*events[:3], {**events[3], "event-data": "/////w=="}, *events[4:]]},
        {**boot_log, "boot-event": None},
        {**boot_log, "pcr-replay": None},
        {"result-code": "Success"},
    ):
        assert set(of_boot_log(wrong, {})) == {"boot-log-mismatch"}, wrong
