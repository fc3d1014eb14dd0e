"""What the TPM adds to a dossier's section `system-integrity-snapshot`. Its values are unsigned here: a quote is what
proves them (docs/tpm.md)."""

from __future__ import annotations

import base64
from typing import Final

from agent.integrity.dossier import DossierRequest
from agent.integrity.errors import ResultCode, SourceUnavailableError
from agent.integrity.sections import SECTIONS, DossierSources, Members, Section
from agent.providers.quotes.state import TpmState, unavailable
from agent.tpm.errors import TpmError

SELECTOR: Final = "system-integrity-snapshot"


def with_tpm(state: TpmState) -> Section:
    """The section with a member `tpm-state` in its node."""
    section = SECTIONS[SELECTOR]

    def collect(sources: DossierSources, request: DossierRequest) -> Members:
        assert section.collect is not None, "this version has that evidence"
        members = section.collect(sources, request)
        members["node"][0]["tpm-state"] = _members(state)
        return members

    return Section(section.model_name, section.model_revision, collect)


def _members(state: TpmState) -> Members:
    try:
        found = state.description()
        values = state.quoter.registers()
    except TpmError as error:
        return _absence(unavailable(error))
    except SourceUnavailableError as error:
        return _absence(error)
    return {
        "result-code": ResultCode.SUCCESS.value,
        "manufacturer": found.manufacturer,
        "firmware-version": found.firmware,
        "attestation-key": base64.b64encode(found.attestation_key).decode("ascii"),
        "pcr-values": {
            bank: {str(number): value.hex() for number, value in registers.items()}
            for bank, registers in values.items()
        },
    }


def _absence(error: SourceUnavailableError) -> Members:
    return {"result-code": error.code.value, "reason": error.reason}
