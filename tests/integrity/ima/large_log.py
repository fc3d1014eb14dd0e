"""`python -m tests.integrity.ima.large_log FOLDER EVENTS`: reads a log of so many events, hands all of them out, and
prints how many MiB that took."""

import hashlib
import json
import resource
import struct
import sys
from pathlib import Path

from agent.clock import SystemClock
from agent.integrity.ima.kept_log import KeptLog
from agent.integrity.ima.section import section
from agent.storage.block_folder import BlockFolder
from tests.integrity.machines import machine

LOG = "sys/kernel/security/ima/binary_runtime_measurements"


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def record(number):
    name = b"/usr/lib/x86_64-linux-gnu/some/module-%08d.so\0" % number
    digest = b"sha256:\0" + hashlib.sha256(name).digest()
    data = struct.pack("<I", len(digest)) + digest + struct.pack("<I", len(name)) + name
    return struct.pack("<I", 10) + hashlib.sha1(data).digest() + b"\6\0\0\0ima-ng" + struct.pack("<I", len(data)) + data


def main():
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    host = machine(folder / "host", {"/proc/stat": "btime 1772000000\n", "/proc/uptime": "1.0 1.0\n"})
    place = folder / "host" / LOG
    place.parent.mkdir(parents=True)
    with place.open("wb") as log:
        for number in range(count):
            log.write(record(number))
    before = peak()
    kept = KeptLog(host, SystemClock(), BlockFolder(folder / "cache"))
    position = kept.look().position
    assert kept.look(whole=True).failures == ()
    events = section(kept, position, host)["node"][0]["ima-event-log"]
    assert sum(len(json.dumps(event)) > 100 for event in events) == count
    print(peak() - before)


if __name__ == "__main__":
    main()
