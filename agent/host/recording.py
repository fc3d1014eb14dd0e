"""Recordings: what a host said, in a file that a bug report can carry, and that a test can replay.

`RecordingHost` passes every question on to another host and writes question and answer down; `ReplayHost` answers from
that. Limits are not part of the question: the answer is checked against the limits of whoever asks again. A question
that was asked several times gets its answers in order, and the last one from then on. Folders that somebody walks
through are passed on and not written down.

A recording holds what was read, serial numbers and machine-ids too: whoever sends one should look at it first.
Loading one is safe: it is plain JSON (or a zip file with one JSON member), size-capped.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, TypeVar

from agent.host.changes import FolderWatch
from agent.host.commands import check_command
from agent.host.contract import (
    DEFAULT_COMMAND_SECONDS,
    DEFAULT_MAX_BYTES,
    DEFAULT_MAX_ENTRIES,
    DEFAULT_MAX_OUTPUT,
    CommandResult,
    FileStatus,
    Host,
    KernelName,
    check_path,
)
from agent.host.errors import ERROR_KINDS, HostError, NotRecordedError, TooLargeError, from_os_error
from agent.host.trees import Folder

FORMAT = "trustconf-host-recording"
VERSION = 1
MAX_RECORDING_BYTES = 512 * 1024 * 1024
_ZIP_MEMBER = "recording.json"

T = TypeVar("T")
Question = tuple[str, ...]
Answer = dict[str, Any]


class RecordingFormatError(ValueError):
    """The file is not a recording, or is larger than MAX_RECORDING_BYTES."""


class Recording:
    """Questions with their answers, in the order in which they were asked. May be used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[Question, list[Answer]] = {}
        self._next: dict[Question, int] = {}

    def add(self, question: Question, answer: Answer) -> None:
        with self._lock:
            answers = self._answers.setdefault(question, [])
            # What stays the same is written once.
            if not answers or answers[-1] != answer:
                answers.append(answer)

    def take(self, question: Question) -> Answer:
        """The next answer to `question`; raises NotRecordedError."""
        with self._lock:
            answers = self._answers.get(question)
            if not answers:
                raise NotRecordedError(" ".join(question), "is not in the recording")
            position = self._next.get(question, 0)
            self._next[question] = min(position + 1, len(answers) - 1)
            return answers[position]

    def to_json(self) -> str:
        with self._lock:
            calls = [{"question": list(question), "answers": answers} for question, answers in self._answers.items()]
        return json.dumps({"format": FORMAT, "version": VERSION, "calls": calls}, indent=1)

    @classmethod
    def from_json(cls, text: str | bytes) -> Recording:
        if len(text) > MAX_RECORDING_BYTES:
            raise RecordingFormatError("the recording is too large")
        recording = cls()
        try:
            document = json.loads(text)
            if document["format"] != FORMAT or document["version"] != VERSION:
                raise RecordingFormatError(f"not a recording of version {VERSION}")
            for call in document["calls"]:
                question = tuple(str(word) for word in call["question"])
                recording._answers[question] = [dict(answer) for answer in call["answers"]]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            if isinstance(error, RecordingFormatError):
                raise
            raise RecordingFormatError("not a recording") from None
        return recording

    def save(self, path: Path) -> None:
        """Write it to `path`: as a zip file if that ends in ".zip", else as JSON."""
        if path.suffix == ".zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(_ZIP_MEMBER, self.to_json())
        else:
            path.write_text(self.to_json(), encoding="ascii")

    @classmethod
    def load(cls, path: Path) -> Recording:
        """Read what `save` wrote; raises RecordingFormatError, OSError."""
        if path.suffix != ".zip":
            with path.open("rb") as file:
                return cls.from_json(file.read(MAX_RECORDING_BYTES + 1))
        try:
            with zipfile.ZipFile(path) as archive, archive.open(_ZIP_MEMBER) as member:
                return cls.from_json(member.read(MAX_RECORDING_BYTES + 1))
        except (zipfile.BadZipFile, KeyError, EOFError, NotImplementedError, RuntimeError):
            raise RecordingFormatError("not a recording") from None


class RecordingHost:
    """A `Host` that passes questions on to `host` and writes them down, with the answers, in `recording`."""

    def __init__(self, host: Host, recording: Recording | None = None) -> None:
        self._host = host
        self.recording = recording or Recording()

    def read_file(self, path: str, max_bytes: int = DEFAULT_MAX_BYTES) -> bytes:
        return self._ask(("read_file", path), lambda: self._host.read_file(path, max_bytes), _bytes_out)

    def read_chunks(self, path: str, *, offset: int = 0, max_bytes: int = DEFAULT_MAX_BYTES) -> Iterator[bytes]:
        question = _chunks_question(path, offset)
        parts: list[bytes] = []
        try:
            for part in self._host.read_chunks(path, offset=offset, max_bytes=max_bytes):
                parts.append(part)
                yield part
        except HostError as error:
            self.recording.add(question, _refusal(error))
            raise
        except GeneratorExit:
            # Whoever asked has read enough, and will have enough of the same in a replay.
            self.recording.add(question, _bytes_out(b"".join(parts)))
            raise
        self.recording.add(question, _bytes_out(b"".join(parts)))

    def list_dir(self, path: str, max_entries: int = DEFAULT_MAX_ENTRIES) -> tuple[str, ...]:
        return self._ask(("list_dir", path), lambda: self._host.list_dir(path, max_entries), _names_out)

    def stat(self, path: str, *, follow: bool = True) -> FileStatus:
        return self._ask(_stat_question(path, follow), lambda: self._host.stat(path, follow=follow), dataclasses.asdict)

    def read_link(self, path: str) -> str:
        return self._ask(("read_link", path), lambda: self._host.read_link(path), _text_out)

    def digest_file(self, path: str, algorithm: str) -> bytes:
        question = ("digest", algorithm, path)
        return self._ask(question, lambda: self._host.digest_file(path, algorithm), _bytes_out)

    def digests(self, path: str, algorithms: tuple[str, ...]) -> tuple[bytes, ...]:
        question = ("digests", *algorithms, path)
        return self._ask(question, lambda: self._host.digests(path, algorithms), _several_bytes_out)

    def open_file(self, path: str, max_bytes: int) -> IO[bytes]:
        def content() -> bytes:
            try:
                with self._host.open_file(path, max_bytes) as file:
                    return file.read()
            except OSError as error:
                raise from_os_error(path, error) from None

        return io.BytesIO(self._ask(("open_file", path), content, _bytes_out))

    def attribute(self, path: str, name: str) -> bytes | None:
        return self._ask(("attribute", name, path), lambda: self._host.attribute(path, name), _maybe_bytes_out)

    def open_folder(self, path: str) -> Folder:
        return self._host.open_folder(path)

    def watch(self) -> FolderWatch | None:
        return self._host.watch()

    def run(
        self,
        argv: tuple[str, ...],
        timeout: float = DEFAULT_COMMAND_SECONDS,
        max_output: int = DEFAULT_MAX_OUTPUT,
    ) -> CommandResult:
        return self._ask(("run", *argv), lambda: self._host.run(argv, timeout, max_output), _result_out)

    def uname(self) -> KernelName:
        return self._ask(("uname",), self._host.uname, dataclasses.asdict)

    def _ask(self, question: Question, ask: Callable[[], T], write: Callable[[T], Answer]) -> T:
        try:
            answer = ask()
        except HostError as error:
            self.recording.add(question, _refusal(error))
            raise
        self.recording.add(question, write(answer))
        return answer


class ReplayHost:
    """A `Host` that says again what a recording heard; raises NotRecordedError for anything else."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def read_file(self, path: str, max_bytes: int = DEFAULT_MAX_BYTES) -> bytes:
        content = self._answer(("read_file", check_path(path)), _bytes_in)
        if len(content) > max_bytes:
            raise TooLargeError(path, f"is larger than the limit of {max_bytes} bytes")
        return content

    def read_chunks(self, path: str, *, offset: int = 0, max_bytes: int = DEFAULT_MAX_BYTES) -> Iterator[bytes]:
        content = self._answer(_chunks_question(check_path(path), offset), _bytes_in)
        if len(content) > max_bytes:
            raise TooLargeError(path, f"is larger than the limit of {max_bytes} bytes")
        if content:
            yield content

    def list_dir(self, path: str, max_entries: int = DEFAULT_MAX_ENTRIES) -> tuple[str, ...]:
        names = self._answer(("list_dir", check_path(path)), _names_in)
        if len(names) > max_entries:
            raise TooLargeError(path, f"has more than {max_entries} entries")
        return names

    def stat(self, path: str, *, follow: bool = True) -> FileStatus:
        return self._answer(_stat_question(check_path(path), follow), lambda answer: FileStatus(**answer))

    def read_link(self, path: str) -> str:
        return self._answer(("read_link", check_path(path)), lambda answer: str(answer["text"]))

    def digest_file(self, path: str, algorithm: str) -> bytes:
        return self._answer(("digest", algorithm, check_path(path)), _bytes_in)

    def digests(self, path: str, algorithms: tuple[str, ...]) -> tuple[bytes, ...]:
        return self._answer(("digests", *algorithms, check_path(path)), _several_bytes_in)

    def open_file(self, path: str, max_bytes: int) -> IO[bytes]:
        content = self._answer(("open_file", check_path(path)), _bytes_in)
        if len(content) > max_bytes:
            raise TooLargeError(path, f"is larger than the limit of {max_bytes} bytes")
        return io.BytesIO(content)

    def attribute(self, path: str, name: str) -> bytes | None:
        return self._answer(("attribute", name, check_path(path)), _maybe_bytes_in)

    def open_folder(self, path: str) -> Folder:
        raise NotRecordedError(check_path(path), "is in no recording: whole folders are not recorded")

    def watch(self) -> None:
        """What happened is not in a recording."""

    def run(
        self,
        argv: tuple[str, ...],
        timeout: float = DEFAULT_COMMAND_SECONDS,
        max_output: int = DEFAULT_MAX_OUTPUT,
    ) -> CommandResult:
        result = self._answer(("run", *check_command(argv)), _result_in)
        if len(result.stdout) > max_output:
            raise TooLargeError(argv[0], f"wrote more than the limit of {max_output} bytes")
        return result

    def uname(self) -> KernelName:
        return self._answer(("uname",), lambda answer: KernelName(**answer))

    def _answer(self, question: Question, read: Callable[[Answer], T]) -> T:
        answer = self._recording.take(question)
        if "error" in answer:
            kind = ERROR_KINDS.get(str(answer["error"]), HostError)
            raise kind(str(answer.get("subject", "")), str(answer.get("reason", "")))
        try:
            return read(answer)
        except (KeyError, TypeError, ValueError, binascii.Error):
            raise NotRecordedError(" ".join(question), "has an answer in the recording that makes no sense") from None


def _refusal(error: HostError) -> Answer:
    return {"error": error.kind, "subject": error.subject, "reason": error.reason}


def _chunks_question(path: str, offset: int) -> Question:
    return ("read_chunks", str(offset), path)


def _stat_question(path: str, follow: bool) -> Question:
    return ("stat" if follow else "lstat", path)


def _bytes_out(content: bytes) -> Answer:
    return {"base64": base64.b64encode(content).decode("ascii")}


def _bytes_in(answer: Answer) -> bytes:
    return base64.b64decode(answer["base64"], validate=True)


def _several_bytes_out(contents: tuple[bytes, ...]) -> Answer:
    return {"several": [_bytes_out(content) for content in contents]}


def _several_bytes_in(answer: Answer) -> tuple[bytes, ...]:
    return tuple(_bytes_in(each) for each in answer["several"])


def _maybe_bytes_out(content: bytes | None) -> Answer:
    return {} if content is None else _bytes_out(content)


def _maybe_bytes_in(answer: Answer) -> bytes | None:
    return _bytes_in(answer) if answer else None


def _text_out(text: str) -> Answer:
    return {"text": text}


def _names_out(names: tuple[str, ...]) -> Answer:
    return {"names": list(names)}


def _names_in(answer: Answer) -> tuple[str, ...]:
    return tuple(str(name) for name in answer["names"])


def _result_out(result: CommandResult) -> Answer:
    return {"status": result.status, **_bytes_out(result.stdout)}


def _result_in(answer: Answer) -> CommandResult:
    return CommandResult(int(answer["status"]), _bytes_in(answer))
