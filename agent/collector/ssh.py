"""The SSH connection to a device: nothing is sent to a host whose key is not known, and nothing lasts or grows forever.

`connected` gives a paramiko Transport that is logged in. Everything that can go wrong is a NoEvidenceError; so is what
happens later, when the time limit or somebody who stops the run cuts the socket.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import paramiko

from agent.collector.errors import NoEvidenceError, Obstacle
from agent.collector.targets import Target
from agent.deadlines import Deadlines

#: Bytes that are taken from one device at most, with what SSH adds.
MAX_BYTES: Final = 1024 * 1024 * 1024
#: Seconds that a host may take to accept a connection, and each step of the handshake.
CONNECT_LIMIT: Final = 20.0

_SSH_PORT: Final = 22
#: What paramiko has to say of devices that fail is told by us. Without a handler it would be on standard error.
_LOGGER: Final = logging.getLogger(__name__)
_LOGGER.addHandler(logging.NullHandler())
#: Type of a known key -> the signature algorithms that it is used with.
_ALGORITHMS: Final = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}


@dataclass(frozen=True, slots=True)
class Access:
    """What all connections have in common.

    Attributes:
        known_hosts: file of the host keys that are trusted, as OpenSSH has it.
        time_limit: seconds that one device may take, from the connection to the end of its answer.
        deadlines: keeps that limit.
        stop: set when no more is wanted.
        max_bytes: that are taken from one device, with what SSH adds.
    """

    known_hosts: Path
    time_limit: float
    deadlines: Deadlines
    stop: Stop
    max_bytes: int = MAX_BYTES


class Stop:
    """Ends all that is under way, once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: set[CuttableSocket] = set()
        self.is_set = False

    def set(self) -> None:
        with self._lock:
            self.is_set = True
            sockets = list(self._sockets)
        for each in sockets:
            each.cut(NoEvidenceError(Obstacle.STOPPED, "stopped before there was an answer"))

    def add(self, each: CuttableSocket) -> None:
        with self._lock:
            self._sockets.add(each)
            is_set = self.is_set
        if is_set:
            each.cut(NoEvidenceError(Obstacle.STOPPED, "stopped before there was an answer"))

    def remove(self, each: CuttableSocket) -> None:
        with self._lock:
            self._sockets.discard(each)


class CuttableSocket:
    """A socket that another thread can cut with a reason, and that takes no more than `limit` bytes."""

    def __init__(self, inner: socket.socket, limit: int) -> None:
        self._inner = inner
        self._left = limit
        self._limit = limit
        self.reason: NoEvidenceError | None = None

    def cut(self, reason: NoEvidenceError) -> None:
        """Whoever reads or writes gets an error at once. The first reason is kept."""
        self.reason = self.reason or reason
        try:
            self._inner.shutdown(socket.SHUT_RDWR)
        except OSError:
            # It is closed already.
            return

    def recv(self, size: int) -> bytes:
        data = self._inner.recv(size)
        self._left -= len(data)
        if self._left < 0:
            self.cut(NoEvidenceError(Obstacle.TOO_LARGE, f"the answer is larger than {self._limit} bytes"))
            return b""
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@contextmanager
def connected(target: Target, access: Access) -> Generator[paramiko.Transport]:
    """A connection on which the user is logged in, closed in the end. Raises NoEvidenceError, whatever happens in the
    block too once the connection was cut."""
    limit = NoEvidenceError(Obstacle.TIME_LIMIT, f"no complete answer within {access.time_limit:.0f} seconds")
    wire = CuttableSocket(_socket(target, min(CONNECT_LIMIT, access.time_limit)), access.max_bytes)
    deadline = access.deadlines.after(access.time_limit, lambda: wire.cut(limit))
    transport: paramiko.Transport | None = None
    try:
        access.stop.add(wire)
        transport = _transport(wire)
        _shake_hands(transport, target, access)
        _log_in(transport, target)
        yield transport
    except NoEvidenceError as error:
        raise wire.reason or error from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise wire.reason or NoEvidenceError(Obstacle.UNREACHABLE, f"the SSH connection failed: {error}") from error
    except Exception as error:
        if wire.reason is not None:
            raise wire.reason from error
        raise
    finally:
        deadline.cancel()
        access.stop.remove(wire)
        if transport is not None:
            transport.close()
        wire.close()


def _transport(wire: CuttableSocket) -> paramiko.Transport:
    transport = paramiko.Transport(wire)  # type: ignore[arg-type]
    transport.set_log_channel(_LOGGER.name)
    return transport


def _socket(target: Target, limit: float) -> socket.socket:
    try:
        found = socket.create_connection((target.host, target.port), limit)
    except OSError as error:
        raise NoEvidenceError(Obstacle.UNREACHABLE, f"no connection: {error.strerror or error}") from error
    found.settimeout(None)
    return found


def _shake_hands(transport: paramiko.Transport, target: Target, access: Access) -> None:
    known = known_keys(access.known_hosts, target)
    if known:
        # A host has several keys: ask for one of a kind that is known.
        transport.get_security_options().key_types = [
            name for kind in known for name in _ALGORITHMS.get(kind, (kind,)) if name in _offered(transport)
        ]
    transport.start_client(timeout=CONNECT_LIMIT)
    key = transport.get_remote_server_key()
    if not known:
        raise NoEvidenceError(
            Obstacle.UNKNOWN_HOST_KEY,
            f"its host key is not in {access.known_hosts}: {key.get_name()} {key.fingerprint}. Compare this with what"
            f" the device itself shows, then:  trustconf trust {target.host}:{target.port} --host-key"
            f" {key.fingerprint}",
        )
    expected = known.get(key.get_name())
    if expected is None or expected.asbytes() != key.asbytes():
        raise NoEvidenceError(
            Obstacle.OTHER_HOST_KEY,
            f"its host key is not the one in {access.known_hosts}: {key.get_name()} {key.fingerprint}. Another device"
            " answers, or it was set up anew; if you know why, remove the old line",
        )


def learn_host_key(target: Target, access: Access, wanted: str) -> None:
    """Add the device's host key to the known hosts if this is its fingerprint. Raises NoEvidenceError."""
    wire = CuttableSocket(_socket(target, CONNECT_LIMIT), access.max_bytes)
    transport = _transport(wire)
    try:
        transport.start_client(timeout=CONNECT_LIMIT)
        key = transport.get_remote_server_key()
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise NoEvidenceError(Obstacle.UNREACHABLE, f"the SSH connection failed: {error}") from error
    finally:
        transport.close()
        wire.close()
    if key.fingerprint != wanted:
        text = f"its host key is {key.get_name()} {key.fingerprint}, and not the one that you named"
        raise NoEvidenceError(Obstacle.OTHER_HOST_KEY, text)
    known = known_keys(access.known_hosts, target)
    if known:
        if known.get(key.get_name()) == key:
            return
        text = f"{access.known_hosts} has another host key of it: remove that line first, if you know why it changed"
        raise NoEvidenceError(Obstacle.OTHER_HOST_KEY, text)
    try:
        before = access.known_hosts.read_text() if access.known_hosts.exists() else ""
        line = f"{host_name(target)} {key.get_name()} {key.get_base64()}\n"
        access.known_hosts.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with access.known_hosts.open("a") as file:
            file.write(line if before.endswith("\n") or not before else f"\n{line}")
    except OSError as error:
        raise NoEvidenceError(Obstacle.FAILED, f"{access.known_hosts}: {error.strerror}") from error


def _offered(transport: paramiko.Transport) -> tuple[str, ...]:
    return tuple(transport.get_security_options().key_types)


def known_keys(file: Path, target: Target) -> dict[str, paramiko.PKey]:
    """The host keys of a device by their type. Raises NoEvidenceError if the file can't be read."""
    try:
        keys = paramiko.HostKeys(str(file)) if file.exists() else paramiko.HostKeys()
    except (OSError, paramiko.SSHException, UnicodeDecodeError) as error:
        raise NoEvidenceError(Obstacle.UNKNOWN_HOST_KEY, f"{file} can't be read") from error
    return dict(keys.lookup(host_name(target)) or {})


def host_name(target: Target) -> str:
    """As a known_hosts file has it."""
    return target.host if target.port == _SSH_PORT else f"[{target.host}]:{target.port}"


def _log_in(transport: paramiko.Transport, target: Target) -> None:
    if target.key is None:
        keys: list[paramiko.PKey] = list(paramiko.Agent().get_keys())
        if not keys:
            raise NoEvidenceError(
                Obstacle.LOGIN_REFUSED, "no key to log in with: name one by --key, or use an SSH agent"
            )
    else:
        keys = [_private_key(target.key)]
    for key in keys:
        try:
            if not transport.auth_publickey(target.user, key):
                return
        except paramiko.AuthenticationException:
            continue
    raise NoEvidenceError(Obstacle.LOGIN_REFUSED, f"the device does not let {target.user} in with that key")


def _private_key(file: Path) -> paramiko.PKey:
    try:
        return paramiko.PKey.from_path(file)
    except paramiko.PasswordRequiredException:
        text = f"the key {file} needs a password: put it into an SSH agent and leave --key out"
    except OSError as error:
        text = f"the key {file} can't be read: {error.strerror}"
    except Exception:  # what paramiko raises for a file that holds no key is of many kinds
        text = f"{file} is not a private key"
    raise NoEvidenceError(Obstacle.LOGIN_REFUSED, text)
