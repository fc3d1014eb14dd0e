"""Everything that a trustpoint can be told to do, in one place to take it from."""

from __future__ import annotations

from dataclasses import dataclass

from agent.clock import Clock
from agent.pki.enrollment.authenticating import Authenticating
from agent.pki.enrollment.context import ConfigSource, Context, Listener
from agent.pki.enrollment.enrolling import Enrolling
from agent.pki.enrollment.importing import Importing
from agent.pki.enrollment.queries import Queries
from agent.pki.enrollment.records import EnrollmentRecords
from agent.pki.enrollment.self_authority import SelfAuthority
from agent.pki.kept_keys import KeptKeys
from agent.pki.key_store import KeyStore
from agent.pki.trustpoint_store import TrustpointStore
from agent.scheduler import Scheduler
from agent.storage.database import Database
from agent.storage.sealing import Sealer


@dataclass(frozen=True, slots=True)
class Enroller:
    """The operations on trustpoints, by what they are about."""

    context: Context
    authenticating: Authenticating
    enrolling: Enrolling
    importing: Importing
    queries: Queries

    @classmethod
    def make(
        cls,
        *,
        database: Database,
        sealer: Sealer,
        key_store: KeyStore,
        store: TrustpointStore,
        scheduler: Scheduler,
        clock: Clock,
        configs: ConfigSource,
        listener: Listener,
    ) -> Enroller:
        """On these stores."""
        context = Context(
            database=database,
            key_store=key_store,
            kept_keys=KeptKeys(database, key_store),
            store=store,
            records=EnrollmentRecords(database, sealer, clock),
            scheduler=scheduler,
            clock=clock,
            configs=configs,
            listener=listener,
        )
        self_authority = SelfAuthority(database, key_store, store, clock)
        enrolling = Enrolling(context, self_authority)
        return cls(
            context=context,
            authenticating=Authenticating(context, self_authority, enrolling),
            enrolling=enrolling,
            importing=Importing(context, enrolling),
            queries=Queries(context),
        )
