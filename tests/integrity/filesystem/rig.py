"""A small machine in a folder, and its inventory."""

import json
from datetime import timedelta

from agent.clock import ManualClock
from agent.host.rooted import RootedHost
from agent.integrity.filesystem.budget import Budget, IoClass
from agent.integrity.filesystem.inventory import Inventory, Order, Signature
from agent.integrity.filesystem.retention import Retention
from agent.integrity.filesystem.scope import Scope
from agent.integrity.filesystem.section import snapshot_members
from agent.integrity.filesystem.store import CHAIN, InventoryStore
from tests.integrity.machines import KERNEL
from tests.integrity.signers import NOW

#: Tests must not become nicer with each scan.
BUDGET = Budget(0, IoClass.BEST_EFFORT, 0.0)


class Device:
    """`signer`: None, or who signs. `stop_after`: pauses after which a scan is no longer wanted."""

    def __init__(self, folder, signer=None):
        self.root = folder / "root"
        self.root.mkdir(exist_ok=True)
        self.host = RootedHost(self.root, kernel=KERNEL)
        self.clock = ManualClock(NOW)
        self.signer = signer
        self.retention = Retention(1000, 1 << 30)
        self.skipped = ()
        self.stop_after = None
        self.pauses = 0
        self.folder = folder / "inventory"
        self.open()

    def open(self):
        self.store = InventoryStore(self.folder)
        self.inventory = Inventory(self.store, self.host, self.clock, self._sign, self._wait)

    def _sign(self, data):
        return self.signer and Signature(self.signer.algorithm, self.signer.sign(data), self.signer.chain)

    def reopen(self):
        self.store.close()
        self.open()

    def _wait(self, seconds):
        self.pauses += 1
        return self.stop_after is not None and self.pauses > self.stop_after

    def order(self, folders=(b"",), **options):
        status = self.folder.stat()
        scope = Scope(folders, self.skipped, own=frozenset({(status.st_dev, status.st_ino)}))
        return Order(scope, self.retention, BUDGET, **options)

    def scan(self, folders=(b"",), **options):
        self.clock.advance(timedelta(minutes=15))
        return self.inventory.scan(self.order(folders, **options))

    def files(self, outcome):
        """Path -> record of a scan's snapshot."""
        records = map(json.loads, self.store.lines(outcome.snapshot))
        return {record["name"]: record for record in records}

    def changes(self, **options):
        """Path -> what has become of it, of a new scan."""
        files = self.files(self.scan(**options))
        return {name: record["change-kind"].removeprefix("change-kind-") for name, record in files.items()}

    def section(self, directory_set=CHAIN):
        """The snapshots as a collector has them."""
        text = json.dumps([snapshot_members(self.store, each) for each in self.store.snapshots(directory_set)],
                          default=list)  # fmt: skip
        return json.loads(text)

    def install(self, name, *paths, version="1.0-1", architecture="all"):
        """A Debian package with files, which are made."""
        info = self.root / "var/lib/dpkg/info"
        info.mkdir(parents=True, exist_ok=True)
        lines = ["/."]
        for path in paths:
            place = self.root / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.exists():
                place.write_text(f"{name} {version}\n")
            lines.append(path)
        (info / f"{name}.list").write_text("\n".join(lines) + "\n")
        with (info.parent / "status").open("a") as status:
            status.write(
                f"Package: {name}\nStatus: install ok installed\nArchitecture: {architecture}\nVersion: {version}\n\n"
            )
