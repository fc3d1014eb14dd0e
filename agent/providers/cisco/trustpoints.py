"""Cisco-IOS-XR-um-crypto-cfg: trustpoints in the configuration, by the rules of our own list."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from agent.northbound.contract import Change, ConfigView, NoConfigHandler, Record
from agent.northbound.errors import ProviderError
from agent.providers.trustpoints.config import TrustpointHandler
from agent.providers.um_crypto.records import normalised, um_leaf
from agent.storage.database import Transaction


class UmTrustpointHandler(NoConfigHandler):
    """Registered for the system trustpoint and for the list of the others."""

    def __init__(self, handler: TrustpointHandler) -> None:
        self._handler = handler

    def validate(self, changes: list[Change], view: ConfigView) -> None:
        for change in changes:
            if change.after is not None:
                with _naming_ciscos_leaves(change.path, change.after):
                    self._handler.check(normalised(change.after), view, change.path)

    def prepare(self, changes: list[Change], view: ConfigView, transaction: Transaction) -> None:
        for change in changes:
            if change.before is not None and change.after is None:
                self._handler.remove_if_gone(normalised(change.before)["name"], view, transaction)


@contextmanager
def _naming_ciscos_leaves(path: str, record: Record) -> Iterator[None]:
    """Refusals below `path` name our leaves; the client has sent Cisco's."""
    try:
        yield
    except ProviderError as error:
        below = f"{path}/"
        if error.path is None or not error.path.startswith(below):
            raise
        leaf = um_leaf(error.path.removeprefix(below), record)
        raise ProviderError(error.tag, error.message, path=below + leaf, app_tag=error.app_tag) from error
