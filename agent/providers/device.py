"""The device as the shell's commands see it (agent/shell/services.py): the same functions that the rpcs call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from agent.caller import Caller
from agent.clock import Clock
from agent.integrity.content import BytesContent, Content
from agent.integrity.dossier import DossierRequest
from agent.integrity.envelope import SignedContent
from agent.integrity.errors import SourceUnavailableError
from agent.integrity.sources.description import platform_text, version_text
from agent.northbound.errors import ProviderError
from agent.pki.certificates import CertificateView, RequestView
from agent.pki.key_store import KeyPair
from agent.pki.user_key_store import ImportedKey
from agent.providers.auditing import auditing
from agent.providers.dossiers import CollectedDossier
from agent.providers.integrity.errors import INTEGRITY_REFUSALS
from agent.providers.integrity.operations import PRODUCT, IntegrityOperations, SigningOptions
from agent.providers.refusals import refusing
from agent.providers.services import Services


class DossierArguments(Protocol):
    """The arguments of the dossier command; integrity.dossier.DossierRequest says what they mean."""

    @property
    def selectors(self) -> tuple[str, ...]: ...

    @property
    def nonce(self) -> str | None: ...

    @property
    def filesystem_inventory_options(self) -> Mapping[str, Any] | None: ...

    @property
    def incremental_ima(self) -> Mapping[str, Any] | None: ...


class SigningArguments(Protocol):
    """The arguments of `utility sign`; SigningOptions says what they mean."""

    @property
    def nonce(self) -> str: ...

    @property
    def include_certificate(self) -> bool: ...

    @property
    def include_tpm_quote(self) -> bool: ...

    @property
    def registers(self) -> tuple[int, ...]: ...

    @property
    def form(self) -> str: ...

    @property
    def compression(self) -> str: ...


class Device:
    """What commands ask for. Raises ProviderError only."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._integrity = IntegrityOperations(services)

    @property
    def clock(self) -> Clock:
        return self._services.clock

    def keys(self) -> Sequence[KeyPair]:
        return self._services.key_store.list()

    def user_keys(self) -> Sequence[ImportedKey]:
        return self._services.user_key_store.list()

    def trustpoints(self) -> Mapping[str, Sequence[CertificateView | RequestView]]:
        store, records = self._services.trustpoint_store, self._services.enroller.context.records
        names = sorted({*store.names(), *records.names()})
        found: dict[str, list[CertificateView | RequestView]] = {
            name: [*store.certificates(name), *records.requests(name)] for name in names
        }
        # Certificates that wait to be accepted are none of the trustpoint yet.
        return {name: views for name, views in found.items() if views}

    def trustpool(self) -> Sequence[CertificateView]:
        return self._services.trustpool.certificates()

    def dossier(self, options: DossierArguments, caller: Caller, abandoned: Callable[[], bool]) -> CollectedDossier:
        with auditing(self._services, caller, "collect-dossier"), refusing(INTEGRITY_REFUSALS):
            request = DossierRequest(
                options.selectors,
                options.nonce,
                filesystem_inventory_options=options.filesystem_inventory_options,
                incremental_ima=options.incremental_ima,
            )
            return self._integrity.collect(request, caller, abandoned)

    def sign(self, output: str | Content, options: SigningArguments, caller: Caller) -> SignedContent:
        payload = BytesContent(output.encode()) if isinstance(output, str) else output
        with auditing(self._services, caller, "sign"):
            return self._integrity.sign(
                payload,
                SigningOptions(
                    options.nonce,
                    include_certificate=options.include_certificate,
                    include_tpm_quote=options.include_tpm_quote,
                    registers=options.registers,
                    form=options.form,
                    compression=options.compression,
                ),
            )

    def version_text(self) -> str:
        with _described():
            return version_text(self._services.host, PRODUCT)

    def platform_text(self) -> str:
        with _described():
            return platform_text(self._services.host)


@contextmanager
def _described() -> Iterator[None]:
    """The absence of a fact as a refusal; its reason was written for people."""
    try:
        yield
    except SourceUnavailableError as error:
        raise ProviderError("operation-failed", f"This host does not tell: {error.reason}.") from error
