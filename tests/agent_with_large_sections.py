"""An agent whose dossiers are large: `python -m tests.agent_with_large_sections STATE` serves like `trustconf serve`.

rollback-history has as many megabytes as the file STATE/../megabytes says; reboot-history fails after as many more;
system-inventory gives rows until the file STATE/../go exists.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from agent.core import Core
from agent.daemon import serve
from agent.integrity.errors import SourceUnavailableError
from agent.integrity.sections import Section
from agent.settings import Settings

ROW = {"name": "/usr/lib/" + "x" * 400, "digest": "y" * 590}
ROWS_PER_MEGABYTE = 1024


def main() -> int:
    state = Path(sys.argv[1])
    start = Core.start

    def rows():
        for _ in range(int((state.parent / "megabytes").read_text()) * ROWS_PER_MEGABYTE):
            yield ROW

    def failing():
        yield from rows()
        raise SourceUnavailableError("the disk has come off")

    def waiting():
        while not (state.parent / "go").exists():
            yield ROW
            threading.Event().wait(0.001)

    def start_with_sections(core: Core) -> None:
        for selector, source in (
            ("rollback-history", rows),
            ("reboot-history", failing),
            ("system-inventory", waiting),
        ):
            members = lambda sources, request, source=source: {"node": [{"node-name": "0", "row": source()}]}  # noqa: E731
            core.services.dossier_sections[selector] = Section("tests", "2026-01-01", members)
        start(core)

    Core.start = start_with_sections
    return serve(state, Settings(port=0))


if __name__ == "__main__":
    sys.exit(main())
