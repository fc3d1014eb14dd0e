"""What happens to trustpoints, as notifications."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from agent.events import Event
from agent.northbound.contract import Record
from agent.pki.certificates import CertificateView
from agent.providers.trustpoints.vocabulary import certificate_facts

STATUS_CHANGED: Final = "/trustconf-trustpoints:enrollment-status-changed"
CERTIFICATE_INSTALLED: Final = "/trustconf-trustpoints:certificate-installed"


def status_changed(
    time: datetime,
    trustpoint: str,
    previous: str,
    current: str,
    reason: str | None = None,
    used_by: Sequence[str] = (),
) -> Event:
    content: Record = {
        "trustpoint": trustpoint,
        "enrollment-state": current,
        "previous-enrollment-state": previous,
    }
    if reason is not None:
        content["reason"] = reason
    if used_by:
        content["used-by"] = list(used_by)
    return Event(time, STATUS_CHANGED, content)


def certificate_installed(
    time: datetime, trustpoint: str, certificate: CertificateView, changes: Sequence[str] = ()
) -> Event:
    content: Record = {"trustpoint": trustpoint, "role": certificate.role.value, **certificate_facts(certificate)}
    if changes:
        content["changed-by-ca"] = list(changes)
    return Event(time, CERTIFICATE_INSTALLED, content)
