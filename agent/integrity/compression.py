"""The compressions of a payload: none; gzip (RFC 1952), one member without a name and a time; zstd (RFC 8878), one
frame."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import zstandard

from agent.integrity.content import CHUNK_BYTES, Content, Spool

NONE = "none"
GZIP = "gzip"
ZSTD = "zstd"

#: As fast as reading from a disk, and a dossier becomes a tenth.
_LEVEL = 1
_ZSTD_LEVEL = 3
#: A window needs memory on both sides; level 3 takes a quarter of this.
_ZSTD_WINDOW = 8 * 1024 * 1024
#: Four bytes of zstd may stand for 128 KiB: so much is unpacked at once that this is 16 MiB at the worst.
_ZSTD_PIECE = 512
#: zlib's sign for a gzip header and trailer, with the largest window.
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class CompressionError(ValueError):
    """What claims to be compressed is not, or is too large: the message says which, for a person."""


def _gzip(chunks: Iterable[bytes]) -> Iterator[bytes]:
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    for chunk in chunks:
        yield compressor.compress(chunk)
    yield compressor.flush()


def _gunzip(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Raises CompressionError for what is not exactly one member."""
    decompressor = zlib.decompressobj(_GZIP_WINDOW)

    def decompress(data: bytes) -> bytes:
        try:
            # In pieces: a kilobyte may stand for a megabyte.
            return decompressor.decompress(data, CHUNK_BYTES)
        except zlib.error:
            raise CompressionError("the payload is not gzip") from None

    for chunk in chunks:
        data = chunk
        while data and not decompressor.eof:
            yield decompress(data)
            data = decompressor.unconsumed_tail
        if data or decompressor.unused_data:
            raise CompressionError("something follows the gzip of the payload")
    while not decompressor.eof:
        rest = decompress(b"")
        if not rest:
            raise CompressionError("the gzip of the payload is cut")
        yield rest


def _zstd(chunks: Iterable[bytes]) -> Iterator[bytes]:
    compressor = zstandard.ZstdCompressor(_ZSTD_LEVEL, write_checksum=True).compressobj()
    for chunk in chunks:
        yield compressor.compress(chunk)
    yield compressor.flush()


def _unzstd(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Raises CompressionError for what is not exactly one frame."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
    for chunk in chunks:
        for start in range(0, len(chunk), _ZSTD_PIECE):
            if decompressor.eof:
                raise CompressionError("something follows the zstd of the payload")
            try:
                yield decompressor.decompress(chunk[start : start + _ZSTD_PIECE])
            except zstandard.ZstdError:
                raise CompressionError("the payload is not zstd") from None
            if decompressor.unused_data:
                raise CompressionError("something follows the zstd of the payload")
    if not decompressor.eof:
        raise CompressionError("the zstd of the payload is cut")


_Filter = Callable[[Iterable[bytes]], Iterator[bytes]]
#: name -> how it is made, and how it is undone.
_COMPRESSIONS: dict[str, tuple[_Filter, _Filter]] = {NONE: (iter, iter), GZIP: (_gzip, _gunzip), ZSTD: (_zstd, _unzstd)}
COMPRESSIONS = frozenset(_COMPRESSIONS)


def compressed(content: Content, compression: str, *, folder: Path | None, limit: int) -> Content:
    """`content` itself for NONE; else a spool in `folder` with its compression, and `content` is closed.

    Raises SpoolError.
    """
    if compression == NONE:
        return content
    try:
        return _spooled(_COMPRESSIONS[compression][0](content.chunks()), folder, limit)
    finally:
        content.close()


def decompressed(content: Content, compression: str, *, limit: int) -> Content:
    """The opposite; no more than `limit` bytes come out. Raises CompressionError, SpoolError."""
    if compression == NONE:
        return content
    return _spooled(_COMPRESSIONS[compression][1](content.chunks()), None, limit)


def _spooled(chunks: Iterable[bytes], folder: Path | None, limit: int) -> Spool:
    spool = Spool(folder, limit=limit)
    try:
        for chunk in chunks:
            spool.write(chunk)
    except BaseException:
        spool.close()
        raise
    return spool
