"""What stories about SCEP have in common: a trustpoint that is ready to enroll."""

from __future__ import annotations

from typing import Any

from cryptography import x509

from tests.enrollment.operator import Operator, Record
from tests.peers.scep_responder import ScepResponder, fingerprint

SKIP_CHALLENGE = "<skip-challenge-password>true</skip-challenge-password>"
WEAK = "<allow-weak-algorithms>true</allow-weak-algorithms>"
NON_RSA = "<non-rsa-keys>true</non-rsa-keys>"


def retry(count: int, period: int = 1) -> str:
    """XML for `enrollment` of Operator.configure."""
    return f"<retry><count>{count}</count><period>{period}</period></retry>"


def subject(name: str) -> str:
    """XML for `extra` of Operator.configure: a subject of its own."""
    return f"<subject-name>CN={name}</subject-name>"


def configure(
    operator: Operator, name: str, url: str, *, type: str = "rsa", extra: str = SKIP_CHALLENGE, **options: Any
) -> None:
    """A trustpoint with a small key pair of the same name. `options`: of Operator.configure."""
    operator.generate(name, type, **({"size": 1024} if type == "rsa" else {}))
    operator.configure(name, url, name, type, extra=subject(name) + extra, **options)


def authenticated(operator: Operator, name: str, responder: ScepResponder, url: str = "", **options: Any) -> None:
    """A trustpoint that trusts the responder. `url`: another way to it; `options`: of configure."""
    configure(operator, name, url or responder.url, **options)
    outcome = operator.call("authenticate", trustpoint=name, fingerprint=fingerprint(responder.ca.root))
    assert outcome["enrollment-state"] == "authenticated"


def enrolled(operator: Operator, name: str, responder: ScepResponder, **options: Any) -> Record:
    """A trustpoint that has its certificate, which is returned."""
    authenticated(operator, name, responder, **options)
    assert operator.call("enroll", trustpoint=name)["enrollment-state"] == "granted"
    return operator.certificates(name)["router"]


def loaded(certificate: Record) -> x509.Certificate:
    """From a list entry with its PEM."""
    return x509.load_pem_x509_certificate(certificate["pem"].encode())
