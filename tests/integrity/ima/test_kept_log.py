"""A log that grows, shrinks, changes and belongs to another boot."""

import base64
import hashlib
import json
import zlib
from datetime import UTC, datetime, timedelta

import pytest

from agent.clock import ManualClock
from agent.host.real import RealHost
from agent.integrity.errors import ResultCode, SourceUnavailableError
from agent.integrity.ima import blocks, looking
from agent.integrity.ima.checking import FindingKind, check_section, section_end
from agent.integrity.ima.kept_log import KeptLog
from agent.integrity.ima.position import FailureKind, LookStoppedError
from agent.integrity.ima.section import Start, read_start
from agent.integrity.ima.templates import measured_file
from agent.storage.block_folder import BlockFolder
from tests.integrity.ima.device import BEGAN, FOLDER, START, Device
from tests.integrity.ima.writer import Log, usual


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_EVENTS", 10)


def test_growth_is_read_from_where_it_ended(tmp_path):
    log = usual(25)
    device = Device(tmp_path, log)
    first = device.look()
    assert (first.new_events, first.position.events, len(first.position.blocks)) == (25, 25, 3)
    for name in "abc":
        log.measure(f"/new/{name}", name.encode())
        device.write(log.binary())
        look = device.look()
        assert look.new_events == 1
        assert look.blocks_read <= 2
        assert look.position.replay["sha256"] == log.pcr()
    assert device.numbers(24, 27) == [25, 26, 27]
    assert device.numbers(27) == [28]
    assert device.numbers(99) == []
    assert len(device.numbers()) == 28


def test_what_was_read_survives_a_restart(tmp_path):
    log = usual(25)
    Device(tmp_path, log).look()
    log.measure("/usr/bin/tool1", b"1").measure("/usr/bin/tool2", b"2").measure("/open", violation=True)
    device = Device(tmp_path, log)
    look = device.look()
    assert look.new_events == 3
    assert look.failures == look.corrupt == ()
    assert (look.position.events, look.position.violations, look.position.duplicates) == (28, 1, 2)
    assert look.position.replay["sha1"] == log.pcr("sha1")
    assert look.position.blocks[0].created == datetime(2026, 3, 1, 12, 1, tzinfo=UTC)


def test_another_boot_begins_anew(tmp_path):
    device = Device(tmp_path, usual(25))
    device.look()
    device.boot("second", START + 500)
    log = usual(5)
    device.write(log.binary())
    look = device.look()
    assert (look.position.events, look.position.boot.id, look.failures) == (5, "second", ())
    assert sorted(path.name for path in device.cache.iterdir()) == ["block-1-5", "index"]


def test_an_empty_log_of_another_boot_leaves_nothing_of_the_old_one(tmp_path):
    device = Device(tmp_path, usual(25))
    device.look()
    device.boot("second", START + 500)
    device.write(b"")
    assert device.look().position.events == 0
    assert [path.name for path in device.cache.iterdir()] == ["index"]


def test_a_log_that_shrinks(tmp_path):
    device = Device(tmp_path, usual(25))
    device.look()
    shorter = usual(22)
    device.write(shorter.binary())
    look = device.look()
    assert [(failure.kind, failure.event) for failure in look.failures] == [(FailureKind.SHRANK, 21)]
    assert look.position.events == 22
    assert look.position.replay["sha256"] == shorter.pcr()
    assert device.look().failures == ()


def test_a_change_in_the_last_block_is_seen_at_once_and_elsewhere_by_the_job(tmp_path):
    log = usual(25)
    device = Device(tmp_path, log)
    device.look()
    device.write(log.binary().replace(b"tool23", b"tool2X"))
    look = device.look()
    assert [failure.kind for failure in look.failures] == [FailureKind.CHANGED, FailureKind.TEMPLATE_HASH]
    assert look.failures[1].name == b"/usr/bin/tool2X"
    device.write(log.binary())
    device.look()
    device.write(log.binary().replace(b"tool3", b"toolX"))
    assert device.look().failures == ()
    look = device.look(whole=True)
    assert [(failure.kind, failure.event) for failure in look.failures] == [
        (FailureKind.CHANGED, 1),
        (FailureKind.TEMPLATE_HASH, 5),
    ]
    assert look.position.mismatches == 1


def test_a_change_while_the_agent_was_down(tmp_path):
    log = usual(25)
    Device(tmp_path, log).look()
    other = usual(25)
    other.entries[3] = Log().measure("/usr/bin/other", b"x").entries[0]
    look = Device(tmp_path, other).look()
    assert [failure.kind for failure in look.failures] == [FailureKind.CHANGED]


def test_damage_is_told_once_and_what_comes_before_is_given(tmp_path):
    log = usual(12)
    device = Device(tmp_path, log)
    device.write(log.binary() + b"\xff" * 100)
    look = device.look()
    assert [(failure.kind, failure.event) for failure in look.failures] == [(FailureKind.DAMAGED, 13)]
    assert look.position.events == 12
    assert "Event 13" in look.position.problem
    assert device.look().failures == ()
    assert device.section()["result-code"] == "Incomplete"
    device.write(log.binary())
    assert device.look().position.problem == ""


def test_damaged_files_of_the_cache_are_found_and_made_anew(tmp_path):
    log = usual(25)
    device = Device(tmp_path, log)
    device.look()
    for content in (b"garbage", zlib.compress(b"other"), b""):
        (device.cache / "block-11-20").write_bytes(content)
        # The log itself answers.
        assert device.numbers(9, 12) == [10, 11, 12]
        look = device.look(whole=True)
        assert look.corrupt == ((11, 20),)
        assert look.failures == ()
        assert device.look(whole=True).corrupt == ()
    (device.cache / "block-11-20").unlink()
    assert device.look(whole=True).corrupt == ((11, 20),)
    for content in (b"garbage", b"{}\n" + b"0" * 64, (device.cache / "index").read_bytes().replace(b"1", b"2")):
        (device.cache / "index").write_bytes(content)
        device.restart()
        look = device.look()
        assert look.corrupt == ((0, 0),)
        assert look.position.replay["sha256"] == log.pcr()
        device.restart()
        assert device.look().corrupt == ()


def test_the_cache_is_limited_and_the_log_answers_for_the_rest(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "MAX_CACHE_BYTES", 1200)
    device = Device(tmp_path, usual(95))
    position = device.look().position
    kept = [block.stored_bytes for block in position.blocks]
    assert sum(kept) <= 1200
    assert kept[0] == 0 < kept[-1]
    assert len(list(device.cache.iterdir())) == 1 + sum(size > 0 for size in kept)
    assert device.numbers() == list(range(1, 96))
    assert device.look(whole=True).corrupt == ()


def test_a_cache_that_can_t_be_written_costs_nothing_but_time(tmp_path):
    device = Device(tmp_path, usual(25))
    device.cache.rmdir()
    device.cache.write_text("a file in its place")
    assert device.numbers(20) == [21, 22, 23, 24, 25]


def test_a_look_can_be_stopped_and_the_next_one_is_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(looking, "_PACE", 5)
    log = usual(25)
    device = Device(tmp_path, log)
    with pytest.raises(LookStoppedError):
        device.look(is_stopped=lambda: device.kept.progress >= 15)
    assert device.look().position.replay["sha256"] == log.pcr()


@pytest.mark.parametrize("form", ["binary", "ascii"])
@pytest.mark.parametrize("bank", ["sha256", "sha384"])
def test_only_a_log_of_another_bank(tmp_path, form, bank):
    log = usual(12)
    device = Device(tmp_path, path=f"{FOLDER}/{form}_runtime_measurements_{bank}")
    device.write(getattr(log, form)(bank))
    position = device.look().position
    assert (position.file.form, position.file.bank, position.events) == (form, bank, 12)
    assert position.replay["sha256"] == log.pcr()
    assert device.look(whole=True).failures == ()
    [event] = device.kept.events(position, 3, 4)
    assert len(event.template_hash) == {"sha256": 32, "sha384": 48}[bank]


def test_no_log(tmp_path):
    device = Device(tmp_path)
    with pytest.raises(SourceUnavailableError) as caught:
        device.look()
    assert caught.value.code is ResultCode.NOT_PRESENT


def test_this_machine_as_it_is(tmp_path):
    kept = KeptLog(RealHost(), ManualClock(BEGAN), BlockFolder(tmp_path / "cache"))
    try:
        look = kept.look()
    except SourceUnavailableError as absence:
        assert absence.code in (ResultCode.NOT_PRESENT, ResultCode.PERMISSION_DENIED)  # noqa: PT017
    else:
        assert look.position.mismatches == 0


# The dossier's section, and who judges it ----------------------------------------------------------------------------


def test_a_section_of_the_whole_log(tmp_path):
    log = usual(12)
    log.measure("/usr/bin/tool1", b"1").measure("/open", violation=True)
    found = Device(tmp_path, log).section()
    [node] = found["node"]
    events = node["ima-event-log"]
    assert {name: value for name, value in node.items() if name != "ima-event-log"} == {
        "node-name": "0/RP0/CPU0",
        "up-time": 3600,
        "start-time": "Wed Feb 25 06:13:20 2026",
        "boot-id": "first",
        "first-event": 1,
        "last-event": 14,
        "total-events": 14,
        "violations": 1,
        "duplicate-events": 1,
        "template-hash-mismatches": 0,
        "pcr-replay-before": {"sha1": "0" * 40, "sha256": "0" * 64, "sha384": "0" * 96},
        "pcr-replay": {bank: log.pcr(bank).hex() for bank in ("sha1", "sha256", "sha384")},
    }
    template_hash = log.template_hash(log.entries[1], "sha1")
    assert events[1] == {
        "event-number": 2,
        "pcr-index": 10,
        "ima-template": "ima-ng",
        "template-hash-algorithm": "sha1",
        "template-hash": base64.b64encode(template_hash).decode(),
        "filename-hint": "/usr/bin/tool0",
        "filedata-hash-algorithm": "sha256",
        "filedata-hash": base64.b64encode(hashlib.sha256(b"0").digest()).decode(),
    }
    assert check_section(found) == []


def test_sections_go_on_where_the_last_one_ended(tmp_path):
    log = usual(12)
    device = Device(tmp_path, log)
    whole = device.section()
    end = section_end(whole)
    for number in range(15):
        log.measure(f"/later/{number}", bytes([number]))
    device.write(log.binary())
    for start in (0, 5, 12):
        later = device.section(Start(start, BEGAN))
        node = later["node"][0]
        assert (node["first-event"], node["last-event"], node["total-events"]) == (start + 1, 27, 27)
        assert len(node["ima-event-log"]) == 27 - start
        assert "result-code" not in later
        assert check_section(later, end) == []
    assert [finding.kind for finding in check_section(device.section(Start(13)), end)] == [FindingKind.GAP]


@pytest.mark.parametrize("beyond", [12, 13, 10**12, 2**64 - 1])
def test_a_start_at_the_end_and_beyond_it_is_empty_with_totals(tmp_path, beyond):
    device = Device(tmp_path, usual(12))
    found = device.section(Start(beyond, BEGAN))
    node = found["node"][0]
    assert (node["first-event"], node["last-event"], node["total-events"], node["ima-event-log"]) == (13, 12, 12, [])
    assert check_section(found, section_end(device.section())) == []


def test_a_start_of_another_boot_is_refused_and_all_of_this_one_is_given(tmp_path):
    device = Device(tmp_path, usual(12))
    found = device.section(Start(5, BEGAN - timedelta(days=1)))
    assert list(found)[:2] == ["result-code", "reason"]
    assert found["result-code"] == "Boot changed"
    assert "Wed Feb 25 06:13:20 2026" in found["reason"]
    assert len(found["node"][0]["ima-event-log"]) == 12
    # The kernel's own idea of its start moves with its clock.
    assert "result-code" not in device.section(Start(5, BEGAN + timedelta(seconds=2)))


GUIDE = {"ima_start": [{"0/RP0/CPU0": {"start_event": 1000, "start_time": "Tue Feb 16 09:15:17 2021"}}]}


def test_the_guides_spelling():
    assert read_start(GUIDE) == Start(1000, datetime(2021, 2, 16, 9, 15, 17, tzinfo=UTC))
    assert read_start({"ima_start": [{"0/RP0/CPU0": {}}]}) == Start(0, None)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (None, ResultCode.INVALID_OPTION),
        ({"ima_start": {}}, ResultCode.INVALID_OPTION),
        ({"ima_start": []}, ResultCode.INVALID_OPTION),
        ({"ima_start": [{"0/RP1/CPU0": {"start_event": 1}}]}, ResultCode.NODE_NOT_AVAILABLE),
        ({"ima_start": [{"0/RP0/CPU0": 5}]}, ResultCode.INVALID_OPTION),
        ({"ima_start": [{"0/RP0/CPU0": {"start_event": -1}}]}, ResultCode.INVALID_OPTION),
        ({"ima_start": [{"0/RP0/CPU0": {"start_event": True}}]}, ResultCode.INVALID_OPTION),
        ({"ima_start": [{"0/RP0/CPU0": {"start_event": "1"}}]}, ResultCode.INVALID_OPTION),
        ({"ima_start": [{"0/RP0/CPU0": {"start_time": "yesterday"}}]}, ResultCode.INVALID_OPTION),
        ({"ima_start": [{"0/RP0/CPU0": {"start_time": "Tue Feb 30 09:15:17 2021"}}]}, ResultCode.INVALID_OPTION),
        ({"ima_start": [{"0/RP0/CPU0": {"start_time": 7}}]}, ResultCode.INVALID_OPTION),
        ({"ima_start": [{"0/RP0/CPU0": {"start-event": 7}}]}, ResultCode.INVALID_OPTION),
        ({"ima_start": [{"0/RP0/CPU0": {}}], "nodes": []}, ResultCode.INVALID_OPTION),
    ],
)
def test_starts_that_make_no_sense(options, code):
    with pytest.raises(SourceUnavailableError) as caught:
        read_start(options)
    assert caught.value.code is code


def test_templates_that_the_members_don_t_say_all_of_carry_their_data(tmp_path):
    log = Log()
    for template in ("ima", "ima-ng", "ima-sig", "ima-buf", "ima-modsig", "ima-ngv2", "ima-sigv2", "evm-sig"):
        log.measure(f"/{template}", b"x", template=template)
    log.measure(b"/\xff", b"x")
    found = Device(tmp_path, log).section()
    events = found["node"][0]["ima-event-log"]
    assert [("template-data" in event) for event in events] == [False] * 3 + [True] * 6
    assert events[8]["filename-hint"] == r"/\xff"
    assert check_section(found) == []


def edited(found, **changes):
    copy = json.loads(json.dumps(found))
    copy["node"][0].update(changes)
    return copy


def test_edited_sections_are_found(tmp_path):
    device = Device(tmp_path, usual(12))
    good = device.section()
    events = good["node"][0]["ima-event-log"]
    kinds = lambda found, *previous: {finding.kind for finding in check_section(found, *previous)}  # noqa: E731

    renamed = [*events[:3], {**events[3], "filename-hint": "/other"}, *events[4:]]
    assert kinds(edited(good, **{"ima-event-log": renamed})) == {FindingKind.TEMPLATE_HASH, FindingKind.REPLAY}
    missing = [*events[:3], *events[4:]]
    assert kinds(edited(good, **{"ima-event-log": missing})) == {FindingKind.NUMBERING, FindingKind.REPLAY}
    assert FindingKind.NUMBERING in kinds(edited(good, **{"ima-event-log": events[:-1]}))
    assert kinds(edited(good, **{"last-event": 11})) == {FindingKind.NUMBERING}
    zeros = {bank: "00" * (len(value) // 2) for bank, value in good["node"][0]["pcr-replay"].items()}
    assert kinds(edited(good, **{"pcr-replay": zeros})) == {FindingKind.REPLAY}
    assert FindingKind.REPLAY in kinds(edited(good, **{"pcr-replay-before": good["node"][0]["pcr-replay"]}))
    end = section_end(good)
    assert kinds(edited(good, **{"boot-id": "other"}), end) == {FindingKind.ANOTHER_BOOT}
    other = Log()
    for number in range(14):
        other.measure(f"/other/{number}", b"x")
    device.write(other.binary())
    assert kinds(device.section(), end) == {FindingKind.CONTINUITY}
    device.write(usual(5).binary())
    assert kinds(device.section(), end) == {FindingKind.CONTINUITY}
    for nonsense in (
        {},
        {"node": []},
        {"node": [5]},
        edited(good, **{"pcr-replay": {}}),
        edited(good, **{"first-event": "1"}),
    ):
        assert kinds(nonsense) == {FindingKind.MALFORMED}
    for member in events[0]:
        broken = [{**events[0], member: None}]
        assert FindingKind.MALFORMED in kinds(edited(good, **{"ima-event-log": broken})), member


def test_the_last_look_before_a_time(tmp_path):
    log = usual(12)
    device = Device(tmp_path, log)
    device.look()
    between = device.clock.now()
    log.measure("/later", b"x")
    device.write(log.binary())
    device.look()
    assert device.kept.events_seen_until(between - timedelta(days=1)) == 0
    assert device.kept.events_seen_until(between) == 12
    assert device.kept.events_seen_until(device.clock.now()) == 13
    assert measured_file(next(device.kept.events(device.look().position, 12))).name == b"/later"
