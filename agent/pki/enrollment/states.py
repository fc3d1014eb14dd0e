"""How far a trustpoint has come: everything that decides about its state is here.

A state is not kept, it follows from facts: what is configured, which keys and certificates there are, whether a request
is under way, how the last one ended. The table below is read from the top; the first row that fits is the state, and
says what brings the trustpoint further. docs/trustpoints.md draws its picture from the same rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from agent.pki.trustpoint import EnrollmentMethod


class EnrollmentState(StrEnum):
    """The states (typedef enrollment-state)."""

    UNCONFIGURED = "unconfigured"
    KEY_MISSING = "key-missing"
    NOT_AUTHENTICATED = "not-authenticated"
    AUTHENTICATED = "authenticated"
    REQUESTING = "requesting"
    PENDING = "pending"
    GRANTED = "granted"
    REJECTED = "rejected"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a state follows from.

    Attributes:
        method: None for a trustpoint that is not configured, or has no enrollment url.
        has_key: whether the key pair that it names exists; with "self" also the root's.
        is_offered: CA certificates wait to be accepted.
        is_authenticated, is_enrolled: there are certificates of the CA, and of the device.
        ca_expired, expired: of those that there are, the issuing CA's or one of the device's.
        key_changed: the certificates of the device are for another key pair than the one in service.
        under_way: "requesting" or "pending" while an enrollment is.
        was_rejected: the last enrollment ended so.
    """

    method: EnrollmentMethod | None
    has_key: bool = False
    is_offered: bool = False
    is_authenticated: bool = False
    is_enrolled: bool = False
    ca_expired: bool = False
    expired: bool = False
    key_changed: bool = False
    under_way: EnrollmentState | None = None
    was_rejected: bool = False


@dataclass(frozen=True, slots=True)
class _Row:
    state: EnrollmentState
    fits: Callable[[Facts], bool]
    next_step: str


_TABLE: Final = (
    _Row(
        EnrollmentState.UNCONFIGURED,
        lambda facts: facts.method is None,
        "Configure the trustpoint with an enrollment url.",
    ),
    _Row(
        EnrollmentState.KEY_MISSING,
        lambda facts: not facts.has_key,
        "Generate the key pair that the trustpoint names.",
    ),
    _Row(
        EnrollmentState.REQUESTING,
        lambda facts: facts.under_way is EnrollmentState.REQUESTING,
        "Wait for the certification authority, or cancel with cancel-enrollment.",
    ),
    _Row(
        EnrollmentState.PENDING,
        lambda facts: facts.under_way is EnrollmentState.PENDING and facts.method is EnrollmentMethod.TERMINAL,
        "Have the certification authority sign the request, and give its certificate to import-certificate.",
    ),
    _Row(
        EnrollmentState.PENDING,
        lambda facts: facts.under_way is EnrollmentState.PENDING,
        "Have the administrator of the certification authority approve the request.",
    ),
    _Row(
        EnrollmentState.NOT_AUTHENTICATED,
        lambda facts: facts.is_offered and not facts.is_authenticated,
        "Compare the fingerprints of the offered certificates with those of the certification authority, and give"
        " one to accept-ca.",
    ),
    _Row(
        EnrollmentState.NOT_AUTHENTICATED,
        lambda facts: not facts.is_authenticated,
        "Authenticate the certification authority with authenticate.",
    ),
    _Row(
        EnrollmentState.EXPIRED,
        lambda facts: facts.ca_expired,
        "The certificate of the certification authority has expired: authenticate and enroll again.",
    ),
    _Row(
        EnrollmentState.REJECTED,
        lambda facts: facts.was_rejected,
        "Mend what last-error says, and enroll again.",
    ),
    _Row(
        EnrollmentState.EXPIRED,
        lambda facts: facts.expired,
        "The certificate of the device has expired: enroll again.",
    ),
    _Row(
        EnrollmentState.AUTHENTICATED,
        lambda facts: facts.is_enrolled and facts.key_changed,
        "The key pair was replaced after the certificate of the device was made: enroll again.",
    ),
    _Row(EnrollmentState.GRANTED, lambda facts: facts.is_enrolled, ""),
    _Row(
        EnrollmentState.AUTHENTICATED,
        lambda facts: True,
        "Get the certificate of the device with enroll.",
    ),
)


def state_of(facts: Facts) -> tuple[EnrollmentState, str]:
    """The state, and what brings the trustpoint further: empty when nothing needs to be done."""
    row = next(row for row in _TABLE if row.fits(facts))
    return row.state, row.next_step
