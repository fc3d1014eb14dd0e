"""Bytes of the host as text that every format can carry."""

from __future__ import annotations


def shown(text: str | bytes) -> str:
    r"""`text` with backslashes, control characters and bytes that are no UTF-8 as \xNN.

    A str may have such bytes as lone surrogates, as paths of Python have them.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    if "\\" not in text and text.isprintable():
        # So it is nearly always, and there may be a million of them.
        return text
    content = text.replace("\\", r"\x5c").encode("utf-8", "surrogateescape")
    readable = content.decode("utf-8", "backslashreplace")
    return "".join(each if each.isprintable() else _escaped(each) for each in readable)


def _escaped(character: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in character.encode())
