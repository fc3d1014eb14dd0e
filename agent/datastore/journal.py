"""What storage keeps of the running configuration: a chain of commits, and now and then the whole tree.

A commit writes only its own difference. Running is made at start from the latest checkpoint and the commits after it.
Checkpoints are written in the background, so that a commit never pays for the size of the tree.
"""

from __future__ import annotations

import logging
import threading
from typing import Final

from agent.storage.commit_log import CommitLog
from agent.yang import diff, json_codec
from agent.yang.schema import Schema
from agent.yang.tree import Inner, empty_root

log = logging.getLogger(__name__)

#: A checkpoint is due when this many changes have been committed since the last one: a start does them again in about
#: 50 ms. Most commits change a leaf or two, so that few of them have to share the processor with a checkpoint.
CHANGES_PER_CHECKPOINT: Final = 500


def load_running(schema: Schema, commit_log: CommitLog) -> tuple[Inner, int, int]:
    """The running tree, the id of its last commit (0: nothing has ever been committed), and how many changes no
    checkpoint covers yet."""
    checkpoint = commit_log.latest_checkpoint()
    if checkpoint is None:
        root, last = empty_root(schema.root), 0
    else:
        last, tree = checkpoint
        root = json_codec.decode(tree, schema.root)
    uncovered = 0
    for commit_id, record in commit_log.since(last):
        root = diff.apply_journal(root, record.diff)
        last = commit_id
        uncovered += len(record.diff)
    return root, last, uncovered


class Checkpointer:
    """Writes checkpoints on a thread of its own; `committed` is cheap and never waits.

    `uncovered` counts the changes since the last checkpoint, those before the start included: however short an agent
    lives between restarts, the journal that a start reads stays short.
    """

    def __init__(self, commit_log: CommitLog, uncovered: int) -> None:
        self._commit_log = commit_log
        self._condition = threading.Condition()
        self._pending: tuple[int, Inner] | None = None
        self._uncovered = uncovered
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="checkpointer", daemon=True)
        self._thread.start()

    def committed(self, commit_id: int, root: Inner, changes: int) -> None:
        """Tell of a commit of so many changes; a checkpoint of `root` follows when enough have come together."""
        with self._condition:
            self._uncovered += changes
            if self._uncovered >= CHANGES_PER_CHECKPOINT:
                self._uncovered = 0
                self._pending = (commit_id, root)
                self._condition.notify()

    def stop(self) -> None:
        """Write what is due, and end; a storage that takes longer than a second is not waited for."""
        with self._condition:
            self._stopped = True
            self._condition.notify()
        self._thread.join(timeout=1.0)

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._pending is not None or self._stopped)
                if self._pending is None:
                    return
                commit_id, root = self._pending
                self._pending = None
            try:
                self._commit_log.checkpoint(commit_id, json_codec.encode(root))
            except Exception:
                # The journal alone is complete; the next checkpoint will do.
                log.exception("could not write a checkpoint of commit %d", commit_id)
