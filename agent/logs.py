"""The form of the log on standard error: text for people, one JSON object a line for programs.

A message of the log is one line in both forms, whatever a client put into a name: control characters are escaped. The
traceback of an exception follows in indented lines of text, or is the member "traceback".
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import warnings
from typing import Final

from agent.clock import Clock, yang_date_and_time

log = logging.getLogger(__name__)

#: What would break a line, or move the cursor of a terminal, becomes \xNN or \uNNNN.
_ESCAPED: Final = {
    code: ascii(chr(code))[1:-1] for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029) if chr(code) != "\t"
}


class _ClockFormatter(logging.Formatter):
    """Stamps records with the agent's clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def stamp(self) -> str:
        return yang_date_and_time(self._clock.now())

    def traceback(self, record: logging.LogRecord) -> str:
        """The traceback of the record's exception; empty if it has none."""
        if record.exc_info and record.exc_info[0] is not None:
            return self.formatException(record.exc_info)
        return ""


class TextFormatter(_ClockFormatter):
    """2026-01-31T12:00:00Z info    agent.daemon: stopping"""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage().translate(_ESCAPED)
        lines = [f"{self.stamp()} {record.levelname.lower():7} {record.name}: {message}"]
        lines += [f"    {line.translate(_ESCAPED)}" for line in self.traceback(record).split("\n") if line]
        return "\n".join(lines)


class JsonFormatter(_ClockFormatter):
    """{"time": ..., "level": ..., "logger": ..., "message": ...}, and "traceback" where there is one; pure ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.stamp(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if traceback := self.traceback(record):
            line["traceback"] = traceback
        return json.dumps(line)


def configure_logging(log_format: str, level: str, clock: Clock) -> None:
    """Send the log of the whole process to standard error in `log_format` ("text" or "json").

    Warnings of Python and exceptions that end a thread go the same way, so that every line has that form.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(clock) if log_format == "json" else TextFormatter(clock))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    # Roots that everybody trusts have serial numbers that RFC 5280 forbids. The library tells so at each look at one.
    warnings.filterwarnings("ignore", "Parsed a serial number which wasn't positive")
    threading.excepthook = _log_end_of_thread
    # paramiko tells of every scan and every client that goes away; only its errors are ours.
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)


def _log_end_of_thread(end: threading.ExceptHookArgs) -> None:
    name = end.thread.name if end.thread is not None else "unknown"
    value = end.exc_value if end.exc_value is not None else end.exc_type()
    log.error("thread %s ended by an error of the agent", name, exc_info=(end.exc_type, value, end.exc_traceback))
