"""The archive: what is kept, what later dossiers are compared with, and files that are none."""

import io
import sqlite3

import pytest

from agent.collector.archive import Archive
from agent.collector.errors import ArchiveError, NoEvidenceError, Obstacle
from agent.integrity.judging.judge import Known, judge
from tests.integrity.judging.dossiers import dossier, drifted, envelope, evidence, package, packages
from tests.integrity.signers import NOW


@pytest.fixture
def archive(tmp_path):
    opened = Archive.open(tmp_path / "archive", create=True)
    for name in ("a", "b"):
        opened.add_anchor(name, "00", "PEM\n", NOW)
    yield opened
    opened.close()


def add(archive, content, *, sent="n1", device="a", baseline=None):
    judgement = judge(evidence(content, sent=sent), Known())
    options = {"method": "netconf", "nonce": "n1", "baseline": baseline, "at": NOW}
    return archive.add_dossier(device, io.BytesIO(envelope(content)), judgement, **options)


def exported(archive, number):
    target = io.BytesIO()
    archive.write_envelope(number, target)
    return target.getvalue()


def test_what_later_ones_are_compared_with(archive):
    assert (archive.baseline("a"), archive.latest("a")) == (None, None)
    good = add(archive, dossier(packages=packages(package())))
    alarm = add(archive, dossier(packages=packages(drifted())))
    forged = add(archive, dossier(), sent="other")
    assert (archive.baseline("a"), archive.latest("a")) == (good, alarm)
    assert archive.baseline("b") is None
    archive.accept(alarm, NOW)
    assert archive.baseline("a") == alarm
    with pytest.raises(ArchiveError, match="not to be believed"):
        archive.accept(forged, NOW)
    with pytest.raises(ArchiveError, match="no dossier 99"):
        archive.accept(99, NOW)
    assert [kept.exit_status for kept in archive.dossiers("a")] == [17, 31, 0]
    assert archive.report(alarm)["findings"][0]["name"] == "drift"


def test_envelopes_are_kept_to_the_byte(archive, tmp_path):
    content = dossier(packages=packages(*(package(f"p{n}") for n in range(2000))))
    sealed = envelope(content)
    judgement = judge(evidence(content), Known())
    options = {"method": "ssh", "nonce": "n1", "baseline": None, "at": NOW}
    number = archive.add_dossier("a", io.BytesIO(sealed), judgement, **options)
    assert exported(archive, number) == sealed
    assert archive.dossier(number).size == len(sealed)
    assert archive.has_dossier("a", evidence(content).dossier.digest)
    assert not archive.has_dossier("b", evidence(content).dossier.digest)
    with pytest.raises(ArchiveError):
        exported(archive, 99)
    with sqlite3.connect(tmp_path / "archive") as connection:
        assert connection.execute("SELECT length(envelope) < size / 2 FROM dossiers").fetchone() == (1,)
        connection.execute("UPDATE dossiers SET envelope = x'00'")
    with pytest.raises(ArchiveError, match="damaged"):
        exported(archive, number)


def test_old_envelopes_are_removed_but_not_what_is_compared_with(archive):
    good = add(archive, dossier(packages=packages(package())))
    for hours in range(1, 5):
        add(archive, dossier(hours=hours, packages=packages(drifted())))
    other = add(archive, dossier(), device="b")
    assert archive.prune(2) == 2
    assert archive.prune(2) == 0
    for number in (good, 4, 5, other):
        assert exported(archive, number)
    for number in (2, 3):
        with pytest.raises(ArchiveError, match="was removed"):
            exported(archive, number)
        assert archive.report(number)["exit-status"] == 31


def test_devices_and_their_attempts(archive):
    archive.add_failure("b", NoEvidenceError(Obstacle.UNREACHABLE, "no\ud800"), NOW)
    add(archive, dossier(packages=packages(drifted("\ud800"))))
    (a, b) = archive.devices()
    assert (a.name, a.dossiers, a.outcome, a.exit_status) == ("a", 1, "answered", 31)
    assert (b.name, b.dossiers, b.outcome, b.exit_status) == ("b", 0, "unreachable", None)


def test_an_archive_is_found_again(archive, tmp_path):
    add(archive, dossier())
    again = Archive.open(tmp_path / "archive")
    assert (again.anchors("a"), again.anchors("c")) == (b"PEM\n", b"")
    assert again.latest("a") == 1
    again.close()


def test_files_that_are_no_archive(tmp_path):
    with pytest.raises(ArchiveError, match="there is no archive"):
        Archive.open(tmp_path / "none")
    (tmp_path / "text").write_text("text, and more of it than fits the head of a database" * 100)
    with sqlite3.connect(tmp_path / "other") as connection:
        connection.execute("CREATE TABLE t (x)")
    for name in ("text", "other"):
        with pytest.raises(ArchiveError, match="can't be used"):
            Archive.open(tmp_path / name, create=True)
    with pytest.raises(ArchiveError, match="can't be opened"):
        Archive.open(tmp_path / "no/folder", create=True)
