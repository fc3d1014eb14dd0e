"""What the TPM is. A TPM answers slowly and nothing of this changes, so it is asked once."""

from __future__ import annotations

import threading
from typing import Final

from agent.clock import Clock
from agent.integrity.errors import ResultCode, SourceUnavailableError
from agent.integrity.tpm.quoting import TpmDescription, TpmQuoter
from agent.northbound.contract import Record, StateQuery
from agent.tpm.device import Tpm
from agent.tpm.errors import TpmAbsentError, TpmDeniedError, TpmError, TpmTimeLimitError

PATH: Final = "/trustconf-integrity:integrity/tpm"
#: What the keystore calls the key that signs quotes. No type of key pairs is called so.
KEYSTORE_NAME: Final = "tpm:attestation-key"
#: Seconds for which a TPM that has failed is not asked again.
_RESPITE: Final = 60.0

_CODES: Final = (
    (TpmAbsentError, ResultCode.NOT_PRESENT),
    (TpmDeniedError, ResultCode.PERMISSION_DENIED),
    (TpmTimeLimitError, ResultCode.LIMIT_EXCEEDED),
    (TpmError, ResultCode.FAILED),
)


class TpmState:
    """Any thread may ask."""

    def __init__(self, tpm: Tpm, clock: Clock) -> None:
        self.quoter = TpmQuoter(tpm)
        self._clock = clock
        self._lock = threading.Lock()
        self._known: TpmDescription | None = None
        self._failure: tuple[float, SourceUnavailableError] | None = None

    def description(self) -> TpmDescription:
        """Raises SourceUnavailableError."""
        with self._lock:
            if self._known is None:
                if self._failure is not None and self._clock.monotonic() < self._failure[0]:
                    raise self._failure[1]
                try:
                    self._known = self.quoter.describe()
                except TpmError as error:
                    failure = unavailable(error)
                    self._failure = (self._clock.monotonic() + _RESPITE, failure)
                    raise failure from error
            return self._known

    def attestation_key(self) -> bytes | None:
        """The key that signs quotes, a SubjectPublicKeyInfo; None where there is no TPM that can be asked."""
        try:
            return self.description().attestation_key
        except SourceUnavailableError:
            return None

    def record(self, query: StateQuery) -> Record:
        try:
            found = self.description()
        except SourceUnavailableError as error:
            return {"result-code": error.code.value, "reason": error.reason}
        return {
            "result-code": ResultCode.SUCCESS.value,
            "manufacturer": found.manufacturer,
            "firmware-version": found.firmware,
            "pcr-bank": list(found.banks),
            "attestation-key": found.attestation_key,
        }


def unavailable(error: TpmError) -> SourceUnavailableError:
    """A TPM's refusal as the absence of evidence."""
    code = next(code for kind, code in _CODES if isinstance(error, kind))
    return SourceUnavailableError(error.message.rstrip("."), code)
