"""Dossiers: the guide's keys in the guide's order, and nothing that a host does can spoil more than its section."""

import errno
import gc
import json
import os
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.clock import SystemClock
from agent.host.errors import AbsentError, DeniedError, HostError, TimeLimitError, TooLargeError, UnreadableError
from agent.host.real import RealHost
from agent.host.recording import Recording, RecordingHost, ReplayHost
from agent.integrity import dossier
from agent.integrity.content import Spool, SpoolFullError, joined
from agent.integrity.dossier import CollectionStoppedError, DossierRequest, DossierRequestError, collect
from agent.integrity.errors import SourceUnavailableError
from agent.integrity.json_pieces import json_pieces
from agent.integrity.nonce import NonceError
from agent.integrity.sections import MAX_COMMITS, SECTIONS, CommitSummary, DossierSources, Section, asctime
from agent.integrity.sources.description import Product

from .machines import MACHINE_ID, START, machine, sources
from .test_reboots import boot, shutdown, wtmp

DOCUMENT = Path(__file__).parents[2] / "docs" / "dossier.md"
ALWAYS = ["collection-start-time", "model-name", "model-revision", "license-udi", "version", "platform"]
GUIDE = ["packages", "reboot-history", "rollback-history", "system-integrity-snapshot", "system-inventory"]
COMMITS = [CommitSummary("1000000002", "admin", "netconf", datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC), "why")]


@pytest.fixture
def host(tmp_path):
    return machine(
        tmp_path,
        {
            "/sys/class/dmi/id/product_name": "NCS-5501-SE\n",
            "/sys/class/dmi/id/product_serial": "FOC2107R0ZB\n",
            "/proc/uptime": "61 1",
            "/proc/meminfo": "MemTotal: 1 kB\n",
            "/var/log/wtmp": wtmp(boot("1-01"), shutdown("1-02"), boot("1-03")),
            "/var/lib/dpkg/status": "Package: bash\nStatus: install ok installed\n"
            "Version: 5.2-1\nArchitecture: amd64\n",
        },
    )


def text_of(request, given):
    spool = Spool(limit=dossier.SPOOL_BYTES)
    results = collect(request, given, spool)
    text = joined(spool).decode("ascii")
    sections = {name: section for name, section in json.loads(text).items() if isinstance(section, dict)}
    assert [(result.name, result.code.value) for result in results] == [
        (name, section["result-code"]) for name, section in sections.items()
    ]
    return text


def collected(host, *selectors, commits=COMMITS, **options):
    return json.loads(text_of(DossierRequest(selectors, **options), sources(host, commits)))


def test_keys_and_order_are_the_guides(host):
    found = collected(host, *GUIDE)
    assert list(found) == [*ALWAYS, *GUIDE, "collection-end-time"]
    assert found["collection-start-time"] == START.timestamp() == found["collection-end-time"]
    assert found["model-name"] == "http://cisco.com/ns/yang/Cisco-IOS-XR-ama"
    assert found["model-revision"] == "2019-08-05"
    assert found["license-udi"] == {"result-code": "Success", "license-udi": "UDI: PID:NCS-5501-SE,SN:FOC2107R0ZB\n"}
    assert found["version"]["version"].startswith("trustconf, Version 0.1.0\n")
    assert found["platform"]["platform"].startswith("Node  ")
    for selector in GUIDE:
        assert list(found[selector])[:3] == ["result-code", "model-name", "model-revision"]
        assert found[selector]["result-code"] == "Success"


def test_times_are_floats_like_the_guides(host):
    text = text_of(DossierRequest(), sources(host))
    assert re.match(r'\{"collection-start-time": \d{10}\.\d+, ', text)
    assert "\n" not in text


def test_reboot_history_is_the_guides_to_the_byte(host):
    text = text_of(DossierRequest(["reboot-history"]), sources(host))
    assert (
        '"reboot-history": {"result-code": "Success", "model-name": "Cisco-IOS-XR-linux-os-reboot-history-oper", '
        '"model-revision": "2019-04-05", "node": [{"node-name": "0/RP0/CPU0", "reboot-history": '
        '[{"reason": "First recorded start", "time": "Thu Jan  1 10:00:00 2026", "cause-code": 10002, "no": 1}, '
        '{"reason": "User initiated graceful reload", "time": "Sat Jan  3 10:00:00 2026", "cause-code": 1, "no": 2}]}]}'
    ) in text


def test_packages_that_nobody_has_computed_values_for(host):
    section = collected(host, "packages")["packages"]
    assert section["model-name"] == "Cisco-IOS-XR-spirit-install-instmgr-oper"
    (node,) = section["node"]
    assert node == {
        "node-name": "0/RP0/CPU0",
        "fingerprint-status": "to-be-regenerated-at-apply",
        "fingerprint-algorithm": "fp1",
        "package-database": [
            {
                "type": "dpkg",
                "result-code": "Success",
                "package": [
                    {
                        "name": "bash",
                        "version": "5.2",
                        "release": "1",
                        "architecture": "amd64",
                        "rpm-fingerprint-install-time": "0",
                        "rpm-fingerprint-run-time": "0",
                    }
                ],
            }
        ],
    }


def test_one_of_two_package_databases_fails(tmp_path, host):
    machine(tmp_path, {"/var/lib/rpm/rpmdb.sqlite": "nonsense"})
    (node,) = collected(host, "packages")["packages"]["node"]
    assert [(each["type"], each["result-code"]) for each in node["package-database"]] == [
        ("dpkg", "Success"),
        ("rpm", "Failed"),
    ]
    (tmp_path / "var/lib/dpkg/status").unlink()
    assert collected(host, "packages")["packages"]["result-code"] == "Failed"


def test_rollback_history(host):
    section = collected(host, "rollback-history", commits=COMMITS * (MAX_COMMITS + 5))["rollback-history"]
    assert len(section["rollback-history"]) == MAX_COMMITS
    assert section["rollback-history"][0] == {
        "no": 1,
        "commit-id": "1000000002",
        "user": "admin",
        "client": "netconf",
        "time": "Tue Feb  3 04:05:06 2026",
        "comment": "why",
    }


def test_a_history_that_fails_costs_its_section_only(host):
    def broken():
        raise RuntimeError("secret detail")

    text = text_of(
        DossierRequest(["rollback-history", "packages"]),
        DossierSources(host, SystemClock(), Product("trustconf", "0.1.0"), broken),
    )
    found = json.loads(text)
    assert found["rollback-history"]["result-code"] == "Failed"
    assert found["packages"]["result-code"] == "Success"
    assert "secret" not in text


def test_absence_is_a_result_code_with_a_reason(tmp_path):
    found = collected(machine(tmp_path / "empty"), *SECTIONS)
    expected = {
        "license-udi": "Not present",
        "version": "Not present",
        "platform": "Success",
        "packages": "Not present",
        "reboot-history": "Not present",
        "rollback-history": "Success",
        "system-integrity-snapshot": "Success",
        "system-inventory": "Not present",
        "filesystem-inventory": "Not supported",
        "incremental-ima": "Invalid option",
    }
    assert {name: found[name]["result-code"] for name in expected} == expected
    assert all(found[name].get("reason") for name, code in expected.items() if code != "Success")
    assert "/var/lib/dpkg/status" in found["packages"]["reason"]


def test_options_in_the_guides_spelling(host):
    ours = {"0/RP0/CPU0": {"block_start": 0, "count": 1}}
    found = collected(host, "filesystem-inventory", filesystem_inventory_options=ours)
    assert found["filesystem-inventory"]["result-code"] == "Not supported"
    remote = {"0/RP1/CPU0": {"block_start": 0}}
    found = collected(host, "filesystem-inventory", filesystem_inventory_options=remote)
    assert found["filesystem-inventory"]["result-code"] == "Node not available"
    assert "0/RP1/CPU0" in found["filesystem-inventory"]["reason"]
    start = {"start_event": 1000, "start_time": "Tue Feb 16 09:15:17 2021"}
    found = collected(host, incremental_ima={"ima_start": [{"0/RP0/CPU0": start}]})
    assert found["incremental-ima"]["result-code"] == "Not supported"
    found = collected(host, incremental_ima={"ima_start": [{"0/RP9/CPU0": start}]})
    assert found["incremental-ima"]["result-code"] == "Node not available"
    for odd in ({}, {"ima_start": 5}, {"ima_start": [5]}):
        assert collected(host, incremental_ima=odd)["incremental-ima"]["result-code"] == "Invalid option"


def test_selectors_are_kept_in_order_once_and_unknown_ones_are_named(host):
    found = collected(host, "system-inventory", "packages", "bogus", "packages", "version", "collection-end-time")
    assert list(found) == [*ALWAYS, "system-inventory", "packages", "bogus", "collection-end-time"]
    assert found["bogus"] == {"result-code": "Invalid option", "reason": "there is no selector bogus"}
    assert isinstance(found["collection-end-time"], float)
    assert found["version"]["result-code"] == "Success"


def test_requests_that_are_refused():
    for nonce in ("", "a\nb", "x" * 129):
        with pytest.raises(NonceError):
            DossierRequest((), nonce)
    for selectors in (["x"] * 33, ["x" * 65], ["a\n"]):
        with pytest.raises(DossierRequestError):
            DossierRequest(selectors)


def test_the_nonce_is_left_to_the_envelope(host):
    assert "1580" not in text_of(DossierRequest((), "1580"), sources(host))


def test_a_section_that_is_too_large(host, monkeypatch):
    monkeypatch.setattr(dossier, "MAX_SECTION_BYTES", 700)
    monkeypatch.setattr(dossier, "_ALWAYS_ALLOWED", 700)
    found = collected(host, "rollback-history", "packages", commits=COMMITS * 9)
    assert found["rollback-history"]["result-code"] == "Limit exceeded"
    assert found["packages"]["result-code"] == "Success"


# Sections that are given piece by piece ------------------------------------------------------------------------------


def giving(host, **sections):
    """Sources in which these sections are added: name -> members."""
    added = {
        name.replace("_", "-"): Section("m", "r", lambda sources, request, members=members: members())
        for name, members in sections.items()
    }
    return replace(sources(host, COMMITS), sections=added)


def test_iterators_are_arrays_wherever_they_are(host):
    def members():
        return {
            "node": [{"name": "0", "snapshot": ({"no": no, "files": iter([{"name": "a"}, no])} for no in range(2))}],
            "none": iter(()),
            "odd": (each for each in ('"\u00e9\n', None, True, 1.5, {}, [], {"x": iter(())}, ("t", "u"))),
        }

    found = json.loads(text_of(DossierRequest(["ima"]), giving(host, ima=members)))["ima"]
    assert found == {
        "result-code": "Success",
        "model-name": "m",
        "model-revision": "r",
        "node": [
            {"name": "0", "snapshot": [{"no": 0, "files": [{"name": "a"}, 0]}, {"no": 1, "files": [{"name": "a"}, 1]}]}
        ],
        "none": [],
        "odd": ['"\u00e9\n', None, True, 1.5, {}, [], {"x": []}, ["t", "u"]],
    }


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    )
)
def test_pieces_are_the_json_of_the_whole(value):
    def lazy(value):
        if isinstance(value, list):
            return iter([lazy(each) for each in value])
        return {name: lazy(each) for name, each in value.items()} if isinstance(value, dict) else value

    assert "".join(json_pieces(value)) == "".join(json_pieces(lazy(value))) == json.dumps(value)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SourceUnavailableError("gone"), "Not present"),
        (DeniedError("/dev/x", "refused"), "Permission denied"),
        (RuntimeError("secret"), "Failed"),
        (TypeError("secret"), "Failed"),
    ],
)
def test_what_fails_midway_is_taken_back_and_spoils_nothing_else(host, error, code):
    def rows():
        yield from ({"row": number} for number in range(50_000))
        raise error

    given = giving(host, ima=lambda: {"node": rows()}, packages=lambda: {"node": iter([1])})
    text = text_of(DossierRequest(["ima", "packages"]), given)
    found = json.loads(text)
    assert found["ima"]["result-code"] == code
    assert found["packages"]["node"] == [1]
    assert '"row"' not in text
    assert "secret" not in text


def test_a_dossier_at_its_limit_still_has_result_codes(host, monkeypatch):
    monkeypatch.setattr(dossier, "MAX_DOSSIER_BYTES", 200_000)
    rows = lambda: {"node": iter(["x" * 1000] * 150)}  # noqa: E731
    text = text_of(DossierRequest(["ima", "packages", "a"]), giving(host, ima=rows, packages=rows))
    codes = {name: each["result-code"] for name, each in json.loads(text).items() if isinstance(each, dict)}
    assert (codes["ima"], codes["packages"], codes["a"]) == ("Success", "Limit exceeded", "Invalid option")
    assert len(text) < 200_000


def test_a_disk_that_is_full(host, monkeypatch, tmp_path):
    """The section is left out; if there is not even room for that, there is no dossier."""
    room = 4_000_000
    write = os.pwrite

    def limited(descriptor, data, at):
        if at + len(data) > room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data, at)

    monkeypatch.setattr("agent.integrity.content.os.pwrite", limited)
    large = lambda: {"node": iter(["x" * 1000] * 9_000)}  # noqa: E731
    found = json.loads(text_of(DossierRequest(["ima", "packages"]), giving(host, ima=large)))
    assert found["ima"]["result-code"] == "Limit exceeded"
    assert "no room" in found["ima"]["reason"]
    assert found["packages"]["result-code"] == "Success"
    room = 10
    with pytest.raises(SpoolFullError):
        collect(DossierRequest(), sources(host), Spool(tmp_path, limit=dossier.SPOOL_BYTES))


def test_the_last_of_the_disk_is_left_to_others(host, monkeypatch):
    monkeypatch.setattr("agent.integrity.content.RESERVED_BYTES", 2**60)
    large = lambda: {"node": iter(["x" * 1000] * 9_000)}  # noqa: E731
    found = json.loads(text_of(DossierRequest(["ima"]), giving(host, ima=large)))
    assert found["ima"]["result-code"] == "Limit exceeded"


def test_who_looks_on_sees_progress_and_may_end_it(host):
    class Looking:
        def __init__(self):
            self.seen = []

        def begin(self, section):
            self.seen.append(section)

        def progress(self, size):
            self.seen.append(size)
            if size > 300_000:
                raise CollectionStoppedError

        def end(self, result):
            self.seen.append(result.code.value)

    closed = []

    def rows():
        try:
            while True:
                yield "x" * 1000
        finally:
            closed.append(True)

    looking = Looking()
    with pytest.raises(CollectionStoppedError):
        collect(DossierRequest(["ima"]), giving(host, ima=lambda: {"node": rows()}), Spool(limit=10**9), looking)
    assert looking.seen[:3] == ["license-udi", looking.seen[1], "Success"]
    assert looking.seen[-6] == "ima"
    gc.collect()
    assert closed == [True]


ERRORS = [AbsentError, DeniedError, TooLargeError, TimeLimitError, UnreadableError]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_the_host_answers_there_is_a_dossier(data):
    """Garbage, refusals and oddities in the place of every answer."""

    class Hostile:
        def read_file(self, path, max_bytes=0):
            return self._answer(path, st.binary(max_size=800))

        def read_chunks(self, path, *, offset=0, max_bytes=0):
            yield self._answer(path, st.binary(max_size=800))

        def list_dir(self, path, max_entries=0):
            return tuple(sorted(self._answer(path, st.lists(st.text("ab0", min_size=1), max_size=3))))

        def stat(self, path, *, follow=True):
            return self._answer(path, st.none())

        def read_link(self, path):
            return self._answer(path, st.text(max_size=9))

        def run(self, argv, timeout=0, max_output=0):
            raise AbsentError(argv[0], "absent")

        def uname(self):
            raise DeniedError("uname", "refused")

        def _answer(self, subject, values):
            error = data.draw(st.none() | st.sampled_from(ERRORS))
            if error is not None:
                raise error(subject, "because")
            return data.draw(values)

    found = json.loads(text_of(DossierRequest(GUIDE), sources(Hostile(), COMMITS)))
    assert list(found) == [*ALWAYS, *GUIDE, "collection-end-time"]
    for name, section in found.items():
        if isinstance(section, dict):
            assert section["result-code"] == "Success" or section["reason"], name
            assert "internal error" not in section.get("reason", ""), name


def test_this_machine_live_recorded_and_replayed(tmp_path):
    recorder = RecordingHost(RealHost())

    def asked(host):
        return json.loads(text_of(DossierRequest(GUIDE), sources(host, COMMITS)))

    live = asked(recorder)
    assert live["packages"]["result-code"] == live["reboot-history"]["result-code"] == "Success"
    assert live["license-udi"]["result-code"] == "Success"
    assert f"{os.uname().release}\n" in live["version"]["version"]
    recorder.recording.save(tmp_path / "machine.zip")
    assert asked(ReplayHost(Recording.load(tmp_path / "machine.zip"))) == live


def test_asctime_is_the_c_librarys():
    for seconds in range(0, 2**31, 12_345_678):
        assert asctime(datetime.fromtimestamp(seconds, UTC)) == time.asctime(time.gmtime(seconds))


def test_the_document_names_every_selector_and_result_code():
    text = DOCUMENT.read_text()
    for name in [*ALWAYS, *SECTIONS, "collection-end-time"]:
        assert f"`{name}`" in text
    for code in dossier.ResultCode:
        assert f"`{code.value}`" in text


def test_machine_id_alone_makes_a_udi(tmp_path):
    found = collected(machine(tmp_path / "m", {"/etc/machine-id": MACHINE_ID}))
    assert re.fullmatch(r"UDI: PID:Linux-x86_64,SN:[0-9A-F]{16}\n", found["license-udi"]["license-udi"])


def test_host_errors_have_one_base():
    assert all(issubclass(error, HostError) for error in ERRORS)
