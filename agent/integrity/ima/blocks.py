"""The kept pieces of a log, and how they are written down.

A block is a run of whole events, compressed by zlib, in a file of its own. `index` is a line of JSON that says which
blocks there are and what the log was up to their end, and a line with its SHA-256. What is written down is there to
find changes of the log, also over a restart of the agent, and to answer faster: it is no evidence of its own.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from agent.integrity.ima.event import DIGEST_SIZES
from agent.integrity.ima.replay import BANKS, Registers

FORMAT: Final = "trustconf-ima-cache"
VERSION: Final = 1
INDEX: Final = "index"
#: A block is full when it has so many events, or so many bytes.
BLOCK_EVENTS: Final = 1000
BLOCK_BYTES: Final = 4 * 1024 * 1024
#: A block of events that are all as large as can be, uncompressed.
MAX_BLOCK_BYTES: Final = 16 * 1024 * 1024
MAX_INDEX_BYTES: Final = 16 * 1024 * 1024
#: Compressed blocks together. The oldest ones are let go; the log of the kernel still has them.
MAX_CACHE_BYTES: Final = 64 * 1024 * 1024


class BlockStore(Protocol):
    """Files by name, in a folder of the caller's. Nothing raises: what can't be kept is not there."""

    def read(self, name: str, max_bytes: int) -> bytes | None: ...

    def write(self, name: str, content: bytes) -> bool: ...

    def keep_only(self, names: set[str]) -> None: ...


@dataclass(frozen=True, slots=True)
class Block:
    """A run of events.

    Attributes:
        first, last: numbers of its events.
        offset, size: its bytes in the log.
        digest: SHA-256 of them.
        duplicates: events whose template hash came before.
        created, modified: when it was begun, and when its last event was added; UTC.
        registers: before its first event.
        stored_bytes: of its file; 0 if it has none (any more).
    """

    first: int
    last: int
    offset: int
    size: int
    digest: bytes
    duplicates: int
    created: datetime
    modified: datetime
    registers: Registers
    stored_bytes: int = 0

    @property
    def name(self) -> str:
        """Of its file. A block that grows gets another one, so that the index never names what it does not mean."""
        return f"block-{self.first}-{self.last}"

    @property
    def events(self) -> int:
        return self.last - self.first + 1

    @property
    def end(self) -> int:
        return self.offset + self.size

    @property
    def is_full(self) -> bool:
        return self.events >= BLOCK_EVENTS or self.size >= BLOCK_BYTES


@dataclass(frozen=True, slots=True)
class Index:
    """What is written down of a log.

    Attributes:
        boot_id, start: the boot that it belongs to.
        path, form, bank: the log that was read.
        blocks: in their order.
        violations, mismatches: of all events.
        registers: after all events.
        sightings: (when, how many events there were then), oldest first.
    """

    boot_id: str
    start: datetime
    path: str
    form: str
    bank: str
    blocks: tuple[Block, ...]
    violations: int
    mismatches: int
    registers: Registers
    sightings: tuple[tuple[datetime, int], ...]


def read_block(store: BlockStore, block: Block) -> bytes | None:
    """A block's bytes, if they are kept and as they were."""
    packed = store.read(block.name, MAX_BLOCK_BYTES) if block.stored_bytes else None
    if packed is None:
        return None
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(packed, block.size + 1)
    except zlib.error:
        return None
    return content if hashlib.sha256(content).digest() == block.digest else None


def write_block(store: BlockStore, name: str, content: bytes) -> int:
    """Keep a block; the size of its file, 0 if that could not be written."""
    packed = zlib.compress(content, 1)
    return len(packed) if store.write(name, packed) else 0


def write_index(store: BlockStore, index: Index) -> None:
    document = {
        "format": FORMAT,
        "version": VERSION,
        "boot-id": index.boot_id,
        "start": index.start.isoformat(),
        "path": index.path,
        "form": index.form,
        "bank": index.bank,
        "blocks": [_block_out(block) for block in index.blocks],
        "violations": index.violations,
        "mismatches": index.mismatches,
        "registers": _registers_out(index.registers),
        "sightings": [[time.isoformat(), events] for time, events in index.sightings],
    }
    line = json.dumps(document, separators=(",", ":")).encode()
    store.write(INDEX, line + b"\n" + hashlib.sha256(line).hexdigest().encode() + b"\n")


def read_index(store: BlockStore) -> Index | None:
    """What was written down last; None if there is nothing. Raises ValueError if it is damaged."""
    content = store.read(INDEX, MAX_INDEX_BYTES)
    if content is None:
        return None
    line, _, digest = content.partition(b"\n")
    if hashlib.sha256(line).hexdigest().encode() != digest.strip():
        raise ValueError("its digest is wrong")
    try:
        document = json.loads(line)
        if (document["format"], document["version"]) != (FORMAT, VERSION):
            raise ValueError("it is of another version")
        return Index(
            document["boot-id"],
            datetime.fromisoformat(document["start"]),
            document["path"],
            document["form"],
            document["bank"],
            tuple(_block_in(block) for block in document["blocks"]),
            document["violations"],
            document["mismatches"],
            _registers_in(document["registers"]),
            tuple((datetime.fromisoformat(time), int(events)) for time, events in document["sightings"]),
        )
    except (KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError("it makes no sense") from None


def _block_out(block: Block) -> dict[str, Any]:
    return {
        "first": block.first,
        "last": block.last,
        "offset": block.offset,
        "size": block.size,
        "digest": block.digest.hex(),
        "duplicates": block.duplicates,
        "created": block.created.isoformat(),
        "modified": block.modified.isoformat(),
        "registers": _registers_out(block.registers),
        "stored": block.stored_bytes,
    }


def _block_in(kept: dict[str, Any]) -> Block:
    return Block(
        int(kept["first"]),
        int(kept["last"]),
        int(kept["offset"]),
        int(kept["size"]),
        bytes.fromhex(kept["digest"]),
        int(kept["duplicates"]),
        datetime.fromisoformat(kept["created"]),
        datetime.fromisoformat(kept["modified"]),
        _registers_in(kept["registers"]),
        int(kept["stored"]),
    )


def _registers_out(registers: Registers) -> dict[str, dict[str, str]]:
    return {str(pcr): {bank: value.hex() for bank, value in banks.items()} for pcr, banks in registers.items()}


def _registers_in(kept: dict[str, dict[str, str]]) -> Registers:
    registers = {int(pcr): {bank: bytes.fromhex(banks[bank]) for bank in BANKS} for pcr, banks in kept.items()}
    if any(len(value) != DIGEST_SIZES[bank] for banks in registers.values() for bank, value in banks.items()):
        raise ValueError("a register has a wrong size")
    return registers
