"""The data dossier of the guide ("Collect Data Dossier"): one JSON text with a section for each kind of evidence.

Keys and their order are the guide's; docs/dossier.md describes every section. A source that fails gives its section a
`result-code` other than "Success" and a `reason`, and never spoils the rest. The nonce is not in the dossier (as in the
guide): it is signed together with it, in the envelope.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from agent.integrity.errors import ResultCode, SourceUnavailableError
from agent.integrity.nonce import check_nonce
from agent.integrity.sections import SECTIONS, DossierSources, Members, Section
from agent.integrity.sources.description import NODE_NAME, platform_text, version_text
from agent.integrity.sources.identity import license_udi

log = logging.getLogger(__name__)

MODEL_NAME = "http://cisco.com/ns/yang/Cisco-IOS-XR-ama"
MODEL_REVISION = "2019-08-05"

#: More selectors than this in one request are refused.
MAX_SELECTORS = 32
MAX_SELECTOR_LENGTH = 64
#: A section that is larger is replaced by its result-code.
MAX_SECTION_CHARACTERS = 32 * 1024 * 1024

FILESYSTEM_INVENTORY = "filesystem-inventory"
INCREMENTAL_IMA = "incremental-ima"


class DossierRequestError(ValueError):
    """The request itself can't be accepted; the message says why."""


@dataclass(frozen=True, slots=True)
class DossierRequest:
    """What to collect.

    Attributes:
        selectors: names of sections, in the order wanted; a repeated one counts once, an unknown one gets a
            result-code.
        nonce: the verifier's, or None; checked, and left to the envelope.
        filesystem_inventory_options: by node name, as the guide's option has it, or None.
        incremental_ima: the guide's {"ima_start": [{node name: ...}]}, or None; adds the section of that name.

    Raises NonceError, DossierRequestError.
    """

    selectors: Sequence[str] = ()
    nonce: str | None = None
    filesystem_inventory_options: Mapping[str, Any] | None = None
    incremental_ima: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        check_nonce(self.nonce)
        if len(self.selectors) > MAX_SELECTORS:
            raise DossierRequestError(f"a dossier has at most {MAX_SELECTORS} selectors")
        if any(len(selector) > MAX_SELECTOR_LENGTH or not selector.isprintable() for selector in self.selectors):
            raise DossierRequestError(f"a selector has at most {MAX_SELECTOR_LENGTH} printable characters")


def collect(request: DossierRequest, sources: DossierSources) -> str:
    """The dossier's JSON text, in one line. Never fails because of what the host is or refuses."""
    host = sources.host
    members: list[tuple[str, str]] = [
        ("collection-start-time", json.dumps(sources.clock.now().timestamp())),
        ("model-name", json.dumps(MODEL_NAME)),
        ("model-revision", json.dumps(MODEL_REVISION)),
        ("license-udi", _section(lambda: {"license-udi": license_udi(host)})),
        ("version", _section(lambda: {"version": version_text(host, sources.product)})),
        ("platform", _section(lambda: {"platform": platform_text(host)})),
    ]
    always = {name for name, _ in members}
    # A selector can't take the place of what is always there.
    selected = [selector for selector in _selected(request) if selector not in always]
    members.extend((selector, _selected_section(selector, request, sources)) for selector in selected)
    members.append(("collection-end-time", json.dumps(sources.clock.now().timestamp())))
    return "{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in members) + "}"


def _selected(request: DossierRequest) -> list[str]:
    selected = dict.fromkeys(request.selectors)
    if request.filesystem_inventory_options is not None:
        selected[FILESYSTEM_INVENTORY] = None
    if request.incremental_ima is not None:
        selected[INCREMENTAL_IMA] = None
    selected.pop("collection-end-time", None)
    return list(selected)


def _selected_section(selector: str, request: DossierRequest, sources: DossierSources) -> str:
    section = sources.sections.get(selector) or SECTIONS.get(selector)
    if section is None:
        return _section(lambda: _refuse(f"there is no selector {selector}", ResultCode.INVALID_OPTION))
    model = {"model-name": section.model_name, "model-revision": section.model_revision}
    return _section(lambda: _evidence(section, selector, request, sources), model)


def _evidence(section: Section, selector: str, request: DossierRequest, sources: DossierSources) -> Members:
    _check_nodes(_NODES_ASKED[selector](request) if selector in _NODES_ASKED else ())
    if section.collect is None:
        _refuse(f"{selector} is not available in this version", ResultCode.NOT_SUPPORTED)
    return section.collect(sources, request)


def _section(collect_members: Callable[[], Members], model: Mapping[str, str] | None = None) -> str:
    """JSON text of a section: what was collected, or why it was not."""
    model = model or {}
    try:
        members = {"result-code": ResultCode.SUCCESS.value, **model, **collect_members()}
        text = json.dumps(members, default=list)
        if len(text) > MAX_SECTION_CHARACTERS:
            _refuse(f"larger than the limit of {MAX_SECTION_CHARACTERS} characters", ResultCode.LIMIT_EXCEEDED)
    except SourceUnavailableError as error:
        return json.dumps({"result-code": error.code.value, "reason": error.reason, **model})
    except Exception:
        # A fault of ours, or of the caller's history: it costs this section only.
        log.exception("a section of the dossier failed")
        reason = "internal error; the agent's log has the details"
        return json.dumps({"result-code": ResultCode.FAILED.value, "reason": reason, **model})
    return text


def _refuse(reason: str, code: ResultCode) -> NoReturn:
    raise SourceUnavailableError(reason, code)


def _check_nodes(nodes: Sequence[object]) -> None:
    for node in nodes:
        if node != NODE_NAME:
            shown = node if isinstance(node, str) and len(node) <= MAX_SELECTOR_LENGTH else "this"
            _refuse(f"{shown} is not a node of this device, which has {NODE_NAME} only", ResultCode.NODE_NOT_AVAILABLE)


def _inventory_nodes(request: DossierRequest) -> Sequence[object]:
    return tuple(request.filesystem_inventory_options or ())


def _ima_nodes(request: DossierRequest) -> Sequence[object]:
    starts = (request.incremental_ima or {}).get("ima_start")
    if not isinstance(starts, list) or not all(isinstance(start, dict) for start in starts):
        _refuse("incremental-ima needs a list of nodes, named ima_start", ResultCode.INVALID_OPTION)
    return [node for start in starts for node in start]


#: selector -> the nodes that its option names.
_NODES_ASKED: dict[str, Callable[[DossierRequest], Sequence[object]]] = {
    FILESYSTEM_INVENTORY: _inventory_nodes,
    INCREMENTAL_IMA: _ima_nodes,
}
