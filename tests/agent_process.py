"""A real agent process for a test: started on a free port with its state in the test's own folder."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

from ncclient import manager
from ncclient.transport import session as ncclient_session

from tests import agent_forks

#: ncclient looks so often (in seconds) for a request to send; its own 0.1 would be most of the time of these tests.
ncclient_session.TICK = 0.005
#: Seconds that an agent may need to come up on a busy machine.
START_LIMIT = 60.0
ADMIN = "admin"


class AgentProcess:
    """`trustconf serve` as a child process. `on_a_clock`: one whose time `advance` moves, from `start_at` on if
    that is given; `on_a_root`: one that takes this folder for the machine, on a clock or not. These take no options."""

    def __init__(
        self,
        state: Path,
        *options: str,
        on_a_clock: bool = False,
        start_at: datetime | None = None,
        on_a_root: Path | None = None,
    ) -> None:
        self.state = state
        self.options = options
        # A Unix socket's path must be short.
        self._clock = Path(tempfile.mkdtemp(prefix="clock")) / "socket" if on_a_clock else None
        self._start_at = start_at
        self._root = on_a_root
        self.process: agent_forks.ForkedProcess | None = None
        self.output = ""

    def start(self) -> AgentProcess:
        (self.state / "port").unlink(missing_ok=True)
        module, *arguments = self._command()
        with (self.state.parent / f"{self.state.name}.log").open("a") as log:
            self.process = agent_forks.start(module, arguments, log)
        self.output = ""
        deadline = time.monotonic() + START_LIMIT
        while "ready" not in self.output.splitlines():
            if self.process.poll() is not None:
                raise AssertionError(f"the agent ended with {self.process.returncode}:\n{self.output}\n{self.log}")
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"the agent did not come up:\n{self.output}\n{self.log}")
            if select.select([self.process.stdout], [], [], 0.5)[0]:
                self.output += os.read(self.process.stdout.fileno(), 65536).decode()
        return self

    def _command(self) -> list[str]:
        """The module that serves, and its arguments."""
        if self._clock is not None:
            start = "" if self._start_at is None else self._start_at.isoformat()
            return ["tests.agent_on_a_clock", str(self.state), str(self._clock), start, str(self._root or "")]
        if self._root is not None:
            return ["tests.agent_on_a_root", str(self.state), str(self._root)]
        return ["agent.cli", "serve", "--state-dir", str(self.state), "--listen", "127.0.0.1:0", *self.options]

    def advance(self, **time: float) -> None:
        """Move the agent's time on by `minutes=1` and the like, as timedelta has them."""
        assert self._clock is not None, "start it on a clock"
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self._clock))
            connection.sendall(f"{timedelta(**time).total_seconds()}\n".encode())
            assert connection.recv(16) == b"done\n"

    @property
    def port(self) -> int:
        return int((self.state / "port").read_text())

    @property
    def key_file(self) -> Path:
        return self.state / "admin_key"

    @property
    def log(self) -> str:
        return (self.state.parent / f"{self.state.name}.log").read_text()

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=10)
        self._close()
        return status

    def kill(self) -> None:
        """SIGKILL, as if power were lost."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(timeout=10)
        self._close()

    def _close(self) -> None:
        if self.process is not None:
            self.process.stdout.close()

    def restart(self) -> AgentProcess:
        self.stop()
        return self.start()

    def connect(self, **options: object) -> manager.Manager:
        """A NETCONF session by ncclient as the administrator."""
        return manager.connect(
            host="127.0.0.1",
            port=self.port,
            username=ADMIN,
            key_filename=str(self.key_file),
            hostkey_verify=False,
            allow_agent=False,
            look_for_keys=False,
            timeout=60,
            **options,
        )

    def ssh_command(self, *arguments: str) -> list[str]:
        """The OpenSSH client as the administrator; add a command, or "-s", "netconf"."""
        return [
            "ssh", "-F", "none", "-p", str(self.port), "-i", str(self.key_file), "-o", "IdentitiesOnly=yes",
            "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "LogLevel=ERROR", *arguments,
        ]  # fmt: skip

    def exec(self, command: str) -> subprocess.CompletedProcess[str]:
        """`ssh admin@127.0.0.1 'command'`."""
        return subprocess.run(
            [*self.ssh_command(f"{ADMIN}@127.0.0.1"), command],
            capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
