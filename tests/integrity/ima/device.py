"""A machine with a log of IMA, and what is kept of it."""

import json
from datetime import UTC, datetime, timedelta

from agent.clock import ManualClock
from agent.integrity.ima.kept_log import KeptLog
from agent.integrity.ima.section import section
from agent.storage.block_folder import BlockFolder
from tests.integrity.machines import machine

FOLDER = "/sys/kernel/security/ima"
BINARY = f"{FOLDER}/binary_runtime_measurements"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
START = 1772000000
BEGAN = datetime.fromtimestamp(START, UTC)


class Device:
    """A host with a log, and what is kept of it."""

    def __init__(self, folder, log=None, path=BINARY):
        self.root, self.cache = folder / "host", folder / "cache"
        self.clock = ManualClock(datetime(2026, 3, 1, 12, tzinfo=UTC))
        self.path = path
        self.boot("first", START)
        if log is not None:
            self.write(log.binary())
        self.restart()

    def boot(self, boot_id, start):
        files = {BOOT_ID: f"{boot_id}\n", "/proc/stat": f"btime {start}\n", "/proc/uptime": "3600.5 1.0\n"}
        self.host = machine(self.root, files)

    def write(self, content):
        machine(self.root, {self.path: content})

    def restart(self):
        self.kept = KeptLog(self.host, self.clock, BlockFolder(self.cache))

    def look(self, **options):
        self.clock.advance(timedelta(minutes=1))
        return self.kept.look(**options)

    def numbers(self, *span):
        return [event.number for event in self.kept.events(self.look().position, *span)]

    def section(self, start=None):
        found = section(self.kept, self.look().position, self.host, start)
        return json.loads(json.dumps(found, default=list))
