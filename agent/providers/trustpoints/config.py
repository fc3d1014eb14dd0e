"""What YANG can't say about a trustpoint: contradictions that only the PKI library knows, and what goes with it.

A trustpoint that is not complete yet may be committed; authenticating it says what is missing. With a trustpoint its
certificates and requests go, in the transaction of the commit.
"""

from __future__ import annotations

import logging

from agent.northbound.contract import Change, ConfigView, NoConfigHandler, Record
from agent.northbound.errors import ProviderError
from agent.pki.enrollment.states import EnrollmentState
from agent.pki.trustpoint import KeyReference
from agent.providers.keys.configured import configured_keys
from agent.providers.services import Services
from agent.providers.trustpoints.events import status_changed
from agent.providers.trustpoints.model import is_complete, trustpoint_config
from agent.providers.trustpoints.sources import configured_trustpoint, require_one_tree
from agent.providers.trustpoints.vocabulary import services_using
from agent.storage.database import Transaction

log = logging.getLogger(__name__)


class TrustpointHandler(NoConfigHandler):
    """The list of trustconf-trustpoints; another tree's handler gives its records to the same methods."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def validate(self, changes: list[Change], view: ConfigView) -> None:
        for change in changes:
            if change.after is not None:
                self.check(change.after, view, change.path)

    def prepare(self, changes: list[Change], view: ConfigView, transaction: Transaction) -> None:
        for change in changes:
            if change.after is None:
                self.remove_if_gone(change.keys["name"], view, transaction)

    def check(self, record: Record, view: ConfigView, leaves_below: str | None) -> None:
        """Refuse what can't be. `leaves_below`: the instance path below which the leaves of model.LEAVES are.

        Raises ProviderError.
        """
        require_one_tree(view, record["name"], leaves_below)
        if not is_complete(record):
            return
        services = self._services
        config = trustpoint_config(record, view, services.host, services.sealer, leaves_below)
        for leaf, reference in (("keypair", config.keypair), ("ca-keypair", config.ca_keypair)):
            if reference is not None and not self._exists(reference, view):
                raise ProviderError(
                    "invalid-value",
                    f"There is no {reference.type.value} key pair {reference.label}: generate it first with"
                    " generate-key-pair, or configure it in the same commit.",
                    path=None if leaves_below is None else f"{leaves_below}/{leaf}",
                    app_tag="key-not-found",
                )

    def remove_if_gone(self, name: str, view: ConfigView, transaction: Transaction) -> None:
        """What follows from a trustpoint having gone from one tree, unless it went to another one."""
        if configured_trustpoint(view, name) is None:
            self.remove(name, transaction)

    def remove(self, name: str, transaction: Transaction) -> None:
        """Remove what belongs to a trustpoint that goes, and say who still uses it."""
        services = self._services
        before, _ = services.enroller.context.state(name, transaction)
        users = services_using(name)
        removed = services.enroller.importing.remove(name, transaction)

        def tell() -> None:
            if removed and users:
                log.warning("trustpoint %s was removed with its certificates, used by: %s", name, ", ".join(users))
            event = status_changed(
                services.clock.now(), name, before.value, EnrollmentState.UNCONFIGURED.value, None, users
            )
            services.bus.publish(event)

        transaction.after_commit(tell)

    def _exists(self, reference: KeyReference, view: ConfigView) -> bool:
        if self._services.key_store.find(reference.type, reference.label) is not None:
            return True
        return any(key.type is reference.type and key.label == reference.label for key in configured_keys(view))
