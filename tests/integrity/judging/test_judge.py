"""What is found in a dossier, beside itself and beside the previous one: each kind of finding, and its silence."""

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.integrity.judging import judge as judging
from agent.integrity.judging.findings import Kind, Severity
from agent.integrity.judging.judge import Known, judge, read_evidence
from agent.integrity.judging.report import judgement_record, judgement_text
from agent.integrity.packages.package_set import PackageId
from tests.integrity.judging import dossiers
from tests.integrity.judging.dossiers import (
    OTHER,
    SAME,
    codes,
    commits,
    compared,
    dossier,
    drifted,
    envelope,
    evidence,
    file,
    ima,
    inventory,
    package,
    packages,
    reboots,
    snapshots,
)
from tests.integrity.signers import DAY, NOW, usual

FEBRUARY = [f"Wed Feb {day} 15:25:11 2026" for day in (4, 11, 18, 25)]
EVERYTHING = {
    "packages": packages(package(), package("lib")),
    "reboot_history": reboots(*FEBRUARY[:2]),
    "rollback_history": commits(1, 2),
    "system_integrity_snapshot": dossiers.boot_state(),
    "filesystem_inventory": inventory(*snapshots(0, [], [])),
    "ima": ima(1, 5),
}


def read(content, **options):
    return read_evidence(io.BytesIO(content), trust_anchor=usual()[0].pem, nonce="n1", at=NOW, **options)


# Is it to be believed? -----------------------------------------------------------------------------------------------


def test_nothing_has_changed():
    judgement = compared(EVERYTHING, EVERYTHING)
    assert codes(judgement) == ["unsigned-snapshot"]
    assert judgement.exit_status == 0
    assert judgement.is_in_order
    assert judgement_text(judgement).endswith("Nothing has changed.")


def test_a_dossier_that_is_not_signed():
    plain = json.dumps(dossier(packages=packages(drifted()))).encode()
    for before in (b"", b"Thu Nov 26 17:04:06.580 UTC\n"):
        judgement = judge(read(before + plain), Known())
        assert codes(judgement) == ["not-signed", "drift"]
        assert judgement.exit_status == 20
        assert not judgement.is_believed
        assert judgement_text(judgement).startswith("NOT SIGNED.")


def test_what_is_signed_but_no_dossier():
    assert codes(judge(evidence(b"trustconf, Version 0.1.0\n"), Known())) == ["not-a-dossier"]
    assert codes(judge(evidence(b"trustconf, Version 0.1.0\n"), Known(required=["ima"]))) == ["malformed-dossier"]
    damaged = judge(evidence(b'{"collection-start-time": 1, '), Known())
    assert codes(damaged) == ["malformed-dossier"]
    assert damaged.exit_status == 21


@pytest.mark.parametrize(
    "members",
    [
        {"collection-start-time": "x"},
        {"collection-start-time": True},
        {"collection-end-time": 1e300},
        {"ima": {"result-code": []}},
    ],
)
def test_a_dossier_without_what_all_have(members):
    assert codes(judge(evidence(dossier() | members), Known())) == ["malformed-dossier"]


def test_the_previous_dossier_once_more():
    first = evidence(dossier(ima=ima(1, 2)), "n0")
    again = evidence(dossier(ima=ima(1, 2)), "n0", sent="n1")
    judgement = judge(again, Known(baseline=first, latest=first))
    assert [failure.code for failure in judgement.evidence.verdict.failures] == ["wrong-nonce"]
    assert codes(judgement) == ["replayed"]
    assert judgement.exit_status == 17


@pytest.mark.parametrize(
    ("nonce", "options", "found"),
    [
        ("n1", {}, "clock-backwards"),
        ("n0", {}, "replayed"),
        ("n1", {"is_any_nonce": True}, "replayed"),
    ],
    ids=["an answer to this nonce", "the old nonce", "nobody knows for what"],
)
def test_an_answer_that_is_not_newer(nonce, options, found):
    before = evidence(dossier(hours=1), "n0")
    after = evidence(dossier(hours=0), nonce, **options)
    assert codes(judge(after, Known(baseline=before, latest=before)))[0] == found


def test_another_device():
    judgement = judge(
        evidence(dossier(hours=1, udi="SN2")),
        Known(baseline=evidence(dossier(), "n0"), latest=evidence(dossier(), "n0")),
    )
    assert codes(judgement) == ["other-device"]
    assert "SN2" in judgement_text(judgement)
    assert not judgement.is_believed
    serial = [dossiers.section({"chassis": {"serial-number": number}}) for number in ("1", "2")]
    assert codes(compared({"system_inventory": serial[0]}, {"system_inventory": serial[1]})) == ["other-device"]


def test_sections_without_data():
    absent = {"result-code": "Not present", "reason": "no IMA here"}
    judgement = compared({"ima": absent}, {"packages": packages(package())})
    assert codes(judgement) == ["section-unavailable", "section-missing"]
    assert judgement.exit_status == 0
    assert "no IMA here" in judgement_text(judgement)
    judgement = compared({"ima": absent}, {}, required=["ima", "packages"])
    assert codes(judgement) == ["required-section", "required-section"]
    assert judgement.exit_status == 25


# Packages ------------------------------------------------------------------------------------------------------------

KNOWN = {(PackageId("rpm", "tool", "", "2.0", "3.el9", "x86_64"), "header"): SAME}


def of_packages(new, old, **known):
    return compared({"packages": packages(*new)}, {"packages": packages(*old)}, **known)


def test_packages_come_go_and_change():
    judgement = of_packages([package("new"), package(version="2.1")], [package("old"), package()])
    assert codes(judgement) == ["package-added", "package-removed", "package-changed"]
    assert [finding.text for finding in judgement.findings] == [
        "new-2.0-3.el9.x86_64 was installed",
        "old-2.0-3.el9.x86_64 was removed",
        "tool-2.1-3.el9.x86_64, before: tool-2.0-3.el9.x86_64",
    ]
    assert judgement.exit_status == 40
    both = of_packages([package(), package(version="3"), package(version="4")], [package(), package(version="2")])
    assert codes(both) == ["package-added", "package-added", "package-removed"]


def test_a_package_that_drifts_and_is_mended():
    alone = judge(evidence(dossier(packages=packages(drifted()))), Known())
    new = of_packages([drifted()], [package()])
    for judgement in (alone, new):
        assert codes(judgement) == ["drift"]
        assert "/usr/bin/tool (contents)" in judgement.findings[0].text
        assert (judgement.exit_status, judgement.is_believed, judgement.is_in_order) == (31, True, False)
    assert codes(of_packages([drifted()], [drifted()])) == ["known-drift"]
    further = {"rpm-fingerprint-run-time": "c" * 64}
    assert codes(of_packages([drifted(**further)], [drifted()])) == ["drift"]
    assert codes(of_packages([package()], [drifted()])) == ["run-time-changed"]
    none = {"rpm-fingerprint-run-time": "0"}
    assert codes(of_packages([package(**none)], [package()])) == []


def test_configuration_files_are_there_to_be_changed():
    changed = {"drift": [{"path": "/etc/tool", "class": "configuration", "change": ["contents", "mode"]}]}
    judgement = of_packages([package(**changed)], [package()])
    assert codes(judgement) == ["configuration-drift"]
    assert judgement.findings[0].facts["files"][0]["change"] == ["contents", "mode"]
    assert codes(of_packages([package(**changed)], [package(**changed)])) == []


def test_another_package_under_the_same_version():
    values = {"rpm-fingerprint-install-time": OTHER, "rpm-fingerprint-run-time": OTHER}
    assert codes(of_packages([package(**values)], [package()])) == ["other-package"]
    assert codes(of_packages([package(**values, **{"fingerprint-basis": "deb"})], [package()])) == []


def test_headers_of_rpm():
    judgement = of_packages(
        [package(**{"header-status": "bad-digest"}), package("b", **{"header-status": "no-key"})], []
    )
    assert codes(judgement)[:1] + codes(judgement)[-1:] == ["bad-package-signature", "unsigned-package"]
    assert judgement.exit_status == 32


def test_values_that_are_old_or_none():
    stale = packages(package(), status="generation-in-progress")
    assert codes(judge(evidence(dossier(packages=stale)), Known())) == ["fingerprints-not-current"]


def test_known_good_values():
    def against(*each):
        return judge(evidence(dossier(packages=packages(*each))), Known(known_good=KNOWN))

    assert codes(against(package())) == []
    assert codes(against(package(), package("lib"))) == ["not-in-known-good"]
    assert codes(against(drifted())) == ["known-good-mismatch", "drift"]
    assert against(drifted()).exit_status == 30
    assert codes(against(package(**{"rpm-fingerprint-install-time": OTHER}))) == ["known-good-mismatch", "drift"]
    assert codes(against(package(**{"rpm-fingerprint-run-time": "0"}))) == ["not-in-known-good"]


def test_known_good_values_of_what_was_seen_first():
    """Its own value is nobody's but the device's: the digests of dpkg are what can be known."""
    (known,) = KNOWN
    good = Known(known_good={(known[0], "md5sums"): OTHER})

    def against(**members):
        seen = {"fingerprint-basis": "first-sight", "md5sums-fingerprint": OTHER, **members}
        return codes(judge(evidence(dossier(packages=packages(package(**seen)))), good))

    assert against() == []
    assert against(**{"md5sums-fingerprint": "d" * 64}) == ["known-good-mismatch"]
    assert against(**{"md5sums-fingerprint": ""}) == ["not-in-known-good"]
    assert against(**{"rpm-fingerprint-run-time": "d" * 64}) == ["known-good-mismatch", "drift"]


# Starts, configuration, boot state, parts ----------------------------------------------------------------------------


def test_starts_since():
    def after(new, old):
        return compared({"reboot_history": reboots(*new)}, {"reboot_history": reboots(*old)})

    judgement = after(FEBRUARY[:3], FEBRUARY[:2])
    assert codes(judgement) == ["rebooted"]
    assert "2026-02-18T15:25:11Z: User initiated graceful reload" in judgement.findings[0].text
    # Old ones go with the files that have them.
    assert codes(after(FEBRUARY[1:3], FEBRUARY[:3])) == []
    assert codes(after(FEBRUARY[:3:2], FEBRUARY[:3])) == ["history-rewritten"]
    assert codes(after(FEBRUARY[:3], FEBRUARY[:3:2])) == ["history-rewritten"]
    # The kernel's own word for the same start, after its clock was set.
    assert codes(after([FEBRUARY[0], "Wed Feb 11 15:26:01 2026"], FEBRUARY[:2])) == []


def test_another_boot_id_is_a_start_too():
    new, old = (dossiers.boot_state(**{"boot-id": name}) for name in ("2", "1"))
    assert codes(compared({"system_integrity_snapshot": new}, {"system_integrity_snapshot": old})) == ["rebooted"]


@pytest.mark.parametrize("name", ["secure-boot", "kernel-lockdown", "kernel-command-line"])
def test_the_way_in_which_the_system_was_started(name):
    new, old = (dossiers.boot_state(**{name: value}) for value in ("disabled", "enabled"))
    judgement = compared({"system_integrity_snapshot": new}, {"system_integrity_snapshot": old})
    assert codes(judgement) == ["boot-state-changed"]
    assert judgement.exit_status == 37


def test_commits_since():
    def after(new, old):
        return codes(compared({"rollback_history": new}, {"rollback_history": old}))

    assert after(commits(1, 2, 3, 4), commits(1, 2)) == ["committed", "committed"]
    assert after(commits(2, 3), commits(1, 2, 3)) == []
    assert after(commits(1, 3), commits(1, 2, 3)) == ["history-rewritten"]
    assert after(commits(1), commits(1, 2)) == ["history-rewritten"]
    assert after(commits(1, 2, user="bob"), commits(1, 2)) == ["history-rewritten"] * 2


def test_parts_and_versions():
    def machine(**members):
        disk = {"name": "sda", "size-bytes": 5, "serial-number": "1"} | members
        veth = {"name": f"veth{len(members)}", "physical": False}
        interfaces = [{"name": "eth0", "state": f"up{len(members)}", "physical": True}, veth]
        return dossiers.section({"memory-bytes": 1024, "disk": [disk], "interface": interfaces})

    judgement = compared({"system_inventory": machine(**{"serial-number": "2"})}, {"system_inventory": machine()})
    assert codes(judgement) == ["hardware-changed"]
    assert judgement.findings[0].text == "disk sda: 5, 2, before: 5, 1"
    version = {"result-code": "Success", "version": "trustconf, Version 2\n"}
    assert codes(compared({"version": version}, {})) == ["software-changed"]


# Filesystem and IMA --------------------------------------------------------------------------------------------------


KNOWN_SNAPSHOTS = snapshots(0, [file("/bin/sh"), file("/etc/passwd")], [])


def of_snapshots(new, old=KNOWN_SNAPSHOTS):
    """The findings but those that all have: nobody has signed these snapshots."""
    judgement = compared({"filesystem_inventory": inventory(*new)}, {"filesystem_inventory": inventory(*old)})
    assert "unsigned-snapshot" in codes(judgement)
    return [finding for finding in judgement.findings if finding.kind is not Kind.UNSIGNED_SNAPSHOT]


def after(*files, **changes):
    return snapshots(2, *files, full=False, after=KNOWN_SNAPSHOTS[-1], **changes)


def test_files_since():
    changed = [file(f"/tmp/{n}", "created") for n in range(8)] + [file("/bin/sh", "contents-modified")]
    (found,) = of_snapshots(after(changed))
    assert found.kind is Kind.FILES_CHANGED
    assert found.facts["counts"] == {"created": 8, "contents-modified": 1}
    assert "1 contents-modified (/bin/sh); 8 created (/tmp/0" in found.text


def test_files_of_a_new_full_snapshot():
    now = [file("/bin/sh", digest="y"), file("/new"), file("/etc/passwd", mode=0o100666)]
    whole = snapshots(2, now, [file("/new", "deleted")], after=KNOWN_SNAPSHOTS[-1])
    (found,) = of_snapshots(whole)
    assert found.facts["files"] == {"contents-modified": ["/bin/sh"], "meta-data-modified": ["/etc/passwd"]}
    assert of_snapshots(snapshots(2, [file("/bin/sh"), file("/etc/passwd")], after=KNOWN_SNAPSHOTS[-1])) == []
    (gap,) = of_snapshots(whole, [KNOWN_SNAPSHOTS[1]])
    assert gap.kind is Kind.INVENTORY_GAP


@pytest.mark.parametrize(
    ("new", "found"),
    [
        (after([]), []),
        (KNOWN_SNAPSHOTS + after([]), []),
        (after([], **{"previous-digest": "1" * 64}), ["broken-inventory"]),
        ([after([])[0] | {"files": [file("/made")]}], ["broken-inventory", "files-changed"]),
        (snapshots(0, [], []), ["broken-inventory"] * 2),
        (KNOWN_SNAPSHOTS[:1], ["broken-inventory"]),
        (after([], [], [])[::2], ["broken-inventory"]),
        (after([], [], [])[2:], ["inventory-gap"]),
    ],
    ids=["next", "all", "not after", "edited", "others", "gone", "hole", "gap"],
)
def test_snapshots_follow_each_other(new, found):
    assert [finding.kind.code for finding in of_snapshots(new)] == found


@pytest.mark.parametrize(
    ("new", "found"),
    [
        (ima(1, 7), ["ima-grew"]),
        (ima(6, 9), ["ima-grew"]),
        (ima(1, 5), []),
        (ima(1, 4), ["broken-ima-log"]),
        (ima(1, 7, changed=3), ["broken-ima-log", "ima-grew"]),
        (ima(8, 9), ["ima-grew", "ima-gap"]),
        (ima(1, 5, violations=2), ["ima-violations"]),
        (ima(1, 2, boot="boot-2"), ["rebooted"]),
    ],
    ids=["longer", "the rest", "the same", "shorter", "changed", "gap", "violations", "other boot"],
)
def test_the_ima_log_goes_on(new, found):
    assert codes(compared({"ima": new}, {"ima": ima(1, 5)})) == found


def test_an_ima_log_that_the_device_can_t_read_to_its_end():
    log = {**ima(1, 5), "result-code": "Incomplete", "reason": "Event 6 of the IMA log can't be read."}
    assert codes(judge(evidence(dossier(ima=log)), Known())) == ["broken-ima-log", "section-incomplete"]


def test_an_ima_log_that_does_not_agree_with_itself():
    log = ima(1, 5)
    log["node"][0]["ima-event-log"].pop(2)
    assert set(codes(judge(evidence(dossier(ima=log)), Known()))) == {"broken-ima-log"}
    log = ima(1, 5)
    log["node"][0]["ima-event-log"][2]["filename-hint"] = "/bin/other"
    judgement = judge(evidence(dossier(ima=log)), Known())
    assert "Event 3: Its template hash is not that of its data" in judgement_text(judgement)


def test_data_that_are_not_what_was_asked_for():
    changed = ima(1, 2, boot="boot-2") | {
        "result-code": "Boot changed",
        "reason": "start_time is not that of this boot",
    }
    judgement = compared({"incremental_ima": changed}, {"ima": ima(1, 5)}, required=["incremental-ima"])
    assert codes(judgement) == ["rebooted", "section-incomplete"]


# Reports and hostile texts -------------------------------------------------------------------------------------------


def test_the_record_has_stable_names():
    record = judgement_record(of_packages([drifted()], [package()]))
    assert {record[name] for name in ("verified", "accepted", "signed")} == {True}
    assert record["exit-status"] == 31
    assert record["compared-with"] == "2026-03-01T12:00:00Z"
    (finding,) = record["findings"]
    assert (finding["name"], finding["severity"], finding["section"]) == ("drift", "alarm", "packages")
    assert finding["subject"] == "tool-2.0-3.el9.x86_64"
    json.dumps(record)


def test_a_device_can_not_control_the_terminal():
    judgement = of_packages([package("\x1b[31m\u202e\ud800")], [])
    assert "\x1b" not in judgement_text(judgement) + json.dumps(judgement_record(judgement))
    judgement_text(judgement).encode()


def test_reports_are_limited_whatever_names_a_device_sends():
    (found,) = judgement_record(of_packages([package("x" * 100_000)], []))["findings"]
    assert max(map(len, (found["text"], found["subject"]))) < 2100
    drift = [{"path": f"/{n}", "class": "software", "change": []} for n in range(3000)]
    (found,) = judgement_record(of_packages([drifted(drift=drift)], [package()]))["findings"]
    assert len(found["facts"]["files"]) == 1000


def test_findings_of_a_kind_are_limited(monkeypatch):
    monkeypatch.setattr(judging, "MAX_OF_A_KIND", 3)
    judgement = of_packages([package(f"p{n}") for n in range(9)], [])
    assert codes(judgement) == ["package-added"] * 4
    assert judgement.findings[-1].text.startswith("6 more")


def test_an_expired_certificate_is_named():
    late = evidence(dossier(), at=NOW + 40 * DAY)
    assert judge(late, Known()).exit_status == 18


def test_kinds_have_names_and_statuses_by_severity():
    ranges = {Severity.FAILURE: range(20, 30), Severity.ALARM: range(30, 40), Severity.CHANGE: [40], Severity.NOTE: [0]}
    assert all(kind.exit_status in ranges[kind.severity] for kind in Kind)
    assert len({kind.code for kind in Kind}) == len(Kind)
    assert [kind.exit_status for kind in Kind if kind.exit_status] == sorted(
        k.exit_status for k in Kind if k.exit_status
    )


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_no_dossier_makes_it_fail(data):
    """A dossier in which something has become something else."""
    content = dossier(hours=1, **EVERYTHING)
    place, name = content, data.draw(st.sampled_from(sorted(content)))
    while isinstance(place[name], list | dict) and place[name] and data.draw(st.integers(0, 3)):
        place = place[name]
        keys = range(len(place)) if isinstance(place, list) else sorted(place)
        name = data.draw(st.sampled_from(list(keys)))
    place[name] = data.draw(junk)
    before = evidence(dossier(**EVERYTHING), "n0")
    known = Known(baseline=before, latest=before, known_good=KNOWN)
    judgement = judge(evidence(content), known)
    json.dumps(judgement_record(judgement))
    judgement_text(judgement)
    # And as the previous one.
    odd = evidence(content, "n0")
    judge(evidence(dossier(hours=2, **EVERYTHING)), Known(baseline=odd, latest=odd))


@settings(max_examples=60, deadline=None)
@given(
    content=st.binary(max_size=60), start=st.sampled_from([b"", b'{"collection-start-time"', b'{"envelope-version": 1'])
)
def test_no_text_makes_it_fail(content, start):
    judgement = judge(read(start + content), Known())
    assert not judgement.is_believed
    judgement_text(judgement)


def test_every_edited_byte_is_named():
    original = envelope(dossier(ima=ima(1, 2)))
    for at in range(0, len(original), 7):
        edited = original[:at] + bytes([original[at] ^ 1]) + original[at + 1 :]
        assert not read(edited).is_authentic
