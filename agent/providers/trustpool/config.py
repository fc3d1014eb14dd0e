"""What YANG can't say about the policy of the trustpool: which URLs and VRFs there can be."""

from __future__ import annotations

from typing import Final

from agent.northbound.contract import Change, ConfigView, NoConfigHandler
from agent.pki.http import check_url, check_vrf
from agent.providers.pki_errors import PKI_REFUSALS
from agent.providers.refusals import refusing

POLICY: Final = "/trustconf-trustpool:trustpool/policy"


class PolicyHandler(NoConfigHandler):
    """Checks the policy."""

    def validate(self, changes: list[Change], view: ConfigView) -> None:
        for change in changes:
            if change.after is None:
                continue
            leaves = {"url": f"{change.path}/cabundle-url", "vrf": f"{change.path}/vrf"}
            with refusing(PKI_REFUSALS, leaves):
                if "cabundle-url" in change.after:
                    check_url(change.after["cabundle-url"])
                check_vrf(change.after.get("vrf"))
