"""How long an rpc waits for what is done in the background, such as asking a server."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Final

from agent.providers.pki_errors import PKI_REFUSALS
from agent.providers.refusals import refusing

#: Seconds that an rpc waits for a server.
PATIENCE: Final = 5.0


def wait_for(work: Future[None] | None, leaves: Mapping[str, str]) -> None:
    """Until it is done, or the caller has waited long enough. Whoever does the work keeps why it failed.

    `leaves`: as refusing has them. Raises ProviderError.
    """
    if work is None:
        return
    with refusing(PKI_REFUSALS, leaves):
        try:
            work.result(PATIENCE)
        except TimeoutError:
            if work.done():
                work.result()
