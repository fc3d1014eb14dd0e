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

#: A checkpoint is due when this many commits have been made since the last one.
COMMITS_PER_CHECKPOINT: Final = 64


def load_running(schema: Schema, commit_log: CommitLog) -> tuple[Inner, int]:
    """The running tree and the id of its last commit (0: nothing has ever been committed)."""
    checkpoint = commit_log.latest_checkpoint()
    if checkpoint is None:
        root, last = empty_root(schema.root), 0
    else:
        last, tree = checkpoint
        root = json_codec.decode(tree, schema.root)
    for commit_id, record in commit_log.since(last):
        root = diff.apply_journal(root, record.diff)
        last = commit_id
    return root, last


class Checkpointer:
    """Writes checkpoints on a thread of its own; `due` is cheap and never waits."""

    def __init__(self, commit_log: CommitLog) -> None:
        self._commit_log = commit_log
        self._condition = threading.Condition()
        self._pending: tuple[int, Inner] | None = None
        self._since_last = 0
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="checkpointer", daemon=True)
        self._thread.start()

    def committed(self, commit_id: int, root: Inner) -> None:
        """Tell of a commit; a checkpoint of `root` follows when enough of them have come together."""
        with self._condition:
            self._since_last += 1
            if self._since_last >= COMMITS_PER_CHECKPOINT:
                self._since_last = 0
                self._pending = (commit_id, root)
                self._condition.notify()

    def stop(self) -> None:
        with self._condition:
            self._stopped = True
            self._condition.notify()
        self._thread.join(timeout=1.0)

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._pending is not None or self._stopped)
                if self._stopped:
                    return
                assert self._pending is not None
                commit_id, root = self._pending
                self._pending = None
            try:
                self._commit_log.checkpoint(commit_id, json_codec.encode(root))
            except Exception:
                # The journal alone is complete; the next checkpoint will do.
                log.exception("could not write a checkpoint of commit %d", commit_id)
