"""The tables of the archive (docs/collect.md says what is in them), and how its file is known for one."""

from __future__ import annotations

from typing import Final

#: `PRAGMA application_id` of archives: "TCAR".
APPLICATION_ID: Final = 0x54434152
VERSION: Final = 1

TABLES: Final = """
CREATE TABLE devices (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    added TEXT NOT NULL
);
CREATE TABLE anchors (
    device INTEGER NOT NULL REFERENCES devices (id),
    sha256 TEXT NOT NULL,
    certificate TEXT NOT NULL,
    added TEXT NOT NULL,
    PRIMARY KEY (device, sha256)
);
CREATE TABLE dossiers (
    id INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (id),
    received TEXT NOT NULL,
    method TEXT NOT NULL,
    nonce TEXT NOT NULL,
    size INTEGER NOT NULL,
    envelope BLOB NOT NULL,
    dossier_sha256 TEXT,
    collected TEXT
);
CREATE INDEX dossiers_of_device ON dossiers (device, id);
CREATE INDEX dossiers_by_digest ON dossiers (device, dossier_sha256);
CREATE TABLE verdicts (
    dossier INTEGER PRIMARY KEY REFERENCES dossiers (id),
    exit_status INTEGER NOT NULL,
    believed INTEGER NOT NULL,
    in_order INTEGER NOT NULL,
    accepted TEXT,
    baseline INTEGER REFERENCES dossiers (id),
    report TEXT NOT NULL
);
CREATE TABLE findings (
    dossier INTEGER NOT NULL REFERENCES dossiers (id),
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    severity TEXT NOT NULL,
    section TEXT NOT NULL,
    subject TEXT NOT NULL,
    text TEXT NOT NULL,
    facts TEXT NOT NULL,
    PRIMARY KEY (dossier, number)
);
CREATE TABLE attempts (
    id INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (id),
    time TEXT NOT NULL,
    outcome TEXT NOT NULL,
    text TEXT NOT NULL,
    dossier INTEGER REFERENCES dossiers (id)
);
"""
