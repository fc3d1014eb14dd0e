"""When the file system is scanned and what is told of it, on a machine in a folder."""

import queue
import threading
from datetime import timedelta

import pytest

from agent.integrity.errors import ResultCode, SourceUnavailableError
from agent.integrity.filesystem import budget
from agent.integrity.filesystem.chain import verify_chain
from agent.northbound.contract import StateQuery
from agent.northbound.errors import ProviderError
from agent.providers.cisco import filesystem
from agent.providers.filesystem.configured import configured
from agent.providers.filesystem.watch import FIRST_DELAY
from agent.yang.errors import DataError
from tests.providers.test_trustpoints import configuration, enrolled

FINISHED = "/trustconf-integrity:scan-finished"
DAMAGED = "/trustconf-integrity:snapshot-damaged"
START = "/trustconf-integrity:start-scan"
STOP = "/trustconf-integrity:stop-scan"
UNOWNED = "/trustconf-integrity:list-unowned-files"


class Machine:
    """A device whose scans a test waits for."""

    def __init__(self, bench):
        self.bench, self.root, self.watch = bench, bench.root, bench.services.inventory
        self.finished = queue.Queue()
        bench.services.bus.subscribe(lambda event: event.path == FINISHED and self.finished.put(event.content))
        (self.root / "bin").mkdir()
        (self.root / "bin/tool").write_text("tool\n")
        (self.root / "bin/tool").chmod(0o4755)

    def configure(self, beside=None, **leaves):
        inventory = {"budget": {"niceness": 0, "io-class": "best-effort", "pause": 0}}
        inventory |= {name.replace("_", "-"): value for name, value in leaves.items()}
        self.bench.commit({**(beside or {}), "trustconf-integrity:integrity": {"filesystem-inventory": inventory}})

    def wait(self, **time):
        """Let time pass until a scan has ended."""
        self.bench.clock.advance(timedelta(**time))
        return self.finished.get(timeout=60)

    def scan(self, **request):
        self.bench.call(START, {"trustconf-integrity:" + name: value for name, value in request.items()})
        return self.finished.get(timeout=60)

    @property
    def state(self):
        return self.bench.state()["trustconf-integrity:integrity"]["filesystem-snapshots"]


@pytest.fixture
def machine(bench):
    machine = Machine(bench)
    yield machine
    machine.watch.stop()


def test_nothing_is_scanned_unless_it_is_configured(machine):
    assert machine.state == {"status": "disabled"}
    for rpc, tag in ((START, "inventory-not-enabled"), (UNOWNED, "no-snapshot")):
        with pytest.raises(ProviderError) as caught:
            machine.bench.call(rpc)
        assert (caught.value.tag, caught.value.app_tag) == ("operation-failed", tag)
    with pytest.raises(SourceUnavailableError) as caught:
        machine.watch.section(None)
    assert caught.value.code is ResultCode.NOT_PRESENT
    assert list(machine.watch._folder.iterdir()) == []
    machine.bench.call(STOP)


def test_a_commit_begins_it_and_the_interval_goes_on(machine):
    machine.configure(snapshot_interval=2)
    told = machine.wait()
    assert (told["result"], told["snapshot-block-no"], told["snapshot-type"]) == ("success", 0, "full")
    assert told["created"] == told["files"] > 3
    (machine.root / "bin/new").touch()
    machine.bench.clock.advance(timedelta(minutes=29))
    assert machine.state["next-scan"] == "2026-03-01T12:30:00Z"
    told = machine.wait(minutes=1)
    assert (told["snapshot-type"], told["created"], told["meta-data-modified"]) == ("incremental", 1, 1)
    state = machine.state
    assert state["status"] == "waiting"
    assert state["last-finished"] == "2026-03-01T12:30:00Z"
    assert [each["snapshot-block-no"] for each in state["snapshot"]] == [0, 1]
    assert state["snapshot"][1]["previous-digest"] == state["snapshot"][0]["digest"]
    assert "signature-algorithm" not in state["snapshot"][1]


def test_a_start_waits_some_minutes_and_for_the_interval(machine):
    machine.configure(snapshot_interval=1)
    machine.wait()
    machine.bench.clock.advance(timedelta(minutes=14))
    machine.watch.start()
    assert machine.watch.report().next_scan == machine.bench.clock.now() + FIRST_DELAY
    machine.wait(minutes=5)


def test_a_clock_that_was_set_back_does_not_end_it(machine):
    machine.configure()
    machine.wait()
    with machine.watch.store().writing() as connection:
        connection.execute("UPDATE snapshot SET time = time + 1000000")
    machine.watch._tried = None
    machine.watch.look()
    machine.finished.get(timeout=60)


def test_the_guide_s_interval_has_its_range(machine):
    for interval in (0, 97):
        with pytest.raises(DataError):
            machine.configure(snapshot_interval=interval)
    machine.configure(snapshot_interval=96)


@pytest.mark.parametrize("path", ["relative", "/", "/end/", "//", "/a/../b", "/a/.", ""])
def test_paths_that_are_none(machine, path):
    with pytest.raises(DataError):
        machine.configure(skip_list=[path])


def test_what_is_left_out_and_sets_and_full_snapshots(machine):
    (machine.root / "left/out").mkdir(parents=True)
    (machine.root / "left/file").touch()
    machine.configure(
        skip_list=["/left/out"],
        skip_files=["/left/file"],
        snapshot_type="full",
        directory_set=[{"number": 2, "directory": ["/bin"]}],
    )
    machine.wait()
    assert machine.scan()["snapshot-type"] == "full"
    told = machine.scan(**{"directory-set": 2})
    assert (told["directory-set"], told["snapshot-block-no"], told["files"]) == (2, 0, 1)
    names = {file["name"] for file in snapshots(machine)[1]["files"]}
    assert "/left" in names
    assert not names & {"/left/out", "/left/file"}
    with pytest.raises(ProviderError) as caught:
        machine.bench.call(START, {"directory-set": 3})
    assert (caught.value.tag, caught.value.app_tag, caught.value.path) == (
        "data-missing", "no-directory-set", "directory-set",
    )  # fmt: skip


def snapshots(machine, options=None):
    [node] = machine.watch.section(options)["node"]
    return list(node["snapshot"])


class Held:
    """A scan that has begun and goes on when the test says so."""

    def __init__(self, machine, monkeypatch):
        self.begun, self.go = threading.Event(), threading.Event()
        monkeypatch.setattr(budget.Budget, "apply", lambda budget: (self.begun.set(), self.go.wait(60)))
        machine.bench.call(START)
        self.begun.wait(60)


def test_one_scan_at_a_time_that_can_be_stopped(machine, monkeypatch):
    machine.configure(snapshot_interval=1)
    machine.wait()
    for number in range(300):
        (machine.root / str(number)).touch()
    held = Held(machine, monkeypatch)
    assert machine.state["status"] == "scanning"
    assert machine.state["scan"]["directory-set"] == 0
    with pytest.raises(ProviderError) as caught:
        machine.bench.call(START)
    assert (caught.value.tag, caught.value.app_tag) == ("in-use", "scan-in-progress")
    # Its time comes meanwhile, and is not forgotten.
    machine.bench.clock.advance(timedelta(minutes=15))
    machine.watch.look()
    machine.bench.call(STOP)
    held.go.set()
    assert machine.finished.get(timeout=60) == {"directory-set": 0, "result": "stopped"}
    assert [each["snapshot-block-no"] for each in machine.state["snapshot"]] == [0]
    assert machine.wait(minutes=1)["created"] == 300


def test_switching_it_off_breaks_off_the_scan_and_keeps_what_there_is(machine, monkeypatch):
    machine.configure()
    machine.wait()
    for number in range(300):
        (machine.root / str(number)).touch()
    held = Held(machine, monkeypatch)
    machine.bench.commit({})
    held.go.set()
    assert machine.finished.get(timeout=60)["result"] == "stopped"
    machine.bench.clock.advance(timedelta(days=1))
    state = machine.state
    assert state["status"] == "disabled"
    assert len(state["snapshot"]) == 1
    assert "next-scan" not in state
    assert len(snapshots(machine)) == 1


def test_a_scan_that_fails_says_why(machine, monkeypatch):
    machine.configure()
    machine.wait()
    machine.root.rename(machine.root.with_name("elsewhere"))
    told = machine.scan()
    assert told["result"] == "failed"
    assert told["reason"] == "/: does not exist"
    assert machine.state["last-error"] == told["reason"]
    machine.root.with_name("elsewhere").rename(machine.root)
    machine.scan()
    assert "last-error" not in machine.state


def test_snapshots_are_signed_by_the_system_trustpoint(machine):
    enrolled(machine.bench)
    machine.configure(configuration())
    told = machine.wait()
    assert told["signature-algorithm"] == "ecdsa-sha256"
    assert snapshots(machine)[0]["signature-type"] == "ecdsa"
    assert verify_chain(snapshots(machine)).faults == ()


def test_damage_is_told_once(machine):
    machine.configure()
    machine.wait()
    path = machine.watch.store().path(0, 0)
    path.write_bytes(path.read_bytes()[:-1])
    machine.scan()
    assert machine.bench.told(DAMAGED) == [{"snapshot-block-no": 0, "problem": "ends too early"}]
    machine.watch.store().path(0, 1).unlink()
    machine.scan()
    assert len(machine.bench.told(DAMAGED)) == 2
    assert machine.state["damaged"] == [
        {"snapshot-block-no": 0, "problem": "ends too early"}, {"snapshot-block-no": 1, "problem": "is missing"},
    ]  # fmt: skip


def test_the_files_that_no_package_has_come_in_parts(machine):
    machine.configure()
    for number in range(5):
        (machine.root / f"bin/{number}").touch()
    machine.wait()
    seen, after = [], {}
    while True:
        part = machine.bench.call(UNOWNED, {"limit": 3, **after})
        seen += [file["name"] for file in part.get("file", ())]
        if "next" not in part:
            break
        after = {"after": part["next"]}
    assert part["unowned"] == len(seen) == len(set(seen))
    assert seen[0] == "/"
    assert {"/bin/tool", "/bin/4", "/bin"} <= set(seen)
    privileged = machine.bench.call(UNOWNED, {"privileged": True})
    assert privileged["unowned-privileged"] == 1
    [tool] = privileged["file"]
    assert (tool["name"], tool["mode"], tool["privilege"]) == ("/bin/tool", "4755", ["setuid"])
    folders = machine.bench.call(UNOWNED, {"classification": ["directory"]})["file"]
    assert {file["classification"] for file in folders} == {"directory"}


def test_every_file_is_read_when_somebody_asks(machine):
    machine.configure()
    machine.wait()
    with machine.watch.store().writing() as connection:
        connection.execute("UPDATE file SET digest = ? WHERE name = ?", (b"0" * 32, b"tool"))
    told = machine.scan(full=True)
    assert (told["snapshot-type"], told["contents-modified"]) == ("full", 1)


CISCO_CONFIG = "Cisco-IOS-XR-filesysinv-cfg:filesystem-inventory"


def test_the_configuration_in_cisco_s_words(machine, monkeypatch):
    monkeypatch.setattr(budget.Budget, "apply", lambda budget: None)
    machine.bench.commit({CISCO_CONFIG: {"snapshot-interval": 2, "snapshot-type": "full"}})
    assert machine.state == {"status": "disabled"}
    machine.bench.commit({CISCO_CONFIG: {"enable": [None], "snapshot-interval": 2, "snapshot-type": "full"}})
    machine.wait()
    assert machine.state["next-scan"] == "2026-03-01T14:00:00Z"
    assert machine.wait(hours=2)["snapshot-type"] == "full"
    # Ours has more, and counts alone.
    machine.configure({CISCO_CONFIG: {"enable": [None], "snapshot-interval": 720}}, snapshot_interval=1)
    machine.watch.look()
    assert machine.state["next-scan"] == "2026-03-01T14:15:00Z"
    machine.bench.commit({})
    assert machine.state["status"] == "disabled"


def test_what_cisco_s_words_leave_out_has_our_defaults(machine):
    machine.bench.commit({"trustconf-integrity:integrity": {"filesystem-inventory": {}}})
    machine.wait()
    ours = configured(machine.bench)
    machine.bench.commit({CISCO_CONFIG: {"enable": [None]}})
    assert configured(machine.bench) == ours


def cisco_state(machine):
    inventory = machine.bench.state().get("Cisco-IOS-XR-filesysinv-show-oper:file-system-inventory")
    return inventory and inventory["nodes"]["node"][0]["snapshot"]


def test_cisco_s_model(machine, monkeypatch):
    assert cisco_state(machine) is None
    machine.configure(directory_set=[{"number": 2, "directory": ["/bin"]}])
    machine.wait()
    machine.scan(**{"directory-set": 2})
    (machine.root / "bin/tool").unlink()
    machine.scan()
    state = cisco_state(machine)
    assert [each["snapshot-id"] for each in state["all"]["xr"]["snapshot-id"]] == [0, 1]
    changes = {file["name"]: file["change-kind"] for file in state["current"]["xr"]["files"]}
    assert changes["/bin/tool"] == "change-kind-deleted"
    [in_set] = state["directory-sets"]["directory-set"]
    assert (in_set["on-demand-dir-set"], [file["name"] for file in in_set["files"]]) == (2, ["/bin/tool"])
    # Too many for an answer: who asks for everything gets everything else.
    monkeypatch.setattr(filesystem, "MAX_FILES", 3)
    state = cisco_state(machine)
    assert "files" not in state["current"]["xr"]
    assert state["current"]["xr"]["snapshot-block-no"] == 1
    nodes = filesystem.InventoryNodes(machine.watch)
    monkeypatch.setattr(filesystem, "MAX_FILES", 0)
    named = query({"snapshot": {"current": {"xr": {"files": {}}}}})
    with pytest.raises(ProviderError) as caught:
        nodes.nodes(named)
    assert (caught.value.tag, caught.value.app_tag) == ("too-big", "too-many-files")
    assert nodes.nodes(StateQuery(keys={"node-name": "0/RP1/CPU0"})) == []
    machine.watch.store().path(0, 1).unlink()
    monkeypatch.setattr(filesystem, "MAX_FILES", 1000)
    assert "files" not in cisco_state(machine)["current"]["xr"]


def query(wanted):
    """The query of a filter that names these nodes."""
    return StateQuery({}, frozenset(wanted), lambda name: query(wanted[name])) if wanted else StateQuery()
