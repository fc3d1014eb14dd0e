"""`show crypto ca certificates` in the guide's layouts: the CA's certificate first, then the chain above it if there is
one, then the router's own; and `show crypto ca trustpool`.

The guide has three layouts, which differ in white space only: one for trustpoints with `enrollment self` ("Generate
Root and Leaf Certificates", Verification), one for those of a CA ("How to Use Multi-Tier CA for Trustpoint
Authentication", Verification), and one for the trustpool ("Manually Update Certificates in Trust Pool", step 3).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypeAlias

from agent.pki.certificates import KEY_USAGE_LINES, CertificateRole, CertificateView, RequestView
from agent.shell.times import detail_time

Views: TypeAlias = Sequence[CertificateView | RequestView]


@dataclass(frozen=True, slots=True)
class _Layout:
    """The white space of a layout.

    Attributes:
        indent: before every line, and `deeper`: before what stands below one.
        ca_serial, router_serial, key_usage, status: the beginnings of lines, up to their values.
    """

    indent: str
    deeper: str
    ca_serial: str
    router_serial: str
    key_usage: str
    status: str

    def line(self, text: str) -> str:
        return f"{self.indent}{text}\n"

    def below(self, heading: str, *texts: str) -> str:
        return self.line(heading) + "".join(f"{self.deeper}{text}\n" for text in texts)


_SELF: Final = _Layout(
    indent="",
    deeper="    ",
    ca_serial="Serial Number   : ",
    router_serial="Serial Number   : ",
    key_usage="Key usage       : ",
    status="Status          : ",
)
_OF_A_CA: Final = _Layout(
    indent="  ",
    deeper="      ",
    ca_serial="Serial Number : ",
    router_serial="Serial Number  : ",
    key_usage="Key usage      : ",
    status="Status         : ",
)
_TRUSTPOOL: Final = replace(_SELF, indent="  ")
#: What the device adds to the name of a root that it makes itself (trustpoint.py).
_DEVICE_NAME: Final = re.compile(r"(?:^|,)unstructuredName=")


def render_certificates(trustpoints: Mapping[str, Views], now: datetime, *, detail: bool = False) -> str:
    """All certificates of the given trustpoints; of each the issuing CA comes first, then the CAs above it, then the
    router's own and those requested. `detail` adds SHA-256 fingerprints, key usages and alternative names."""
    return "".join(_render_trustpoint(name, views, now, detail) for name, views in trustpoints.items())


def render_trustpool(certificates: Sequence[CertificateView]) -> str:
    """The certificates of the trustpool; all of them were downloaded."""
    heading = "\nTrustpool: Downloaded\n=====\nCA certificate\n"
    return "".join(heading + _render(certificate, _TRUSTPOOL, False) for certificate in certificates)


def _render_trustpoint(name: str, views: Views, now: datetime, detail: bool) -> str:
    issuing = next((view for view in views if view.role is CertificateRole.CA), None)
    layout = _SELF if issuing is not None and _DEVICE_NAME.search(issuing.subject) else _OF_A_CA
    text = f"\nTrustpoint      : {name}\n=====\n"
    for view in views:
        if view.role in KEY_USAGE_LINES:
            text += "Router certificate\n" + layout.line(layout.key_usage + KEY_USAGE_LINES[view.role])
            text += layout.line(layout.status + _status(view, now))
        elif view.role is CertificateRole.CA and view is not issuing:
            text += "Trusted Certificate Chain\n"
        else:
            text += f"{view.role.value.upper()} certificate\n"
        text += _render_request(view, layout) if isinstance(view, RequestView) else _render(view, layout, detail)
    return f"{text}Associated Trustpoint: {name}\n"


def _status(view: CertificateView | RequestView, now: datetime) -> str:
    if isinstance(view, RequestView):
        return "Pending"
    return "Expired" if now > view.not_after else "Available"


def _render_request(request: RequestView, layout: _Layout) -> str:
    return layout.below("Subject:", request.subject) + layout.line(f"Fingerprint: {request.fingerprint}")


def _render(certificate: CertificateView, layout: _Layout, detail: bool) -> str:
    serial = layout.router_serial if certificate.role in KEY_USAGE_LINES else layout.ca_serial
    text = (
        layout.line(serial + certificate.serial_text)
        + layout.below("Subject:", certificate.subject)
        + layout.below("Issued By      :", certificate.issuer)
        + layout.line(f"Validity Start : {detail_time(certificate.not_before)}")
        + layout.line(f"Validity End   : {detail_time(certificate.not_after)}")
    )
    if certificate.crl_distribution_points:
        text += "\n" + layout.below("CRL Distribution Point", *certificate.crl_distribution_points)
    text += layout.below("SHA1 Fingerprint:", certificate.sha1_fingerprint)
    return text + _render_details(certificate, layout) if detail else text


def _render_details(certificate: CertificateView, layout: _Layout) -> str:
    lists = {
        "X509v3 Key Usage:": certificate.key_usage,
        "X509v3 Extended Key Usage:": certificate.extended_key_usage,
        "X509v3 Subject Alternative Name:": certificate.subject_alternative_names,
    }
    return layout.below("SHA256 Fingerprint:", certificate.sha256_fingerprint) + "".join(
        layout.below(heading, ",".join(values)) for heading, values in lists.items() if values
    )
