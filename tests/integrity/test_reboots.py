"""Restarts from wtmp, the journal, or the kernel; wtmp files are made and read again by util-linux."""

import json
import re
import struct
import subprocess
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.host.commands import JOURNAL_BOOTS
from agent.host.contract import CommandResult, KernelName
from agent.host.real import RealHost
from agent.integrity.errors import ResultCode, SourceUnavailableError
from agent.integrity.sources import reboots
from agent.integrity.sources.reboots import Cause, kernel_start, reboot_history
from agent.integrity.sources.wtmp import PowerEvent, power_records

from .machines import machine

#: What `utmpdump -r` takes: type, pid, id, user, line, host, address, time.
LINE = (
    "[{type}] [{pid:05}] [{id:<4}] [{user:<8}] [{line:<12}] [{host:<20}] [{address:<15}] "
    "[2026-0{day}T10:00:00,000000+00:00]"
)
DEFAULTS = {"pid": 0, "id": "~~", "line": "~", "host": "6.1.0-18-amd64", "address": "0.0.0.0"}


def record(kind, user, day, **values):
    return LINE.format(**{**DEFAULTS, "type": kind, "user": user, "day": day, **values})


def boot(day):
    return record(2, "reboot", day)


def shutdown(day):
    return record(1, "shutdown", day)


def login(day):
    return record(7, "admin", day, pid=900, id="ts/0", line="pts/0", host="10.0.0.9")


def run_level(level, day):
    return record(1, "runlevel", day, pid=ord(level))


def wtmp(*lines):
    """A wtmp file, written by util-linux."""
    text = "\n".join(lines) + "\n"
    return subprocess.run(["utmpdump", "-r"], input=text.encode(), capture_output=True, check=True, timeout=30).stdout


def history(host):
    return [(reboot.number, reboot.time.strftime("%m-%d"), reboot.cause) for reboot in reboot_history(host)]


def test_orderly_restarts_and_crashes(tmp_path):
    content = wtmp(boot("1-01"), login("1-02"), shutdown("1-03"), boot("1-04"), login("1-05"), boot("1-06"))
    assert history(machine(tmp_path, {"/var/log/wtmp": content})) == [
        (1, "01-01", Cause.FIRST),
        (2, "01-04", Cause.GRACEFUL),
        (3, "01-06", Cause.UNCLEAN),
    ]


def test_run_levels_of_sysvinit(tmp_path):
    content = wtmp(boot("1-01"), run_level("2", "1-01"), boot("1-02"), run_level("6", "1-03"), boot("1-04"))
    causes = [cause for _, _, cause in history(machine(tmp_path, {"/var/log/wtmp": content}))]
    assert causes == [Cause.FIRST, Cause.UNCLEAN, Cause.GRACEFUL]


def test_a_rotated_file_comes_first(tmp_path):
    host = machine(
        tmp_path,
        {"/var/log/wtmp.1": wtmp(boot("1-01"), shutdown("1-02")), "/var/log/wtmp": wtmp(boot("1-03"), login("1-04"))},
    )
    assert history(host) == [(1, "01-01", Cause.FIRST), (2, "01-03", Cause.GRACEFUL)]


def test_last_sees_the_same_boots_and_shutdowns(tmp_path):
    days = [f"{month}-{day:02}" for month in (1, 2) for day in range(1, 28)]
    lines = [(boot, shutdown, boot, login)[position * 7 % 4](day) for position, day in enumerate(days)]
    file = tmp_path / "wtmp"
    file.write_bytes(wtmp(*lines))
    last = subprocess.run(
        ["last", "-x", "--time-format", "iso", "-f", str(file)],
        capture_output=True,
        text=True,
        check=True,
        env={"TZ": "UTC", "PATH": "/usr/bin:/bin"},
        timeout=30,
    ).stdout
    theirs = re.findall(r"^(reboot|shutdown) .*?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\+00:00", last, flags=re.M)
    ours = [
        (
            {PowerEvent.BOOT: "reboot", PowerEvent.SHUTDOWN: "shutdown"}[found.event],
            found.time.strftime("%Y-%m-%dT%H:%M:%S"),
        )
        for found in power_records(file.read_bytes(), "x86_64")
    ]
    assert len(ours) > 20
    assert ours == theirs[::-1]


@pytest.mark.parametrize("machine_name", ["aarch64", "s390x"])
def test_layouts_of_other_machines(machine_name):
    """By glibc's declaration of struct utmp: 64-bit times, and the other byte order."""
    order, tail = ("<", "hhqqqiiii20s4x") if machine_name == "aarch64" else (">", "hhiiiiiii20s")
    fields = (2, 0, b"~", b"~~", b"reboot", b"5.10.0", 0, 0, 0, 1772181000, 0, 0, 0, 0, 0, b"")
    content = struct.pack(f"{order}hxxi32s4s32s256s{tail}", *fields)
    assert len(content) == (400 if machine_name == "aarch64" else 384)
    (found,) = power_records(content, machine_name)
    assert (found.event, found.time, found.kernel) == (
        PowerEvent.BOOT,
        datetime.fromtimestamp(1772181000, UTC),
        "5.10.0",
    )


@given(st.binary(max_size=4000), st.sampled_from(["x86_64", "aarch64", "s390x"]))
def test_any_bytes_are_read(content, machine_name):
    for found in power_records(content, machine_name):
        assert found.kernel.isprintable() or found.kernel == ""


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 2, 7]),
            st.sampled_from([b"reboot", b"shutdown", b"\xff"]),
            st.integers(-9, 2**31 - 1),
        )
    )
)
def test_any_records_are_numbered_in_order(records):
    content = b"".join(
        struct.pack("<hxxi32s4x32s256s8xi40x", kind, 0, b"~", user, b"", seconds) for kind, user, seconds in records
    )
    found = power_records(content, "x86_64")
    assert len(found) <= len(records)
    assert power_records(content + b"\x02" * 300, "x86_64") == found


def test_the_journal_where_there_is_no_wtmp(tmp_path):
    boots = [
        {"index": -1, "boot_id": "a" * 32, "first_entry": 1772100000000000, "last_entry": 1772100001000000},
        {"index": 0, "boot_id": "b" * 32, "first_entry": 1772181000000000, "last_entry": 1772181001000000},
    ]
    said = {JOURNAL_BOOTS: CommandResult(0, json.dumps(boots).encode())}
    found = reboot_history(machine(tmp_path, {"/var/log/wtmp": b""}, commands=said))
    assert [(reboot.number, reboot.cause) for reboot in found] == [(1, Cause.UNKNOWN), (2, Cause.UNKNOWN)]
    assert found[1].time == datetime.fromtimestamp(1772181000, UTC)


@pytest.mark.parametrize("said", [b"", b"{", b"{}", b"[1]", b'[{"first_entry": "x"}]', b"-1 abc Mon", b"[" * 100_000])
def test_the_kernel_where_there_is_neither(tmp_path, said):
    host = machine(
        tmp_path, {"/proc/stat": "cpu 1 2\nbtime 1772181000\n"}, commands={JOURNAL_BOOTS: CommandResult(0, said)}
    )
    (found,) = reboot_history(host)
    assert (found.number, found.cause, found.time.timestamp()) == (1, Cause.UNKNOWN, 1772181000)


def test_nothing_at_all(tmp_path):
    with pytest.raises(SourceUnavailableError) as caught:
        reboot_history(machine(tmp_path))
    assert caught.value.code is ResultCode.NOT_PRESENT


def test_a_wtmp_that_is_too_large_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(reboots, "MAX_WTMP_BYTES", 100)
    with pytest.raises(SourceUnavailableError) as caught:
        reboot_history(machine(tmp_path, {"/var/log/wtmp": b"x" * 101}))
    assert caught.value.code is ResultCode.LIMIT_EXCEEDED


def test_only_the_newest_with_their_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr(reboots, "MAX_REBOOTS", 2)
    content = wtmp(*(boot(f"1-0{day}") for day in range(1, 6)))
    assert [number for number, _, _ in history(machine(tmp_path, {"/var/log/wtmp": content}))] == [4, 5]


def test_cause_codes():
    """The graceful one is Cisco's; ours stay clear of all that the guide shows."""
    assert Cause.GRACEFUL.code == 1
    ours = {cause.code for cause in Cause if cause is not Cause.GRACEFUL}
    assert len(ours) == 3
    assert not ours & {1, 36, 37, 241, 671088647}


def test_this_machine_has_started_at_least_once():
    found = reboot_history(RealHost())
    assert [reboot.number for reboot in found][-1] >= 1
    with open("/proc/stat") as file:
        assert f"btime {int(kernel_start(RealHost()).timestamp())}\n" in file.read()


def test_kernel_start_is_optional(tmp_path):
    with pytest.raises(SourceUnavailableError):
        kernel_start(machine(tmp_path, {"/proc/stat": "cpu 1\nbtime x\n"}, kernel=KernelName("", "", "", "", "")))
