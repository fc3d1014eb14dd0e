"""The providers on real stores, driven as the protocol drives them, but with JSON instead of NETCONF."""

import json
from datetime import UTC, datetime
from pathlib import Path

from agent.caller import Caller
from agent.clock import ManualClock
from agent.events import EventBus
from agent.host.contract import KernelName
from agent.host.rooted import RootedHost
from agent.modules_implemented import FEATURES, IMPLEMENTED_MODULES
from agent.northbound.contract import RpcContext, TextStream
from agent.northbound.errors import ProviderError
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
    filesystem,
    integrity,
    keys,
    keystore,
    packages,
    quotes,
    system,
    trustpoints,
    trustpool,
)
from agent.providers.attestation.watch import LogWatch
from agent.providers.dossiers import Dossiers
from agent.providers.filesystem.signing import system_signing
from agent.providers.filesystem.watch import InventoryWatch
from agent.providers.packages.watch import FingerprintWatch
from agent.providers.quotes.state import TpmState
from agent.providers.services import Services
from agent.providers.trustpoints.wiring import make_enroller
from agent.scheduler import Scheduler
from agent.storage.block_folder import BlockFolder
from agent.storage.commit_log import CommitLog, CommitRecord
from agent.storage.database import Database
from agent.storage.import_folder import ImportFolder
from agent.storage.package_evidence import PackageEvidence
from agent.storage.package_keys import PackageKeyFolder
from agent.storage.sealing import Sealer
from agent.storage.state_folder import StateFolder
from agent.tpm.device import NO_TPM, Tpm
from agent.yang import json_codec, paths, python_codec
from agent.yang.compiler import compile_schema
from agent.yang.diff import diff
from agent.yang.modules import default_search_path
from agent.yang.tree import empty_root
from agent.yang.validation import Validator

SCHEMA = compile_schema(IMPLEMENTED_MODULES, default_search_path(), FEATURES)
VALIDATOR = Validator(SCHEMA)
NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
ALICE = Caller("alice", 7, "192.0.2.1", ("administrators",))


class QuietHost(RootedHost):
    """Its kernel does not tell of changes: they would come at any time, and tests move the time themselves."""

    def watch(self):
        return super().watch() if self.tells else None

    tells = False


class Bench:
    """One device. `running` is replaced by `commit`."""

    def __init__(self, folder: Path, tpm: str = NO_TPM):
        self.clock = ManualClock(NOW)
        self.root = folder / "host"
        (self.root / "proc").mkdir(parents=True)
        (self.root / "etc").mkdir()
        (self.root / "proc/stat").write_text("cpu 1 2 3\nbtime 1772000000\n")
        (self.root / "proc/uptime").write_text("3600.5 100.0\n")
        (self.root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdee\n")
        state = StateFolder(folder / "state")
        self.database = Database.open(state.database)
        sealer = Sealer.from_state_folder(state)
        device_tpm = Tpm(tpm, self.clock)
        key_store = KeyStore(self.database, sealer, self.clock, tpm=device_tpm)
        trustpoint_store = TrustpointStore(self.database, key_store, self.clock)
        self.scheduler = Scheduler(self.clock)
        self.scheduler.start()
        host = QuietHost(self.root, kernel=KernelName("Linux", "box", "6.1.0", "#1 SMP", "x86_64"))
        self.running = empty_root(SCHEMA.root)
        self.limits = []
        self.events = []
        bus = EventBus()
        bus.subscribe(self.events.append)
        self.services = Services(
            clock=self.clock,
            bus=bus,
            host=host,
            schema=SCHEMA,
            config=self,
            database=self.database,
            commit_log=CommitLog(self.database),
            key_store=key_store,
            user_key_store=UserKeyStore(self.database, key_store, self.clock),
            import_folder=ImportFolder(state.import_folder),
            trustpoint_store=trustpoint_store,
            trustpool=Trustpool(self.database, self.scheduler, self.clock),
            sealer=sealer,
            enroller=make_enroller(
                database=self.database,
                sealer=sealer,
                key_store=key_store,
                store=trustpoint_store,
                scheduler=self.scheduler,
                clock=self.clock,
                config=self,
                host=host,
                bus=bus,
            ),
            fingerprints=FingerprintWatch(
                host=host,
                clock=self.clock,
                bus=bus,
                config=self,
                planner=self.scheduler,
                key_files=PackageKeyFolder(state.package_keys).files,
                evidence=PackageEvidence(self.database),
            ),
            inventory=InventoryWatch(
                folder=state.filesystem_inventory,
                host=host,
                clock=self.clock,
                bus=bus,
                config=self,
                planner=self.scheduler,
                sign=system_signing(trustpoint_store),
            ),
            tpm=device_tpm,
            tpm_state=TpmState(device_tpm, self.clock),
            ima=LogWatch(
                host=host,
                clock=self.clock,
                bus=bus,
                config=self,
                planner=self.scheduler,
                store=BlockFolder(state.ima_cache),
            ),
            dossiers=Dossiers(self.database, self.clock, folder / "state"),
            hash_password=_hash,
            ssh_limit_listeners=[self.limits.append],
        )
        self.registry = Registry(SCHEMA)
        for provider in (
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
        ):
            provider.register(self.registry, self.services)

    def get(self, path):
        return TreeConfigView(self.running).get(path)

    def commit(self, config):
        """Make `config`, RFC 7951 JSON of everything, the running configuration."""
        new = json_codec.decode(config, SCHEMA.root)
        changes = diff(self.running, new)
        VALIDATOR.validate(new, self.running, changes)
        pending = ProviderParticipants(self.registry).begin(self.running, new, changes)
        pending.validate()
        try:
            staged = pending.stage()
            with self.database.transaction() as transaction:
                pending.prepare(transaction)
                record = CommitRecord("alice", self.clock.now(), 7, "a test", [])
                self.services.commit_log.append(transaction, record)
        except BaseException:
            pending.abort()
            raise
        self.running = staged.root
        pending.apply()

    def call(self, path, request=None, instance_keys=(), caller=ALICE):
        """The output of an rpc or action as RFC 7951 JSON; {} for <ok/>."""
        node = SCHEMA.find(path)
        arguments = json_codec.decode(request or {}, node.child("input"))
        VALIDATOR.validate_operation(arguments, self.running)
        record = python_codec.to_record(arguments, defaults=True)
        try:
            answer = self.registry.rpc_functions[node](record, RpcContext(caller, instance_keys))
        except ProviderError as error:
            if error.path:
                # A place that is not there would be left out of what the client gets.
                paths.parse(error.path, SCHEMA if error.path.startswith("/") else node.child("input"))
            raise
        if answer is None:
            return {}
        # What may be larger than memory is not so here.
        answer = {
            name: b"".join(value.chunks()).decode() if isinstance(value, TextStream) else value
            for name, value in answer.items()
        }
        output = python_codec.from_record(answer, node.child("output"))
        return json.loads(json.dumps(json_codec.encode(output)))

    def state(self):
        """All operational data, as RFC 7951 JSON."""
        return json.loads(json.dumps(json_codec.encode(StateCollector(SCHEMA, self.registry).collect(None))))

    def told(self, path):
        """The contents of the notifications of one kind so far, checked against the schema."""
        told = [event for event in self.events if event.path == path]
        return [json_codec.encode(python_codec.from_record(event.content, SCHEMA.find(path))) for event in told]


def _hash(text):
    if not text:
        raise ValueError("the password is empty")
    return f"$6$rounds=1000$salt${'.' * 86}"
