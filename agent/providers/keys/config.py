"""Key pairs in the configuration, and FIPS mode (the guide, "Public Key-Pair Generation in XR Config Mode").

A commit makes its keys while it is staged, when nothing is locked, and stores them in the transaction of the commit:
configuration and keys become durable together, or neither does. The public keys are written into the configuration.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from agent.northbound.contract import Change, ConfigView
from agent.pki.errors import KeyNotFoundError
from agent.pki.fips import check_fips, require_fips_compliance
from agent.pki.key_store import KeyPair, KeyStore, NewKeyPair
from agent.pki.keys import KeyPurpose, check_size
from agent.providers.keys.configured import FIPS_MODE, KeySpecification, configured_keys, specification
from agent.providers.pki_errors import PKI_REFUSALS
from agent.providers.refusals import refusing
from agent.storage.database import Transaction

#: The leaf that shows each public key in PEM. Only RSA has usage keys, and so the second leaf.
_LEAVES: Final = {
    KeyPurpose.GENERAL: "public-key-pem",
    KeyPurpose.SIGNATURE: "public-key-pem",
    KeyPurpose.ENCRYPTION: "encryption-public-key-pem",
}


class KeysHandler:
    """Registered for every node that asks for a key pair, and for fips-mode: one commit is one call."""

    def __init__(self, key_store: KeyStore) -> None:
        self._key_store = key_store
        #: Made for the commit that is under way.
        self._new: list[NewKeyPair] = []

    def validate(self, changes: list[Change], view: ConfigView) -> None:
        fips = view.get(FIPS_MODE) is not None
        if _switched_fips(changes) is True:
            # First: it names all keys that stand against it, those of this commit as well.
            self._require_compliance(view)
        for change in _of_keys(changes):
            wanted = specification(change.path, change.after)
            if wanted is not None:
                with refusing(PKI_REFUSALS, _leaves(change)):
                    check_size(wanted.type, wanted.size)
                    if fips:
                        check_fips(wanted.type, wanted.size)

    def stage(self, changes: list[Change], view: ConfigView) -> Mapping[str, Any]:
        written: dict[str, Any] = {}
        for change in _of_keys(changes):
            wanted = specification(change.path, change.after)
            if wanted is not None:
                with refusing(PKI_REFUSALS, _leaves(change)):
                    written.update(_public_keys(change, self._key_for(change, wanted)))
        return written

    def prepare(self, changes: list[Change], view: ConfigView, transaction: Transaction) -> None:
        fips = _switched_fips(changes)
        with refusing(PKI_REFUSALS, {"fips": FIPS_MODE}):
            if fips is False:
                self._key_store.set_fips_mode(False, transaction)
            for change in _of_keys(changes):
                if change.after is None:
                    self._zeroize(specification(change.path, change.before), transaction)
            for new in self._new:
                self._key_store.store(new, transaction)
            if fips is True:
                # Last, and inside the transaction: an rpc may have made a key since `validate`.
                self._key_store.set_fips_mode(True, transaction)

    def apply(self, changes: list[Change]) -> None:
        self._new = []

    def abort(self, changes: list[Change]) -> None:
        self._new = []

    def _require_compliance(self, view: ConfigView) -> None:
        """Of the keys that there are after the commit: the configuration's, and those that it leaves alone."""
        configured = [(key.type, key.label, key.size) for key in configured_keys(view)]
        names = {(key_type, label) for key_type, label, _ in configured}
        left = [
            (pair.type, pair.label, pair.size)
            for pair in self._key_store.list()
            if pair.origin == "exec" and (pair.type, pair.label) not in names
        ]
        with refusing(PKI_REFUSALS, {"fips": FIPS_MODE}):
            require_fips_compliance([*left, *configured])

    def _key_for(self, change: Change, wanted: KeySpecification) -> KeyPair:
        """The key pair of a node after the commit; made if the one that is there is not it."""
        if specification(change.path, change.before) == wanted:
            existing = self._key_store.find(wanted.type, wanted.label)
            if existing is not None and existing.origin == "config":
                return existing
        new = self._key_store.make(wanted.type, wanted.label, size=wanted.size, usage=wanted.usage, origin="config")
        self._new.append(new)
        return new.pair

    def _zeroize(self, gone: KeySpecification | None, transaction: Transaction) -> None:
        assert gone is not None
        # A key that is not there any more is no reason to keep its configuration.
        with contextlib.suppress(KeyNotFoundError):
            self._key_store.zeroize(gone.type, gone.label, origin="config", transaction=transaction)


def _of_keys(changes: Sequence[Change]) -> list[Change]:
    return [change for change in changes if change.path != FIPS_MODE]


def _switched_fips(changes: Sequence[Change]) -> bool | None:
    """What a commit switches FIPS mode to; None when it does not."""
    for change in changes:
        if change.path == FIPS_MODE and change.operation != "modify":
            return change.after is not None
    return None


def _leaves(change: Change) -> dict[str, str]:
    """Where a key pair's facts are; those that have no leaf are said by the node itself."""
    record = change.after or {}
    return {fact: f"{change.path}/{fact}" if fact in record else change.path for fact in ("type", "label", "size")}


def _public_keys(change: Change, pair: KeyPair) -> dict[str, str | None]:
    """The leaves of a node that show the public keys of its key pair, and None for those that show none any more."""
    stale = dict.fromkeys(leaf for leaf in _LEAVES.values() if leaf in (change.after or {}))
    shown = {_LEAVES[purpose]: _pem(der) for purpose, der in pair.parts}
    return {f"{change.path}/{leaf}": pem for leaf, pem in {**stale, **shown}.items()}


def _pem(public_key_der: bytes) -> str:
    pem = load_der_public_key(public_key_der).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode("ascii")
