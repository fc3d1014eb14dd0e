"""What `trustconf user` and `trustconf show` do: through the control socket of a running agent, or, when none runs on
the state folder, by opening the state themselves.

Both ways lead through the same functions: a user is added by an edit of the running configuration, a show command is
answered by the shell.
"""

from __future__ import annotations

import codecs
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from lxml import etree

from agent.caller import Caller
from agent.clock import SystemClock
from agent.core import Core
from agent.northbound.errors import ProviderError
from agent.pki.errors import PkiError
from agent.pki.user_keys import parse_user_key
from agent.storage.errors import StateFolderInUseError, StorageError
from agent.storage.state_folder import CONTROL_SOCKET, StateFolder
from agent.transport.authentication import MAX_PASSWORD_BYTES
from agent.transport.control_client import AgentUnreachableError, is_agent_running, run_command
from agent.transport.control_netconf import EditRefusedError, edit_running
from agent.yang.errors import DataError, ValidationFailure

GROUPS = ("administrators",)
LOCAL = Caller(user="local", groups=GROUPS)

#: Characters that a password has at least (NIST SP 800-63B section 5.1.1.2).
MIN_PASSWORD_LENGTH = 8

_USER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
_SYSTEM = "urn:ietf:params:xml:ns:yang:ietf-system"
_TRUSTCONF_SYSTEM = "urn:trustconf:yang:trustconf-system"

#: A folder in use whose agent does not answer is one that starts or stops, or another command like this one: it is
#: asked so many times, with a pause of so many seconds.
_ATTEMPTS = 40
_PAUSE = 0.25

Result = TypeVar("Result")


class AdministrationError(Exception):
    """The command can't be carried out; the text is for the person at the terminal."""


def add_user(
    state_dir: Path, name: str, group: str, *, public_key: str | None = None, password: str | None = None
) -> None:
    """Add a user, or a further key or another password to one. Raises AdministrationError."""
    config = user_config(name, group, public_key=public_key, password=password)

    def edit(core: Core) -> None:
        core.datastores.edit("running", config, caller=LOCAL, comment=f"user add {name}")

    try:
        _carry_out(state_dir, lambda socket: edit_running(socket, etree.tostring(config)), edit)
    except EditRefusedError as error:
        raise AdministrationError(f"The running agent refused: {error}") from error
    except (DataError, ProviderError) as error:
        raise AdministrationError(error.message) from error
    except ValidationFailure as error:
        raise AdministrationError(str(error)) from error


def show(state_dir: Path, line: str, write: Callable[[str], object]) -> int:
    """Run a show command; what it prints goes to `write` as it comes, its exit status is given.

    Raises AdministrationError when the state folder can't be used.
    """
    if not state_dir.is_dir() or not any(state_dir.iterdir()):
        raise AdministrationError(
            f"There is no agent's state in {state_dir}. Name with --state-dir the folder that 'trustconf serve' uses."
        )

    def run(core: Core) -> int:
        result = core.shell.run(line, LOCAL)
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            for chunk in result.chunks():
                write(decoder.decode(chunk))
        finally:
            result.close()
        return result.status

    return _carry_out(state_dir, lambda socket: run_command(socket, line, write), run)


def _carry_out(state_dir: Path, by_agent: Callable[[Path], Result], by_state: Callable[[Core], Result]) -> Result:
    """Let the agent that runs on `state_dir` do it through its control socket; if there is none, open the state."""
    socket = state_dir.absolute() / CONTROL_SOCKET
    for attempt in range(_ATTEMPTS):
        try:
            if is_agent_running(socket):
                return by_agent(socket)
            folder = StateFolder(state_dir)
            with folder.lock(), Core.open(folder, SystemClock()) as core:
                return by_state(core)
        except StateFolderInUseError as error:
            if attempt == _ATTEMPTS - 1:
                raise AdministrationError(
                    f"The state folder {state_dir} is in use, and the agent there does not answer. Try again, or look"
                    " into its log."
                ) from error
            threading.Event().wait(_PAUSE)
        except (StorageError, AgentUnreachableError) as error:
            raise AdministrationError(str(error)) from error
    raise AssertionError("the last attempt returns or raises")


def user_config(name: str, group: str, *, public_key: str | None = None, password: str | None = None) -> etree._Element:
    """The <config> that adds a user with a credential (ietf-system, RFC 7317). Raises AdministrationError."""
    if not _USER_NAME.fullmatch(name):
        raise AdministrationError(
            f"{name!r} is no user name: use 1 to 32 letters, digits, '_', '.' or '-', starting with a letter or '_'."
        )
    if group not in GROUPS:
        raise AdministrationError(f"Unknown group {group!r}; the groups are: {', '.join(GROUPS)}.")
    config = etree.Element("config")
    system = etree.SubElement(config, f"{{{_SYSTEM}}}system", nsmap={"sys": _SYSTEM})
    authentication = etree.SubElement(system, f"{{{_SYSTEM}}}authentication")
    user = etree.SubElement(authentication, f"{{{_SYSTEM}}}user")
    etree.SubElement(user, f"{{{_SYSTEM}}}name").text = name
    if password is not None:
        _check_password(password)
        # ianach:crypt-hash: the agent stores the hash of what follows $0$.
        etree.SubElement(user, f"{{{_SYSTEM}}}password").text = f"$0${password}"
    if public_key is not None:
        algorithm, data, key_name = _parse_public_key(public_key)
        key = etree.SubElement(user, f"{{{_SYSTEM}}}authorized-key")
        etree.SubElement(key, f"{{{_SYSTEM}}}name").text = key_name
        etree.SubElement(key, f"{{{_SYSTEM}}}algorithm").text = algorithm
        etree.SubElement(key, f"{{{_SYSTEM}}}key-data").text = data
    etree.SubElement(user, f"{{{_TRUSTCONF_SYSTEM}}}group", nsmap={"tcs": _TRUSTCONF_SYSTEM}).text = group
    return config


def _check_password(password: str) -> None:
    if len(password) < MIN_PASSWORD_LENGTH:
        raise AdministrationError(f"The password is too short: use at least {MIN_PASSWORD_LENGTH} characters.")
    if len(password.encode()) > MAX_PASSWORD_BYTES:
        raise AdministrationError(f"The password is too long: use at most {MAX_PASSWORD_BYTES} bytes of UTF-8.")
    if not password.isprintable():
        raise AdministrationError("The password has control characters, which no login could send: use others.")


def _parse_public_key(text: str) -> tuple[str, str, str]:
    """Algorithm, base64 data and a name for a public key in any form that keys can be imported in.

    The name ends with the key's fingerprint as `ssh-keygen -l` shows it: two keys of one comment are two entries, and
    the same key added again is the same entry.
    """
    try:
        key = parse_user_key(text.encode())
    except PkiError as error:
        raise AdministrationError(error.message) from error
    return key.algorithm, key.base64, f"{key.comment} {key.fingerprint}".strip()
