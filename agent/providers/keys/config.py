"""Key pairs in the configuration, and FIPS mode (the guide, "Public Key-Pair Generation in XR Config Mode").

A commit makes its keys while it is staged, when nothing is locked, and stores them in the transaction of the commit:
configuration and keys become durable together, or neither does. The public keys are written into the configuration.

The nodes are those of two modules (configured.py). One handler has them all: a key pair that moves from one module to
the other, and FIPS mode with the keys of both, are one commit.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from agent.northbound.contract import Change, ConfigView
from agent.northbound.errors import ProviderError
from agent.pki.errors import KeyNotFoundError
from agent.pki.fips import check_fips, require_fips_compliance
from agent.pki.key_store import KeyPair, KeyStore, NewKeyPair
from agent.pki.keys import KeyType, check_size
from agent.pki.user_key_store import UserKeyStore
from agent.providers.keys.configured import (
    FIPS_MODES,
    KeySpecification,
    configured_keys,
    node_at,
    specification,
    specifying_nodes,
)
from agent.providers.pki_errors import PKI_REFUSALS
from agent.providers.refusals import refusing
from agent.providers.system.users import ConfiguredUsers
from agent.storage.database import Transaction

_FACTS: Final = ("type", "label", "size")


class KeysHandler:
    """Registered for every node that asks for a key pair, and for fips-mode: one commit is one call."""

    def __init__(self, key_store: KeyStore, user_key_store: UserKeyStore) -> None:
        self._key_store = key_store
        self._user_key_store = user_key_store
        #: Made for the commit that is under way.
        self._new: list[NewKeyPair] = []

    def validate(self, changes: list[Change], view: ConfigView) -> None:
        fips = _is_fips_mode(view)
        switch = _fips_switch(changes, view)
        if switch is not None and fips:
            # First: it names all keys that stand against it, those of this commit as well.
            self._require_compliance(view, switch)
        places = _places(view)
        for change in _of_keys(changes):
            wanted = specification(change.path, change.after)
            if wanted is not None:
                with refusing(PKI_REFUSALS, _leaves(change)):
                    check_size(wanted.type, wanted.size)
                    if fips:
                        check_fips(wanted.type, wanted.size)
                _require_one_place(change.path, wanted, places[wanted.type, wanted.label])

    def stage(self, changes: list[Change], view: ConfigView) -> Mapping[str, Any]:
        written: dict[str, Any] = {}
        for change in _of_keys(changes):
            wanted = specification(change.path, change.after)
            if wanted is not None:
                with refusing(PKI_REFUSALS, _leaves(change)):
                    written.update(_public_keys(change, self._key_for(change, wanted)))
        return written

    def prepare(self, changes: list[Change], view: ConfigView, transaction: Transaction) -> None:
        fips = _is_fips_mode(view)
        switch = _fips_switch(changes, view)
        with refusing(PKI_REFUSALS, {} if switch is None else {"fips": switch}):
            if switch is not None and not fips:
                self._key_store.set_fips_mode(False, transaction)
            for change in _of_keys(changes):
                gone = specification(change.path, change.before)
                if gone is not None and specification(change.path, change.after) is None:
                    self._zeroize(gone, transaction)
            for new in self._new:
                self._key_store.store(new, transaction)
            if switch is not None and fips:
                # Last, and inside the transaction: an rpc may have made a key since `validate`.
                self._key_store.set_fips_mode(True, transaction, self._user_keys(view, transaction))

    def apply(self, changes: list[Change]) -> None:
        self._new = []

    def abort(self, changes: list[Change]) -> None:
        self._new = []

    def _require_compliance(self, view: ConfigView, path: str) -> None:
        """Of the keys that there are after the commit: the configuration's, those that it leaves alone, and users'.
        `path` is the node that switches FIPS mode on."""
        configured = [(key.type, key.label, key.size) for key in configured_keys(view)]
        names = {(key_type, label) for key_type, label, _ in configured}
        left = [
            (pair.type, pair.label, pair.size)
            for pair in self._key_store.list()
            if pair.origin == "exec" and (pair.type, pair.label) not in names
        ]
        with refusing(PKI_REFUSALS, {"fips": path}):
            require_fips_compliance([*left, *configured, *self._user_keys(view)])

    def _user_keys(self, view: ConfigView, transaction: Transaction | None = None) -> list[tuple[KeyType, str, int]]:
        """Of the users that there are after the commit: the others' keys go with them."""
        names = {user.name for user in ConfiguredUsers(view)}
        return [
            (imported.key.type, f"key {imported.number} of user {imported.user}", imported.key.size)
            for imported in self._user_key_store.list(transaction=transaction)
            if imported.user in names
        ]

    def _key_for(self, change: Change, wanted: KeySpecification) -> KeyPair:
        """The key pair of a node after the commit; made if the one that is there is not it."""
        if specification(change.path, change.before) == wanted:
            existing = self._key_store.find(wanted.type, wanted.label)
            if existing is not None and existing.origin == "config":
                return existing
        new = self._key_store.make(wanted.type, wanted.label, size=wanted.size, usage=wanted.usage, origin="config")
        self._new.append(new)
        return new.pair

    def _zeroize(self, gone: KeySpecification, transaction: Transaction) -> None:
        # A key that is not there any more is no reason to keep its configuration.
        with contextlib.suppress(KeyNotFoundError):
            self._key_store.zeroize(gone.type, gone.label, origin="config", transaction=transaction)


def _of_keys(changes: Sequence[Change]) -> list[Change]:
    return [change for change in changes if change.path not in FIPS_MODES]


def _is_fips_mode(view: ConfigView) -> bool:
    return any(view.get(path) is not None for path in FIPS_MODES)


def _fips_switch(changes: Sequence[Change], view: ConfigView) -> str | None:
    """The node by which a commit switches FIPS mode on or off; None when it does not."""
    changed = {change.path: change for change in changes if change.path in FIPS_MODES}
    was = any(
        changed[path].before is not None if path in changed else view.get(path) is not None for path in FIPS_MODES
    )
    return next(iter(changed)) if was != _is_fips_mode(view) else None


def _places(view: ConfigView) -> Mapping[tuple[KeyType, str], list[str]]:
    """Type and label -> the nodes that ask for that key pair."""
    places: dict[tuple[KeyType, str], list[str]] = {}
    for node, key in specifying_nodes(view):
        places.setdefault((key.type, key.label), []).append(node.path)
    return places


def _require_one_place(path: str, wanted: KeySpecification, places: Sequence[str]) -> None:
    if len(places) > 1:
        raise ProviderError(
            "invalid-value",
            f"The {wanted.type.value} key pair {wanted.label} is configured in two places: remove it from"
            f" {' or from '.join(places)}.",
            path=path,
            app_tag="key-configured-twice",
        )


def _leaves(change: Change) -> dict[str, str]:
    """Where a key pair's facts are; those that have no leaf are said by the node itself."""
    leaves = node_at(change.path).leaves
    return {fact: f"{change.path}/{leaves[fact]}" if fact in leaves else change.path for fact in _FACTS}


def _public_keys(change: Change, pair: KeyPair) -> dict[str, str | None]:
    """The leaves of a node that show the public keys of its key pair, and None for those that show none any more."""
    leaves = node_at(change.path).shown
    stale = dict.fromkeys(leaf for leaf in leaves.values() if leaf in (change.after or {}))
    shown = {leaves[purpose]: _pem(der) for purpose, der in pair.parts if purpose in leaves}
    return {f"{change.path}/{leaf}": pem for leaf, pem in {**stale, **shown}.items()}


def _pem(public_key_der: bytes) -> str:
    pem = load_der_public_key(public_key_der).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode("ascii")
