"""`show crypto ca certificates` in the guide's layout ("Generate Root and Leaf Certificates", Verification).

The CA's certificate first, then the chain above it if there is one, then the router's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.pki.certificates import KEY_USAGE_LINES, CertificateRole, CertificateView
from agent.shell.times import detail_time


def render_certificates(trustpoints: Mapping[str, Sequence[CertificateView]], *, detail: bool = False) -> str:
    """All certificates of the given trustpoints. `detail` adds the SHA-256 fingerprints and key usages."""
    return "".join(_render_trustpoint(name, views, detail) for name, views in trustpoints.items())


def _render_trustpoint(name: str, certificates: Sequence[CertificateView], detail: bool) -> str:
    text = f"\nTrustpoint      : {name}\n=====\n"
    has_ca = False
    for certificate in certificates:
        if certificate.role is CertificateRole.CA:
            text += "Trusted Certificate Chain\n" if has_ca else "CA certificate\n"
            has_ca = True
        else:
            text += (
                "Router certificate\n"
                f"Key usage       : {KEY_USAGE_LINES[certificate.role]}\n"
                "Status          : Available\n"
            )
        text += _render_certificate(certificate, detail)
    return f"{text}Associated Trustpoint: {name}\n"


def _render_certificate(certificate: CertificateView, detail: bool) -> str:
    text = (
        f"Serial Number   : {certificate.serial_text}\n"
        f"Subject:\n    {certificate.subject}\n"
        f"Issued By      :\n    {certificate.issuer}\n"
        f"Validity Start : {detail_time(certificate.not_before)}\n"
        f"Validity End   : {detail_time(certificate.not_after)}\n"
    )
    if certificate.crl_distribution_points:
        text += "\nCRL Distribution Point\n"
        text += "".join(f"    {url}\n" for url in certificate.crl_distribution_points)
    text += f"SHA1 Fingerprint:\n    {certificate.sha1_fingerprint}\n"
    if detail:
        text += f"SHA256 Fingerprint:\n    {certificate.sha256_fingerprint}\n"
        text += f"X509v3 Key Usage:\n    {','.join(certificate.key_usage)}\n" if certificate.key_usage else ""
    return text
