"""Getting the certificates of a certification authority, and trusting them (the guide: "Authenticate CA", "Multi-Tier
Certificate Authority for Trustpoint Authentication").

What a server sends is trusted only when somebody has compared a fingerprint: the one that comes with the request, or
the one that `accept` is given for what was offered. It vouches for its certificate and for what that one has issued,
not for what stands above: whoever has the certificate of an issuing CA can make other ones above it, up to a root of
his own. So the top of what is trusted is the certificate that was compared. What an administrator pastes is trusted
because he pastes it.
"""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import Future

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from agent.pki.chains import order_chain, verify_links
from agent.pki.enrollment.context import Context
from agent.pki.enrollment.enrolling import Enrolling
from agent.pki.enrollment.errors import (
    CertificateTextMissingError,
    ConfigurationChangedError,
    FingerprintMismatchError,
    NothingOfferedError,
    WrongMethodError,
)
from agent.pki.enrollment.self_authority import SelfAuthority
from agent.pki.enrollment.servers import Authority, server_of
from agent.pki.errors import PkiError
from agent.pki.fingerprints import Fingerprint
from agent.pki.trustpoint import EnrollmentMethod, TrustpointConfig
from agent.pki.trustpoint_store import Slot, authority_certificates, is_issued_by


class Authenticating:
    """Authenticates trustpoints. Any thread may call it."""

    def __init__(self, context: Context, self_authority: SelfAuthority, enrolling: Enrolling) -> None:
        self._context = context
        self._enrolling = enrolling
        self._self_authority = self_authority

    def make_root(self, config: TrustpointConfig, fingerprint: Fingerprint | None) -> None:
        """With `enrollment self`: make the root. Raises WrongMethodError, and as SelfAuthority.authenticate does."""
        if fingerprint is not None:
            raise WrongMethodError(
                f"The root of trustpoint {config.name} is made here, and has no fingerprint yet: leave it out.",
                "fingerprint",
            )
        with self._context.changing(config.name) as change:
            root = self._self_authority.authenticate(config, change.transaction)
            self._context.discard_useless_keys(config.name, change.transaction)
            self._context.records.succeeded(config.name, change.transaction)
            change.transaction.after_commit(lambda: self._context.listener.installed(config.name, root, ()))

    def paste(
        self, config: TrustpointConfig, certificates: Collection[x509.Certificate], fingerprint: Fingerprint | None
    ) -> None:
        """Trust what was pasted: the whole hierarchy, in any order.

        Raises WrongMethodError, CertificateTextMissingError, FingerprintMismatchError, and as chains.py does.
        """
        if config.method is not EnrollmentMethod.TERMINAL:
            raise WrongMethodError(
                f"Trustpoint {config.name} gets its certificates from {_source(config)}: leave certificate out, or set"
                " enrollment/url to terminal.",
                "certificates",
            )
        if not certificates:
            raise CertificateTextMissingError(config.name)
        chain = order_chain(certificates)
        verify_links(chain, self._context.clock.now())
        authority = Authority(chain)
        if fingerprint is not None:
            _vouched_for(authority, fingerprint, config.name)
        self._trust(config.name, authority)

    def fetch(self, config: TrustpointConfig, fingerprint: Fingerprint | None) -> Future[None]:
        """Ask the server; with a fingerprint of one of its chain trust it, else offer what it sent.

        The future raises FingerprintMismatchError, ConfigurationChangedError, and as server_of and Server.fetch do.
        """

        async def work() -> None:
            try:
                authority = await server_of(config, self._context.clock).fetch()
                await self._context.scheduler.in_thread(self._take, config, authority, fingerprint)
            except PkiError as error:
                if self._context.configs.find(config.name) is not None:
                    await self._context.scheduler.in_thread(self.note_failure, config.name, error.message, tell=True)
                raise

        return self._context.scheduler.run(work)

    def accept(self, name: str, fingerprint: Fingerprint) -> None:
        """Trust what was offered, if one of its certificates has this fingerprint.

        Raises NothingOfferedError, FingerprintMismatchError.
        """
        offered = self._context.store.stored(name, Slot.OFFERED)
        if not offered:
            raise NothingOfferedError(name)
        self._trust(name, _vouched_for(Authority.of(offered), fingerprint, name))

    def note_failure(self, name: str, message: str, *, tell: bool = False) -> None:
        """Keep why an operation failed, to be shown. `tell`: nobody waits for its end any more, maybe."""
        with self._context.changing(name) as change:
            self._context.records.failed(name, message, change.transaction)
            if tell:
                change.reason = message

    def _take(self, config: TrustpointConfig, authority: Authority, fingerprint: Fingerprint | None) -> None:
        if self._context.configs.find(config.name) != config:
            raise ConfigurationChangedError(config.name)
        if fingerprint is None:
            self._offer(config.name, authority)
        else:
            self._trust(config.name, _vouched_for(authority, fingerprint, config.name))

    def _offer(self, name: str, authority: Authority) -> None:
        with self._context.changing(name) as change:
            store = self._context.store
            store.remove(name, Slot.OFFERED, change.transaction)
            stored = authority_certificates(authority.chain, authority.authorities)
            store.put(name, Slot.OFFERED, stored, change.transaction)
            self._context.records.succeeded(name, change.transaction)
            change.reason = "Certificates of the certification authority wait for accept-ca."

    def _trust(self, name: str, authority: Authority) -> None:
        stored = authority_certificates(authority.chain, authority.authorities)
        with self._context.changing(name) as change:
            views = self._context.store.trust(name, stored, change.transaction)
            if self._enrolling.forget(name, change.transaction):
                # It may have gone to another authority.
                change.reason = "The trustpoint was authenticated again: the enrollment that was under way is over."
            self._context.discard_useless_keys(name, change.transaction)
            self._context.records.succeeded(name, change.transaction)
            self._context.tell_installed(name, views, stored, change.transaction)


def _vouched_for(authority: Authority, fingerprint: Fingerprint, trustpoint: str) -> Authority:
    """What of the authority hangs on the certificate with this fingerprint, by signatures that were checked.

    Raises FingerprintMismatchError.
    """
    for tier, certificate in enumerate(authority.chain):
        if fingerprint.matches(certificate.public_bytes(Encoding.DER)):
            chain = authority.chain[tier:]
            issued = [ra for ra in authority.authorities if any(is_issued_by(ra, ca) for ca in chain)]
            return Authority(chain, tuple(issued))
    raise FingerprintMismatchError(trustpoint)


def _source(config: TrustpointConfig) -> str:
    return "its own root" if config.server is None else config.server.url
