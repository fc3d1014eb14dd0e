"""Cisco-IOS-XR-linux-os-reboot-history-oper: starts of this device, as the dossier's section has them."""

from __future__ import annotations

from typing import Final

from agent.host.contract import Host
from agent.integrity.errors import SourceUnavailableError
from agent.integrity.sections import asctime
from agent.integrity.sources.description import NODE_NAME
from agent.integrity.sources.reboots import reboot_history
from agent.northbound.contract import Record, StateQuery

NODES: Final = "/Cisco-IOS-XR-linux-os-reboot-history-oper:reboot-history/node"


class RebootState:
    def __init__(self, host: Host) -> None:
        self._host = host

    def nodes(self, query: StateQuery) -> list[Record]:
        """The one node; none when this host does not tell of its starts."""
        try:
            reboots = reboot_history(self._host)
        except SourceUnavailableError:
            return []
        history = [
            {
                "no": reboot.number,
                "time": asctime(reboot.time),
                "cause-code": reboot.cause.code,
                "reason": reboot.cause.reason,
            }
            for reboot in reboots
        ]
        return [{"node-name": NODE_NAME, "reboot-history": history}]
