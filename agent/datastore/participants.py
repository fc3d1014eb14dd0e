"""What a commit asks of those who make configuration effective (agent/northbound/transaction.py is behind it)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from agent.storage.database import Transaction
from agent.yang.diff import DataChange
from agent.yang.edit import EditResult
from agent.yang.schema import SchemaNode
from agent.yang.tree import Inner


class PendingCommit(Protocol):
    """One commit on its way through all participants."""

    def validate(self) -> None:
        """Raise ProviderError for what the schema can't express; changes nothing."""

    def stage(self) -> EditResult:
        """What is slow, before storage is locked. The new configuration with the leaves that the device itself writes
        into it. Raises ProviderError, after which `abort` is called."""

    def prepare(self, transaction: Transaction) -> None:
        """Everything that may fail. Raises ProviderError, after which `abort` is called."""

    def apply(self) -> None:
        """The commit is durable."""

    def abort(self) -> None:
        """The commit failed; undo what `stage` and `prepare` did."""


class Participants(Protocol):
    def begin(self, old: Inner, new: Inner, changes: Sequence[DataChange]) -> PendingCommit:
        """The part that these changes have in the participants."""

    def rewrite_leaf(self, schema: SchemaNode, text: str) -> str:
        """The canonical text to store for a leaf that a client sets (password hashing and the like)."""
