"""The data dossier of the guide ("Collect Data Dossier"): one JSON text with a section for each kind of evidence.

Keys and their order are the guide's; docs/dossier.md describes every section. A source that fails gives its section a
`result-code` other than "Success" and a `reason`, and never spoils the rest. The nonce is not in the dossier (as in the
guide): it is signed together with it, in the envelope.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from agent.host.errors import HostError
from agent.integrity.content import Spool, SpoolError, SpoolLimitError
from agent.integrity.errors import ResultCode, SourceUnavailableError, unavailable
from agent.integrity.json_pieces import json_pieces
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
#: A section that is larger, or with which the dossier would be larger, is replaced by its result-code.
MAX_SECTION_BYTES = 384 * 1024 * 1024
MAX_DOSSIER_BYTES = 511 * 1024 * 1024
#: What a spool for a dossier must take: result-codes have room also when the sections are at their limit.
SPOOL_BYTES = MAX_DOSSIER_BYTES + 1024 * 1024
_ALWAYS_ALLOWED = 16 * 1024

#: How much of a section is written, and looked upon, at once.
_BATCH_CHARACTERS = 64 * 1024
_BATCH_PIECES = 128

_PLAIN_MEMBERS = ("collection-start-time", "model-name", "model-revision", "collection-end-time")

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


class CollectionStoppedError(Exception):
    """Nobody waits for the dossier any more."""


@dataclass(frozen=True, slots=True)
class SectionResult:
    """How one section ended. `size`: bytes of its text."""

    name: str
    code: ResultCode
    size: int


class Watch(Protocol):
    """Who looks on while a dossier is collected, and may end it by raising CollectionStoppedError."""

    def begin(self, section: str) -> None: ...

    def progress(self, size: int) -> None:
        """So many bytes of the dossier are there."""

    def end(self, result: SectionResult) -> None: ...


class Unwatched:
    """Nobody looks on."""

    def begin(self, section: str) -> None:
        return

    def progress(self, size: int) -> None:
        return

    def end(self, result: SectionResult) -> None:
        return


def collect(
    request: DossierRequest, sources: DossierSources, spool: Spool, watch: Watch | None = None
) -> tuple[SectionResult, ...]:
    """Write the dossier's JSON text, in one line, into `spool`. Never fails because of what the host is or refuses.

    Whatever the size of the dossier, little of it is in memory. What a section has written before it failed is taken
    back.

    Raises CollectionStoppedError, SpoolFullError (not even the result-codes have room on the disk).
    """
    writer = _Writer(spool, watch or Unwatched())
    host = sources.host
    writer.member("{", "collection-start-time", sources.clock.now().timestamp())
    writer.member(", ", "model-name", MODEL_NAME)
    writer.member(", ", "model-revision", MODEL_REVISION)
    always: dict[str, Callable[[], Members]] = {
        "license-udi": lambda: {"license-udi": license_udi(host)},
        "version": lambda: {"version": version_text(host, sources.product)},
        "platform": lambda: {"platform": platform_text(host)},
    }
    for name, members in always.items():
        writer.section(name, members)
    for selector in selected_sections(request):
        # A selector can't take the place of what is always there.
        if selector not in always and selector not in _PLAIN_MEMBERS:
            _write_selected(writer, selector, request, sources)
    writer.member(", ", "collection-end-time", sources.clock.now().timestamp())
    spool.write(b"}")
    return tuple(writer.results)


def selected_sections(request: DossierRequest) -> list[str]:
    """The sections that a request asks for, those that are always there left out; each once, in its order."""
    selected = dict.fromkeys(request.selectors)
    if request.filesystem_inventory_options is not None:
        selected[FILESYSTEM_INVENTORY] = None
    if request.incremental_ima is not None:
        selected[INCREMENTAL_IMA] = None
    return list(selected)


def _write_selected(writer: _Writer, selector: str, request: DossierRequest, sources: DossierSources) -> None:
    section = sources.sections.get(selector) or SECTIONS.get(selector)
    if section is None:
        writer.section(selector, lambda: _refuse(f"there is no selector {selector}", ResultCode.INVALID_OPTION))
    else:
        model = {"model-name": section.model_name, "model-revision": section.model_revision}
        writer.section(selector, lambda: _evidence(section, selector, request, sources), model)


def _evidence(section: Section, selector: str, request: DossierRequest, sources: DossierSources) -> Members:
    _check_nodes(_NODES_ASKED[selector](request) if selector in _NODES_ASKED else ())
    if section.collect is None:
        _refuse(f"{selector} is not available in this version", ResultCode.NOT_SUPPORTED)
    return section.collect(sources, request)


class _Writer:
    """Writes the members of a dossier, and keeps how its sections ended."""

    def __init__(self, spool: Spool, watch: Watch) -> None:
        self._spool = spool
        self._watch = watch
        self.results: list[SectionResult] = []

    def member(self, separator: str, name: str, value: object) -> None:
        self._spool.write(f"{separator}{json.dumps(name)}: {json.dumps(value)}".encode("ascii"))

    def section(
        self, name: str, collect_members: Callable[[], Members], model: Mapping[str, str] | None = None
    ) -> None:
        """Write what is collected, or why it can't be."""
        model = model or {}
        mark = self._spool.mark()
        self._watch.begin(name)
        code = ResultCode.SUCCESS
        try:
            self._write(name, {"result-code": code.value, **model, **collect_members()})
        except CollectionStoppedError:
            raise
        except Exception as error:
            refusal = _refusal(error)
            self._spool.cut(mark)
            code = refusal.code
            self._write(name, {"result-code": code.value, "reason": refusal.reason, **model})
        result = SectionResult(name, code, self._spool.size - mark)
        self.results.append(result)
        self._watch.end(result)

    def _write(self, name: str, members: Members) -> None:
        start = self._spool.size
        allowed = min(MAX_SECTION_BYTES, MAX_DOSSIER_BYTES - start)
        for data in _batches(json_pieces(members), f", {json.dumps(name)}: "):
            if self._spool.size + len(data) - start > max(allowed, _ALWAYS_ALLOWED):
                raise SpoolLimitError(f"larger than the limit of {allowed} bytes")
            self._spool.write(data)
            self._watch.progress(self._spool.size)


def _batches(pieces: Iterable[str], first: str) -> Iterator[bytes]:
    """Pieces of JSON are small: so many of them together that writing them costs little."""
    batch, characters = [first], 0
    for piece in pieces:
        batch.append(piece)
        characters += len(piece)
        if characters >= _BATCH_CHARACTERS or len(batch) >= _BATCH_PIECES:
            yield "".join(batch).encode("ascii")
            batch, characters = [], 0
    yield "".join(batch).encode("ascii")


def _refusal(error: Exception) -> SourceUnavailableError:
    """What ended a section, as its result-code and reason."""
    if isinstance(error, SourceUnavailableError):
        return error
    if isinstance(error, HostError):
        return unavailable(error)
    if isinstance(error, SpoolError):
        return SourceUnavailableError(error.reason, ResultCode.LIMIT_EXCEEDED)
    # A fault of ours, or of the caller's history: it costs this section only.
    log.error("a section of the dossier failed", exc_info=error)
    return SourceUnavailableError("internal error; the agent's log has the details", ResultCode.FAILED)


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
