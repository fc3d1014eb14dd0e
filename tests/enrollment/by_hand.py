"""A trustpoint that enrolls by cut and paste with a CA of openssl's, up to any of its steps."""

from __future__ import annotations

from ncclient.operations import RPCError

from tests.enrollment.openssl_ca import OpensslCa
from tests.enrollment.operator import Operator, Record

#: The quickest keys to make.
QUICK = "ecdsa-nistp256"


def configured(operator: Operator, name: str, *, type: str = QUICK, extra: str = "", **key) -> None:
    """A trustpoint with a key pair of its name."""
    operator.generate(name, type, **key)
    operator.configure(name, "terminal", name, type, extra=extra)


def authenticated(operator: Operator, name: str, ca: OpensslCa, **options) -> None:
    configured(operator, name, **options)
    operator.call("authenticate", trustpoint=name, certificate=ca.hierarchy)


def requests(outcome: Record) -> dict[str, str]:
    """Role -> request, of a record with the enrollment under way."""
    return {request["role"]: request["pem"] for request in outcome["request"]["certificate-request"]}


def enroll(operator: Operator, name: str, **leaves: object) -> str:
    """Ask for a certificate; the request."""
    return requests(operator.call("enroll", trustpoint=name, **leaves))["router"]


def enrolled(operator: Operator, name: str, ca: OpensslCa, *, days: float = 30, **options) -> str:
    """A trustpoint with a certificate, as PEM."""
    authenticated(operator, name, ca, **options)
    certificate = ca.sign(enroll(operator, name), days=days)
    operator.call("import-certificate", trustpoint=name, certificate=certificate)
    return certificate


def where(error: RPCError) -> tuple[str, str | None, str | None]:
    """error-tag, error-app-tag, and the leaf that error-path ends with."""
    path = error.path
    return error.tag, error.app_tag, None if path is None else path.rstrip().rpartition("/")[2].rpartition(":")[2]
