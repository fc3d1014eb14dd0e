"""How the refusals of agent/integrity are told to a client; those of signing keys are agent/pki's."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from agent.integrity.content import SpoolFullError, SpoolLimitError
from agent.integrity.dossier import MAX_SELECTORS, CollectionStoppedError, DossierRequestError
from agent.integrity.envelope import MAX_PAYLOAD_BYTES, PayloadTooLargeError
from agent.integrity.forms.contract import UnsupportedFormError, WholeTextTooLargeError
from agent.integrity.nonce import MAX_NONCE_LENGTH, NonceError
from agent.integrity.turns import MAX_WAITING, WAITING_SECONDS, QueueFullError, QueueTimeoutError
from agent.pki.errors import KeyNotFoundError
from agent.providers.dossiers import MAX_UNSENT, TooManyUnsentError
from agent.providers.pki_errors import PKI_REFUSALS
from agent.providers.refusals import Refusal, Refusals
from agent.tpm.errors import TpmAbsentError, TpmError

#: Words for parts of a request: "nonce", "payload", "selector".
INTEGRITY_REFUSALS: Final[Refusals] = MappingProxyType(
    {
        **PKI_REFUSALS,
        # The request names no key: what is missing is the device's, not the client's.
        KeyNotFoundError: Refusal("operation-failed", "key-not-found"),
        TpmAbsentError: Refusal("operation-failed", "tpm-absent", "tpm"),
        TpmError: Refusal("operation-failed", "tpm-unusable", "tpm"),
        NonceError: Refusal(
            "invalid-value",
            "invalid-nonce",
            "nonce",
            f"A nonce is 1 to {MAX_NONCE_LENGTH} printable ASCII characters.",
        ),
        PayloadTooLargeError: Refusal(
            "resource-denied",
            "payload-too-large",
            "payload",
            f"At most {MAX_PAYLOAD_BYTES} bytes can be signed: sign a digest of them.",
        ),
        UnsupportedFormError: Refusal("operation-failed", "unsupported-form", "form"),
        WholeTextTooLargeError: Refusal("resource-denied", "payload-too-large", "payload"),
        SpoolLimitError: Refusal(
            "resource-denied",
            "payload-too-large",
            "payload",
            f"At most {MAX_PAYLOAD_BYTES} bytes can be signed, compressed or not: ask for less.",
        ),
        SpoolFullError: Refusal(
            "resource-denied", "no-space", None, "The disk of the agent's state folder is full: make room there."
        ),
        QueueFullError: Refusal(
            "resource-denied",
            "too-many-dossiers",
            None,
            f"One dossier is collected at a time, and {MAX_WAITING} clients wait already: ask again later.",
        ),
        QueueTimeoutError: Refusal(
            "resource-denied",
            "dossier-wait-timeout",
            None,
            f"One dossier is collected at a time, and your turn did not come in {WAITING_SECONDS:.0f} seconds: ask"
            " again later.",
        ),
        TooManyUnsentError: Refusal(
            "resource-denied",
            "too-many-dossiers",
            None,
            f"{MAX_UNSENT} dossiers are still on their way to clients that read slowly: ask again later.",
        ),
        CollectionStoppedError: Refusal(
            "operation-failed", "collection-stopped", None, "The collection was stopped before its end: ask again."
        ),
        DossierRequestError: Refusal(
            "invalid-value",
            "invalid-selector",
            "selector",
            f"A dossier has at most {MAX_SELECTORS} selectors.",
        ),
    }
)
