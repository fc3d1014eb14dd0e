"""Collecting dossiers and signing, for the rpcs and for the commands of the shell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from agent import __version__
from agent.caller import Caller
from agent.integrity.compression import NONE
from agent.integrity.content import Content
from agent.integrity.dossier import DossierRequest
from agent.integrity.envelope import FORMS, Quoter, SignedContent, Signer, sign_envelope
from agent.integrity.forms.envelope import NAME as ENVELOPE
from agent.integrity.sections import MAX_COMMITS, CommitSummary, DossierSources
from agent.integrity.sources.description import Product
from agent.integrity.tpm.quote import extra_data
from agent.integrity.tpm.quoting import DEFAULT_REGISTERS, TpmQuoter
from agent.integrity.turns import Abandoned
from agent.pki.trustpoint import SYSTEM_TRUSTPOINT
from agent.providers.dossiers import CollectedDossier, DossierSignature
from agent.providers.integrity.errors import INTEGRITY_REFUSALS
from agent.providers.refusals import refusing
from agent.providers.services import Services
from agent.providers.system.state import AGENT_NAME
from agent.storage.commit_log import CommitLog

PRODUCT: Final = Product(AGENT_NAME, __version__)

#: Through what a commit came, by whether it had a NETCONF session.
_CLIENTS: Final = MappingProxyType({True: "netconf", False: "cli"})
_LEAVES: Final = MappingProxyType(
    {"nonce": "nonce", "payload": "payload", "selector": "selector", "tpm": "include-tpm-quote", "form": "form"}
)
#: When a dossier is signed.
_LEAVES_OF_DOSSIER: Final = MappingProxyType({"tpm": "sign/include-tpm-quote", "form": "sign/form"})


@dataclass(frozen=True, slots=True)
class SigningOptions:
    """How something is to be signed. `form`, `compression`: names of integrity.envelope.FORMS and
    integrity.compression. `include_tpm_quote`: with a quote of the TPM, over `registers`."""

    nonce: str | None
    include_certificate: bool = False
    include_tpm_quote: bool = False
    registers: tuple[int, ...] = DEFAULT_REGISTERS
    form: str = ENVELOPE
    compression: str = NONE


class IntegrityOperations:
    """Evidence of this device. Any thread may ask. What is given belongs to the caller, who closes it."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._sources = DossierSources(
            host=services.host,
            clock=services.clock,
            product=PRODUCT,
            commits=lambda: _commits(services.commit_log),
            sections=services.dossier_sections,
        )

    def collect(self, request: DossierRequest, caller: Caller, abandoned: Abandoned) -> CollectedDossier:
        """A dossier's JSON text. `abandoned` tells whether the client has gone. Raises ProviderError."""
        with refusing(INTEGRITY_REFUSALS, _LEAVES):
            return self._services.dossiers.collect(request, self._sources, caller.user, abandoned)

    def collect_signed(
        self, request: DossierRequest, caller: Caller, abandoned: Abandoned, options: SigningOptions
    ) -> SignedContent:
        """The signed text around a dossier. Raises ProviderError, before anything is collected if the system
        trustpoint can't sign like this, or there is no TPM to quote."""
        with refusing(INTEGRITY_REFUSALS, _LEAVES_OF_DOSSIER):
            FORMS[options.form].check(self._signer(), has_quote=self._quoter(options) is not None)
        return self.sign(self.collect(request, caller, abandoned), options)

    def sign(self, payload: Content, options: SigningOptions) -> SignedContent:
        """The signed text around `payload`, which it takes over. Raises ProviderError."""
        is_dossier = isinstance(payload, CollectedDossier)
        with refusing(INTEGRITY_REFUSALS, _LEAVES_OF_DOSSIER if is_dossier else _LEAVES):
            try:
                signer, quoter = self._signer(), self._quoter(options)
            except BaseException:
                payload.close()
                raise
            signed = sign_envelope(
                payload,
                nonce=options.nonce,
                signer=signer,
                include_certificate=options.include_certificate,
                compression=options.compression,
                quote=quoter,
                folder=self._services.dossiers.folder,
                form=options.form,
                is_dossier=is_dossier,
            )
        if isinstance(payload, CollectedDossier):
            signature = DossierSignature(options.nonce, options.form, options.compression)
            self._services.dossiers.log.sign(payload.number, signature)
        return signed

    def _quoter(self, options: SigningOptions) -> Quoter | None:
        """What makes the quote of an envelope, if there is to be one. Raises TpmError."""
        if not options.include_tpm_quote:
            return None
        tpm = TpmQuoter(self._services.tpm)
        tpm.require()
        wanted = tuple(sorted(set(options.registers)))
        nonce = options.nonce
        return lambda digest, algorithm: tpm.quote(extra_data(nonce, digest), registers=wanted).text()

    def _signer(self) -> Signer:
        return self._services.trustpoint_store.signer(SYSTEM_TRUSTPOINT)


def _commits(commit_log: CommitLog) -> Iterator[CommitSummary]:
    for commit in commit_log.records(MAX_COMMITS):
        yield CommitSummary(
            commit_id=str(commit.id),
            user=commit.user,
            client=_CLIENTS[commit.session_id != 0],
            time=commit.time,
            comment=commit.comment or "",
        )
