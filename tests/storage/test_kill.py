"""A process that is killed while it commits: what it acknowledged is there, and nothing is half there.

Each transaction of the victim writes a commit and a row of another table that must go with it. It acknowledges on its
standard output, after the transaction. (A loss of power differs from a kill in what the disk forgets; synchronous=FULL
is asserted in test_database.py.)
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading

import pytest

from agent.storage.commit_log import KEPT_COMMITS, CommitLog
from agent.storage.database import Database

VICTIM = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from agent.storage.commit_log import CommitLog, CommitRecord
from agent.storage.database import Database

database = Database.open(Path(sys.argv[1]))
log = CommitLog(database)
number = int(sys.argv[2])
while True:
    number += 1
    with database.transaction() as transaction:
        transaction.execute("INSERT OR REPLACE INTO certificate_serial (only_row, next) VALUES (1, ?)", (number,))
        diff = [number, "x" * (number * 997 % 20000)]
        log.append(transaction, CommitRecord("victim", datetime.now(UTC), 0, None, diff))
    print(number, flush=True)
    if number % 7 == 0:
        log.checkpoint(number, {"number": number, "text": "y" * 5000})
"""


def kill_while_committing(path, delay, acknowledged):
    """Run the victim until `delay` seconds after its first acknowledgement; the last number that it acknowledged."""
    victim = subprocess.Popen(
        [sys.executable, "-c", VICTIM, str(path), str(acknowledged)], stdout=subprocess.PIPE, text=True
    )
    assert victim.stdout.readline() == f"{acknowledged + 1}\n"
    killer = threading.Timer(delay, victim.send_signal, (signal.SIGKILL,))
    killer.start()
    output, _ = victim.communicate()
    killer.join()
    assert victim.returncode == -signal.SIGKILL
    whole_lines = output[: output.rfind("\n") + 1].split()
    return int(whole_lines[-1]) if whole_lines else acknowledged + 1


def check(path, acknowledged):
    """The number of the last transaction that is stored, after checking that all before it are."""
    database = Database.open(path)
    try:
        assert database.query("PRAGMA integrity_check")[0][0] == "ok"
        records = list(CommitLog(database).since(0))
        numbers = [record.diff[0] for _, record in records]
        last = numbers[-1]
        assert numbers == list(range(numbers[0], last + 1)), "none is missing, none is twice"
        assert numbers[0] == 1 or len(numbers) >= KEPT_COMMITS
        assert all(len(record.diff[1]) == record.diff[0] * 997 % 20000 for _, record in records), "none is half"
        assert last - acknowledged in (0, 1), "at most the one that was under way when it was killed"
        assert database.query("SELECT next FROM certificate_serial")[0]["next"] == last
        checkpoint = CommitLog(database).latest_checkpoint()
        assert checkpoint is None or checkpoint[1]["number"] == checkpoint[0]
        return last
    finally:
        database.close()


def kill_many_times(path, times):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    generator = random.Random(seed)
    stored = 0
    for _ in range(times):
        acknowledged = kill_while_committing(path, generator.uniform(0, 0.05), stored)
        stored = check(path, acknowledged)
    assert stored >= times


def test_killed_at_20_random_instants(tmp_path):
    kill_many_times(tmp_path / "test.db", 20)


@pytest.mark.exhaustive
@pytest.mark.timeout(600)
def test_killed_at_200_random_instants(tmp_path):
    kill_many_times(tmp_path / "test.db", 200)
