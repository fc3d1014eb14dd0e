"""What is remembered of an enrollment under way, from the request to its end; it may outlive the process.

The PKCS #10 is kept without the challenge password, which is nowhere but in the message that is sent.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from datetime import datetime

from agent.clock import Clock
from agent.pki.certificates import CertificateRole, RequestView
from agent.pki.enrollment.states import EnrollmentState
from agent.pki.keys import KeyPurpose
from agent.pki.trustpoint import EnrollmentMethod
from agent.storage.database import Database, Transaction
from agent.storage.sealing import Sealer


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """One request; an enrollment of usage keys has two.

    Attributes:
        role: of the certificate that is asked for.
        purpose: of its key.
        transaction_id: new for each request; the SCEP transaction.
        request: PKCS #10 in DER, without challenge password.
        md5, sha256: fingerprints of the request as it was sent, as people compare them.
        signer: the certificate (DER) that signs the SCEP messages.
        signer_key: its key in PKCS #8, if it was made for this request alone.
    """

    role: CertificateRole
    purpose: KeyPurpose
    transaction_id: str
    request: bytes = field(repr=False)
    md5: str
    sha256: str
    signer: bytes | None = field(default=None, repr=False)
    signer_key: bytes | None = field(default=None, repr=False)

    @property
    def view(self) -> RequestView:
        return RequestView.from_der(self.role, self.request, self.md5)


@dataclass(frozen=True, slots=True)
class Enrollment:
    """An enrollment under way.

    Attributes:
        state: REQUESTING or PENDING.
        renewal: the request is signed by the certificate that is renewed.
        attempts: how many times the server was asked again.
        next_attempt: when it is asked next; None when nobody asks.
    """

    trustpoint: str
    method: EnrollmentMethod
    state: EnrollmentState
    renewal: bool
    started: datetime
    requests: tuple[CertificateRequest, ...]
    attempts: int = 0
    next_attempt: datetime | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """How the last operation on a trustpoint ended.

    Attributes:
        state, since: what was told last, and when it changed.
        rejected: the last enrollment ended without certificate.
        last_error, last_error_time: of the last operation, None after a success.
    """

    state: EnrollmentState | None = None
    since: datetime | None = None
    rejected: bool = False
    last_error: str | None = None
    last_error_time: datetime | None = None


class EnrollmentRecords:
    """Enrollments and statuses in a database. Safe to use from any number of threads."""

    def __init__(self, database: Database, sealer: Sealer, clock: Clock) -> None:
        self._database = database
        self._sealer = sealer
        self._clock = clock

    def names(self) -> list[str]:
        """The trustpoints with an enrollment under way."""
        return [row["trustpoint"] for row in self._database.query("SELECT trustpoint FROM enrollments")]

    def find(self, name: str, transaction: Transaction | None = None) -> Enrollment | None:
        """The enrollment of a trustpoint that is under way. Raises SealingError, MasterKeyError."""
        source = transaction or self._database
        rows = source.query("SELECT * FROM enrollments WHERE trustpoint = ?", (name,))
        if not rows:
            return None
        row = rows[0]
        requests = source.query("SELECT * FROM enrollment_requests WHERE trustpoint = ? ORDER BY role DESC", (name,))
        return Enrollment(
            name,
            EnrollmentMethod(row["method"]),
            EnrollmentState(row["state"]),
            bool(row["renewal"]),
            datetime.fromisoformat(row["started"]),
            tuple(self._request(name, request) for request in requests),
            row["attempts"],
            _moment(row["next_attempt"]),
        )

    def requests(self, name: str) -> list[RequestView]:
        """What the trustpoint has asked for and not got yet."""
        enrollment = self.find(name)
        return [] if enrollment is None else [request.view for request in enrollment.requests]

    def begin(self, enrollment: Enrollment, transaction: Transaction) -> None:
        """Remember a new enrollment."""
        transaction.execute(
            "INSERT INTO enrollments (trustpoint, method, state, renewal, started, attempts, next_attempt)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                enrollment.trustpoint,
                enrollment.method.value,
                enrollment.state.value,
                int(enrollment.renewal),
                enrollment.started.isoformat(),
                enrollment.attempts,
                _text(enrollment.next_attempt),
            ),
        )
        for request in enrollment.requests:
            context = _context(enrollment.trustpoint, request.role)
            sealed = None if request.signer_key is None else self._sealer.seal(request.signer_key, context)
            transaction.execute(
                "INSERT INTO enrollment_requests (trustpoint, role, purpose, transaction_id, request, md5, sha256,"
                " signer, sealed_signer_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    enrollment.trustpoint,
                    request.role.value,
                    request.purpose.value,
                    request.transaction_id,
                    request.request,
                    request.md5,
                    request.sha256,
                    request.signer,
                    sealed,
                ),
            )

    def wait(
        self, name: str, state: EnrollmentState, attempts: int, until: datetime | None, transaction: Transaction
    ) -> None:
        """Note how far the enrollment has come, and when the server is asked again."""
        transaction.execute(
            "UPDATE enrollments SET state = ?, attempts = ?, next_attempt = ? WHERE trustpoint = ?",
            (state.value, attempts, _text(until), name),
        )

    def end(self, name: str, transaction: Transaction) -> bool:
        """Forget the enrollment; whether there was one."""
        return transaction.execute("DELETE FROM enrollments WHERE trustpoint = ?", (name,)).rowcount > 0

    def status(self, name: str, transaction: Transaction | None = None) -> Status:
        """How the last operation ended."""
        rows = (transaction or self._database).query("SELECT * FROM enrollment_status WHERE trustpoint = ?", (name,))
        if not rows:
            return Status()
        row = rows[0]
        return Status(
            None if row["state"] is None else EnrollmentState(row["state"]),
            _moment(row["since"]),
            bool(row["rejected"]),
            row["last_error"],
            _moment(row["last_error_time"]),
        )

    def succeeded(self, name: str, transaction: Transaction) -> None:
        """The last operation went well."""
        self._set(name, transaction, rejected=0, last_error=None, last_error_time=None)

    def failed(self, name: str, message: str, transaction: Transaction, *, rejected: bool = False) -> None:
        """The last operation failed. `rejected`: it was an enrollment, and is over."""
        now = self._clock.now().isoformat()
        self._set(name, transaction, last_error=message, last_error_time=now, **({"rejected": 1} if rejected else {}))

    def came_to(self, name: str, state: EnrollmentState, transaction: Transaction) -> None:
        """Note a new state."""
        self._set(name, transaction, state=state.value, since=self._clock.now().isoformat())

    def forget(self, name: str, transaction: Transaction) -> None:
        """Forget everything about a trustpoint."""
        self.end(name, transaction)
        transaction.execute("DELETE FROM enrollment_status WHERE trustpoint = ?", (name,))

    def _set(self, name: str, transaction: Transaction, **columns: object) -> None:
        transaction.execute("INSERT OR IGNORE INTO enrollment_status (trustpoint) VALUES (?)", (name,))
        assignments = ", ".join(f"{column} = ?" for column in columns)
        statement = f"UPDATE enrollment_status SET {assignments} WHERE trustpoint = ?"  # noqa: S608 # our own names
        transaction.execute(statement, (*columns.values(), name))

    def _request(self, name: str, row: sqlite3.Row) -> CertificateRequest:
        role = CertificateRole(row["role"])
        sealed = row["sealed_signer_key"]
        return CertificateRequest(
            role,
            KeyPurpose(row["purpose"]),
            row["transaction_id"],
            row["request"],
            row["md5"],
            row["sha256"],
            row["signer"],
            None if sealed is None else self._sealer.open(sealed, _context(name, role)),
        )


def _context(name: str, role: CertificateRole) -> bytes:
    return "\0".join(("enrollment_requests", name, role.value)).encode()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
