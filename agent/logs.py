"""The form of the log on standard error: text for people, one JSON object a line for programs."""

from __future__ import annotations

import json
import logging
import sys

from agent.clock import Clock, yang_date_and_time


class _ClockFormatter(logging.Formatter):
    """Stamps records with the agent's clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def stamp(self) -> str:
        return yang_date_and_time(self._clock.now())

    def message(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return text


class TextFormatter(_ClockFormatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"{self.stamp()} {record.levelname.lower():7} {record.name}: {self.message(record)}"


class JsonFormatter(_ClockFormatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(
            {
                "time": self.stamp(),
                "level": record.levelname.lower(),
                "logger": record.name,
                "message": self.message(record),
            },
            ensure_ascii=False,
        )


def configure_logging(log_format: str, level: str, clock: Clock) -> None:
    """Send the log of the whole process to standard error in `log_format` ("text" or "json")."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(clock) if log_format == "json" else TextFormatter(clock))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # paramiko tells of every scan and every client that goes away; only its errors are ours.
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
