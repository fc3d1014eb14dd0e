"""What a fresh agent gets so that somebody can reach it: an administrator with a key of its own in the state folder.

Nothing of this is made twice: whoever added a user before the first start has a way in, and removing the administrator
or its key later is a decision that stays.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from agent.administration import LOCAL, user_config
from agent.core import Core
from agent.providers.system.users import ConfiguredUsers
from agent.storage.state_folder import StateFolder, replace_file

ADMINISTRATOR = "admin"
ADMINISTRATOR_KEY = "admin_key"


def create_administrator(core: Core, folder: StateFolder) -> bool:
    """Add the administrator if nothing has ever been committed here; True if that was done.

    The key file is durable before the user is: losing power in between leaves a key that opens nothing, and the next
    start makes both anew.
    """
    if core.datastores.last_commit_id != 0:
        return False
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    replace_file(
        folder.path / ADMINISTRATOR_KEY, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    )
    replace_file(folder.path / f"{ADMINISTRATOR_KEY}.pub", f"{public} {ADMINISTRATOR}\n".encode())
    config = user_config(ADMINISTRATOR, "administrators", public_key=f"{public} first start")
    core.datastores.edit("running", config, caller=LOCAL, comment="first start: administrator")
    return True


def administrator_key(core: Core, folder: StateFolder) -> Path | None:
    """The administrator's private key in the state folder, if it is still there and still opens the agent."""
    key = folder.path / ADMINISTRATOR_KEY
    user = ConfiguredUsers(core.services.config).find_user(ADMINISTRATOR)
    if user is None or not user.can_administrate or not key.is_file():
        return None
    try:
        algorithm, blob = (folder.path / f"{ADMINISTRATOR_KEY}.pub").read_bytes().split(maxsplit=2)[:2]
        known = (algorithm.decode(), base64.b64decode(blob)) in user.authorized_keys
    except (OSError, ValueError, binascii.Error):
        return None
    return key if known else None
