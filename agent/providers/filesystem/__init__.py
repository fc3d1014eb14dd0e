"""trustconf-integrity: the inventory of the file system."""

from __future__ import annotations

from agent.integrity.filesystem.section import MODEL_NAME, MODEL_REVISION
from agent.integrity.sections import Section
from agent.northbound.registry import Registry
from agent.providers.auditing import audited
from agent.providers.filesystem.config import InventoryHandler
from agent.providers.filesystem.configured import CISCO_INVENTORY, INVENTORY
from agent.providers.filesystem.events import SCAN_FINISHED, SNAPSHOT_DAMAGED
from agent.providers.filesystem.rpc import InventoryRpcs
from agent.providers.filesystem.state import SNAPSHOTS, InventoryState
from agent.providers.services import Services


def register(registry: Registry, services: Services) -> None:
    watch = services.inventory
    rpcs = InventoryRpcs(watch)
    handler = InventoryHandler(watch)
    for path in (INVENTORY, CISCO_INVENTORY):
        registry.config(path, handler)
    registry.state(SNAPSHOTS, InventoryState(watch).snapshots)
    for name, function in (
        ("start-scan", rpcs.start_scan),
        ("stop-scan", rpcs.stop_scan),
        ("list-unowned-files", rpcs.list_unowned_files),
    ):
        registry.rpc(f"/trustconf-integrity:{name}", audited(services, name, function))
    for path in (SCAN_FINISHED, SNAPSHOT_DAMAGED):
        registry.notification(path)
    services.dossier_sections["filesystem-inventory"] = Section(
        MODEL_NAME, MODEL_REVISION, lambda sources, request: watch.section(request.filesystem_inventory_options)
    )
