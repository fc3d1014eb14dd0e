"""PLACEHOLDER for the contract; see the storage room."""

from __future__ import annotations
import sqlite3

Transaction = sqlite3.Connection
