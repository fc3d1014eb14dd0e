"""The three kinds of host give the same answers to the same questions, and the same refusals."""

import contextlib
import hashlib
import os
import time

import pytest

from agent.clock import SystemClock
from agent.host import commands
from agent.host.contract import CommandResult, KernelName
from agent.host.errors import (
    AbsentError,
    DeniedError,
    HostError,
    NotRecordedError,
    TimeLimitError,
    TooLargeError,
    UnreadableError,
    from_os_error,
)
from agent.host.real import RealHost, find_program, run_program
from agent.host.recording import Recording, RecordingFormatError, RecordingHost, ReplayHost
from agent.host.rooted import RootedHost

KERNEL = KernelName("Linux", "r1", "6.1.0", "#1 SMP", "x86_64")


@pytest.fixture
def folder(tmp_path):
    """A small machine: a file, a folder, links of every kind, a FIFO."""
    root = tmp_path / "machine"
    (root / "etc").mkdir(parents=True)
    (root / "usr/lib").mkdir(parents=True)
    (root / "usr/lib/os-release").write_text("ID=test\n")
    with contextlib.suppress(OSError):  # not every file system has them
        os.setxattr(root / "usr/lib/os-release", "user.mark", b"\0marked")
    (root / "etc/os-release").symlink_to("../usr/lib/os-release")
    (root / "etc/absolute").symlink_to("/usr/lib/os-release")
    (root / "etc/loop").symlink_to("loop")
    os.mkfifo(root / "etc/fifo")
    return root


def rooted(folder):
    return RootedHost(folder, commands={commands.JOURNAL_BOOTS: CommandResult(0, b"[]")}, kernel=KERNEL)


def recorded_and_replayed(folder, ask):
    """The answer of a rooted host, after a recording of it has been saved and loaded again."""
    recorder = RecordingHost(rooted(folder))
    with contextlib.suppress(HostError):
        ask(recorder)
    return ReplayHost(Recording.from_json(recorder.recording.to_json()))


def read_in_parts(host, path, limit):
    with host.open_file(path, limit) as file:
        end = file.seek(-4, os.SEEK_END)
        last = file.read()
        file.seek(0)
        return file.read(end) + last


QUESTIONS = {
    "file": lambda host: host.read_file("/usr/lib/os-release"),
    "file through a relative link": lambda host: host.read_file("/etc/os-release"),
    "file through an absolute link": lambda host: host.read_file("/etc/absolute"),
    "dots don't lead out": lambda host: host.read_file("/../../usr/./lib/../lib/os-release"),
    "file in pieces": lambda host: b"".join(host.read_chunks("/etc/os-release")),
    "file from the middle on": lambda host: b"".join(host.read_chunks("/etc/os-release", offset=3)),
    "file from beyond its end on": lambda host: b"".join(host.read_chunks("/etc/os-release", offset=99)),
    "folder": lambda host: host.list_dir("/etc"),
    "status": lambda host: host.stat("/etc/os-release"),
    "status of a link": lambda host: host.stat("/etc/os-release", follow=False),
    "link": lambda host: host.read_link("/etc/os-release"),
    "digest": lambda host: host.digest_file("/usr/lib/os-release", "sha256"),
    "digests": lambda host: host.digests("/usr/lib/os-release", ("md5", "sha256")),
    "open file": lambda host: read_in_parts(host, "/usr/lib/os-release", 8),
    "attribute": lambda host: host.attribute("/usr/lib/os-release", "user.mark"),
    "no attribute": lambda host: host.attribute("/etc/loop", "security.capability"),
    "command": lambda host: host.run(commands.JOURNAL_BOOTS),
    "uname": lambda host: host.uname(),
}
REFUSALS = {
    "absent file": (AbsentError, lambda host: host.read_file("/etc/nothing")),
    "digest of nothing": (AbsentError, lambda host: host.digest_file("/etc/nothing", "sha256")),
    "digest of a link": (UnreadableError, lambda host: host.digest_file("/etc/os-release", "sha256")),
    "digest of a FIFO": (UnreadableError, lambda host: host.digest_file("/etc/fifo", "sha256")),
    "digests of a FIFO": (UnreadableError, lambda host: host.digests("/etc/fifo", ("md5", "sha256"))),
    "opening nothing": (AbsentError, lambda host: read_in_parts(host, "/etc/nothing", 8)),
    "opening a link": (UnreadableError, lambda host: read_in_parts(host, "/etc/os-release", 8)),
    "opening a FIFO": (UnreadableError, lambda host: read_in_parts(host, "/etc/fifo", 8)),
    "opening what is too large": (TooLargeError, lambda host: read_in_parts(host, "/usr/lib/os-release", 7)),
    "attribute of nothing": (AbsentError, lambda host: host.attribute("/etc/nothing", "user.mark")),
    "file as a folder": (AbsentError, lambda host: host.read_file("/usr/lib/os-release/x")),
    "folder as a file": (UnreadableError, lambda host: host.read_file("/etc")),
    "file listed": (UnreadableError, lambda host: host.list_dir("/usr/lib/os-release")),
    "fifo": (UnreadableError, lambda host: host.read_file("/etc/fifo")),
    "loop": (UnreadableError, lambda host: host.read_file("/etc/loop")),
    "no link": (UnreadableError, lambda host: host.read_link("/etc")),
    "too large": (TooLargeError, lambda host: host.read_file("/usr/lib/os-release", 7)),
    "too large in pieces": (TooLargeError, lambda host: list(host.read_chunks("/usr/lib/os-release", max_bytes=7))),
    "absent in pieces": (AbsentError, lambda host: list(host.read_chunks("/etc/nothing"))),
    "fifo in pieces": (UnreadableError, lambda host: list(host.read_chunks("/etc/fifo"))),
    "too many": (TooLargeError, lambda host: host.list_dir("/etc", 3)),
    "too much output": (TooLargeError, lambda host: host.run(commands.JOURNAL_BOOTS, max_output=1)),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_replay_answers_as_the_host_did(folder, name):
    ask = QUESTIONS[name]
    assert ask(recorded_and_replayed(folder, ask)) == ask(rooted(folder))


def test_the_answers_of_a_rooted_host_are_the_folder(folder):
    host = rooted(folder)
    whole = [name for name in QUESTIONS if ("file" in name or "dots" in name) and " from " not in name]
    assert {QUESTIONS[name](host) for name in whole} == {b"ID=test\n"}
    assert QUESTIONS["file from the middle on"](host) == b"test\n"
    assert QUESTIONS["file from beyond its end on"](host) == b""
    assert host.list_dir("/etc") == ("absolute", "fifo", "loop", "os-release")
    assert host.stat("/etc/os-release").kind == "file"
    assert host.stat("/etc/os-release").size == 8
    assert host.stat("/etc/loop", follow=False).kind == "link"
    assert host.read_link("/etc/absolute") == "/usr/lib/os-release"
    assert host.read_file("/usr/lib/os-release", 8) == b"ID=test\n"
    assert host.digest_file("/usr/lib/os-release", "sha256") == hashlib.sha256(b"ID=test\n").digest()
    assert [each.hex() for each in host.digests("/usr/lib/os-release", ("md5", "sha256"))] == [
        hashlib.new(name, b"ID=test\n").hexdigest() for name in ("md5", "sha256")
    ]
    assert host.attribute("/usr/lib/os-release", "user.mark") in (b"\0marked", None)
    found = host.stat("/etc/loop", follow=False)
    really = (folder / "etc/loop").lstat()
    assert found.file_type | found.mode == really.st_mode
    assert (found.user, found.group, found.device) == (really.st_uid, really.st_gid, really.st_dev)
    assert found.changed_ns == really.st_ctime_ns


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals_have_their_own_errors_also_in_a_replay(folder, name):
    error, ask = REFUSALS[name]
    with pytest.raises(error) as direct:
        ask(rooted(folder))
    with pytest.raises(error) as replayed:
        ask(recorded_and_replayed(folder, ask))
    assert type(direct.value) is type(replayed.value) is error
    assert direct.value.reason == replayed.value.reason


@pytest.mark.parametrize("name", [name for name in REFUSALS if "command" not in name and "output" not in name])
def test_the_real_host_refuses_in_the_same_way(folder, name):
    class Prefixed(RealHost):
        """The real host, asked below the folder."""

        def read_file(self, path, *rest):
            return super().read_file(f"{folder}{path}", *rest)

        def read_chunks(self, path, **rest):
            return super().read_chunks(f"{folder}{path}", **rest)

        def list_dir(self, path, *rest):
            return super().list_dir(f"{folder}{path}", *rest)

        def digests(self, path, *rest):
            return super().digests(f"{folder}{path}", *rest)

        def open_file(self, path, *rest):
            return super().open_file(f"{folder}{path}", *rest)

        def attribute(self, path, *rest):
            return super().attribute(f"{folder}{path}", *rest)

        def read_link(self, path):
            return super().read_link(f"{folder}{path}")

    error, ask = REFUSALS[name]
    with pytest.raises(error):
        ask(Prefixed())


def test_permission_denied_is_not_absence():
    assert type(from_os_error("/x", PermissionError(13, "no"))) is DeniedError
    assert type(from_os_error("/x", FileNotFoundError(2, "no"))) is AbsentError


def test_a_link_out_of_the_folder_stays_inside(folder, tmp_path):
    (tmp_path / "secret").write_text("outside")
    (folder / "etc/out").symlink_to("../../secret")
    (folder / "etc/out-absolute").symlink_to(tmp_path / "secret")
    (folder / "up").symlink_to("..")
    for path in ("/etc/out", "/etc/out-absolute", "/up/secret", "/../secret"):
        with pytest.raises(AbsentError):
            rooted(folder).read_file(path)


@pytest.mark.parametrize("path", ["etc/passwd", "", "/etc/\0passwd"])
def test_only_absolute_paths(folder, path):
    for host in (RealHost(), rooted(folder), ReplayHost(Recording())):
        with pytest.raises(ValueError, match="absolute"):
            host.read_file(path)


def test_only_commands_of_the_table(folder):
    for host in (RealHost(), rooted(folder), ReplayHost(Recording())):
        for argv in (("sh", "-c", "true"), (*commands.JOURNAL_BOOTS, "--root=/")):
            with pytest.raises(ValueError, match="allowed"):
                host.run(argv)


def test_the_real_host_reads_this_machine():
    host = RealHost()
    assert host.uname() == KernelName(*os.uname())
    assert host.read_file("/proc/version").startswith(b"Linux")
    assert "self" in host.list_dir("/proc")
    assert host.stat("/proc").kind == "folder"


def test_a_command_gets_no_environment_and_its_status_is_a_result(monkeypatch):
    monkeypatch.setenv("SECRET", "leak")
    result = run_program(find_program("sh"), ("sh", "-c", "echo ${SECRET-none}; exit 3"), 10, 100, SystemClock())
    assert result == CommandResult(3, b"none\n")


def test_a_command_that_hangs_is_ended_with_its_children(tmp_path):
    note = tmp_path / "child"
    script = f"sleep 60 & echo $! > {note}; wait"
    with pytest.raises(TimeLimitError):
        run_program(find_program("sh"), ("sh", "-c", script), 0.3, 100, SystemClock())
    child = int(note.read_text())
    deadline = time.monotonic() + 10
    while not has_ended(child):
        assert time.monotonic() < deadline, "the child lives on"
        time.sleep(0.01)  # for the kernel, which ends it when it comes to it


def has_ended(process):
    """Whether it is gone, or a zombie that waits for its new parent."""
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().split(")")[1].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_a_command_that_floods_is_ended():
    with pytest.raises(TooLargeError):
        run_program(find_program("sh"), ("sh", "-c", "while :; do echo yyyyyyyy; done"), 10, 10_000, SystemClock())


def test_a_missing_program_is_absence():
    with pytest.raises(AbsentError):
        find_program("no-such-program-anywhere")


class Counter:
    """A host whose file changes between readings."""

    def __init__(self):
        self.readings = 0

    def read_file(self, path, max_bytes=0):
        self.readings += 1
        return b"%d" % min(self.readings, 3)


def test_answers_that_change_are_replayed_in_order():
    recorder = RecordingHost(Counter())
    heard = [recorder.read_file("/proc/uptime") for _ in range(5)]
    replay = ReplayHost(recorder.recording)
    assert heard == [b"1", b"2", b"3", b"3", b"3"]
    assert [replay.read_file("/proc/uptime") for _ in range(5)] == heard


@pytest.mark.parametrize("name", ["bug.json", "bug.zip"])
def test_a_recording_travels_as_a_file(folder, tmp_path, name):
    recorder = RecordingHost(rooted(folder))
    recorder.read_file("/etc/os-release")
    recorder.recording.save(tmp_path / name)
    replay = ReplayHost(Recording.load(tmp_path / name))
    assert replay.read_file("/etc/os-release") == b"ID=test\n"
    with pytest.raises(NotRecordedError):
        replay.read_file("/etc/absolute")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": 1, "version": 1}',
        '{"format":"trustconf-host-recording","version":2,"calls":[]}',
        "[" * 100_000,
    ],
)
def test_what_is_no_recording_is_refused(tmp_path, text):
    with pytest.raises(RecordingFormatError):
        Recording.from_json(text)
    for name in ("bad.json", "bad.zip"):
        (tmp_path / name).write_text(text)
        with pytest.raises(RecordingFormatError):
            Recording.load(tmp_path / name)


@pytest.mark.parametrize("answer", [{}, {"base64": "*"}, {"base64": 5}, {"error": "sideways"}])
def test_a_damaged_answer_is_a_host_error(answer):
    recording = Recording()
    recording.add(("read_file", "/x"), answer)
    with pytest.raises(HostError):
        ReplayHost(recording).read_file("/x")
