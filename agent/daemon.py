"""The agent as a process: opens the core, puts the transports in front of it, and ends cleanly on SIGTERM."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType

from agent import __version__
from agent.clock import Clock, SystemClock
from agent.core import Core
from agent.first_start import ADMINISTRATOR, administrator_key, create_administrator
from agent.host.contract import Host
from agent.logs import configure_logging
from agent.netconf.limits import Limits
from agent.providers.system.config import ssh_server_limits
from agent.providers.system.users import ConfiguredUsers
from agent.settings import Settings
from agent.ssh_settings import LoginUsers, transport_limits
from agent.storage.errors import StateFolderInUseError, StorageError
from agent.storage.state_folder import StateFolder
from agent.tpm.device import Tpm
from agent.transport.authentication import DirectoryAuthenticator
from agent.transport.control_client import is_agent_running
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


#: How often a state folder in use that no agent answers for is tried, and the seconds between two times.
LOCK_ATTEMPTS = 20
LOCK_PAUSE = 0.25
#: Where to connect to when the agent listens on all addresses.
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
#: Seconds from SIGTERM to the end of the process at the latest.
STOP_LIMIT = 1.8


class StartError(Exception):
    """The agent can't start; the text says why and what to do."""


def serve(state_dir: Path, settings: Settings, clock: Clock | None = None, host: Host | None = None) -> int:
    """Run the agent until SIGTERM or SIGINT; the exit status. `clock`, `host`: others than the machine's, for tests.

    Raises StartError.
    """
    stop = _stop_on_signals()
    gc.set_threshold(OBJECTS_PER_COLLECTION)
    clock = clock or SystemClock()
    configure_logging(settings.log_format, settings.log_level, clock)
    try:
        folder = StateFolder(state_dir)
        with _locked(folder, stop):
            limits = Limits(message=settings.max_message_size, chunk=settings.max_message_size, sessions=MAX_SESSIONS)
            with Core.open(folder, clock, host=host, limits=limits, tpm=Tpm(settings.tpm, clock)) as core:
                if create_administrator(core, folder):
                    log.info("first start: made the administrator %r", ADMINISTRATOR)
                _keep_what_is_there()
                core.start()
                with _transports(core, folder, settings) as port:
                    _announce(settings, port, folder, administrator_key(core, folder))
                    stop.wait()
                    log.info("stopping")
    except (StorageError, HostKeyError, SchemaError) as error:
        raise StartError(str(error)) from error
    except OSError as error:
        raise StartError(f"The agent can't use {error.filename or state_dir}: {error.strerror or error}.") from error
    if threading.active_count() > 1:
        _exit()
    return 0


def _locked(folder: StateFolder, stop: threading.Event) -> StateFolder:
    """The folder, locked. Raises StateFolderInUseError: at once when an agent runs there, else after a little patience
    with a command that has opened the state, such as `trustconf user add`."""
    for _ in range(LOCK_ATTEMPTS):
        try:
            return folder.lock()
        except StateFolderInUseError:
            if is_agent_running(folder.control_socket) or stop.wait(LOCK_PAUSE):
                raise
    return folder.lock()


def _stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set. STOP_LIMIT later the process ends, whatever it is doing then."""
    stop = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.setitimer(signal.ITIMER_REAL, STOP_LIMIT)

    signal.signal(signal.SIGALRM, lambda number, frame: _exit())
    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    return stop


def _exit() -> None:
    """End the process under threads that still work for clients who are gone, such as one that makes a long key.

    What is acknowledged is on disk already. Python's own way out would end these threads inside libraries that don't
    survive it.
    """
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(0)


def _keep_what_is_there() -> None:
    """What is there after the start stays to the end: the collector need not look at it again."""
    gc.collect()
    gc.freeze()


@contextlib.contextmanager
def _transports(core: Core, folder: StateFolder, settings: Settings) -> Iterator[int]:
    """SSH and the control socket, open while the block runs; gives the bound TCP port."""
    limits = transport_limits(ssh_server_limits(core.services.config))
    host_keys = load_or_create(folder.path / HOST_KEYS_FOLDER)
    try:
        listener = SshListener(
            settings.host,
            settings.port,
            host_keys=host_keys,
            authenticator=DirectoryAuthenticator(
                LoginUsers(ConfiguredUsers(core.services.config), core.services.user_key_store),
                core.clock,
                failed_logins_per_minute=limits.failed_logins_per_minute,
            ),
            sessions=core.server,
            commands=core.shell,
            clock=core.clock,
            limits=limits,
        )
    except OSError as error:
        # Of its own accord, create_server puts the address into the text as Python writes it.
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise StartError(
            f"The agent can't listen on {settings.address(settings.port)}: {reason}. Choose another address with"
            " --listen."
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
        # Each may have to wait for its connections: both at once.
        stopping = threading.Thread(target=control.stop, name="control-stop", daemon=True)
        stopping.start()
        listener.stop()
        stopping.join()


def _announce(settings: Settings, port: int, folder: StateFolder, key: Path | None) -> None:
    """Tell the person at the terminal how to connect: as the administrator with `key`, or as whoever there is."""
    host = _ANY_ADDRESS.get(settings.host, settings.host)
    lines = [f"trustconf {__version__} listening on {settings.address(port)}, state in {folder.path}", ""]
    if key is not None:
        ssh = f"ssh -i {shlex.quote(str(key))} -p {port}"
        lines += [
            "Connect with OpenSSH:",
            f"  {ssh} {ADMINISTRATOR}@{host} 'show version'",
            f"  {ssh} -s {ADMINISTRATOR}@{host} netconf",
            "or with ncclient:",
            "  from ncclient import manager",
            f"  m = manager.connect(host={host!r}, port={port}, username={ADMINISTRATOR!r},",
            f"                      key_filename={str(key)!r}, hostkey_verify=False,",
            "                      allow_agent=False, look_for_keys=False)",
        ]
    else:
        lines += [
            f"The state folder holds no key of {ADMINISTRATOR!r} that is in use. Connect as a user who was added with",
            f"  trustconf user add NAME --state-dir {shlex.quote(str(folder.path))} --group administrators"
            " --public-key FILE",
            "which also works while the agent runs:",
            f"  ssh -p {port} NAME@{host} 'show version'",
            f"  ssh -p {port} -s NAME@{host} netconf",
        ]
    print("\n".join([*lines, "", "ready"]), flush=True)  # noqa: T201
