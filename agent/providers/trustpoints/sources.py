"""Where trustpoints are configured: the trees that have them, each as records of trustconf-trustpoints' list.

A name stands in one tree only (config.py sees to that), so that nobody has to ask which of them counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from agent.northbound.contract import ConfigView, Record
from agent.northbound.errors import ProviderError
from agent.providers.um_crypto.records import um_trustpoint, um_trustpoints

TRUSTPOINTS: Final = "/trustconf-trustpoints:trustpoints/trustpoint"

#: What a name can be (typedef trustpoint-name); it can stand in an instance path as it is.
_NAME: Final = re.compile(r"[A-Za-z0-9_.:,@#%$+=|;-]{1,128}")


def configured_trustpoints(config: ConfigView) -> Iterator[Record]:
    """All trustpoints, with their defaults."""
    for _, trustpoints, _ in _TREES:
        yield from trustpoints(config)


def configured_trustpoint(config: ConfigView, name: str) -> Record | None:
    """The trustpoint of that name with its defaults, or None. `name` may be anything."""
    if not _NAME.fullmatch(name):
        return None
    return next((record for _, _, trustpoint in _TREES if (record := trustpoint(config, name)) is not None), None)


def require_one_tree(config: ConfigView, name: str, path: str | None) -> None:
    """Raises ProviderError, with `path`, when several trees have a trustpoint of that name."""
    trees = [tree for tree, _, trustpoint in _TREES if trustpoint(config, name) is not None]
    if len(trees) > 1:
        raise ProviderError(
            "invalid-value",
            f"Trustpoint {name} is configured in two places: remove it from {' or from '.join(trees)}.",
            path=path,
            app_tag="trustpoint-configured-twice",
        )


def _own(config: ConfigView) -> Iterator[Record]:
    yield from config.get(TRUSTPOINTS) or ()


def _own_named(config: ConfigView, name: str) -> Record | None:
    record: Record | None = config.get(f"{TRUSTPOINTS}[name='{name}']")
    return record


_Trustpoints = Callable[[ConfigView], Iterator[Record]]
_Trustpoint = Callable[[ConfigView, str], Record | None]
#: Each tree with its functions for all of its trustpoints, and for the one of a name.
_TREES: Final[tuple[tuple[str, _Trustpoints, _Trustpoint], ...]] = (
    ("/trustconf-trustpoints:trustpoints", _own, _own_named),
    ("/Cisco-IOS-XR-um-crypto-cfg:crypto/ca/trustpoint", um_trustpoints, um_trustpoint),
)
