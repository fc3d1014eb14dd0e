"""How devices are named, and what a run of the collector amounts to."""

import io
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.collector.anchors import read_anchor
from agent.collector.collecting import Outcome
from agent.collector.command import command_line
from agent.collector.errors import NoEvidenceError, Obstacle, TargetError
from agent.collector.progress import Progress
from agent.collector.question import Question
from agent.collector.report import exit_status
from agent.collector.targets import Method, Target, distinct, parse_target, read_inventory
from agent.commands.reading import CommandError
from agent.commands.trust import _confirm
from agent.integrity.judging.ima import Position
from agent.integrity.judging.judge import Known, judge
from agent.shell.dossier_arguments import read_dossier_arguments
from agent.shell.words import read_command
from tests.integrity.judging.dossiers import dossier, drifted, evidence, package, packages
from tests.integrity.signers import usual

DEFAULT = Target("", "")


@pytest.mark.parametrize(
    ("text", "name", "host", "port", "user"),
    [
        ("router1", "router1:830", "router1", 830, "admin"),
        ("bob@192.0.2.7:22", "192.0.2.7:22", "192.0.2.7", 22, "bob"),
        ("[2001:db8::1]", "[2001:db8::1]:830", "2001:db8::1", 830, "admin"),
    ],
)
def test_a_device_of_the_command_line(text, name, host, port, user):
    found = parse_target(text, DEFAULT)
    assert (found.name, found.host, found.port, found.user) == (name, host, port, user)


@pytest.mark.parametrize("text", ["", "a b", "a:0", "a:65536", "a:b", "a@b@c", "2001:db8::1", "@a"])
def test_what_is_no_device(text):
    with pytest.raises(TargetError):
        parse_target(text, DEFAULT)


def test_an_inventory():
    text = (
        'user = "u"\nport = 22\n[device.pe1]\nhost = "h1"\n[device."a:1"]\nhost = "h2"\nmethod = "ssh"\nkey = "~/k"\n'
    )
    first, second = read_inventory(text, DEFAULT)
    assert first == Target("pe1", "h1", 22, "u", None, Method.NETCONF)
    assert second == Target("a:1", "h2", 22, "u", Path("~/k").expanduser(), Method.SSH)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x", "not TOML"),
        ("", "no [device.NAME]"),
        ("device = 3", "no [device.NAME]"),
        ("[device.a]", "has no host"),
        ('[device."a b"]\nhost = "h"', "can't be the name"),
        ('[device.a]\nhost = "h"\nport = 0', "a port is"),
        ('[device.a]\nhost = "h"\nport = "1"', "port is not a number"),
        ('[device.a]\nhost = "h"\nport = true', "port is not a number"),
        ('[device.a]\nhost = "h"\nmethod = "telnet"', "netconf or ssh"),
        ('[device.a]\nhost = "h"\npassword = "x"', "no setting password"),
        ('color = "red"\n[device.a]\nhost = "h"', "no setting color"),
    ],
)
def test_an_inventory_that_makes_no_sense(text, said):
    with pytest.raises(TargetError) as caught:
        read_inventory(text, DEFAULT)
    assert said in str(caught.value)


def test_a_device_that_is_named_twice():
    with pytest.raises(TargetError, match="a is named twice"):
        distinct([Target("a", "h"), Target("b", "h"), Target("a", "i")])


def test_the_command_is_what_the_shell_understands():
    question = Question(
        "4f7a",
        ("packages", "filesystem-inventory"),
        (Position("0/RP0/CPU0", "boot", datetime(2021, 2, 16, 9, 15, 17, tzinfo=UTC), 1000),),
        (("0/RP0/CPU0", 5),),
    )
    line = command_line(question)
    part = read_command(line).parts[0]
    options = read_dossier_arguments(part.words[5:], line)
    assert options.selectors == ("packages", "filesystem-inventory")
    assert options.filesystem_inventory_options == {"0/RP0/CPU0": {"block_start": 5}}
    start = {"start_event": 1000, "start_time": "Tue Feb 16 09:15:17 2021"}
    assert options.incremental_ima == {"ima_start": [{"0/RP0/CPU0": start}]}
    assert line.endswith("nonce 4f7a | utility sign nonce 4f7a include-certificate")


def outcome(content=None, known=Known(), **options):  # noqa: B008 (immutable)
    if content is None:
        return Outcome(Target("x", "h"), error=NoEvidenceError(Obstacle.UNREACHABLE, "gone"))
    return Outcome(Target("x", "h"), judge(evidence(content, **options), known), 1)


def test_the_worst_device_gives_the_exit_status():
    before = evidence(dossier(packages=packages(package())), "n0")
    good = outcome(dossier(hours=1))
    changed = outcome(dossier(hours=1, packages=packages(package("b"))), Known(baseline=before, latest=before))
    alarm = outcome(dossier(packages=packages(drifted())))
    forged = outcome(dossier(), sent="other")
    every = [good, changed, outcome(), alarm, forged]
    assert [exit_status(every[:count]) for count in range(6)] == [0, 0, 40, 41, 31, 17]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere():
    for stream, wanted in (
        (Terminal(), "[############............] 1/2  x: unreachable"),
        (io.StringIO(), "[1/2] x: un"),
    ):
        progress = Progress(2, stream)
        progress.done(outcome())
        progress.end()
        assert wanted in stream.getvalue()


@pytest.mark.parametrize(("answer", "trusted"), [("yes\n", True), (" YES \n", True), ("no\n", False), ("\n", False)])
def test_a_person_at_a_terminal_is_asked(monkeypatch, capsys, answer, trusted):
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    anchor = read_anchor(usual()[0].pem)
    if trusted:
        _confirm(anchor, None)
    else:
        with pytest.raises(CommandError, match="nothing is trusted"):
            _confirm(anchor, None)
    assert "Is this the fingerprint" in capsys.readouterr().out


@settings(max_examples=40, deadline=None)
@given(text=st.text(max_size=30))
def test_no_text_is_more_than_refused(text):
    for read in (parse_target, read_inventory):
        try:
            read(text, DEFAULT)
        except TargetError:
            continue
