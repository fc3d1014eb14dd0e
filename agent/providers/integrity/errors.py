"""How the refusals of agent/integrity are told to a client; those of signing keys are agent/pki's."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from agent.integrity.dossier import MAX_SELECTORS, DossierRequestError
from agent.integrity.envelope import MAX_PAYLOAD_BYTES, PayloadTooLargeError
from agent.integrity.nonce import MAX_NONCE_LENGTH, NonceError
from agent.pki.errors import KeyNotFoundError
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
        DossierRequestError: Refusal(
            "invalid-value",
            "invalid-selector",
            "selector",
            f"A dossier has at most {MAX_SELECTORS} selectors.",
        ),
    }
)
