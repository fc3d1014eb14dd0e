"""When fingerprints are made, and what is told of them, on a machine of two hand-made Debian packages."""

import hashlib
import json
import queue
from datetime import timedelta

import pytest

from agent.host.changes import ANYWHERE
from agent.integrity.packages.fingerprint import FileClaim, FileFacts
from agent.northbound.errors import ProviderError
from agent.providers.packages.changes import PackageChanges
from agent.providers.packages.watch import (
    FIRST_DELAY,
    LONGEST_REST,
    LONGEST_WAIT,
    QUIET,
    SWEEP,
    FingerprintWatch,
    Status,
)
from agent.storage.package_evidence import PackageEvidence

GENERATED = "/trustconf-integrity:fingerprints-generated"
CHANGED = "/trustconf-integrity:fingerprint-changed"
REGENERATE = "/trustconf-integrity:regenerate-fingerprints"
VERIFY = "/trustconf-integrity:verify-packages"
STATUS = "Package: {name}\nStatus: install ok installed\nArchitecture: all\nVersion: {version}\n\n"


class Machine:
    """A device with packages, whose generations a test waits for."""

    def __init__(self, bench):
        self.bench, self.root, self.watch = bench, bench.root, bench.services.fingerprints
        self.generated = queue.Queue()
        bench.services.bus.subscribe(lambda event: event.path == GENERATED and self.generated.put(event))
        (self.root / "var/lib/dpkg/info").mkdir(parents=True)
        (self.root / "var/lib/dpkg/status").touch()
        self.install("first")
        self.install("second")
        self.watch.start()

    def restart(self):
        """Another watch, that knows no more than what storage has; its looks take the place of those of the first."""
        self.watch.stop()
        self.watch = FingerprintWatch(
            host=self.bench.services.host,
            clock=self.bench.clock,
            bus=self.bench.services.bus,
            config=self.bench,
            planner=self.bench.scheduler,
            key_files=dict,
            evidence=PackageEvidence(self.bench.database),
        )
        self.watch.start()

    def install(self, name, version="1.0-1"):
        (self.root / "usr").mkdir(exist_ok=True)
        (self.root / "usr" / name).write_text(f"{name} {version}\n")
        digest = hashlib.md5((self.root / "usr" / name).read_bytes()).hexdigest()
        (self.root / f"var/lib/dpkg/info/{name}.md5sums").write_text(f"{digest}  usr/{name}\n")
        with (self.root / "var/lib/dpkg/status").open("a") as status:
            status.write(STATUS.format(name=name, version=version))

    def wait(self, **time):
        """Let time pass until the agent has made fingerprints."""
        self.bench.clock.advance(timedelta(**time))
        return self.generated.get(timeout=60)

    def transaction(self, path="var/lib/dpkg/lock-frontend"):
        """Somebody holds the lock of the package manager."""
        (self.root / path).touch()
        found = (self.root / path).stat()
        place = f"{found.st_dev >> 8 & 0xFFF:02x}:{found.st_dev & 0xFF:02x}:{found.st_ino}"
        (self.root / "proc/locks").write_text(f"1: POSIX  ADVISORY  WRITE 812 {place} 0 EOF\n")

    @property
    def fingerprints(self):
        return self.bench.state()["trustconf-integrity:integrity"]["packages"]["fingerprints"]

    def package(self, name):
        return next(each for each in self.fingerprints["package"] if each["name"] == name)


def settle(watch):
    """Wait for a generation that nobody is told of."""
    thread = watch._thread
    if thread is not None:
        thread.join(60)


def section_of(bench):
    """The section of a dossier."""
    return json.loads(bench.call("/trustconf-integrity:collect-dossier", {"selector": ["packages"]})["dossier"])[
        "packages"
    ]


@pytest.fixture
def machine(bench):
    return Machine(bench)


def test_the_first_values_come_some_minutes_after_the_start(machine):
    assert machine.fingerprints == {
        "status": Status.PENDING,
        "algorithm": "fp1",
        "change-detection": {"method": "sweep", "watched-folders": 0, "unwatched-folders": 0},
    }
    machine.wait(minutes=FIRST_DELAY.total_seconds() / 60)
    found = machine.fingerprints
    assert found["status"] == Status.UP_TO_DATE
    assert found["timestamp"] == "2026-03-01T12:05:00Z"
    package = machine.package("first")
    assert (package["version"], package["release"], package["fingerprint-basis"]) == ("1.0", "1", "md5sums")
    assert package["install-time"] == package["run-time"]
    assert "drift" not in package
    assert machine.bench.told(CHANGED) == []


def test_a_change_of_the_packages_makes_new_values(machine):
    before = machine.wait(minutes=5).content["packages-fingerprint"]
    machine.install("third")
    assert machine.watch.status is Status.PENDING
    after = machine.wait(seconds=SWEEP.total_seconds()).content["packages-fingerprint"]
    assert after != before
    assert machine.watch.status is Status.UP_TO_DATE
    assert machine.package("third")["version"] == "1.0"
    # A package that is what it should be is no news.
    assert machine.bench.told(CHANGED) == []


def test_a_change_behind_the_package_manager_is_found_on_the_schedule(machine):
    machine.wait(minutes=5)
    good = machine.package("first")
    (machine.root / "usr/first").write_text("backdoor\n")
    machine.wait(minutes=60)
    bad = machine.package("first")
    assert bad["install-time"] == good["install-time"]
    assert bad["drift"] == [{"path": "/usr/first", "class": "software", "change": ["contents"]}]
    [told] = machine.bench.told(CHANGED)
    [package] = told["package"]
    assert package["name"] == "first"
    assert package["previous-run-time"] == good["run-time"]
    assert package["run-time"] == bad["run-time"] != good["run-time"]


def test_the_schedule_is_configured(machine):
    machine.bench.commit({"trustconf-integrity:integrity": {"packages": {"regeneration-interval": 1440}}})
    machine.wait(minutes=5)
    machine.bench.clock.advance(timedelta(minutes=1439))
    (machine.root / "usr/first").write_text("backdoor\n")
    machine.wait(minutes=2)
    assert machine.package("first")["drift"]


def test_what_has_drifted_before_the_first_look_is_told(machine):
    (machine.root / "usr/second").unlink()
    machine.wait(minutes=5)
    [told] = machine.bench.told(CHANGED)
    assert [package["name"] for package in told["package"]] == ["second"]
    assert "previous-run-time" not in told["package"][0]


def test_a_transaction_defers_the_generation(machine):
    machine.wait(minutes=5)
    before = machine.fingerprints["timestamp"]
    machine.transaction()
    machine.bench.call(REGENERATE)
    machine.watch.look()
    assert machine.watch.status is Status.PENDING
    assert machine.fingerprints["timestamp"] == before
    (machine.root / "proc/locks").write_text("")
    machine.wait(seconds=30)
    assert machine.watch.status is Status.UP_TO_DATE


@pytest.mark.parametrize(
    "lock",
    [
        "1: POSIX  ADVISORY  READ 812 {place} 0 EOF",
        "1: -> POSIX  ADVISORY  WRITE 812 {place} 0 EOF",
        "1: POSIX  ADVISORY  WRITE 812 00:00:{inode} 0 EOF",
        "nonsense {place}",
        "1: POSIX  ADVISORY  WRITE 812 x:y:z 0 EOF",
    ],
)
def test_other_locks_don_t(machine, lock):
    machine.transaction()
    place = (machine.root / "proc/locks").read_text().split()[5]
    (machine.root / "proc/locks").write_text(lock.format(place=place, inode=place.split(":")[2]) + "\n")
    machine.wait(minutes=5)


def test_an_rpc_makes_values_at_once_and_reads_every_file(machine):
    machine.wait(minutes=5)
    machine.bench.call(REGENERATE)
    machine.generated.get(timeout=60)
    assert machine.watch.status is Status.UP_TO_DATE


def test_a_host_without_packages_says_so(bench):
    watch = bench.services.fingerprints
    watch.look()
    settle(watch)
    found = bench.state()["trustconf-integrity:integrity"]["packages"]["fingerprints"]
    [problem] = found["problem"]
    assert problem.startswith("there is no package database: /var/lib/dpkg/status: does not exist; ")
    assert "package" not in found
    assert section_of(bench)["result-code"] == "Not present"


def test_names_that_xml_can_t_say_are_escaped(machine):
    name = "a\x01b\udcff\\c"
    place = machine.root / "usr" / name
    with open(bytes(str(machine.root), "utf-8") + b"/var/lib/dpkg/info/first.md5sums", "ab") as sums:
        sums.write(b"0" * 32 + b"  usr/a\x01b\xff\\c\n")
    assert not place.exists()
    machine.wait(minutes=5)
    assert [each["path"] for each in machine.package("first")["drift"]] == ["/usr/a\\x01b\\xff\\x5cc"]


def test_verifying_needs_fingerprints_and_known_good_values(machine):
    with pytest.raises(ProviderError) as caught:
        machine.bench.call(VERIFY, {"kgv": "x"})
    assert caught.value.app_tag == "no-fingerprints"
    machine.wait(minutes=5)
    with pytest.raises(ProviderError) as caught:
        machine.bench.call(VERIFY, {"kgv": "x"})
    assert (caught.value.app_tag, caught.value.path) == ("invalid-kgv", "kgv")


def test_files_that_are_no_keys_are_told(machine, tmp_path):
    folder = tmp_path / "state/package-keys"
    (folder / "a.asc").write_text("nonsense")
    (folder / "a.pem").write_text("nonsense")
    (folder / "a.txt").write_text("nonsense")
    machine.wait(minutes=5)
    problems = machine.fingerprints["problem"]
    assert [problem.split()[0] for problem in problems] == ["a.asc", "a.pem", "a.txt"]


def test_the_section_of_a_dossier(machine):
    """First without values, then with them and with what has drifted."""
    (node,) = section_of(machine.bench)["node"]
    assert node["fingerprint-status"] == "to-be-regenerated-at-apply"
    assert "fingerprint-timestamp" not in node
    [database] = node["package-database"]
    assert {package["rpm-fingerprint-run-time"] for package in database["package"]} == {"0"}

    (machine.root / "usr/second").write_text("backdoor\n")
    generated = machine.wait(minutes=5).content
    section = section_of(machine.bench)
    (node,) = section["node"]
    [database] = node.pop("package-database")
    assert (section["result-code"], section["model-revision"]) == ("Success", "2020-10-06")
    assert node == {
        "node-name": "0/RP0/CPU0",
        "fingerprint-status": "generation-up-to-date",
        "fingerprint-timestamp": generated["timestamp"],
        "fingerprint-algorithm": "fp1",
        "packages-fingerprint": generated["packages-fingerprint"],
    }
    assert (database["type"], database["result-code"]) == ("dpkg", "Success")
    first, second = database["package"]
    state = machine.package("second")
    assert second == {
        "name": "second",
        "version": "1.0",
        "release": "1",
        "architecture": "all",
        "fingerprint-basis": state["fingerprint-basis"],
        "rpm-fingerprint-install-time": state["install-time"],
        "rpm-fingerprint-run-time": state["run-time"],
        "drift": state["drift"],
    }
    assert "drift" not in first


def test_one_of_two_databases_in_the_section(machine):
    (machine.root / "var/lib/rpm").mkdir()
    (machine.root / "var/lib/rpm/rpmdb.sqlite").write_text("nonsense")
    for wait in ({"minutes": 5}, {"minutes": 60}):
        (node,) = section_of(machine.bench)["node"]
        assert [(each["type"], each["result-code"]) for each in node["package-database"]] == [
            ("dpkg", "Success"),
            ("rpm", "Failed"),
        ]
        assert "damaged" in node["package-database"][1]["reason"]
        machine.wait(**wait)
    (machine.root / "var/lib/dpkg/status").unlink()
    machine.wait(seconds=30)
    assert section_of(machine.bench)["result-code"] == "Failed"


def test_what_changes_while_the_agent_is_not_running_is_told_once(machine):
    machine.wait(minutes=5)
    good = machine.package("first")["run-time"]
    (machine.root / "usr/first").write_text("backdoor\n")
    for told in (1, 1):
        machine.restart()
        assert (machine.watch.status, machine.watch.latest) == (Status.PENDING, None)
        machine.wait(minutes=5)
        assert machine.watch.status is Status.UP_TO_DATE
        assert len(machine.bench.told(CHANGED)) == told
    [event] = machine.bench.told(CHANGED)
    [package] = event["package"]
    assert (package["name"], package["previous-run-time"]) == ("first", good)
    # And once more when it is as it was.
    (machine.root / "usr/first").write_text("first 1.0-1\n")
    machine.restart()
    machine.wait(minutes=5)
    assert machine.bench.told(CHANGED)[1]["package"][0]["run-time"] == good


def test_another_basis_is_no_change(machine):
    """What was seen first has all facts, what dpkg has are digests."""
    machine.wait(minutes=5)
    before = machine.package("first")
    (machine.root / "var/lib/dpkg/info/first.list").write_text("/.\n/usr\n/usr/first\n")
    machine.bench.call(REGENERATE)
    machine.generated.get(timeout=60)
    after = machine.package("first")
    assert (before["fingerprint-basis"], after["fingerprint-basis"]) == ("md5sums", "first-sight")
    assert before["run-time"] != after["run-time"] == after["install-time"]
    assert machine.bench.told(CHANGED) == []
    (machine.root / "usr/first").chmod(0o4755)
    machine.wait(minutes=60)
    assert machine.package("first")["drift"] == [{"path": "/usr/first", "class": "software", "change": ["mode"]}]
    assert len(machine.bench.told(CHANGED)) == 1


def test_a_storage_that_fails_is_told(machine):
    """Without it, what has drifted would be taken for what was seen first."""
    machine.wait(minutes=5)
    machine.bench.database.close()
    machine.bench.call(REGENERATE)
    machine.watch.look()
    settle(machine.watch)
    assert machine.watch.latest.packages is None
    [problem] = machine.watch.latest.problems
    assert "state folder" in problem


# --- told by the kernel ----------------------------------------------------------------------------------------------


@pytest.fixture
def told_machine(bench):
    bench.services.host.tells = True
    machine = Machine(bench)
    machine.wait(minutes=5)
    changes, machine.heard = machine.watch._changes, queue.Queue()
    for name in ("_files_changed", "_database_changed"):
        call = getattr(changes, name)
        setattr(changes, name, lambda call=call, name=name: (call(), machine.heard.put(name)))
    yield machine
    machine.watch.stop()


def test_a_changed_file_makes_new_values_within_seconds(told_machine):
    found = told_machine.fingerprints["change-detection"]
    # The folders /, /usr, /var/lib/dpkg and /var/lib/dpkg/info.
    assert found == {"method": "events", "watched-folders": 4, "unwatched-folders": 0}
    (told_machine.root / "usr/first").write_text("backdoor\n")
    assert told_machine.heard.get(timeout=60) == "_files_changed"
    assert told_machine.watch.status is Status.PENDING
    told_machine.wait(seconds=LONGEST_WAIT.total_seconds())
    assert told_machine.package("first")["drift"]
    assert [each["package"][0]["name"] for each in told_machine.bench.told(CHANGED)] == ["first"]


def test_an_installed_package_makes_new_values_within_seconds(told_machine):
    # This is one change for the kernel, so that it is told once.
    (told_machine.root / "status").write_text(STATUS.format(name="second", version="2.0"))
    (told_machine.root / "status").rename(told_machine.root / "var/lib/dpkg/status")
    assert told_machine.heard.get(timeout=60) == "_database_changed"
    told_machine.wait(seconds=QUIET.total_seconds())
    assert [(each["name"], each["version"]) for each in told_machine.fingerprints["package"]] == [("second", "2.0")]
    # The files of others are nobody's now.
    (told_machine.root / "usr/first").chmod(0o600)
    (told_machine.root / "usr/second").chmod(0o600)
    assert told_machine.heard.get(timeout=60) == "_files_changed"
    assert told_machine.heard.empty()


def test_other_files_are_nothing_to_look_for(told_machine):
    (told_machine.root / "usr/other").write_text("x")
    (told_machine.root / "usr/second").unlink()
    assert told_machine.heard.get(timeout=60) == "_files_changed"
    assert told_machine.heard.empty()


def test_a_folder_that_is_put_in_the_place_of_another(told_machine):
    (told_machine.root / "usr").rename(told_machine.root / "moved")
    (told_machine.root / "usr").mkdir()
    assert told_machine.heard.get(timeout=60) == "_files_changed"
    told_machine.wait(seconds=LONGEST_WAIT.total_seconds())
    assert told_machine.package("first")["drift"][0]["change"] == ["missing"]


def test_a_file_that_changes_all_the_time_is_looked_at_now_and_then(machine):
    """Here the test is the kernel, and each generation takes no time but the one that it is said to take."""
    machine.wait(minutes=5)
    clock, watch = machine.bench.clock, machine.watch

    def change(seconds):
        clock.advance(timedelta(seconds=seconds))
        watch._files_changed()

    change(0)
    for _ in range(6):
        change(1.5)
    assert machine.generated.empty()
    # Nothing was quiet for 2 seconds, but 10 have passed.
    machine.wait(seconds=1)
    settle(watch)
    # The next one rests.
    watch._not_before = clock.monotonic() + 100
    change(0)
    clock.advance(timedelta(seconds=99))
    assert machine.generated.empty()
    assert watch.status is Status.PENDING
    machine.wait(seconds=1)


def test_the_rest_after_a_changed_file_has_a_limit(machine, monkeypatch):
    machine.wait(minutes=5)
    clock, watch = machine.bench.clock, machine.watch
    collected, took = watch._collected, []
    # The planner's time must not move in another thread.
    monkeypatch.setattr(clock, "monotonic", lambda now=clock.monotonic: now() + sum(took))

    def slow(files):
        took.append(durations[len(took)])
        return collected(files)

    monkeypatch.setattr(watch, "_collected", slow)
    durations = (3, 30, 300)
    for rest in (30, LONGEST_REST.total_seconds()):
        watch._files_changed()
        machine.wait(seconds=LONGEST_REST.total_seconds() + 10)
        settle(watch)
        assert watch._not_before - watch._made == rest
    machine.bench.call(REGENERATE)
    machine.generated.get(timeout=60)
    assert watch._not_before == watch._made
    assert len(took) == 3


def test_what_changes_while_files_are_looked_at_is_looked_at_again():
    told = []
    changes = PackageChanges(None, lambda: told.append("database"), lambda: told.append("files"))
    listened = queue.SimpleQueue()

    class Watch:
        def wait(self):
            return listened.get()

    claim = FileClaim("/usr/a", FileFacts(None, None, None, "", None))
    for change, expected in ((("/usr", "a"), ["files"]), (("/usr", "b"), []), (ANYWHERE, ["files", "files"])):
        told.clear()
        files = changes.look_begins()
        files.add(claim)
        listened.put([change])
        listened.put(None)
        changes._listen(Watch())
        changes.look_ends(files)
        assert told == expected
        changes._is_packaged = lambda change: False
