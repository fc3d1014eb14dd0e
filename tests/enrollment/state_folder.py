"""What an agent leaves behind in its state folder, read when it has stopped."""

from __future__ import annotations

import sqlite3
from pathlib import Path

#: Tables that name a trustpoint.
TABLES = ("trustpoint_certificates", "kept_key_parts", "enrollments", "enrollment_requests", "enrollment_status")


def rows_of(state: Path, trustpoint: str) -> dict[str, int]:
    """Table -> how many of its rows are of the trustpoint; those without any are left out."""
    [file] = state.glob("*.db")
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
        counts = {
            table: database.execute(f"SELECT count(*) FROM {table} WHERE trustpoint = ?", (trustpoint,)).fetchone()[0]
            for table in TABLES
        }
    return {table: count for table, count in counts.items() if count}


def files_with(state: Path, *secrets: str | bytes) -> list[tuple[str, str | bytes]]:
    """The files of the folder, and the log beside it, that have one of these secrets in them, with the secret."""
    files = [path for path in state.rglob("*") if path.is_file()] + [state.parent / f"{state.name}.log"]
    wanted = [(secret, secret.encode() if isinstance(secret, str) else secret) for secret in secrets]
    return [(file.name, secret) for file in files for secret, text in wanted if text in file.read_bytes()]
