"""Names and paths of packages as text. They may hold any bytes; what XML and JSON can't say is escaped."""

from __future__ import annotations


def shown(text: str) -> str:
    """`text` with backslashes, control characters and bytes that are no UTF-8 as \\xNN."""
    readable = text.replace("\\", r"\x5c").encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(each if each.isprintable() else _escaped(each) for each in readable)


def _escaped(character: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in character.encode())
