"""The rpcs of trustconf-trustpool."""

from __future__ import annotations

from agent.northbound.contract import Record, RpcContext
from agent.pki.trustpool import Trustpool
from agent.providers.trustpool.operations import URL_LEAF, TrustpoolOperations
from agent.providers.trustpool.state import pool_status


class TrustpoolRpcs:
    def __init__(self, operations: TrustpoolOperations, pool: Trustpool) -> None:
        self._operations = operations
        self._pool = pool

    def import_bundle(self, request: Record, context: RpcContext) -> Record:
        self._operations.import_bundle(request.get(URL_LEAF))
        return pool_status(self._pool.status())

    def clean_bundle(self, request: Record, context: RpcContext) -> Record:
        return {"cleaned": self._operations.clean()}
