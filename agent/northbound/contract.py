"""What a provider implements and what it is given: plain Python values named as the YANG names them.

Values: int, str, bool, Decimal, bytes (binary), None (type empty), tuple of names (bits), "module:name" (identityref);
a container is a dict, a list a list of dicts, a leaf-list a list. A child from another module than its parent's is
called "module:name", every other child by its bare name. Absent nodes are absent keys.

A provider module has up to four files: config.py, state.py, rpc.py, events.py, and a function
`register(registry, services)` in its __init__.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from agent.caller import Caller as Caller
from agent.storage.database import Transaction

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """What a commit does to one registered node: a container, or one entry of a list.

    `before` and `after` hold the whole node (defaults in use included), None where it does not exist. `keys` are the
    entry's keys, empty for a container. `path` is the instance path text.
    """

    path: str
    operation: Literal["create", "modify", "delete"]
    keys: Mapping[str, str]
    before: Record | None
    after: Record | None


class ConfigView(Protocol):
    """Read access to the configuration that a commit would make."""

    def get(self, path: str) -> Any:
        """The container (dict), list (list of dicts) or leaf value at an instance path, defaults included; None if it
        is absent."""


class ConfigHandler(Protocol):
    """A provider's part in a commit. Called by one thread at a time, in this order."""

    def validate(self, changes: list[Change], view: ConfigView) -> None:
        """Raise ProviderError for what YANG can't express. Also called by the <validate> operation; changes nothing."""

    def stage(self, changes: list[Change], view: ConfigView) -> Mapping[str, Any]:
        """Do what is slow and changes nothing yet, before storage is locked. Raises ProviderError.

        Returns the leaves that the device itself writes into the configuration of this commit: instance path -> value,
        None to remove the leaf. They are below the changed nodes, and no rule of the schema speaks of them.
        """

    def prepare(self, changes: list[Change], view: ConfigView, transaction: Transaction) -> None:
        """Do all that may fail. What it writes through `transaction` becomes durable together with the configuration;
        everything else that it does must be undone by `abort`. Raises ProviderError."""

    def apply(self, changes: list[Change]) -> None:
        """The commit is durable: make it effective. Must not fail."""

    def abort(self, changes: list[Change]) -> None:
        """The commit failed after `stage` or `prepare` of this provider: undo them. Must not fail."""


class NoConfigHandler:
    """Base for handlers that need only some of the steps."""

    def validate(self, changes: list[Change], view: ConfigView) -> None:
        return

    def stage(self, changes: list[Change], view: ConfigView) -> Mapping[str, Any]:
        return {}

    def prepare(self, changes: list[Change], view: ConfigView, transaction: Transaction) -> None:
        return

    def apply(self, changes: list[Change]) -> None:
        return

    def abort(self, changes: list[Change]) -> None:
        return


@dataclass(frozen=True, slots=True)
class StateQuery:
    """What a filter asks of one registered state node, so that a provider can do less.

    `keys`: for a list, the keys that the filter pins by content match ({} when it wants all entries). `children`: names
    of the children that can be selected, or None for all. Honouring either is optional: the caller filters again.
    `descend` is how `below` finds what is asked of a child.
    """

    keys: Mapping[str, str] = field(default_factory=dict)
    children: frozenset[str] | None = None
    descend: Callable[[str], StateQuery] | None = field(default=None, compare=False)

    def wants(self, child: str) -> bool:
        return self.children is None or child in self.children

    def below(self, *names: str) -> StateQuery | None:
        """What the filter asks of a container or a list below; None: nothing. For who has much there."""
        query = self
        for name in names:
            if not query.wants(name):
                return None
            query = StateQuery() if query.descend is None else query.descend(name)
        return query


#: For a container: its record or None when absent. For a list: records that hold their keys.
StateFunction = Callable[[StateQuery], Record | Iterable[Record] | None]


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class RpcContext:
    """What an rpc or action function knows besides its input. `instance_keys`: for an action, the keys of all list
    entries on the way to it, outermost first. `abandoned` tells whether the client has gone or its session was killed:
    who works for long looks at it, and gives up."""

    caller: Caller
    instance_keys: tuple[Mapping[str, str], ...] = ()
    abandoned: Callable[[], bool] = _never


@runtime_checkable
class TextStream(Protocol):
    """A text that may be larger than memory. In the output of an rpc it may stand for the value of a leaf of type
    string (without restrictions) that is a child of the output itself; whoever writes the reply reads it once and
    closes it."""

    def chunks(self) -> Iterator[bytes]:
        """The text in pieces, ASCII."""

    def close(self) -> None: ...


#: Gets the input (validated, defaults filled in), returns the output or None for <ok/>. Raises ProviderError. In the
#: output, a TextStream may stand for the text of a leaf.
RpcFunction = Callable[[Record, RpcContext], Record | None]

#: Rewrites a leaf's canonical text as it enters a datastore (ianach:crypt-hash "$0$..."). Raises ProviderError.
LeafRewriter = Callable[[str], str]
