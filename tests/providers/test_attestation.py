"""Logs of IMA and of the firmware by Cisco's rpcs and in operational data; what is told of failures."""

import base64
import hashlib
import threading
from datetime import timedelta

import pytest

from agent.northbound.errors import ProviderError
from agent.providers.attestation import log_rpcs
from agent.providers.attestation.watch import FIRST_DELAY
from agent.yang.errors import YangError
from tests.integrity.boot_log.writer import usual as usual_boot
from tests.integrity.ima.writer import Log, usual
from tests.providers.attestation_machine import ACT, AUDIT, BOOT, IMA, JOB, OURS, RETRIEVE, Machine


@pytest.fixture
def machine(bench):
    return Machine(bench)


def test_the_log_in_ciscos_words(machine):
    log = usual(5, template="ima-sig")
    machine.ima(log)
    [node] = machine.bench.call(IMA)["system-ima"]["node-data"]
    events = node.pop("ima-event-log")
    assert node == {"node-location": "0/RP0/CPU0", "up-time": 3600, "start-time": "Wed Feb 25 06:13:20 2026"}
    assert events[3] == {
        "event-number": "4",
        "ima-template": "ima-sig",
        "filename-hint": "/usr/bin/tool2",
        "filedata-hash": base64.b64encode(hashlib.sha256(b"2").digest()).decode(),
        "template-hash-algorithm": "sha1",
        "template-hash": base64.b64encode(log.template_hash(log.entries[3], "sha1")).decode(),
        "pcr-index": 10,
        "signature": base64.b64encode(log.entries[3][2][2]).decode(),
    }


def test_the_start_is_exclusive_and_the_end_is_not(machine):
    machine.ima(usual(20))
    numbers = {"start-event-number": "5", "end-event-number": "8"}
    assert machine.events(**numbers) == [6, 7, 8]
    assert machine.events(**{"start-event-number": "18"}) == [19, 20]
    assert machine.events(**{"start-event-number": "20"}) == []
    assert machine.events(**{"start-event-number": str(2**64 - 1)}) == []
    assert machine.events(**{"start-event-number": "0", "end-event-number": "0"}) == []
    for location in ("0/RP0/CPU0", "node0_RP0_CPU0", "all"):
        assert len(machine.events(location=location)) == 20
    for refused in ({"end-event-number": "8"}, {"start-event-number": "9", "end-event-number": "8"}):
        with pytest.raises(YangError, match="start-event-number"):
            machine.events(**refused)
    with pytest.raises(ProviderError) as caught:
        machine.events(location="0/RP1/CPU0")
    assert (caught.value.app_tag, caught.value.path) == ("unknown-node", "location")


@pytest.mark.parametrize("content", [b"no log", b""], ids=["garbage", "cut"])
def test_a_damaged_log_does_not_look_whole(machine, content):
    """What comes before the damage has to be asked for."""
    log = usual(3).binary()
    machine.write("sys/kernel/security/ima/binary_runtime_measurements", log + content if content else log[:-1])
    good = 3 if content else 2
    retrieval = {"log-type": "ietf-tpm-remote-attestation:ima"}
    for rpc, request in ((IMA, {}), (IMA, {"start-event-number": "0", "end-event-number": "4"}), (RETRIEVE, retrieval)):
        with pytest.raises(ProviderError) as caught:
            machine.bench.call(rpc, request)
        assert (caught.value.app_tag, caught.value.tag) == ("evidence-damaged", "operation-failed")
        assert f"Event {good + 1} " in caught.value.message
        assert f"{good} events" in caught.value.message
        assert ".." not in caught.value.message
    assert machine.events(**{"start-event-number": "0", "end-event-number": str(good)}) == list(range(1, good + 1))
    some = machine.bench.call(
        RETRIEVE, retrieval | {"log-selector": [{"last-index-number": "0", "log-entry-quantity": 2}]}
    )
    [node] = some["system-event-logs"]["node-data"]
    assert len(node["log-result"]["ima-event-logs"]["ima-event-entry"]) == 2


def test_names_that_xml_can_t_carry(machine):
    machine.ima(Log().measure(b"/tmp/\xff\x01", b"1"))
    [node] = machine.bench.call(IMA)["system-ima"]["node-data"]
    assert node["ima-event-log"][0]["filename-hint"] == r"/tmp/\xff\x01"


def test_more_events_than_a_reply_may_have(machine, monkeypatch):
    monkeypatch.setattr(log_rpcs, "MAX_EVENTS", 10)
    machine.ima(usual(12))
    with pytest.raises(ProviderError) as caught:
        machine.events()
    assert (caught.value.tag, caught.value.app_tag) == ("too-big", "too-many-events")
    assert len(machine.events(**{"start-event-number": "2"})) == 10


def test_the_boot_log_in_ciscos_words(machine):
    log = usual_boot("sha1", "sha256")
    machine.firmware(log)
    range_ = {"start-event-number": str(log.count - 1)}
    [node] = machine.bench.call(BOOT, range_)["system-boot-integrity"]["node-data"]
    [event] = node["event_log"]
    assert (event["event-number"], event["event-type"], event["pcr-index"]) == (log.count, 13, 9)
    assert [each["digest-hash-algorithm"] for each in event["digest-list"]] == ["SHA1", "SHA256"]
    assert event["digest-list"][1]["digest"] == base64.b64encode(hashlib.sha256(b"the initrd").digest()).decode()
    assert (event["event-size"], event["event-data"]) == (6, "aW5pdHJk")


AUDIT_LOG = b"""\
type=SYSCALL msg=audit(1613466917.100:44): arch=c000003e syscall=59 success=no
type=INTEGRITY_DATA msg=audit(1613466917.123:45): pid=812 uid=0 auid=1000 ses=1 subj=unconfined op=appraise_data \
cause=missing-hash comm="bash" name="/usr/bin/tool" dev="vda1" ino=1234 res=0 errno=0
type=INTEGRITY_DATA msg=audit(1613466920.000:46): pid=813 uid=0 auid=1000 ses=1 subj=unconfined op=appraise_data \
cause=invalid-signature comm="bash" exe="/usr/bin/bash" name="/usr/bin/tool" dev="vda1" ino=1234 res=0 errno=0
type=INTEGRITY_RULE msg=audit(1613466921.000:47): file=2F746D702F6120FF hash="sha256:00" ppid=1 pid=5 comm="sh"
type=INTEGRITY_STATUS msg=audit(1613466922.000:48): garbage
INTEGRITY_DATA is only a word here
"""


def test_what_appraisal_has_told_the_audit_log(machine):
    machine.write("var/log/audit/audit.log", AUDIT_LOG)
    [node] = machine.bench.call(AUDIT)["ima-audit-logs"]["node-data"]
    assert node["start-time"] == "Wed Feb 25 06:13:20 2026"
    assert node["audit-event-log"] == [
        {
            "filename": "/usr/bin/tool",
            "timestamp": "Tue Feb 16 09:15:20 2021",
            "type": "INTEGRITY_DATA",
            "pid": "813",
            "calling_process": "/usr/bin/bash",
            "subject": "unconfined",
            "cause": "invalid-signature",
        },
        {
            "filename": r"/tmp/a \xff",
            "timestamp": "Tue Feb 16 09:15:21 2021",
            "type": "INTEGRITY_RULE",
            "pid": "5",
            "calling_process": "sh",
        },
    ]


@pytest.mark.parametrize("rpc", [IMA, BOOT, AUDIT])
def test_absence_is_a_refusal_that_says_so(machine, rpc):
    with pytest.raises(ProviderError) as caught:
        machine.bench.call(rpc)
    assert (caught.value.tag, caught.value.app_tag) == ("operation-failed", "evidence-not-present")
    assert caught.value.message.startswith("Not present: ")


def test_absence_in_operational_data(machine):
    machine.watch.start()
    machine.job(seconds=FIRST_DELAY.total_seconds())
    found = machine.evidence()
    assert found["ima"]["log"]["result-code"] == found["boot-log"]["result-code"] == "Not present"
    assert machine.cache()["cron-stat"]["cron"][0]["success-count"] == 1
    assert "node-cache-summary" not in machine.cache()
    assert machine.bench.told(OURS) == []


def test_operational_data(machine):
    boot = usual_boot("sha1", "sha256")
    log = Log()
    log.measure("boot_aggregate", b"").measure("/usr/bin/tool", b"1").measure("/open", violation=True)
    log.measure("/usr/bin/tool", b"1")
    log.entries[0][2][0] = b"sha256:\0" + boot.aggregate()
    machine.ima(log)
    machine.firmware(boot)
    found = machine.evidence()
    assert (
        found["ima"]["log"].items()
        >= {
            "result-code": "Success",
            "events": "4",
            "violations": "1",
            "duplicates": "1",
            "template-hash-mismatches": "0",
        }.items()
    )
    assert {each["bank"]: each["value"] for each in found["ima"]["log"]["pcr-replay"]} == {
        bank: log.pcr(bank).hex() for bank in ("sha1", "sha256", "sha384")
    }
    assert (found["boot-log"]["secure-boot"], found["boot-log"]["boot-aggregate"]) == ("enabled", "match")
    values = {(each["bank"], each["pcr"]): each["value"] for each in found["boot-log"]["pcr-replay"]}
    assert values["sha256", 7] == boot.registers["sha256"][7].hex()
    assert machine.failures() == []


def test_the_cache_and_its_job_in_ciscos_words(machine):
    log = usual(1500)
    machine.ima(log)
    machine.watch.start()
    machine.job(seconds=FIRST_DELAY.total_seconds())
    found = machine.cache()
    [cron] = found["cron-stat"]["cron"]
    assert cron == {
        "run-time": 0,
        "averag-blocks-read": 2,
        "success-count": 1,
        "failure-count": 0,
        "periodicity": 240,
        "no-update-count": 0,
        "timestamp": "Sun Mar  1 12:01:00 2026",
        "node-name": "0/RP0/CPU0",
        "total-count": 1,
    }
    [cache] = found["node-cache-summary"]["cache"]
    assert cache == {
        "total-blocks": 2,
        "cache-size": 1,
        "total-events": 1500,
        "duplicate-events": 0,
        "unique-events": 1500,
        "node-name": "0/RP0/CPU0",
        "timestamp": "Sun Mar  1 12:01:00 2026",
    }
    blocks = found["node-block-summary"]["node-block"][0]["block"]
    assert [(block["block-start"], block["block-end"], block["block-exists"]) for block in blocks] == [
        (1, 1000, "TRUE"),
        (1001, 1500, "TRUE"),
    ]
    name = blocks[0]["block-name"]
    (machine.root.parent / "state/ima-cache" / name).write_bytes(b"garbage")
    machine.job(minutes=240)
    assert machine.cache()["ima-corrupt-stat"]["node"] == [
        {"node-name": "0/RP0/CPU0", "chunk": [{"chunk-start-event": 1, "chunk-end-event": 1000}]}
    ]
    assert machine.cache()["cron-stat"]["cron"][0]["no-update-count"] == 1


def test_nobody_waits_for_the_job_to_see_how_far_it_is(machine, monkeypatch):
    monkeypatch.setattr("agent.integrity.ima.looking._PACE", 5)
    machine.ima(usual(12))
    reached, go_on = threading.Event(), threading.Event()

    def report(events):
        machine.watch.log.progress = events
        if events == 10:
            reached.set()
            go_on.wait(60)

    machine.watch.log._report = report
    machine.watch.start()
    machine.bench.clock.advance(FIRST_DELAY)
    assert reached.wait(60)
    assert machine.evidence()["ima"]["log"] == {"job-status": "reading", "events-read": "10"}
    assert "node-cache-summary" not in machine.cache()
    go_on.set()
    machine.ran.get(timeout=60)
    assert machine.evidence()["ima"]["log"].items() >= {"job-status": "idle", "events": "12"}.items()


def test_the_interval_is_configured_in_either_model(machine):
    bench = machine.bench
    machine.ima(usual(5))
    bench.commit({"trustconf-integrity:integrity": {"ima": {"cache-job-interval": 10}}})
    machine.watch.start()
    machine.job(minutes=1)
    machine.job(minutes=10)
    bench.commit({JOB: {"ima": {"cache": {"job": {"interval": 5}}}}})
    machine.job(minutes=5)
    for refused in (4, 7, 1441):
        with pytest.raises(YangError):
            bench.commit({JOB: {"ima": {"cache": {"job": {"interval": refused}}}}})
    bench.commit({JOB: {"ima": {"cache": {"job": {"disable": True}}}}})
    before = machine.watch.job.runs
    machine.watch.look()
    bench.clock.advance(timedelta(days=1))
    assert machine.watch.job.runs == before


def test_a_template_hash_that_does_not_recompute_is_told_once(machine):
    log = usual(5)
    content = log.binary().replace(b"tool2", b"toolX")
    machine.write("sys/kernel/security/ima/binary_runtime_measurements", content)
    machine.evidence()
    machine.evidence()
    [told] = machine.bench.told(OURS)
    digest = base64.b64encode(hashlib.sha256(b"2").digest()).decode()
    assert told == {
        "source": "ima-log",
        "failure": "template-hash-mismatch",
        "event-number": "4",
        "filename-hint": "/usr/bin/toolX",
        "filedata-hash": digest,
        "message": "The template hash of event 4 is not that of its data.",
    }
    [told] = machine.bench.told(f"{ACT}runtime-integrity-failure")
    assert (told["filename-hint"], told["filedata-hash"]) == ("/usr/bin/toolX", digest)
    assert len(told["system-identifier"]) >= 4


def test_logs_that_change_within_a_boot(machine):
    machine.boot("first")
    machine.ima(usual(5))
    machine.firmware(usual_boot("sha256"))
    machine.evidence()
    machine.ima(usual(3))
    machine.firmware(usual_boot("sha256", secure_boot=False))
    machine.evidence()
    machine.evidence()
    assert sorted(set(machine.failures())) == [
        ("boot-log", "boot-aggregate-mismatch"),
        ("boot-log", "log-changed"),
        ("ima-log", "log-shrank"),
    ]
    assert len(machine.failures()) == 3
    machine.boot("second")
    machine.firmware(usual_boot("sha256"))
    machine.ima(Log().measure("/init", b"1"))
    machine.evidence()
    assert len(machine.failures()) == 3
    assert len(machine.bench.told(f"{ACT}boot-integrity-failure")) == 2


def test_files_that_the_kernel_would_not_have_are_told_once(machine):
    # Of the four records that have files, one is a failed appraisal.
    machine.write("var/log/audit/audit.log", AUDIT_LOG)
    machine.write("proc/stat", b"btime 1613466900\n")
    machine.watch.start()
    machine.job(minutes=1)
    machine.job(minutes=240)
    [told] = machine.bench.told(OURS)
    assert told == {
        "source": "audit-log",
        "failure": "appraisal-failed",
        "filename-hint": "/usr/bin/tool",
        "message": "The kernel's appraisal of /usr/bin/tool has failed: invalid-signature.",
    }
    [told] = machine.bench.told(f"{ACT}runtime-integrity-failure")
    assert told["filename-hint"] == "/usr/bin/tool"


def test_what_was_told_of_another_boot_is_old(machine):
    machine.write("var/log/audit/audit.log", AUDIT_LOG)
    machine.watch.start()
    machine.job(minutes=1)
    assert machine.failures() == []
