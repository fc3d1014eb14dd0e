"""Enrolling on this device: the PKI library's Enroller on the configured trustpoints, telling the event bus."""

from __future__ import annotations

import logging

from agent.clock import Clock
from agent.events import EventBus
from agent.host.contract import Host
from agent.northbound.contract import ConfigView
from agent.northbound.errors import ProviderError
from agent.pki.certificates import CertificateView
from agent.pki.enrollment.context import Outline
from agent.pki.enrollment.enroller import Enroller
from agent.pki.enrollment.states import EnrollmentState
from agent.pki.key_store import KeyStore
from agent.pki.trustpoint import TrustpointConfig
from agent.pki.trustpoint_store import TrustpointStore
from agent.providers.trustpoints.events import certificate_installed, status_changed
from agent.providers.trustpoints.model import is_complete, outline, trustpoint_config
from agent.providers.trustpoints.sources import configured_trustpoint
from agent.scheduler import Scheduler
from agent.storage.database import Database
from agent.storage.sealing import Sealer

log = logging.getLogger(__name__)


class ConfiguredTrustpoints:
    """The trustpoints of the running configuration (pki.enrollment.context.ConfigSource)."""

    def __init__(self, config: ConfigView, host: Host, sealer: Sealer) -> None:
        self._config = config
        self._host = host
        self._sealer = sealer

    def find(self, name: str) -> TrustpointConfig | None:
        record = configured_trustpoint(self._config, name)
        try:
            return None if record is None else trustpoint_config(record, self._config, self._host, self._sealer, None)
        except ProviderError:
            return None

    def outline(self, name: str) -> Outline | None:
        record = configured_trustpoint(self._config, name)
        return None if record is None or not is_complete(record) else outline(record)


class EnrollmentEvents:
    """Tells the event bus and the log what happens (pki.enrollment.context.Listener)."""

    def __init__(self, bus: EventBus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock

    def state_changed(
        self, trustpoint: str, before: EnrollmentState, after: EnrollmentState, reason: str | None
    ) -> None:
        log.info("trustpoint %s: %s%s", trustpoint, after.value, f" ({reason})" if reason else "")
        self._bus.publish(status_changed(self._clock.now(), trustpoint, before.value, after.value, reason))

    def installed(self, trustpoint: str, certificate: CertificateView, changes: tuple[str, ...]) -> None:
        for change in changes:
            log.warning("trustpoint %s: the certification authority changed the %s", trustpoint, change)
        self._bus.publish(certificate_installed(self._clock.now(), trustpoint, certificate, changes))


def make_enroller(
    *,
    database: Database,
    sealer: Sealer,
    key_store: KeyStore,
    store: TrustpointStore,
    scheduler: Scheduler,
    clock: Clock,
    config: ConfigView,
    host: Host,
    bus: EventBus,
) -> Enroller:
    """The Enroller of this device."""
    return Enroller.make(
        database=database,
        sealer=sealer,
        key_store=key_store,
        store=store,
        scheduler=scheduler,
        clock=clock,
        configs=ConfiguredTrustpoints(config, host, sealer),
        listener=EnrollmentEvents(bus, clock),
    )
