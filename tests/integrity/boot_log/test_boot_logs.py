"""Boot logs of both forms: parsed, replayed beside tpm2_eventlog, and judged."""

import json
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.host.real import RealHost
from agent.integrity.boot_log.aggregate import Aggregate, judge
from agent.integrity.boot_log.contents import edited, firmware_errors
from agent.integrity.boot_log.event import BootLogError
from agent.integrity.boot_log.evidence import read_boot_log
from agent.integrity.boot_log.judgement import BootFailureKind, judge_boot_log
from agent.integrity.boot_log.parsing import parse
from agent.integrity.boot_log.replay import replay
from agent.integrity.boot_log.section import boot_aggregate, boot_event_log
from agent.integrity.errors import ResultCode, SourceUnavailableError
from agent.integrity.ima.templates import MeasuredFile
from tests.integrity.attestation_data import real_log
from tests.integrity.boot_log.writer import BootLog, usual
from tests.integrity.ima.writer import Log
from tests.integrity.machines import machine

PATH = "/sys/kernel/security/tpm0/binary_bios_measurements"
IMA = "/sys/kernel/security/ima/binary_runtime_measurements"
FORMS = [(), ("sha1",), ("sha256",), ("sha1", "sha256"), ("sha256", "sha384", "sha512")]


def values(log):
    return {bank: dict(registers) for bank, registers in replay(parse(log.content)).items()}


@pytest.mark.parametrize("banks", FORMS)
def test_both_forms_are_read_and_replayed(banks):
    log = usual(*banks)
    parsed = parse(log.content)
    assert parsed.form == ("crypto-agile" if banks else "sha1")
    assert parsed.banks == log.banks
    assert len(parsed.events) == log.count
    assert b"".join(event.record for event in parsed.events) == log.content
    assert [event.number for event in parsed.events] == list(range(1, log.count + 1))
    last = parsed.events[-1]
    assert (last.pcr, last.type_name, last.data) == (9, "EV_IPL", b"initrd")
    assert values(log) == {bank: dict(sorted(registers.items())) for bank, registers in log.registers.items()}


def test_an_empty_log():
    assert parse(b"").events == ()


def test_a_tpm_started_from_another_locality():
    log = BootLog("sha256")
    log.add(0, 3, b"StartupLocality\0\3").add(0, 8, b"version")
    plain = BootLog("sha256").add(0, 8, b"version")
    assert values(log)["sha256"][0] != values(plain)["sha256"][0]
    assert values(BootLog("sha256").add(0, 3, b"StartupLocality\0\3"))["sha256"][0] == bytes(31) + b"\3"


tpm2_eventlog = pytest.mark.skipif(shutil.which("tpm2_eventlog") is None, reason="tpm2-tools is not installed")


def of_tpm2_tools(tmp_path, content):
    """The registers that tpm2_eventlog has at its end: {bank: {number: hex}}."""
    (tmp_path / "log").write_bytes(content)
    answer = subprocess.run(
        ["tpm2_eventlog", tmp_path / "log"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    found, bank = {}, ""
    for line in answer[answer.index("\npcrs:") :].splitlines()[2:]:
        name, _, value = line.strip().partition(":")
        if value:
            found[bank][int(name)] = value.strip().removeprefix("0x")
        else:
            bank = name
            found[bank] = {}
    return found


@tpm2_eventlog
@pytest.mark.parametrize("banks", FORMS)
def test_tpm2_eventlog_agrees(tmp_path, banks):
    log = usual(*banks)
    ours = {bank: {number: value.hex() for number, value in each.items()} for bank, each in values(log).items()}
    assert of_tpm2_tools(tmp_path, log.content) == ours


@tpm2_eventlog
def test_tpm2_eventlog_agrees_about_a_real_log(tmp_path):
    content = real_log("binary_bios_measurements")
    parsed = parse(content)
    assert len(parsed.events) == 108
    assert edited(parsed.events) == firmware_errors(parsed.events) == ()
    ours = {bank: {number: value.hex() for number, value in each.items()} for bank, each in replay(parsed).items()}
    assert of_tpm2_tools(tmp_path, content) == ours
    assert ours["sha256"][14].startswith("306f9d8b94f17d93")


SPECIFICATION = usual("sha256").content[: usual("sha256").content.index(b"\x08\0\0\0")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"short", "ends in the middle"),
        (usual().content[:-1], "ends in the middle"),
        (usual("sha256").content[:-1], "ends in the middle"),
        (usual().content + b"\xff" * 40, "no register"),
        (BootLog("sha256").content + b"\0\0\0\0\4\0\0\0\xff\xff\xff\xff", "digests"),
        (BootLog("sha256").content + b"\0\0\0\0\4\0\0\0\1\0\0\0\x34\x12" + bytes(40), "none of the log's"),
        (BootLog("sha256").content.replace(b"\x0b\0\x20\0", b"\x0b\0\x21\0"), "can't have"),
        (BootLog("sha256").content.replace(b"\1\0\0\0\x0b\0", b"\0\0\0\0\x0b\0"), "0 algorithms"),
        (BootLog("sha256").content.replace(b"\1\0\0\0\x0b\0", b"\xff\0\0\0\x0b\0"), "255 algorithms"),
    ],
)
def test_what_can_t_be_read(content, message):
    with pytest.raises(BootLogError, match=message):
        parse(content)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_bytes_upset_the_parser(data):
    content = bytearray(data.draw(st.sampled_from([usual("sha1", "sha256").content, usual().content, b""])))
    for _ in range(data.draw(st.integers(0, 4)) if content else 0):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content += data.draw(st.binary(max_size=80))
    try:
        parsed = parse(bytes(content))
    except BootLogError:
        return
    for registers in replay(parsed).values():
        assert set(range(8)) <= set(registers)


# Of a host -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("secure_boot", "told"), [(True, "enabled"), (False, "disabled")])
def test_what_the_firmware_has_measured_of_secure_boot(tmp_path, secure_boot, told):
    host = machine(tmp_path, {PATH: usual("sha256", secure_boot=secure_boot).content})
    assert read_boot_log(host).secure_boot == told
    assert read_boot_log(machine(tmp_path, {PATH: BootLog("sha256").content})).secure_boot is None


def test_the_members_in_a_dossier(tmp_path):
    log = usual("sha1", "sha256")
    found = json.loads(json.dumps(boot_event_log(machine(tmp_path, {PATH: log.content})), default=list))
    assert found["result-code"] == "Success"
    assert (found["format"], found["total-events"], found["secure-boot"]) == ("crypto-agile", log.count, "enabled")
    assert found["pcr-replay"]["sha256"]["9"] == log.registers["sha256"][9].hex()
    assert found["firmware-errors"] == found["data-mismatches"] == []
    event = found["boot-event"][-1]
    assert (event["event-number"], event["event-type"], event["event-type-name"]) == (log.count, 13, "EV_IPL")
    assert [each["digest-hash-algorithm"] for each in event["digest-list"]] == ["SHA1", "SHA256"]
    assert (event["event-size"], event["event-data"]) == (6, "aW5pdHJk")


def test_absence_is_a_result_code_on_this_machine_and_on_one_without_a_tpm(tmp_path):
    for host in (RealHost(), machine(tmp_path, {"/sys/kernel/security/tpmrm": None})):
        found = boot_event_log(host)
        if found["result-code"] == "Success":
            continue  # this machine has a boot log
        assert found["result-code"] in ("Not present", "Permission denied")
        assert found["reason"]
        assert judge_boot_log(host).failures == ()


def test_a_log_that_can_t_be_read_is_a_failure(tmp_path):
    host = machine(tmp_path, {PATH: usual("sha256").content[:-3]})
    with pytest.raises(SourceUnavailableError) as caught:
        read_boot_log(host)
    assert caught.value.code is ResultCode.FAILED
    judgement = judge_boot_log(host)
    assert [failure.kind for failure in judgement.failures] == [BootFailureKind.DAMAGED]
    assert judgement.absence.code is ResultCode.FAILED


def test_what_firmware_says_of_its_own_errors(tmp_path):
    host = machine(tmp_path, {PATH: usual("sha256", separator=b"\1\0\0\0").content})
    failures = judge_boot_log(host).failures
    assert {failure.kind for failure in failures} == {BootFailureKind.FIRMWARE}
    assert len(failures) == 8


def test_data_that_were_edited_beside_their_digest_are_not_believed(tmp_path):
    """The registers stay as they were."""
    off, on = "SecureBoot".encode("utf-16-le") + b"\0", "SecureBoot".encode("utf-16-le") + b"\1"
    log = usual("sha256", secure_boot=False)
    host = machine(tmp_path, {PATH: log.content.replace(off, on)})
    evidence = read_boot_log(host)
    assert evidence.registers["sha256"][7] == log.registers["sha256"][7]
    assert evidence.secure_boot is None
    [failure] = judge_boot_log(host).failures
    assert (failure.kind, failure.event) == (BootFailureKind.EDITED, evidence.edited[0].number)


def test_a_log_that_changes_within_a_boot(tmp_path):
    host = machine(tmp_path, {PATH: usual("sha256").content})
    first = judge_boot_log(host)
    assert first.failures == judge_boot_log(host, first.digest).failures == ()
    machine(tmp_path, {PATH: usual("sha256", secure_boot=False).content})
    assert [failure.kind for failure in judge_boot_log(host, first.digest).failures] == [BootFailureKind.CHANGED]


@pytest.mark.parametrize(
    ("algorithm", "bank", "count", "verdict"),
    [
        ("sha256", "sha256", 10, Aggregate.MATCH),
        ("sha256", "sha256", 8, Aggregate.MATCH),
        ("sha1", "sha1", 8, Aggregate.MATCH),
        ("sha256", "sha1", 8, Aggregate.MATCH),
        ("sha256", "sha256", 9, Aggregate.MISMATCH),
    ],
)
def test_the_first_measurement_of_ima(tmp_path, algorithm, bank, count, verdict):
    log = usual("sha1", "sha256")
    first = MeasuredFile(b"boot_aggregate", algorithm, log.aggregate(algorithm, bank, count))
    assert judge(first, values(log)) is verdict


def test_the_first_measurement_of_ima_with_one_log_only(tmp_path):
    log = usual("sha1", "sha256")
    zeros = MeasuredFile(b"boot_aggregate", "sha256", bytes(32))
    assert judge(zeros, values(log)) is Aggregate.NO_TPM
    assert judge(None, values(log)) is Aggregate.UNKNOWN
    assert judge(MeasuredFile(b"/init", "sha256", b"x" * 32), values(log)) is Aggregate.UNKNOWN
    assert judge(MeasuredFile(b"boot_aggregate", "sha384", b"x" * 48), {}) is Aggregate.UNKNOWN
    assert boot_aggregate(machine(tmp_path, {PATH: log.content})) is Aggregate.UNKNOWN
    ima = Log()
    ima.measure("boot_aggregate", b"x")
    assert boot_aggregate(machine(tmp_path, {IMA: ima.binary()})) is Aggregate.MISMATCH
