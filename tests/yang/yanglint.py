"""libyang's command, for what its Python binding can't read: messages of the protocol."""

from __future__ import annotations

import subprocess
from pathlib import Path

from agent.yang.schema import Schema
from tests.yang.libyang import write_modules


def complaints_about_notification(folder: Path, schema: Schema, message: bytes) -> str:
    """What yanglint has against a whole <notification>; "" if it accepts it.

    It knows the modules of `schema` from copies in `folder`, with the same features and deviations.
    """
    write_modules(folder, schema)
    file = folder / "notification.xml"
    file.write_bytes(message)
    implemented = [module for module in schema.modules.values() if module.implemented]
    features = [f"{module.name}:{','.join(module.features)}" for module in implemented]
    run = subprocess.run(
        [
            "yanglint", "-p", folder, *(word for text in features for word in ("-F", text)), "-t", "nc-notif",
            *(folder / f"{module.name}@{module.revision}.yang" for module in implemented if module.revision), file,
        ],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return "" if run.returncode == 0 else run.stderr or f"yanglint ended with {run.returncode}"
