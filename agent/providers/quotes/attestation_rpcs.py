"""The rpcs of Cisco-IOS-XR-remote-attestation-act that prove who the device is, and quote its TPM."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from agent.host.contract import Host
from agent.integrity.certificate_proof import SIGNATURE_VERSION, prove_certificates
from agent.integrity.sources.description import NODE_NAME, uptime_seconds
from agent.integrity.tpm.quoting import DEFAULT_REGISTERS, Quoter
from agent.northbound.contract import Record, RpcContext
from agent.northbound.errors import ProviderError
from agent.pki.trustpoint import SYSTEM_TRUSTPOINT
from agent.pki.trustpoint_store import TrustpointStore
from agent.providers.attestation.absence import telling_absence
from agent.providers.attestation.location import check_location
from agent.providers.integrity.errors import INTEGRITY_REFUSALS
from agent.providers.refusals import refusing
from agent.tpm.structures import REGISTERS

MODULE: Final = "Cisco-IOS-XR-remote-attestation-act"
TPM_NAME: Final = "tpm0"
#: What collectors call the certificate that says who the device is.
CERTIFICATE_NAMES: Final = (SYSTEM_TRUSTPOINT, "CiscoSUDI")
#: The key that signs quotes.
ATTESTATION_KEY_NAMES: Final = ("attestation-key", "CiscoAIK")
_LEAVES: Final = MappingProxyType({"nonce": "nonce", "tpm": "pcr-index"})


class AttestationRpcs:
    def __init__(self, host: Host, trustpoint_store: TrustpointStore, quoter: Quoter) -> None:
        self._host = host
        self._trustpoint_store = trustpoint_store
        self._quoter = quoter

    def get_certificate(self, request: Record, context: RpcContext) -> Record:
        check_location(request)
        _check_name(request, "certificate-identifier", CERTIFICATE_NAMES)
        with refusing(INTEGRITY_REFUSALS, _LEAVES):
            proof = prove_certificates(request.get("nonce", b""), self._trustpoint_store.signer(SYSTEM_TRUSTPOINT))
        answer = {
            "node-location": NODE_NAME,
            "nonce": proof.nonce,
            "certificates": {"certificate": [{"name": name, "value": der} for name, der in proof.certificates]},
            "signature_version": SIGNATURE_VERSION,
            "signature": proof.signature,
        }
        return {"get-certificate-response": {"system-certificates": [answer]}}

    def attest_registers(self, request: Record, context: RpcContext) -> Record:
        check_location(request)
        _check_name(request, "attestation-certificate-identifier", ATTESTATION_KEY_NAMES)
        nonce = request.get("nonce", b"")
        numbers = tuple(sorted(set(request.get("pcr-index", ())))) or DEFAULT_REGISTERS
        if numbers[-1] >= REGISTERS:
            raise ProviderError(
                "invalid-value",
                f"A TPM has the registers 0 to {REGISTERS - 1}.",
                path="pcr-index",
                app_tag="unknown-register",
            )
        with refusing(INTEGRITY_REFUSALS, _LEAVES):
            quote = self._quoter.quote(nonce, registers=numbers)
        with telling_absence():
            up_time = uptime_seconds(self._host)
        [values] = quote.pcr_values.values()
        node = {
            "tpm-name": TPM_NAME,
            "node-location": NODE_NAME,
            "up-time": up_time,
            "PCR": [{"index": number, "value": value} for number, value in values.items()],
            "pcr-quote": quote.attest,
            "pcr-quote-signature": quote.signature,
        }
        return {"platform-config-registers": {"nonce": nonce, "node-data": [node]}}


def _check_name(request: Record, leaf: str, names: tuple[str, ...]) -> None:
    name = request.get(leaf)
    if name is not None and name not in names:
        raise ProviderError(
            "invalid-value", f"There is no {name}: use {names[0]}.", path=leaf, app_tag="unknown-certificate"
        )
