"""Agents without the time that loading takes, which is most of the time of a start.

Each process that runs tests has another one that has loaded the agent's code and compiled the schema, and does nothing
but fork. What it forks serves as `python -m MODULE ARGUMENTS` would: on its own state folder, with sockets, threads and
a life of its own. The command itself is started by scripts/demo, and in tests/test_first_start.py.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import functools
import gc
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import traceback
from pathlib import Path
from typing import IO, BinaryIO

#: A request is one packet of JSON, with an environment in it.
MAX_REQUEST = 128 * 1024
#: A fork closes all that its parent may have open.
MAX_DESCRIPTORS = 1024


class ForkedProcess:
    """What tests use of subprocess.Popen."""

    def __init__(self, pid: int, stdout: BinaryIO, status: int) -> None:
        self.pid = pid
        self.stdout = stdout
        self.returncode: int | None = None
        self._status = status

    def poll(self) -> int | None:
        return self._ended(0)

    def wait(self, timeout: float) -> int:
        status = self._ended(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(["agent", str(self.pid)], timeout)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout: float) -> int | None:
        """The exit status as Popen has it, or None if there is none within `timeout` seconds."""
        if self.returncode is None:
            with selectors.DefaultSelector() as selector:
                selector.register(self._status, selectors.EVENT_READ)
                if selector.select(timeout):
                    self.returncode = os.waitstatus_to_exitcode(int(os.read(self._status, 16)))
                    os.close(self._status)
        return self.returncode


def start(module: str, arguments: list[str], stderr: IO[str]) -> ForkedProcess:
    """Begin `python -m module arguments` in a fork."""
    requests = _server()
    stdout, child_stdout = os.pipe()
    status, child_status = os.pipe()
    request = {"module": module, "arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ)}
    socket.send_fds(requests, [json.dumps(request).encode()], [child_stdout, stderr.fileno(), child_status])
    pid = int(requests.recv(16))
    os.close(child_stdout)
    os.close(child_status)
    return ForkedProcess(pid, os.fdopen(stdout, "rb", buffering=0), status)


@functools.cache
def _server() -> socket.socket:
    """The connection to this process's own server, which ends with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server = subprocess.Popen(
        [sys.executable, "-m", __name__, str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        cwd=Path(__file__).parent.parent,
    )
    theirs.close()
    atexit.register(lambda: (ours.close(), server.wait()))
    return ours


class _Server:
    """Forks on request, and tells the exit status of each fork when it ends."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._statuses: dict[int, int] = {}

    def serve(self) -> None:
        """Until nobody can ask any more; what still runs then is killed."""
        woken, waker = os.pipe()
        os.set_blocking(waker, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._requests, selectors.EVENT_READ)
            selector.register(woken, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select()}
                if woken in ready:
                    os.read(woken, 4096)
                    self._tell_who_ended()
                if self._requests.fileno() in ready and not self._fork():
                    break
        for pid in self._statuses:
            os.kill(pid, signal.SIGKILL)

    def _tell_who_ended(self) -> None:
        for pid in list(self._statuses):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._tell(self._statuses.pop(pid), status)

    def _tell(self, pipe: int, status: int) -> None:
        with contextlib.suppress(BrokenPipeError):
            os.write(pipe, str(status).encode())
        os.close(pipe)

    def _fork(self) -> bool:
        """False if there was nothing to read: the other side is gone."""
        content, descriptors, _, _ = socket.recv_fds(self._requests, MAX_REQUEST, 3)
        if not content:
            return False
        stdout, stderr, status = descriptors
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(stdout, 1)
            os.dup2(stderr, 2)
            os.closerange(3, MAX_DESCRIPTORS)
            os._exit(_run(**json.loads(content)))
        self._statuses[pid] = status
        os.close(stdout)
        os.close(stderr)
        self._requests.send(str(pid).encode())
        return True


def _run(module: str, arguments: list[str], folder: str, environment: dict[str, str]) -> int:
    """What `python -m` does there; the exit status."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[1:] = arguments
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def load() -> None:
    """All that an agent loads, and the host key that takes long to make, so that its forks need not."""
    import agent.core
    import agent.daemon
    from agent.modules_implemented import FEATURES, IMPLEMENTED_MODULES
    from agent.transport import host_keys
    from agent.yang.modules import default_search_path

    *quick, rsa = host_keys._KINDS
    key = rsa.generate()
    host_keys._KINDS = (*quick, dataclasses.replace(rsa, generate=lambda: key))
    schema = agent.core.compile_schema(IMPLEMENTED_MODULES, default_search_path(), FEATURES)
    agent.core.compile_schema = lambda *arguments: schema
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    load()
    _Server(socket.socket(fileno=int(sys.argv[1]))).serve()
