"""What trustpoints can be told to do, for every rpc that does it under whatever name.

What asks a server is begun here and goes on by itself; the caller waits for it no longer than waiting.PATIENCE, and is
told how far it has come. Why an operation failed is kept, to be shown in operational data until one succeeds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from agent.northbound.contract import Record
from agent.northbound.errors import ProviderError
from agent.pki.certificate_texts import read_pasted_certificates
from agent.pki.fingerprints import Fingerprint
from agent.pki.pkcs12 import read_pkcs12
from agent.pki.trustpoint import EnrollmentMethod, TrustpointConfig
from agent.providers.pki_errors import PKI_REFUSALS
from agent.providers.refusals import refusing
from agent.providers.services import Services
from agent.providers.trustpoints.model import trustpoint_config
from agent.providers.trustpoints.sources import configured_trustpoint
from agent.providers.waiting import wait_for

#: The table's words for parts of a request -> input leaves of our rpcs.
_LEAVES: Final = {
    "fingerprint": "fingerprint",
    "certificates": "certificate",
    "challenge": "challenge-password",
    "pkcs12": "pkcs12",
    "password": "password",
}
#: A PKCS #12 has it all.
_PKCS12_LEAVES: Final = {**_LEAVES, "certificates": "pkcs12", "type": "pkcs12", "size": "pkcs12"}


class TrustpointOperations:
    """The operations on all trustpoints. Any thread may call them. `leaf` is the input leaf that has the name.

    All raise ProviderError.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._enroller = services.enroller

    def authenticate(
        self, name: str, leaf: str, fingerprint: str | None = None, pasted: str | bytes | None = None
    ) -> None:
        """Get the CA certificates; trust them, or offer them."""
        fetching = None
        with self._operation(name, leaf) as config:
            expected = None if fingerprint is None else Fingerprint.parse(fingerprint)
            authenticating = self._enroller.authenticating
            if pasted is not None or config.method is EnrollmentMethod.TERMINAL:
                certificates = () if pasted is None else read_pasted_certificates(pasted)
                authenticating.paste(config, certificates, expected)
            elif config.method is EnrollmentMethod.SELF:
                authenticating.make_root(config, expected)
            else:
                fetching = authenticating.fetch(config, expected)
        wait_for(fetching, _LEAVES)

    def accept(self, name: str, leaf: str, fingerprint: str) -> None:
        """Trust the CA certificates that were offered."""
        with self._operation(name, leaf):
            self._enroller.authenticating.accept(name, Fingerprint.parse(fingerprint))

    def enroll(self, name: str, leaf: str, challenge: str = "", *, regenerate: bool = False) -> None:
        """Get the device's certificates, or begin to."""
        first_turn = None
        with self._operation(name, leaf) as config:
            enrolling = self._enroller.enrolling
            if config.method is EnrollmentMethod.SELF:
                enrolling.make_leaf(config, challenge, regenerate=regenerate)
            else:
                first_turn = enrolling.request(config, challenge, regenerate=regenerate)
        wait_for(first_turn, _LEAVES)

    def cancel(self, name: str, leaf: str) -> None:
        """End the enrollment that is under way."""
        self._record(name, leaf)
        with refusing(PKI_REFUSALS):
            self._enroller.enrolling.cancel(name)

    def import_certificate(self, name: str, leaf: str, pasted: str | bytes) -> None:
        """Import a certificate for a request."""
        with self._operation(name, leaf) as config:
            self._enroller.importing.certificate(config, read_pasted_certificates(pasted))

    def import_pkcs12(self, name: str, leaf: str, pkcs12: bytes, password: str) -> None:
        """Import a key pair with its certificate and the chain."""
        with self._operation(name, leaf, _PKCS12_LEAVES) as config:
            self._enroller.importing.pkcs12(config, read_pkcs12(pkcs12, password))

    def export_pkcs12(self, name: str, leaf: str, password: str) -> bytes:
        """Export them."""
        with self._reading(name, leaf) as config:
            return self._enroller.importing.export(config, password)

    def restore(self, name: str, leaf: str) -> None:
        """Go back to the previous certificates."""
        with self._operation(name, leaf) as config:
            self._enroller.importing.restore(config)

    def clear(self, name: str) -> int:
        """Remove the certificates of a trustpoint, configured or not; how many there were."""
        with refusing(PKI_REFUSALS):
            return len(self._enroller.importing.clear(name))

    @contextmanager
    def querying(self, name: str, leaf: str) -> Iterator[TrustpointConfig]:
        """For what only asks: the trustpoint's configuration; what the library raises becomes a ProviderError."""
        with self._reading(name, leaf) as config:
            yield config

    @contextmanager
    def _operation(self, name: str, leaf: str, leaves: Mapping[str, str] = _LEAVES) -> Iterator[TrustpointConfig]:
        """The same, and the failure is kept."""
        record = self._record(name, leaf)
        try:
            config = self._config(record)
            with refusing(PKI_REFUSALS, leaves):
                yield config
        except ProviderError as error:
            # Who comes too early says nothing of the enrollment that is under way.
            if error.tag != "in-use":
                with refusing(PKI_REFUSALS):
                    self._enroller.authenticating.note_failure(name, error.message)
            raise

    @contextmanager
    def _reading(self, name: str, leaf: str) -> Iterator[TrustpointConfig]:
        config = self._config(self._record(name, leaf))
        with refusing(PKI_REFUSALS, _LEAVES):
            yield config

    def _config(self, record: Record) -> TrustpointConfig:
        services = self._services
        return trustpoint_config(record, services.config, services.host, services.sealer, None)

    def _record(self, name: str, leaf: str) -> Record:
        record = configured_trustpoint(self._services.config, name)
        if record is not None:
            return record
        raise ProviderError(
            "data-missing",
            f"There is no trustpoint {name}: configure it first.",
            path=leaf,
            app_tag="trustpoint-not-configured",
        )
