"""Bytes of the host as text that every format can carry."""

from __future__ import annotations


def shown(text: str | bytes) -> str:
    r"""`text` with backslashes, control characters and bytes that are no UTF-8 as \xNN.

    A str may have such bytes as lone surrogates, as paths of Python have them.
    """
    content = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    readable = content.replace(b"\\", rb"\x5c").decode("utf-8", "backslashreplace")
    return "".join(each if each.isprintable() else _escaped(each) for each in readable)


def _escaped(character: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in character.encode())
