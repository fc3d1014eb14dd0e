"""What is asked of a device."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from agent.integrity.judging.ima import Position
from agent.integrity.sections import asctime

#: Sections that are asked for unless somebody says otherwise.
SELECTORS: Final = (
    "packages",
    "reboot-history",
    "rollback-history",
    "system-integrity-snapshot",
    "system-inventory",
    "filesystem-inventory",
    "ima",
)


UNCOMPRESSED: Final = "none"


@dataclass(frozen=True, slots=True)
class Question:
    """One request for a signed dossier.

    Attributes:
        nonce: chosen for this request alone.
        selectors: the sections.
        ima: where the IMA logs of nodes go on; none asks for the log as `selectors` have it.
        first_snapshots: node -> the first snapshot of the filesystem that is wanted; none asks for all. It is one that
            is known already, so that what follows can be seen to follow.
        compression: how the dossier is packed before it is signed: "none", "gzip" or "zstd".
        include_tpm_quote: a quote of the device's TPM is wanted, too.
    """

    nonce: str
    selectors: tuple[str, ...] = SELECTORS
    ima: tuple[Position, ...] = ()
    first_snapshots: tuple[tuple[str, int], ...] = ()
    include_tpm_quote: bool = False
    compression: str = UNCOMPRESSED

    @property
    def inventory_options(self) -> str:
        """The guide's filesystem-inventory-options, "" if there are none."""
        options = {node: {"block_start": block} for node, block in self.first_snapshots}
        return json.dumps(options) if options else ""

    @property
    def incremental_ima(self) -> str:
        """The guide's incremental-ima, "" if there is none."""
        starts = [{each.node: {"start_event": each.last_event, "start_time": asctime(each.start)}} for each in self.ima]
        return json.dumps({"ima_start": starts}) if starts else ""
