"""What the trustpool can be told to do, for every rpc that does it under whatever name.

An import is begun here and goes on by itself; the caller waits for it no longer than waiting.PATIENCE.
"""

from __future__ import annotations

from typing import Final

from agent.pki.trustpool_errors import BundleUrlMissingError
from agent.providers.pki_errors import PKI_REFUSALS
from agent.providers.refusals import refusing
from agent.providers.services import Services
from agent.providers.trustpool.config import POLICY
from agent.providers.waiting import wait_for

#: The input leaf of the rpcs that import.
URL_LEAF: Final = "url"
_LEAVES: Final = {"url": URL_LEAF}


class TrustpoolOperations:
    """The operations. Any thread may call them. All raise ProviderError."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def import_bundle(self, url: str | None = None) -> None:
        """Replace the pool by the bundle at `url`, or else at the policy's; by the policy's VRF."""
        policy = self._services.config.get(POLICY) or {}
        with refusing(PKI_REFUSALS, _LEAVES):
            chosen = url or policy.get("cabundle-url")
            if chosen is None:
                raise BundleUrlMissingError
            importing = self._services.trustpool.import_bundle(chosen, policy.get("vrf"))
        wait_for(importing, _LEAVES)

    def clean(self) -> int:
        """Remove all certificates; how many there were."""
        with refusing(PKI_REFUSALS):
            return self._services.trustpool.clean()
