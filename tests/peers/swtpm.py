"""A TPM 2.0 in software, swtpm, as a child process with its state in a folder of its own, and tpm2-tools on it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

#: Seconds that it may need to come up on a busy machine.
_LIMIT = 30.0


class Swtpm:
    """A TPM that is there while the block runs; each one has seeds of its own."""

    def __init__(self) -> None:
        # A Unix socket's path must be short.
        self.folder = Path(tempfile.mkdtemp(prefix="tpm"))
        self.socket = self.folder / "s"

    @property
    def address(self) -> str:
        return f"swtpm:path={self.socket}"

    def __enter__(self) -> Self:
        state = self.folder / "state"
        state.mkdir()
        self._process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state}",
             "--server", f"type=unixio,path={self.socket}", "--ctrl", f"type=unixio,path={self.socket}.ctrl",
             "--flags", "not-need-init,startup-clear"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + _LIMIT
        while not self.socket.exists():
            assert self._process.poll() is None, "swtpm has ended"
            assert time.monotonic() < deadline, "swtpm did not come up"
            # Its socket appears within a few milliseconds; there is nothing to wait on.
            Path(self.folder).stat()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(timeout=10)
        shutil.rmtree(self.folder)

    def run(self, *command: str | Path) -> str:
        """One of tpm2-tools on this TPM; its output."""
        return subprocess.run(
            [*map(str, command), "-T", self.address], capture_output=True, text=True, check=True, timeout=60
        ).stdout
