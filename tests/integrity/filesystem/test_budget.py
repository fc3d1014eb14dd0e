"""A scan takes what others leave over, as the kernel and util-linux see it, and tells how far it is."""

import os
import subprocess
import threading
from dataclasses import replace

from agent.integrity.filesystem.budget import BATCH, Budget, IoClass
from agent.integrity.filesystem.inventory import Inventory
from tests.integrity.filesystem.rig import Device


def test_the_thread_of_a_scan_is_nice_reads_when_idle_and_pauses(tmp_path):
    device = Device(tmp_path)
    for number in range(2 * BATCH + 1):
        (device.root / str(number)).touch()
    seen, progress = [], []

    def wait(seconds):
        thread = threading.get_native_id()
        io_class = subprocess.run(["ionice", "-p", str(thread)], capture_output=True, text=True, check=True).stdout
        seen.append((seconds, os.getpriority(os.PRIO_PROCESS, thread), io_class.strip()))
        progress.append((inventory.progress.phase, inventory.progress.files))
        return False

    inventory = Inventory(device.store, device.host, device.clock, lambda data: None, wait)
    order = replace(device.order(), budget=Budget(13, IoClass.IDLE, 0.25))
    mine = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    scan = threading.Thread(target=inventory.scan, args=(order,))
    scan.start()
    scan.join(timeout=60)
    device.store.close()
    assert [phase for phase, _ in progress] == ["files", "files"]
    assert 0 < progress[0][1] <= BATCH < progress[1][1] <= 2 * BATCH
    assert set(seen) == {(0.25, 13, "idle")}
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == mine
