"""What the inventory of the file system costs beside AIDE and mtree, on a tree of small files. CPU, not time: a scan
takes what others leave over."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from agent.clock import SystemClock
from agent.host.rooted import RootedHost
from agent.integrity.filesystem.budget import Budget, IoClass
from agent.integrity.filesystem.inventory import Inventory, Order
from agent.integrity.filesystem.retention import Retention
from agent.integrity.filesystem.scope import Scope
from agent.integrity.filesystem.store import InventoryStore
from scripts.bench_table import Table, timed

FOLDERS, FILES, BYTES = 40, 100, 18 * 1024
COUNT = f"{FOLDERS * FILES:,} files of {BYTES // 1024} KiB"
AIDE_CONF = """\
database_in=file:{folder}/aide.db
database_out=file:{folder}/aide.db
report_url=file:{folder}/aide.report
root_prefix={root}
/ p+u+g+s+m+c+i+n+ftype+l+sha256
"""


def inventory(table: Table, folder: Path) -> None:
    root = folder / "tree"
    _make_tree(root)
    store = InventoryStore(folder / "inventory")
    scanner = Inventory(store, RootedHost(root), SystemClock(), lambda data: None, lambda seconds: False)
    # The process must stay as nice as it is, for what is measured after this.
    order = Order(Scope(), Retention(1000, 1 << 30), Budget(0, IoClass.BEST_EFFORT, 0.0))
    first = timed(1, lambda _: scanner.scan(order), time.process_time)
    table.times(f"inventory: first scan of {COUNT}, CPU", first)
    table.times(
        "inventory: scan when nothing has changed, CPU", timed(5, lambda _: scanner.scan(order), time.process_time)
    )
    store.close()
    if shutil.which("mtree"):
        _of_others(table, "mtree -c -K sha256", lambda: ["mtree", "-c", "-K", "sha256", "-p", str(root)])
    if shutil.which("aide"):
        configuration = folder / "aide.conf"
        configuration.write_text(AIDE_CONF.format(folder=folder, root=root))
        for option in ("--init", "--check"):
            _of_others(table, f"aide {option}", lambda option=option: ["aide", "-c", str(configuration), option])


def _make_tree(root: Path) -> None:
    for number in range(FOLDERS):
        place = root / str(number)
        place.mkdir(parents=True)
        for name in range(FILES):
            (place / f"a-file-of-usual-length-{name}").write_bytes(os.urandom(BYTES))


def _of_others(table: Table, name: str, command: Callable[[], list[str]]) -> None:
    def run(_: int) -> None:
        subprocess.run(command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)

    table.times(f"the same tree: {name}, CPU", timed(1, run, _cpu_of_children))


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
