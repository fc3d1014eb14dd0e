"""The state functions of ietf-netconf-monitoring. The NETCONF server is known here as two small protocols only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from agent.caller import Caller
from agent.clock import yang_date_and_time
from agent.northbound.contract import Record, StateQuery
from agent.yang.schema import Schema

MODULE: Final = "ietf-netconf-monitoring"
DATASTORES: Final = ("running", "candidate")
#: Counters are 32 bits wide and begin again at 0 (RFC 6991, zero-based-counter32).
COUNTER_MODULUS: Final = 2**32


class RpcCounters(Protocol):
    """Counters of one session, or their sum."""

    in_rpcs: int
    in_bad_rpcs: int
    out_rpc_errors: int
    out_notifications: int


class SessionTotals(Protocol):
    """Counters of sessions that the server has seen since it started."""

    in_bad_hellos: int
    in_sessions: int
    dropped_sessions: int


class MonitoredSession(Protocol):
    """An open session."""

    @property
    def caller(self) -> Caller: ...
    @property
    def transport(self) -> str: ...
    @property
    def login_time(self) -> datetime: ...
    @property
    def counters(self) -> RpcCounters: ...


class MonitoredServer(Protocol):
    """The NETCONF server, as far as monitoring sees it."""

    @property
    def capabilities(self) -> Sequence[str]: ...
    @property
    def start_time(self) -> datetime: ...
    def sessions(self) -> Sequence[MonitoredSession]: ...
    def counters(self) -> tuple[SessionTotals, RpcCounters]: ...


class Lock(Protocol):
    """Who holds a datastore's lock, since when."""

    @property
    def session_id(self) -> int: ...
    @property
    def time(self) -> datetime: ...


class LockTable(Protocol):
    """The datastores' locks by datastore name."""

    def locks(self) -> Mapping[str, Lock]: ...


class MonitoringState:
    """One method for each part of /netconf-state."""

    def __init__(self, schema: Schema, server: MonitoredServer, locks: LockTable) -> None:
        self._server = server
        self._locks = locks
        #: The modules never change while the agent runs, and there are many of them.
        self._schema_list = _schemas(schema)

    def capabilities(self, query: StateQuery) -> Record:
        return {"capability": list(self._server.capabilities)}

    def datastores(self, query: StateQuery) -> Record:
        locks = self._locks.locks()
        return {"datastore": [_datastore(name, locks.get(name)) for name in DATASTORES]}

    def schemas(self, query: StateQuery) -> Record:
        return {"schema": self._schema_list}

    def sessions(self, query: StateQuery) -> Record:
        return {"session": [_session(session) for session in self._server.sessions()]}

    def statistics(self, query: StateQuery) -> Record:
        totals, rpcs = self._server.counters()
        return {
            "netconf-start-time": yang_date_and_time(self._server.start_time),
            "in-bad-hellos": totals.in_bad_hellos % COUNTER_MODULUS,
            "in-sessions": totals.in_sessions % COUNTER_MODULUS,
            "dropped-sessions": totals.dropped_sessions % COUNTER_MODULUS,
            **_rpc_counters(rpcs),
        }


def _session(session: MonitoredSession) -> Record:
    return {
        "session-id": session.caller.session_id,
        "transport": f"{MODULE}:{session.transport}",
        "username": session.caller.user,
        "source-host": session.caller.source,
        "login-time": yang_date_and_time(session.login_time),
        **_rpc_counters(session.counters),
    }


def _rpc_counters(counters: RpcCounters) -> Record:
    return {
        "in-rpcs": counters.in_rpcs % COUNTER_MODULUS,
        "in-bad-rpcs": counters.in_bad_rpcs % COUNTER_MODULUS,
        "out-rpc-errors": counters.out_rpc_errors % COUNTER_MODULUS,
        "out-notifications": counters.out_notifications % COUNTER_MODULUS,
    }


def _datastore(name: str, lock: Lock | None) -> Record:
    if lock is None:
        return {"name": name}
    holder = {"locked-by-session": lock.session_id, "locked-time": yang_date_and_time(lock.time)}
    return {"name": name, "locks": {"global-lock": holder}}


def _schemas(schema: Schema) -> list[dict[str, Any]]:
    """Every module and submodule that get-schema hands out."""
    found: dict[tuple[str, str], str] = {}
    for module in schema.modules.values():
        found[module.name, module.revision or ""] = module.namespace
        for name, revision, _ in module.submodules:
            found[name, revision or ""] = module.namespace
    return [
        {
            "identifier": identifier,
            "version": version,
            "format": f"{MODULE}:yang",
            "namespace": namespace,
            "location": ["NETCONF"],
        }
        for (identifier, version), namespace in sorted(found.items())
    ]
