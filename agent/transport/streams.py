"""A narrow interface to a stream of bytes, and its two forms: an SSH channel and a Unix-domain socket."""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Callable
from typing import Protocol

import paramiko

_SLICE = 32 * 1024


class ByteStream(Protocol):
    """What a NETCONF session needs of its transport."""

    def recv(self, size: int) -> bytes:
        """Up to `size` bytes; b"" at the end; TimeoutError after a quiet while. Raises OSError when it breaks."""

    def sendall(self, data: bytes) -> None:
        """Send all of `data`. Raises OSError when the peer is gone or takes nothing for too long (TimeoutError)."""

    def is_gone(self) -> bool:
        """Whether the peer has gone, as far as is known without waiting. Any thread."""

    def interrupt(self) -> None:
        """Make a waiting and every further `recv` return b"". Never blocks; for use by other threads."""

    def abort(self) -> None:
        """Cut the connection below the stream, whatever is under way. Never blocks; for use by other threads."""

    def close(self) -> None:
        """End the stream in good order, after what was sent. Only by the thread that reads."""


class ChannelStream:
    """An SSH channel. `timeout` (seconds) is for each receive and for each wait for the peer's window."""

    def __init__(self, channel: paramiko.Channel, abort_connection: Callable[[], None], timeout: float) -> None:
        self._channel = channel
        self._abort_connection = abort_connection
        channel.settimeout(timeout)

    def recv(self, size: int) -> bytes:
        return self._channel.recv(size)

    def sendall(self, data: bytes) -> None:
        # Not Channel.sendall: it never ends on a channel that was closed under it, since send then returns 0.
        # Slices of a packet's size: paramiko would copy the rest of a large answer for every packet.
        offset = 0
        while offset < len(data):
            try:
                sent = self._channel.send(data[offset : offset + _SLICE])
            except (EOFError, paramiko.SSHException) as error:
                raise BrokenPipeError("the connection was cut") from error
            if sent == 0:
                raise BrokenPipeError("the channel was closed")
            offset += sent

    def is_gone(self) -> bool:
        # An end of the peer's input is none of the peer: `ssh HOST command < /dev/null` waits for its answer.
        return self._channel.closed or not self._channel.get_transport().is_active()

    def interrupt(self) -> None:
        # Channel.shutdown(SHUT_RD) doesn't wake a reader; ending its buffer does.
        self._channel.in_buffer.close()

    def abort(self) -> None:
        self._abort_connection()

    def close(self) -> None:
        self.close_with_status(0)

    def close_with_status(self, status: int) -> None:
        """Tell the client how its command ended, then end the stream."""
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            if not self._channel.closed:
                self._channel.send_exit_status(status)
            self._channel.close()


class SocketStream:
    """A connected socket. `timeout` (seconds) as above."""

    def __init__(self, connection: socket.socket, timeout: float) -> None:
        self._socket = connection
        connection.settimeout(timeout)

    def recv(self, size: int) -> bytes:
        return self._socket.recv(size)

    def sendall(self, data: bytes) -> None:
        self._socket.sendall(data)

    def is_gone(self) -> bool:
        watch = select.poll()
        try:
            watch.register(self._socket, 0)  # a hang-up is always told
            return bool(watch.poll(0))
        except (OSError, ValueError):
            return True

    def interrupt(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)

    def abort(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        # Closing alone would leave another thread that is writing to a peer that doesn't read waiting in its write.
        self.abort()
        self._socket.close()
