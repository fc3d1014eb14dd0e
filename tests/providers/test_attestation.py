"""Logs of IMA and of the firmware by rpc, in operational data, and in dossiers; what is told of failures."""

import base64
import hashlib
import json
import queue
import threading
from contextlib import closing
from datetime import timedelta
from types import SimpleNamespace

import pytest

from agent.integrity.ima import blocks
from agent.northbound.errors import ProviderError
from agent.providers.attestation import log_rpcs
from agent.providers.attestation.watch import FIRST_DELAY
from agent.providers.device import Device
from agent.yang.errors import YangError
from tests.integrity.boot_log.writer import usual as usual_boot
from tests.integrity.ima.writer import Log, usual
from tests.providers.bench import ALICE

ACT = "/Cisco-IOS-XR-remote-attestation-act:"
IMA = f"{ACT}get-platform-ima-event-logs"
BOOT = f"{ACT}get-platform-boot-integrity-event-logs"
AUDIT = f"{ACT}get-platform-ima-audit-event-logs"
OURS = "/trustconf-integrity:integrity-failure"
CACHE = "Cisco-IOS-XR-attestation-agent-ima-oper:attestation"
JOB = "Cisco-IOS-XR-attestation-agent-cfg:attestation"


class Machine:
    """A bench with logs."""

    def __init__(self, bench):
        self.bench, self.root, self.watch = bench, bench.root, bench.services.ima
        self.ran, count = queue.Queue(), self.watch._count
        self.watch._count = lambda *given: self.ran.put(count(*given))

    def write(self, path, content):
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)

    def ima(self, log):
        self.write("sys/kernel/security/ima/binary_runtime_measurements", log.binary())

    def firmware(self, log):
        self.write("sys/kernel/security/tpm0/binary_bios_measurements", log.content)

    def boot(self, boot_id):
        self.write("proc/sys/kernel/random/boot_id", f"{boot_id}\n".encode())

    def events(self, **request):
        [node] = self.bench.call(IMA, request)["system-ima"]["node-data"]
        return [int(event["event-number"]) for event in node.get("ima-event-log", [])]

    def cache(self):
        return self.bench.state()[CACHE]["ima-cache"]

    def evidence(self):
        return self.bench.state()["trustconf-integrity:integrity"]

    def job(self, **time):
        """Let time pass until the job has run once more."""
        self.bench.clock.advance(timedelta(**time))
        self.ran.get(timeout=60)

    def failures(self):
        return [(told["source"], told["failure"]) for told in self.bench.told(OURS)]


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


# RFC 9684 ------------------------------------------------------------------------------------------------------------

RETRIEVE = "/ietf-tpm-remote-attestation:log-retrieval"


def retrieved(machine, log_type, *selectors):
    """The node's data without its entries, and the entries."""
    request = {"log-type": f"ietf-tpm-remote-attestation:{log_type}", "log-selector": list(selectors)}
    found = machine.bench.call(RETRIEVE, request).get("system-event-logs")
    if found is None:
        return None, None
    [node] = found["node-data"]
    [result] = node.pop("log-result", {"": {}}).values()
    return node, next(iter(result.values()), [])


def numbers(machine, log_type, *selectors):
    return [int(entry["event-number"]) for entry in retrieved(machine, log_type, *selectors)[1]]


def test_the_ima_log_of_the_rfc(machine):
    log = usual(5, template="ima-sig")
    machine.ima(log)
    node, entries = retrieved(machine, "ima")
    assert node == {"up-time": 3600}
    assert entries[3] == {
        "event-number": "4",
        "ima-template": "ima-sig",
        "filename-hint": "/usr/bin/tool2",
        "filedata-hash": base64.b64encode(hashlib.sha256(b"2").digest()).decode(),
        "filedata-hash-algorithm": "sha256",
        "template-hash-algorithm": "sha1",
        "template-hash": base64.b64encode(log.template_hash(log.entries[3], "sha1")).decode(),
        "pcr-index": 10,
        "signature": base64.b64encode(log.entries[3][2][2]).decode(),
    }


def test_the_boot_log_of_the_rfc(machine):
    log = usual_boot("sha1", "sha256")
    machine.firmware(log)
    machine.write("sys/class/tpm/tpm0/tpm_version_major", b"2\n")
    node, entries = retrieved(machine, "bios")
    assert node == {"up-time": 3600, "name": "tpm0"}
    assert [entry["event-number"] for entry in entries] == list(range(1, log.count + 1))
    assert entries[-1] == {
        "event-number": log.count,
        "event-type": 13,
        "pcr-index": 9,
        "digest-list": [
            {"hash-algo": f"ietf-tcg-algs:TPM_ALG_{name}", "digest": [base64.b64encode(digest).decode()]}
            for name, digest in (
                ("SHA1", hashlib.sha1(b"the initrd").digest()),
                ("SHA256", hashlib.sha256(b"the initrd").digest()),
            )
        ],
        "event-size": 6,
        "event-data": ["aW5pdHJk"],
    }


def test_selectors(machine):
    log = usual(20)
    machine.ima(log)
    assert numbers(machine, "ima", {"last-index-number": "0"}) == list(range(1, 21))
    assert numbers(machine, "ima", {"last-index-number": "17"}) == [18, 19, 20]
    assert numbers(machine, "ima", {"last-index-number": "17", "log-entry-quantity": 2}) == [18, 19]
    assert numbers(machine, "ima", {"log-entry-quantity": 2}) == [1, 2]
    assert numbers(machine, "ima", {"log-entry-quantity": 0}) == []
    assert numbers(machine, "ima", {"last-index-number": str(2**64 - 1)}) == []
    assert numbers(machine, "ima", {"last-index-number": "5"}, {"log-entry-quantity": 3}) == [6, 7, 8]
    record, template_hash = log.record(log.entries[17]), log.template_hash(log.entries[17], "sha1")
    for content in (record, template_hash):
        assert numbers(machine, "ima", {"last-entry-value": base64.b64encode(content).decode()}) == [19, 20]
    boot = usual_boot("sha256")
    machine.firmware(boot)
    digest = hashlib.sha256(b"the loader").digest()
    assert numbers(machine, "bios", {"last-entry-value": base64.b64encode(digest).decode()}) == [boot.count]


def test_an_entry_must_be_there_and_be_unique(machine):
    machine.ima(usual(5).measure("/open", violation=True).measure("/open", violation=True))
    machine.firmware(usual_boot("sha256"))
    for log_type, content, app_tag in (
        ("ima", b"nothing", "entry-not-found"),
        ("ima", bytes(20), "entry-not-unique"),
        # All separators have the same digest.
        ("bios", hashlib.sha256(bytes(4)).digest(), "entry-not-unique"),
    ):
        with pytest.raises(ProviderError) as caught:
            numbers(machine, log_type, {"last-entry-value": base64.b64encode(content).decode()})
        assert (caught.value.tag, caught.value.app_tag) == ("invalid-value", app_tag)
        assert caught.value.path == "log-selector"


def test_timestamps(machine):
    log = usual(5)
    machine.ima(log)
    machine.firmware(usual_boot("sha256"))
    machine.evidence()
    machine.bench.clock.advance(timedelta(hours=1))
    machine.ima(log.measure("/later", b"x"))
    for text, expected in (
        ("2026-02-01T00:00:00Z", [1, 2, 3, 4, 5, 6]),
        ("2026-03-01T12:30:00Z", [6]),
        ("2026-03-01T14:30:00.5+02:00", [6]),
        ("2026-03-01T13:00:00Z", []),
    ):
        machine.evidence()
        assert numbers(machine, "ima", {"timestamp": text}) == expected
    assert numbers(machine, "bios", {"timestamp": "2026-02-01T00:00:00Z"})[0] == 1
    assert numbers(machine, "bios", {"timestamp": "2026-03-01T12:30:00Z"}) == []
    with pytest.raises(ProviderError) as caught:
        numbers(machine, "ima", {"timestamp": "2026-02-30T00:00:00Z"})
    assert caught.value.app_tag == "invalid-timestamp"


def test_only_of_some_tpms(machine):
    machine.ima(usual(3))
    machine.write("sys/class/tpm/tpm0/tpm_version_major", b"2\n")
    assert numbers(machine, "ima", {"name": ["tpm0", "tpm1"]}) == [1, 2, 3]
    assert retrieved(machine, "ima", {"name": ["tpm1"]}) == (None, None)


def test_logs_of_the_rfc_that_are_not_there(machine):
    for log_type in ("ima", "bios"):
        with pytest.raises(ProviderError) as caught:
            retrieved(machine, log_type)
        assert caught.value.app_tag == "evidence-not-present"
    with pytest.raises(ProviderError) as caught:
        retrieved(machine, "netequip_boot")
    assert (caught.value.tag, caught.value.app_tag) == ("operation-not-supported", "log-type-not-supported")


# Dossiers ------------------------------------------------------------------------------------------------------------


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
