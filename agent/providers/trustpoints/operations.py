"""Authenticating, enrolling and clearing trustpoints, for every rpc that does it under whatever name.

Each tells of what it has changed on the event bus, after that is durable. The last failure of a trustpoint is kept in
memory, to be shown in operational data until it succeeds or is cleared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent.northbound.contract import Record
from agent.northbound.errors import ProviderError
from agent.pki.certificates import CertificateView
from agent.pki.trustpoint import TrustpointConfig
from agent.providers.pki_errors import PKI_REFUSALS
from agent.providers.refusals import refusing
from agent.providers.services import Services
from agent.providers.trustpoints.events import certificate_installed, status_changed
from agent.providers.trustpoints.model import configured_trustpoint, trustpoint_config
from agent.providers.trustpoints.vocabulary import enrollment_state

#: Does one step and returns the certificates that it got.
Step = Callable[[TrustpointConfig], Sequence[CertificateView]]


class TrustpointOperations:
    """The operations on all trustpoints. Any thread may call them; the store serializes what must be."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._store = services.trustpoint_store
        self._errors = services.enrollment_errors

    def state(self, name: str) -> str:
        """The trustpoint's enrollment-state."""
        return enrollment_state(self._store.certificates(name))

    def authenticate(self, name: str, leaf: str) -> Sequence[CertificateView]:
        """Get the CA certificate. `leaf` is the input leaf that has the name. Raises ProviderError."""
        return self._advance(name, leaf, lambda config: [self._store.authenticate(config)])

    def enroll(self, name: str, leaf: str) -> Sequence[CertificateView]:
        """Get the device's certificates. Raises ProviderError."""
        return self._advance(name, leaf, self._store.enroll)

    def clear(self, name: str) -> int:
        """Remove the certificates of a trustpoint, configured or not; how many there were. Raises ProviderError."""
        before = self.state(name)
        with refusing(PKI_REFUSALS):
            removed = self._store.clear(name)
        self._errors.pop(name, None)
        self._tell_state(name, before)
        return len(removed)

    def _advance(self, name: str, leaf: str, step: Step) -> Sequence[CertificateView]:
        record = self._configured(name, leaf)
        before = self.state(name)
        try:
            config = trustpoint_config(record, self._services.config, self._services.host, None)
            with refusing(PKI_REFUSALS):
                certificates = step(config)
        except ProviderError as error:
            self._errors[name] = error.message
            raise
        self._errors.pop(name, None)
        for certificate in certificates:
            self._services.bus.publish(certificate_installed(self._services.clock.now(), name, certificate))
        self._tell_state(name, before)
        return certificates

    def _configured(self, name: str, leaf: str) -> Record:
        record = configured_trustpoint(self._services.config, name)
        if record is not None:
            return record
        raise ProviderError(
            "data-missing",
            f"There is no trustpoint {name}: configure it first.",
            path=leaf,
            app_tag="trustpoint-not-configured",
        )

    def _tell_state(self, name: str, before: str) -> None:
        after = self.state(name)
        if after != before:
            self._services.bus.publish(status_changed(self._services.clock.now(), name, before, after))
