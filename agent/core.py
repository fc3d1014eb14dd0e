"""Everything of the agent but its transports: schema, storage, datastores, providers, the NETCONF server, the shell.

`serve` puts transports in front of it (agent/daemon.py); `user add` and `show` use it directly when no agent runs on
the state folder. Whoever opens a Core holds the lock of its state folder.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from agent.clock import Clock
from agent.datastore.datastores import Datastores
from agent.events import EventBus
from agent.host.contract import Host
from agent.host.real import RealHost
from agent.modules_implemented import FEATURES, IMPLEMENTED_MODULES
from agent.netconf.limits import Limits
from agent.netconf.server import Server
from agent.netconf.server import Services as NetconfServices
from agent.northbound.registry import Registry
from agent.northbound.state import StateCollector
from agent.northbound.transaction import ProviderParticipants, TreeConfigView
from agent.pki.key_store import KeyStore
from agent.pki.trustpoint_store import TrustpointStore
from agent.pki.trustpool import Trustpool
from agent.pki.user_key_store import UserKeyStore
from agent.providers import (
    attestation,
    cisco,
    event_streams,
    filesystem,
    integrity,
    keys,
    keystore,
    netconf_monitoring,
    packages,
    quotes,
    system,
    trustpoints,
    trustpool,
    yang_library,
)
from agent.providers.attestation.watch import LogWatch
from agent.providers.device import Device
from agent.providers.dossiers import Dossiers
from agent.providers.filesystem.signing import system_signing
from agent.providers.filesystem.watch import InventoryWatch
from agent.providers.keystore.expiration import ExpirationWatch
from agent.providers.packages.watch import FingerprintWatch
from agent.providers.quotes.state import TpmState
from agent.providers.services import Services
from agent.providers.trustpoints.wiring import make_enroller
from agent.scheduler import Scheduler
from agent.shell.shell import Shell
from agent.storage.block_folder import BlockFolder
from agent.storage.commit_log import CommitLog
from agent.storage.database import Database
from agent.storage.errors import DatabaseError
from agent.storage.import_folder import ImportFolder
from agent.storage.package_evidence import PackageEvidence
from agent.storage.package_keys import PackageKeyFolder
from agent.storage.sealing import Sealer
from agent.storage.state_folder import StateFolder
from agent.tpm.device import DEFAULT_ADDRESS, Tpm
from agent.transport.authentication import hash_password
from agent.yang.compiler import compile_schema
from agent.yang.errors import YangError
from agent.yang.modules import default_search_path
from agent.yang.validation import Validator
from agent.yang.xpath import XPathEvaluator

#: The providers that need nothing but the services; those of the protocol itself are registered one by one.
PROVIDERS = (
    system,
    keys,
    trustpoints,
    trustpool,
    keystore,
    cisco,
    integrity,
    packages,
    filesystem,
    quotes,
    attestation,
)


class RunningView:
    """ConfigView (northbound.contract) of the running configuration at the moment of each call."""

    def __init__(self, datastores: Datastores) -> None:
        self._datastores = datastores

    def get(self, path: str) -> Any:
        return TreeConfigView(self._datastores.running).get(path)


class Core:
    """One agent without a way in."""

    def __init__(
        self, folder: StateFolder, database: Database, clock: Clock, host: Host, limits: Limits, tpm: Tpm
    ) -> None:
        self.folder = folder
        self.clock = clock
        self.database = database
        self.bus = EventBus()
        self.schema = compile_schema(IMPLEMENTED_MODULES, default_search_path(), FEATURES)
        registry = Registry(self.schema)
        validator = Validator(self.schema)
        commit_log = CommitLog(database)
        try:
            self.datastores = Datastores(
                self.schema, validator, ProviderParticipants(registry), database, commit_log, clock
            )
        except (YangError, LookupError, TypeError, ValueError) as error:
            raise DatabaseError(
                database.path, f"holds a configuration that can't be read ({error}). Restore it from a backup."
            ) from error
        sealer = Sealer.from_state_folder(folder)
        key_store = KeyStore(database, sealer, clock, tpm=tpm)
        trustpoint_store = TrustpointStore(database, key_store, clock)
        config = RunningView(self.datastores)
        self.scheduler = Scheduler(clock)
        self.services = Services(
            clock=clock,
            bus=self.bus,
            host=host,
            schema=self.schema,
            config=config,
            database=database,
            commit_log=commit_log,
            key_store=key_store,
            user_key_store=UserKeyStore(database, key_store, clock),
            import_folder=ImportFolder(folder.import_folder),
            trustpoint_store=trustpoint_store,
            trustpool=Trustpool(database, self.scheduler, clock),
            sealer=sealer,
            enroller=make_enroller(
                database=database,
                sealer=sealer,
                key_store=key_store,
                store=trustpoint_store,
                scheduler=self.scheduler,
                clock=clock,
                config=config,
                host=host,
                bus=self.bus,
            ),
            fingerprints=FingerprintWatch(
                host=host,
                clock=clock,
                bus=self.bus,
                config=config,
                planner=self.scheduler,
                key_files=PackageKeyFolder(folder.package_keys).files,
                evidence=PackageEvidence(database),
            ),
            inventory=InventoryWatch(
                folder=folder.filesystem_inventory,
                host=host,
                clock=clock,
                bus=self.bus,
                config=config,
                planner=self.scheduler,
                sign=system_signing(trustpoint_store),
            ),
            tpm=tpm,
            tpm_state=TpmState(tpm, clock),
            ima=LogWatch(
                host=host,
                clock=clock,
                bus=self.bus,
                config=config,
                planner=self.scheduler,
                store=BlockFolder(folder.ima_cache),
            ),
            dossiers=Dossiers(database, clock, folder.path),
            hash_password=hash_password,
        )
        self.server = Server(
            NetconfServices(
                schema=self.schema,
                datastores=self.datastores,
                registry=registry,
                state=StateCollector(self.schema, registry),
                validator=validator,
                xpath=XPathEvaluator(self.schema),
                bus=self.bus,
                clock=clock,
                background=_in_background,
                limits=limits,
            )
        )
        for provider in PROVIDERS:
            provider.register(registry, self.services)
        netconf_monitoring.register(registry, self.server, self.datastores)
        yang_library.register(registry)
        event_streams.register(registry)
        registry.check()
        self.shell = Shell(Device(self.services))
        self._expiration = ExpirationWatch(self.services, self.scheduler)

    @classmethod
    def open(
        cls,
        folder: StateFolder,
        clock: Clock,
        *,
        host: Host | None = None,
        limits: Limits | None = None,
        tpm: Tpm | None = None,
    ) -> Self:
        """The agent whose state is in `folder`, which the caller has locked; without `host` and `tpm`, on this machine.

        Raises StorageError, SchemaError.
        """
        database = Database.open(folder.database)
        try:
            return cls(
                folder,
                database,
                clock,
                host or RealHost(clock),
                limits or Limits(),
                tpm or Tpm(DEFAULT_ADDRESS, clock),
            )
        except BaseException:
            database.close()
            raise

    def start(self) -> None:
        """Begin the work that nobody asks for, and go on with what was under way."""
        self.scheduler.start()
        self.services.enroller.enrolling.resume()
        self._expiration.start()
        self.services.fingerprints.start()
        self.services.ima.start()
        self.services.inventory.start()

    def close(self) -> None:
        """End all sessions and the work under way, and close the storage."""
        self.server.close()
        self.scheduler.stop()
        self.services.fingerprints.stop()
        self.services.inventory.stop()
        self.services.ima.stop()
        self.services.dossiers.stop()
        self.datastores.close()
        with contextlib.suppress(Exception):
            self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _in_background(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="background", daemon=True).start()
