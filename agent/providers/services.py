"""What every provider is given: the libraries below the providers, and read access to the running configuration.

Made once by agent/core.py. A provider takes from it what it needs and passes that on; nothing in here decides anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.clock import Clock
from agent.events import EventBus
from agent.host.contract import Host
from agent.integrity.sections import Section
from agent.northbound.contract import ConfigView
from agent.pki.enrollment.enroller import Enroller
from agent.pki.key_store import KeyStore
from agent.pki.trustpoint_store import TrustpointStore
from agent.pki.trustpool import Trustpool
from agent.pki.user_key_store import UserKeyStore
from agent.providers.dossiers import Dossiers
from agent.storage.commit_log import CommitLog
from agent.storage.database import Database
from agent.storage.import_folder import ImportFolder
from agent.storage.sealing import Sealer
from agent.tpm.device import Tpm
from agent.yang.schema import Schema

if TYPE_CHECKING:
    # Providers import this module.
    from agent.providers.attestation.watch import LogWatch
    from agent.providers.filesystem.watch import InventoryWatch
    from agent.providers.packages.watch import FingerprintWatch
    from agent.providers.quotes.state import TpmState


@dataclass(frozen=True, slots=True)
class SshServerLimits:
    """The configured limits of the SSH server (trustconf-system, container ssh-server). Times are seconds.

    Attributes:
        rate_limit: new connections a minute.
        login_grace: from connecting to a successful login.
        hello_timeout: from opening a NETCONF channel to the client's hello.
        idle_timeout: of a silent NETCONF session; 0: none.
        session_limit: NETCONF sessions at the same time.
    """

    rate_limit: int
    login_grace: int
    hello_timeout: int
    idle_timeout: int
    session_limit: int


@dataclass(frozen=True, slots=True)
class Services:
    """The surroundings of the providers.

    Attributes:
        config: the running configuration at the moment of each call.
        import_folder: the files that a client may name.
        hash_password: makes a crypt hash of a password; raises ValueError with what is wrong with the password.
        ssh_limit_listeners: called with the new limits when a commit has changed those of the SSH server.
        sealer: seals the passwords of the configuration.
        enroller: everything that trustpoints can be told to do.
        fingerprints: of the installed packages.
        inventory: of the file system.
        tpm: the machine's, if it has one.
        tpm_state: what is known of it.
        ima: the logs of IMA and of the firmware.
        dossiers: collects them.
        dossier_sections: by selector, what providers add to dossiers.
    """

    clock: Clock
    bus: EventBus
    host: Host
    schema: Schema
    config: ConfigView
    database: Database
    commit_log: CommitLog
    key_store: KeyStore
    trustpoint_store: TrustpointStore
    trustpool: Trustpool
    user_key_store: UserKeyStore
    import_folder: ImportFolder
    sealer: Sealer
    enroller: Enroller
    fingerprints: FingerprintWatch
    inventory: InventoryWatch
    tpm: Tpm
    tpm_state: TpmState
    ima: LogWatch
    dossiers: Dossiers
    hash_password: Callable[[str], str]
    ssh_limit_listeners: list[Callable[[SshServerLimits], None]] = field(default_factory=list)
    dossier_sections: dict[str, Section] = field(default_factory=dict)
