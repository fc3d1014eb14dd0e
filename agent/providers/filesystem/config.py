"""A commit begins, changes or ends the inventory."""

from __future__ import annotations

from agent.northbound.contract import Change, NoConfigHandler
from agent.providers.filesystem.watch import InventoryWatch


class InventoryHandler(NoConfigHandler):
    def __init__(self, watch: InventoryWatch) -> None:
        self._watch = watch

    def apply(self, changes: list[Change]) -> None:
        self._watch.reconfigured()
