"""Collecting dossiers and signing, for the rpcs and for the commands of the shell."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from agent import __version__
from agent.caller import Caller
from agent.integrity.content import BytesContent
from agent.integrity.dossier import DossierRequest, collect
from agent.integrity.envelope import Quoter, SignedContent, Signer, sign_envelope
from agent.integrity.sections import MAX_COMMITS, CommitSummary, DossierSources
from agent.integrity.sources.description import Product
from agent.integrity.tpm.quote import extra_data
from agent.integrity.tpm.quoting import TpmQuoter
from agent.pki.trustpoint import SYSTEM_TRUSTPOINT
from agent.providers.integrity.errors import INTEGRITY_REFUSALS
from agent.providers.refusals import refusing
from agent.providers.services import Services
from agent.providers.system.state import AGENT_NAME
from agent.storage.commit_log import CommitLog

PRODUCT: Final = Product(AGENT_NAME, __version__)

#: Through what a commit came, by whether it had a NETCONF session.
_CLIENTS: Final = MappingProxyType({True: "netconf", False: "cli"})
_LEAVES: Final = MappingProxyType(
    {"nonce": "nonce", "payload": "payload", "selector": "selector", "tpm": "include-tpm-quote"}
)


class IntegrityOperations:
    """Evidence of this device. Any thread may ask."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._sources = DossierSources(
            host=services.host,
            clock=services.clock,
            product=PRODUCT,
            commits=lambda: _commits(services.commit_log),
            sections=services.dossier_sections,
        )

    def collect(self, request: DossierRequest, caller: Caller) -> str:
        """A dossier's JSON text."""
        text = collect(request, self._sources)
        self._services.dossiers.record(self._services.clock.now(), caller.user, signed=False)
        return text

    def collect_signed(
        self,
        request: DossierRequest,
        caller: Caller,
        *,
        nonce: str | None,
        include_certificate: bool,
        include_tpm_quote: bool = False,
    ) -> str:
        """The envelope's text around a dossier. Raises ProviderError, before anything is collected if the system
        trustpoint can't sign, or there is no TPM to quote."""
        with refusing(INTEGRITY_REFUSALS, _LEAVES):
            signer = self._signer()
            quoter = self._quoter(nonce) if include_tpm_quote else None
            dossier = BytesContent(collect(request, self._sources).encode())
            envelope = _text(
                sign_envelope(
                    dossier, nonce=nonce, signer=signer, include_certificate=include_certificate, quote=quoter
                )
            )
        self._services.dossiers.record(self._services.clock.now(), caller.user, signed=True)
        return envelope

    def sign(
        self, payload: bytes, *, nonce: str | None, include_certificate: bool, include_tpm_quote: bool = False
    ) -> str:
        """The envelope's text around `payload`. Raises ProviderError."""
        with refusing(INTEGRITY_REFUSALS, _LEAVES):
            return _text(
                sign_envelope(
                    BytesContent(payload),
                    nonce=nonce,
                    signer=self._signer(),
                    include_certificate=include_certificate,
                    quote=self._quoter(nonce) if include_tpm_quote else None,
                )
            )

    def _quoter(self, nonce: str | None) -> Quoter:
        """What makes the quote of an envelope. Raises TpmError."""
        tpm = TpmQuoter(self._services.tpm)
        tpm.require()
        return lambda payload_digest, algorithm: tpm.quote(extra_data(nonce, payload_digest)).text()

    def _signer(self) -> Signer:
        return self._services.trustpoint_store.signer(SYSTEM_TRUSTPOINT)


def _text(signed: SignedContent) -> str:
    return b"".join(signed.chunks()).decode("ascii")


def _commits(commit_log: CommitLog) -> Iterator[CommitSummary]:
    for commit in commit_log.records(MAX_COMMITS):
        yield CommitSummary(
            commit_id=str(commit.id),
            user=commit.user,
            client=_CLIENTS[commit.session_id != 0],
            time=commit.time,
            comment=commit.comment or "",
        )
