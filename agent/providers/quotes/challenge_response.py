"""tpm20-challenge-response-attestation of ietf-tpm-remote-attestation (RFC 9684, section 2.1.1.2), and what a verifier
must know before: which TPM there is, with which registers and which key."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from agent.host.contract import Host
from agent.integrity.errors import SourceUnavailableError
from agent.integrity.sources.description import uptime_seconds
from agent.integrity.tpm.quote import Quote
from agent.integrity.tpm.quoting import DEFAULT_REGISTERS
from agent.northbound.contract import Record, RpcContext, StateQuery
from agent.northbound.errors import ProviderError
from agent.providers.attestation.absence import telling_absence
from agent.providers.integrity.errors import INTEGRITY_REFUSALS
from agent.providers.quotes.attestation_rpcs import ATTESTATION_KEY_NAMES, TPM_NAME
from agent.providers.quotes.state import KEYSTORE_NAME, TpmState
from agent.providers.refusals import refusing
from agent.tpm.device import Tpm
from agent.tpm.structures import HASH_NAMES
from agent.tpm.wire import sized

MODULE: Final = "ietf-tpm-remote-attestation"
STRUCTURES: Final = f"/{MODULE}:rats-support-structures"
CHALLENGE: Final = "tpm20-challenge-response-attestation"
#: Selections have no key, so errors name the list of them.
_SELECTION: Final = "tpm20-attestation-challenge/tpm20-pcr-selection"
_LEAVES: Final = MappingProxyType({"tpm": "tpm20-attestation-challenge"})

#: Bank -> identity.
_ALGORITHMS: Final = {name: f"ietf-tcg-algs:TPM_ALG_{algorithm.name}" for algorithm, name in HASH_NAMES.items()}
_BANKS: Final = {identity: name for name, identity in _ALGORITHMS.items()}
_DEFAULT_BANK: Final = "sha256"
#: Bytes of the nonce in a quote: "this object will be padded with leading zeros", or "trimmed to the most significant".
_NONCE_SIZES: Final = (20, 32)
#: Manufacturers of TPMs that are software: swtpm and the simulator of Microsoft.
_SOFTWARE: Final = frozenset({"IBM", "MSFT"})


class ChallengeResponse:
    def __init__(self, host: Host, state: TpmState, tpm: Tpm) -> None:
        self._host = host
        self._state = state
        self._tpm = tpm

    def attest(self, request: Record, context: RpcContext) -> Record:
        challenge = request["tpm20-attestation-challenge"]
        selection = _selection(challenge.get("tpm20-pcr-selection", ()))
        self._check_banks(selection)
        with refusing(INTEGRITY_REFUSALS, _LEAVES):
            quote = self._state.quoter.quote(nonce_in_quote(challenge["nonce-value"]), selection or None)
        with telling_absence():
            up_time = uptime_seconds(self._host)
        answer = {
            "certificate-name": ATTESTATION_KEY_NAMES[0],
            "quote-data": sized(quote.attest),
            "quote-signature": quote.signature,
            "up-time": up_time,
            "unsigned-pcr-values": _values(quote),
        }
        return {"tpm20-attestation-response": [answer]}

    def structures(self, query: StateQuery) -> Record | None:
        """The TPM, if there is one."""
        try:
            found = self._state.description()
        except SourceUnavailableError:
            return None
        banks = {_ALGORITHMS[bank]: numbers for bank, numbers in found.banks.items()}
        tpm = {
            "name": TPM_NAME,
            "hardware-based": self._tpm.is_device and found.manufacturer not in _SOFTWARE,
            "path": self._tpm.place,
            "manufacturer": found.manufacturer,
            "firmware-version": "ietf-tcg-algs:tpm20",
            "tpm20-pcr-bank": [
                {"tpm20-hash-algo": identity, "pcr-index": list(numbers)} for identity, numbers in banks.items()
            ],
            "status": "operational",
            "certificates": {
                "certificate": [
                    {
                        "name": ATTESTATION_KEY_NAMES[0],
                        "keystore-ref": KEYSTORE_NAME,
                        "type": "local-attestation-certificate",
                    }
                ]
            },
        }
        return {
            "tpms": {"tpm": [tpm]},
            "attester-supported-algos": {
                "tpm20-asymmetric-signing": ["ietf-tcg-algs:TPM_ALG_ECDSA"],
                "tpm20-hash": list(banks),
            },
        }

    def _check_banks(self, selection: dict[str, tuple[int, ...]]) -> None:
        """Refuse what the TPM does not have; that there is none is another matter."""
        try:
            banks = self._state.description().banks
        except SourceUnavailableError:
            return
        for bank, numbers in selection.items():
            if bank not in banks:
                raise ProviderError(
                    "invalid-value",
                    f"The TPM has the banks {', '.join(banks)}.",
                    path=_SELECTION,
                    app_tag="unknown-pcr-bank",
                )
            if not set(numbers) <= set(banks[bank]):
                raise ProviderError(
                    "invalid-value",
                    f"Of the bank {bank} the TPM has the registers {', '.join(map(str, banks[bank]))}.",
                    path=_SELECTION,
                    app_tag="unknown-register",
                )


def _selection(selections: list[Record]) -> dict[str, tuple[int, ...]]:
    return {
        _bank(each): tuple(sorted(set(each.get("pcr-index", ())))) or DEFAULT_REGISTERS for each in selections
    }  # fmt: skip


def _bank(selection: Record) -> str:
    identity = selection.get("tpm20-hash-algo")
    if identity is None:
        return _DEFAULT_BANK
    if identity not in _BANKS:
        raise ProviderError(
            "invalid-value",
            "Registers are not hashed with that.",
            path=_SELECTION,
            app_tag="unknown-pcr-bank",
        )
    return _BANKS[identity]


def _values(quote: Quote) -> list[Record]:
    return [
        {
            "tpm20-hash-algo": _ALGORITHMS[bank],
            "pcr-values": [{"pcr-index": number, "pcr-value": value} for number, value in registers.items()],
        }
        for bank, registers in quote.pcr_values.items()
    ]


def nonce_in_quote(nonce: bytes) -> bytes:
    """The nonce as it goes into a quote: filled up with leading zeros to 20 or 32 bytes, or its first 32 bytes."""
    size = next((size for size in _NONCE_SIZES if len(nonce) <= size), _NONCE_SIZES[-1])
    return nonce[:size].rjust(size, b"\0")
