"""Logs of IMA and of the firmware in dossiers."""

import json
from contextlib import closing
from types import SimpleNamespace

import pytest

from agent.integrity.ima import blocks
from agent.providers.device import Device
from tests.integrity.boot_log.writer import usual as usual_boot
from tests.integrity.ima.writer import usual
from tests.providers.attestation_machine import Machine
from tests.providers.bench import ALICE


@pytest.fixture
def machine(bench):
    return Machine(bench)


def dossier(machine, *selectors, **given):
    options = {"nonce": None, "filesystem_inventory_options": None, "incremental_ima": None, **given}
    collected = Device(machine.bench.services).dossier(SimpleNamespace(selectors=selectors, **options), ALICE, never)
    with closing(collected):
        return json.loads(b"".join(collected.chunks()))


def never():
    """The client stays."""
    return False


def incremental(machine, **start):
    wanted = {"ima_start": [{"0/RP0/CPU0": start}]}
    return dossier(machine, incremental_ima=wanted)["incremental-ima"]


def test_dossiers_with_all_events_and_with_the_new_ones(machine):
    machine.boot("first")
    log = usual(5)
    machine.ima(log)
    whole = dossier(machine, "ima")["ima"]
    assert (whole["result-code"], whole["model-name"]) == ("Success", "Cisco-IOS-XR-remote-attestation-act")
    [node] = whole["node"]
    assert len(node["ima-event-log"]) == 5
    machine.ima(log.measure("/later", b"x"))
    start = {"start_event": node["last-event"], "start_time": node["start-time"]}
    later = incremental(machine, **start)
    assert [event["filename-hint"] for event in later["node"][0]["ima-event-log"]] == ["/later"]
    machine.boot("second")
    (machine.root / "proc/stat").write_text("btime 1772001000\n")
    machine.ima(usual(3))
    other = incremental(machine, **start)
    assert (other["result-code"], len(other["node"][0]["ima-event-log"])) == ("Boot changed", 3)
    assert incremental(machine, start_event="one")["result-code"] == "Invalid option"
    unknown = dossier(machine, incremental_ima={"ima_start": [{"0/RP9/CPU0": {}}]})["incremental-ima"]
    assert unknown["result-code"] == "Node not available"
    assert machine.cache()["dossier-stat"] == {"success-count": 3, "fail-count": 0, "avg-time": 0}


def test_a_log_that_changes_while_it_is_handed_out_costs_its_section_only(machine, monkeypatch):
    monkeypatch.setattr(blocks, "read_block", lambda store, block: None)
    log = usual(1500)
    machine.ima(log)
    position = machine.watch.position()
    # The log is another one by the time that its second block is read.
    monkeypatch.setattr(machine.watch, "position", lambda: position)
    machine.ima(usual(1000).measure("/other", b"x"))
    found = dossier(machine, "ima", "reboot-history")
    assert found["ima"]["result-code"] == "Failed"
    assert found["reboot-history"]["result-code"] == "Success"
    assert machine.cache()["dossier-stat"] == {"success-count": 0, "fail-count": 1, "avg-time": 0}


def test_dossiers_of_a_machine_without_ima(machine):
    found = dossier(machine, "ima", "system-integrity-snapshot", incremental_ima={"ima_start": [{"0/RP0/CPU0": {}}]})
    assert found["ima"]["result-code"] == found["incremental-ima"]["result-code"] == "Not present"
    [node] = found["system-integrity-snapshot"]["node"]
    assert node["boot-event-log"]["result-code"] == "Not present"
    assert (node["boot-aggregate"], node["ima-policy"]) == ("unknown", "not-present")


def test_the_boot_log_and_the_policy_in_a_dossier(machine):
    machine.firmware(usual_boot("sha256"))
    machine.write("sys/kernel/security/ima/policy", b"measure func=BPRM_CHECK\nmeasure func=FILE_MMAP mask=MAY_EXEC\n")
    [node] = dossier(machine, "system-integrity-snapshot")["system-integrity-snapshot"]["node"]
    assert node["ima-policy"] == "measure func=BPRM_CHECK\nmeasure func=FILE_MMAP mask=MAY_EXEC"
    assert node["boot-event-log"]["result-code"] == "Success"
    assert node["boot-event-log"]["boot-event"][0]["event-type-name"] == "EV_NO_ACTION"
