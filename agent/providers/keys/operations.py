"""Making and zeroizing key pairs, for every rpc that does it under whatever name.

The reply waits for the key: making one takes 0.1 s as a rule and some seconds for the longest RSA moduli. No lock is
held meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from agent.pki.errors import KeyOwnedByConfigurationError
from agent.pki.key_holders import HeldBy
from agent.pki.key_store import KeyPair, KeyStore
from agent.pki.keys import KeyType, KeyUsage
from agent.providers.keys.log_messages import log_overwriting_refused, log_zeroizing_refused
from agent.providers.pki_errors import PKI_REFUSALS
from agent.providers.refusals import refusing


def generate(
    key_store: KeyStore,
    key_type: KeyType,
    label: str | None,
    *,
    size: int | None = None,
    usage: KeyUsage = KeyUsage.GENERAL,
    held_by: HeldBy = HeldBy.SOFTWARE,
    leaves: Mapping[str, str],
) -> KeyPair:
    """A new key pair. `leaves` names the input leaves that are "type", "label", "size" and "held_by".
    Raises ProviderError."""
    with refusing(PKI_REFUSALS, leaves), _telling(log_overwriting_refused):
        return key_store.generate(key_type, label, size=size, usage=usage, held_by=held_by)


def zeroize(key_store: KeyStore, key_type: KeyType, label: str | None, *, leaves: Mapping[str, str]) -> list[KeyPair]:
    """Delete a key pair, or all of the type for None; what was deleted. Raises ProviderError."""
    with refusing(PKI_REFUSALS, leaves), _telling(log_zeroizing_refused):
        return key_store.zeroize(key_type, label)


@contextmanager
def _telling(log_refusal: Callable[[], None]) -> Iterator[None]:
    """Logs when the block is refused a key pair of the configuration."""
    try:
        yield
    except KeyOwnedByConfigurationError:
        log_refusal()
        raise
