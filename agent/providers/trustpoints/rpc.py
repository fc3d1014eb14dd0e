"""The rpcs of trustconf-trustpoints."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding

from agent.clock import yang_date_and_time
from agent.northbound.contract import Record, RpcContext
from agent.pki.certificates import CertificateRole, CertificateView
from agent.pki.chains import readable_name
from agent.pki.enrollment.enroller import Enroller
from agent.pki.trustpoint_store import AUTHORITY_ROLES, ROUTER_ROLES, Slot
from agent.providers.trustpoints.operations import TrustpointOperations
from agent.providers.trustpoints.vocabulary import (
    certificate_entries,
    certificate_facts,
    offered_entries,
    request_under_way,
)

NAME_LEAF: Final = "trustpoint"


class TrustpointRpcs:
    def __init__(self, operations: TrustpointOperations, enroller: Enroller) -> None:
        self._operations = operations
        self._enroller = enroller

    def authenticate(self, request: Record, context: RpcContext) -> Record:
        name = request[NAME_LEAF]
        self._operations.authenticate(name, NAME_LEAF, request.get("fingerprint"), request.get("certificate"))
        offered = self._enroller.context.store.certificates(name, Slot.OFFERED)
        return {**self._outcome(name, AUTHORITY_ROLES), "offered-certificate": list(offered_entries(offered))}

    def accept_ca(self, request: Record, context: RpcContext) -> Record:
        name = request[NAME_LEAF]
        self._operations.accept(name, NAME_LEAF, request["fingerprint"])
        return self._outcome(name, AUTHORITY_ROLES)

    def enroll(self, request: Record, context: RpcContext) -> Record:
        name = request[NAME_LEAF]
        challenge = request.get("challenge-password", "")
        self._operations.enroll(name, NAME_LEAF, challenge, regenerate=request["regenerate-key-pair"])
        return self._outcome(name, ROUTER_ROLES)

    def cancel_enrollment(self, request: Record, context: RpcContext) -> Record:
        name = request[NAME_LEAF]
        self._operations.cancel(name, NAME_LEAF)
        return self._outcome(name, ROUTER_ROLES)

    def import_certificate(self, request: Record, context: RpcContext) -> Record:
        name = request[NAME_LEAF]
        self._operations.import_certificate(name, NAME_LEAF, request["certificate"])
        return self._outcome(name, ROUTER_ROLES)

    def import_pkcs12(self, request: Record, context: RpcContext) -> Record:
        name = request[NAME_LEAF]
        self._operations.import_pkcs12(name, NAME_LEAF, request["pkcs12"], request["password"])
        return self._outcome(name, ROUTER_ROLES)

    def export_pkcs12(self, request: Record, context: RpcContext) -> Record:
        return {"pkcs12": self._operations.export_pkcs12(request[NAME_LEAF], NAME_LEAF, request["password"])}

    def clear_certificates(self, request: Record, context: RpcContext) -> Record:
        return {"cleared": self._operations.clear(request[NAME_LEAF])}

    def restore_certificates(self, request: Record, context: RpcContext) -> Record:
        name = request[NAME_LEAF]
        self._operations.restore(name, NAME_LEAF)
        return self._outcome(name, ROUTER_ROLES)

    def get_certificate(self, request: Record, context: RpcContext) -> Record:
        serial = int(request["serial-number"].replace(":", ""), 16)
        with self._operations.querying(request[NAME_LEAF], NAME_LEAF) as config:
            found = self._enroller.queries.certificate(config, serial)
        view = CertificateView.from_der(CertificateRole.ROUTER, found.public_bytes(Encoding.DER))
        return {**certificate_facts(view), "pem": view.pem}

    def get_crl(self, request: Record, context: RpcContext) -> Record:
        with self._operations.querying(request[NAME_LEAF], NAME_LEAF) as config:
            crl = self._enroller.queries.crl(config)
        record: Record = {
            "issuer": readable_name(crl.issuer),
            "last-update": yang_date_and_time(crl.last_update_utc),
            "revoked": len(crl),
            "pem": crl.public_bytes(Encoding.PEM).decode(),
        }
        if crl.next_update_utc is not None:
            record["next-update"] = yang_date_and_time(crl.next_update_utc)
        return record

    def get_next_ca(self, request: Record, context: RpcContext) -> Record:
        with self._operations.querying(request[NAME_LEAF], NAME_LEAF) as config:
            chain = self._enroller.queries.next_ca(config)
        views = [CertificateView.from_der(CertificateRole.CA, ca.public_bytes(Encoding.DER)) for ca in chain]
        entries = zip(offered_entries(views), views, strict=True)
        return {"certificate": [{**entry, "pem": view.pem} for entry, view in entries]}

    def _outcome(self, name: str, roles: Collection[CertificateRole]) -> Record:
        """grouping enrollment-outcome, with the certificates that have these roles."""
        with self._enroller.context.database.snapshot():
            return self._outcome_now(name, roles)

    def _outcome_now(self, name: str, roles: Collection[CertificateRole]) -> Record:
        context = self._enroller.context
        state, next_step = context.state(name)
        record: Record = {
            "enrollment-state": state.value,
            "certificate": [
                entry for view, entry in certificate_entries(context.store.certificates(name)) if view.role in roles
            ],
        }
        if next_step:
            record["next-step"] = next_step
        request = request_under_way(context, name)
        if request is not None:
            record["request"] = request
            last_error = context.records.status(name).last_error
            if last_error is not None:
                record["last-error"] = last_error
        return record
