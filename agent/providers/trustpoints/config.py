"""What YANG can't say about a trustpoint: contradictions that only the PKI library knows.

A trustpoint that is not complete yet may be committed; authenticating it says what is missing. Removing a trustpoint
leaves its certificates alone: the guide removes it first and clears its certificates after that.
"""

from __future__ import annotations

from agent.host.contract import Host
from agent.northbound.contract import Change, ConfigView, NoConfigHandler
from agent.providers.trustpoints.model import is_complete, trustpoint_config


class TrustpointHandler(NoConfigHandler):
    def __init__(self, host: Host) -> None:
        self._host = host

    def validate(self, changes: list[Change], view: ConfigView) -> None:
        for change in changes:
            if change.after is not None and is_complete(change.after):
                trustpoint_config(change.after, view, self._host, change.path)
