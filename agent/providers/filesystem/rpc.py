"""start-scan, stop-scan and list-unowned-files."""

from __future__ import annotations

import json

from agent.clock import yang_date_and_time
from agent.integrity.filesystem.paths import path_of, shown_path
from agent.integrity.filesystem.store import CHAIN, StoreError
from agent.integrity.filesystem.unowned import UnownedFile, unowned_files
from agent.northbound.contract import Record, RpcContext
from agent.northbound.errors import ProviderError
from agent.providers.filesystem.vocabulary import CLASSES, class_name
from agent.providers.filesystem.watch import InventoryWatch, ScanRefusedError


class InventoryRpcs:
    def __init__(self, watch: InventoryWatch) -> None:
        self._watch = watch

    def start_scan(self, request: Record, context: RpcContext) -> None:
        try:
            self._watch.scan_now(request.get("directory-set", CHAIN), reads_all=request["full"])
        except ScanRefusedError as error:
            raise ProviderError(error.tag, error.message, path=error.leaf, app_tag=error.app_tag) from error

    def stop_scan(self, request: Record, context: RpcContext) -> None:
        self._watch.stop_scan()

    def list_unowned_files(self, request: Record, context: RpcContext) -> Record:
        try:
            snapshots = self._watch.snapshots(CHAIN)
            if not snapshots:
                raise ProviderError(
                    "operation-failed",
                    "There is no snapshot yet: call start-scan, and wait for scan-finished.",
                    app_tag="no-snapshot",
                )
            limit = request["limit"]
            # One more, to know whether there is a next part.
            found = unowned_files(
                self._watch.store(),
                after=path_of(request["after"]) if "after" in request else None,
                limit=limit + 1,
                privileged=request["privileged"],
                classes=[CLASSES[name] for name in request.get("classification", ())],
            )
        except StoreError as error:
            raise ProviderError("operation-failed", str(error), app_tag="inventory-unusable") from error
        counts = json.loads(snapshots[-1].counts)
        answer: Record = {
            "snapshot-block-no": snapshots[-1].number,
            "unowned": counts["unowned"],
            "unowned-privileged": counts["unowned_privileged"],
            "file": [_file(each) for each in found[:limit]],
        }
        return answer | ({"next": shown_path(found[limit - 1].path)} if len(found) > limit else {})


def _file(file: UnownedFile) -> Record:
    record: Record = {
        "name": shown_path(file.path),
        "classification": class_name(file.classification),
        "mode": f"{file.mode:04o}",
        "uid": file.user,
        "gid": file.group,
        "size": file.size,
        "modified": yang_date_and_time(file.modified),
        "privilege": list(file.privileges),
    }
    return record | ({"capabilities": file.capabilities} if file.capabilities else {})
