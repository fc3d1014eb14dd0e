"""The notification that a certificate expires."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from agent.clock import yang_date_and_time
from agent.events import Event
from agent.providers.keystore.vocabulary import ASYMMETRIC_KEYS

CERTIFICATE_EXPIRATION: Final = f"{ASYMMETRIC_KEYS}/certificates/certificate/certificate-expiration"


def certificate_expiration(time: datetime, key: str, certificate: str, not_after: datetime) -> Event:
    """`key` and `certificate` are the names of the entries that the certificate is in."""
    content = {"expiration-date": yang_date_and_time(not_after)}
    return Event(time, CERTIFICATE_EXPIRATION, content, ({"name": key}, {"name": certificate}))
