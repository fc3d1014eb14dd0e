"""What `trustconf user` and `trustconf show` do: through the control socket of a running agent, or, when none runs on
the state folder, by opening the state themselves.

Both ways lead through the same functions: a user is added by an edit of the running configuration, a show command is
answered by the shell.
"""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path

from lxml import etree

from agent.caller import Caller
from agent.clock import SystemClock
from agent.core import Core
from agent.northbound.errors import ProviderError
from agent.storage.errors import StorageError
from agent.storage.state_folder import StateFolder
from agent.transport.control_client import AgentUnreachableError, CommandAnswer, is_agent_running, run_command
from agent.transport.control_netconf import EditRefusedError, edit_running
from agent.yang.errors import DataError, ValidationFailure

GROUPS = ("administrators",)
LOCAL = Caller(user="local", groups=GROUPS)

_USER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
_SYSTEM = "urn:ietf:params:xml:ns:yang:ietf-system"
_TRUSTCONF_SYSTEM = "urn:trustconf:yang:trustconf-system"


class AdministrationError(Exception):
    """The command can't be carried out; the text is for the person at the terminal."""


def add_user(
    state_dir: Path, name: str, group: str, *, public_key: str | None = None, password: str | None = None
) -> None:
    """Add a user, or a further credential to one. Raises AdministrationError."""
    config = user_config(name, group, public_key=public_key, password=password)
    try:
        folder = StateFolder(state_dir)
        if is_agent_running(folder.control_socket):
            edit_running(folder.control_socket, etree.tostring(config))
            return
        with folder.lock(), Core.open(folder, SystemClock()) as core:
            core.datastores.edit("running", config, caller=LOCAL, comment=f"user add {name}")
    except EditRefusedError as error:
        raise AdministrationError(f"the running agent refused: {error}") from error
    except (DataError, ProviderError) as error:
        raise AdministrationError(error.message) from error
    except (ValidationFailure, StorageError, AgentUnreachableError) as error:
        raise AdministrationError(str(error)) from error


def show(state_dir: Path, line: str) -> CommandAnswer:
    """Run a show command. Raises AdministrationError when the state folder can't be used."""
    if not state_dir.is_dir():
        raise AdministrationError(f"there is no state folder {state_dir}; name it with --state-dir")
    try:
        folder = StateFolder(state_dir)
        if is_agent_running(folder.control_socket):
            return run_command(folder.control_socket, line)
        with folder.lock(), Core.open(folder, SystemClock()) as core:
            result = core.shell.run(line, LOCAL)
            return CommandAnswer(result.text, result.status)
    except (StorageError, AgentUnreachableError) as error:
        raise AdministrationError(str(error)) from error


def user_config(name: str, group: str, *, public_key: str | None = None, password: str | None = None) -> etree._Element:
    """The <config> that adds a user with a credential (ietf-system, RFC 7317). Raises AdministrationError."""
    if not _USER_NAME.fullmatch(name):
        raise AdministrationError(
            f"{name!r} is no user name: use 1 to 32 letters, digits, '_', '.' or '-', starting with a letter or '_'"
        )
    if group not in GROUPS:
        raise AdministrationError(f"unknown group {group!r}; the groups are: {', '.join(GROUPS)}")
    config = etree.Element("config")
    system = etree.SubElement(config, f"{{{_SYSTEM}}}system", nsmap={"sys": _SYSTEM})
    authentication = etree.SubElement(system, f"{{{_SYSTEM}}}authentication")
    user = etree.SubElement(authentication, f"{{{_SYSTEM}}}user")
    etree.SubElement(user, f"{{{_SYSTEM}}}name").text = name
    if password is not None:
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


def _parse_public_key(line: str) -> tuple[str, str, str]:
    """Algorithm, base64 data and a name for an OpenSSH public key line."""
    parts = line.strip().split(None, 2)
    help_text = "expected an OpenSSH public key on one line, as in ~/.ssh/id_ed25519.pub"
    if len(parts) < 2:
        raise AdministrationError(help_text)
    algorithm, data = parts[0], parts[1]
    try:
        blob = base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise AdministrationError(f"{help_text}; its data is not base64") from error
    if not blob.startswith(len(algorithm).to_bytes(4, "big") + algorithm.encode()):
        raise AdministrationError(f"{help_text}; its data is not of type {algorithm}")
    return algorithm, data, parts[2].strip()[:64] if len(parts) == 3 else algorithm
