"""ietf-system's system-state from the host, and the agent's own part of it. What the host does not tell is left out."""

from __future__ import annotations

import contextlib
from datetime import timedelta

from agent import __version__
from agent.clock import Clock, yang_date_and_time
from agent.host.contract import Host
from agent.host.errors import HostError
from agent.integrity.errors import SourceUnavailableError
from agent.integrity.sources.reboots import kernel_start
from agent.northbound.contract import ConfigView, Record, StateQuery
from agent.providers.system.device import fqdn, serial_number

#: What the agent is called.
AGENT_NAME = "trustconf"


class SystemState:
    """State of the host and of the agent, which counts as started when this is made."""

    def __init__(self, clock: Clock, host: Host, config: ConfigView) -> None:
        self._clock = clock
        self._host = host
        self._config = config
        self._start_time = clock.now()
        self._start = clock.monotonic()

    def platform(self, query: StateQuery) -> Record | None:
        try:
            kernel = self._host.uname()
        except HostError:
            return None
        return {
            "os-name": kernel.system,
            "os-release": kernel.release,
            "os-version": kernel.version,
            "machine": kernel.machine,
        }

    def clock(self, query: StateQuery) -> Record:
        record = {"current-datetime": yang_date_and_time(self._clock.now())}
        if query.wants("boot-datetime"):
            with contextlib.suppress(SourceUnavailableError):
                record["boot-datetime"] = yang_date_and_time(kernel_start(self._host))
        return record

    def agent(self, query: StateQuery) -> Record:
        uptime = timedelta(seconds=self._clock.monotonic() - self._start)
        record = {
            "name": AGENT_NAME,
            "version": __version__,
            "start-time": yang_date_and_time(self._start_time),
            "uptime": int(uptime.total_seconds()),
            "fqdn": fqdn(self._config, self._host),
        }
        if query.wants("serial-number"):
            with contextlib.suppress(SourceUnavailableError):
                record["serial-number"] = serial_number(self._host)
        return record
