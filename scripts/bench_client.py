"""A NETCONF client that costs next to nothing, so that what is measured is the agent: OpenSSH does the cryptography,
and messages are cut by their end mark and not parsed."""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import time
from collections.abc import Iterator, Sequence

from tests.agent_process import ADMIN, AgentProcess

BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
HELLO = (
    f'<hello xmlns="{BASE}"><capabilities><capability>urn:ietf:params:netconf:base:1.1</capability></capabilities>'
    "</hello>]]>]]>"
).encode()
END_OF_HELLO = b"]]>]]>"
END_OF_MESSAGE = b"\n##\n"
READ_BYTES = 1024 * 1024


def rpc(operation: str) -> bytes:
    """`operation` as a framed request."""
    message = f'<rpc xmlns="{BASE}" message-id="1">{operation}</rpc>'.encode()
    return b"\n#%d\n%b\n##\n" % (len(message), message)


class RawClient:
    """One session through `ssh -s netconf`, its hellos exchanged."""

    def __init__(self, agent: AgentProcess) -> None:
        self._ssh = subprocess.Popen(
            agent.ssh_command("-T", "-s", f"{ADMIN}@127.0.0.1", "netconf"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        assert self._ssh.stdin is not None
        assert self._ssh.stdout is not None
        self._input = self._ssh.stdin.fileno()
        self.output = self._ssh.stdout.fileno()
        self._received = b""
        self._write(HELLO)
        self._read_until(END_OF_HELLO)

    def ask(self, request: bytes) -> bytes:
        """Send one request; its reply with the framing, which must not be an rpc-error."""
        self._write(request)
        reply = self._read_until(END_OF_MESSAGE)
        if b"<rpc-error>" in reply:
            raise RuntimeError(reply.decode())
        return reply

    def send(self, request: bytes) -> None:
        self._write(request)

    def take(self) -> int:
        """Read what is there and return how many replies are now complete."""
        self._received += self._read()
        *complete, self._received = self._received.split(END_OF_MESSAGE)
        return len(complete)

    def close(self) -> None:
        for stream in (self._ssh.stdin, self._ssh.stdout):
            if stream is not None:
                stream.close()
        self._ssh.wait(timeout=10)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._input, view) :]

    def _read(self) -> bytes:
        data = os.read(self.output, READ_BYTES)
        if not data:
            raise ConnectionError("the agent closed the session")
        return data

    def _read_until(self, mark: bytes) -> bytes:
        pieces = [self._received]
        tail = self._received
        while mark not in tail:
            piece = self._read()
            pieces.append(piece)
            tail = tail[-len(mark) :] + piece
        message, _, self._received = b"".join(pieces).partition(mark)
        return message


@contextlib.contextmanager
def sessions(agent: AgentProcess, count: int) -> Iterator[list[RawClient]]:
    """`count` sessions, closed at the end."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(contextlib.closing(RawClient(agent))) for _ in range(count)]


def rate(clients: Sequence[RawClient], request: bytes, total: int, *, in_flight: int = 1) -> float:
    """Replies a second when every client always has `in_flight` requests under way, until `total` are answered."""
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.output, selectors.EVENT_READ, client)
        begin = time.perf_counter()
        for client in clients:
            client.send(request * in_flight)
        sent, answered = len(clients) * in_flight, 0
        while answered < sent:
            for key, _ in selector.select():
                complete = key.data.take()
                answered += complete
                again = min(complete, max(0, total - sent))
                if again:
                    key.data.send(request * again)
                    sent += again
        return answered / (time.perf_counter() - begin)
