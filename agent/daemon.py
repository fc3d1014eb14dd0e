"""The agent as a process: opens the core, puts the transports in front of it, and ends cleanly on SIGTERM."""

from __future__ import annotations

import contextlib
import gc
import logging
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType

from agent import __version__
from agent.clock import SystemClock
from agent.core import Core
from agent.first_start import ADMINISTRATOR, ADMINISTRATOR_KEY, create_administrator
from agent.logs import configure_logging
from agent.netconf.limits import Limits
from agent.providers.system.config import ssh_server_limits
from agent.providers.system.users import ConfiguredUsers
from agent.settings import Settings
from agent.ssh_settings import LoginUsers, transport_limits
from agent.storage.errors import StorageError
from agent.storage.state_folder import StateFolder
from agent.transport.authentication import DirectoryAuthenticator
from agent.transport.control_socket import ControlSocket
from agent.transport.host_keys import HostKeyError, load_or_create
from agent.transport.limits import TransportLimits
from agent.transport.listener import SshListener
from agent.yang.errors import SchemaError

log = logging.getLogger(__name__)

HOST_KEYS_FOLDER = "host_keys"
#: NETCONF sessions of all transports together. SSH has its own, configurable limit below this; what is left serves the
#: control socket, so that a local administrator always gets in.
MAX_SESSIONS = 1024 + 64
#: New objects between two runs of the garbage collector. Trees have no cycles, so there is little for it to find; with
#: Python's own 700 a large edit spends a fifth of its time there.
OBJECTS_PER_COLLECTION = 10_000


class StartError(Exception):
    """The agent can't start; the text says why and what to do."""


def serve(state_dir: Path, settings: Settings) -> int:
    """Run the agent until SIGTERM or SIGINT; the exit status. Raises StartError."""
    stop = _stop_on_signals()
    clock = SystemClock()
    configure_logging(settings.log_format, settings.log_level, clock)
    try:
        folder = StateFolder(state_dir)
        with folder.lock():
            limits = Limits(message=settings.max_message_size, chunk=settings.max_message_size, sessions=MAX_SESSIONS)
            with Core.open(folder, clock, limits=limits) as core:
                if create_administrator(core, folder):
                    log.info("first start: made the administrator %r", ADMINISTRATOR)
                _spare_the_collector()
                with _transports(core, folder, settings) as port:
                    _announce(folder, settings, port)
                    stop.wait()
                    log.info("stopping")
    except (StorageError, HostKeyError, SchemaError) as error:
        raise StartError(str(error)) from error
    return 0


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    return stop


def _spare_the_collector() -> None:
    """What is there after the start stays to the end: the collector need not look at it again."""
    gc.set_threshold(OBJECTS_PER_COLLECTION)
    gc.collect()
    gc.freeze()


@contextlib.contextmanager
def _transports(core: Core, folder: StateFolder, settings: Settings) -> Iterator[int]:
    """SSH and the control socket, open while the block runs; gives the bound TCP port."""
    limits = transport_limits(ssh_server_limits(core.services.config))
    try:
        listener = SshListener(
            settings.host,
            settings.port,
            host_keys=load_or_create(folder.path / HOST_KEYS_FOLDER),
            authenticator=DirectoryAuthenticator(
                LoginUsers(ConfiguredUsers(core.services.config)),
                core.clock,
                failed_logins_per_minute=limits.failed_logins_per_minute,
            ),
            sessions=core.server,
            commands=core.shell,
            clock=core.clock,
            limits=limits,
        )
    except OSError as error:
        raise StartError(
            f"can't listen on {settings.host}:{settings.port}: {error.strerror}; choose another address with --listen"
        ) from error
    control = ControlSocket(
        folder.control_socket,
        sessions=core.server,
        commands=core.shell,
        deadlines=listener.deadlines,
        clock=core.clock,
        limits=replace(TransportLimits(), idle_timeout=0.0),
    )
    core.services.ssh_limit_listeners.append(lambda changed: listener.set_limits(transport_limits(changed)))
    listener.start()
    control.start()
    folder.write_port(listener.port)
    try:
        yield listener.port
    finally:
        folder.remove_port()
        control.stop()
        listener.stop()


def _announce(folder: StateFolder, settings: Settings, port: int) -> None:
    """Tell the person at the terminal how to connect."""
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104
    key = folder.path / ADMINISTRATOR_KEY
    lines = [f"trustconf {__version__} listening on {settings.host}:{port}, state in {folder.path}"]
    if key.exists():
        lines += [
            "",
            "Connect with OpenSSH:",
            f"  ssh -i {key} -p {port} {ADMINISTRATOR}@{host} 'show version'",
            f"  ssh -i {key} -p {port} -s {ADMINISTRATOR}@{host} netconf",
            "or with ncclient:",
            "  from ncclient import manager",
            f"  m = manager.connect(host={host!r}, port={port}, username={ADMINISTRATOR!r},",
            f"                      key_filename={str(key)!r}, hostkey_verify=False,",
            "                      allow_agent=False, look_for_keys=False)",
            "",
        ]
    print("\n".join([*lines, "ready"]), flush=True)  # noqa: T201
