"""What happens to trustpoints, as notifications."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from agent.events import Event
from agent.pki.certificates import CertificateView
from agent.providers.trustpoints.vocabulary import certificate_facts

STATUS_CHANGED: Final = "/trustconf-trustpoints:enrollment-status-changed"
CERTIFICATE_INSTALLED: Final = "/trustconf-trustpoints:certificate-installed"


def status_changed(time: datetime, trustpoint: str, previous: str, current: str) -> Event:
    content = {"trustpoint": trustpoint, "enrollment-state": current, "previous-enrollment-state": previous}
    return Event(time, STATUS_CHANGED, content)


def certificate_installed(time: datetime, trustpoint: str, certificate: CertificateView) -> Event:
    content = {"trustpoint": trustpoint, "role": certificate.role.value, **certificate_facts(certificate)}
    return Event(time, CERTIFICATE_INSTALLED, content)
