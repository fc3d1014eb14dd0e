"""What a person types, and what they see."""

from __future__ import annotations

import pytest

from agent.shell.services import DossierOptions, SignOptions
from tests.shell.rig import ADMIN, DOSSIER, TIME_LINE, Services, run

VERSION = TIME_LINE + "trustconf, Version 0.1.0\n\nSystem uptime is 1 day\n"


def test_the_time_line_comes_first():
    assert run("show version").text == VERSION
    assert run("show version").status == 0


@pytest.mark.parametrize("line", ["sh ver", "sho versi", "  show   version  ", "show version\n", "show version\r\n"])
def test_abbreviations_and_spaces(line):
    assert run(line).text == VERSION


@pytest.mark.parametrize(
    "line",
    [
        "terminal length 0\nshow version",
        "terminal length 0;show version",
        "term len 0 ; terminal width 512\r\nshow version\n",
    ],
)
def test_terminal_settings_before_a_command(line):
    assert run(line).text == VERSION


def test_terminal_settings_alone():
    result = run("terminal length 0")
    assert (result.text, result.status) == ("", 0)
    assert run("").status == 0


def test_several_commands_stop_at_the_first_that_fails():
    result = run("show version; nonsense; show version")
    assert result.status == 1
    assert result.text.count("Version 0.1.0") == 1


class TestErrors:
    def test_the_caret_stands_under_the_wrong_word(self):
        result = run("show crypto kez mypubkey rsa")
        assert result.text == (
            "show crypto kez mypubkey rsa\n"
            "            ^\n"
            "% Invalid input detected at '^' marker.\n"
        )  # fmt: skip
        assert result.status == 1

    @pytest.mark.parametrize(
        ("line", "column"),
        [
            ("nonsense", 0),
            ("show version now", 13),
            ("show crypto key mypubkey x25519", 25),
            ("show crypto ca certificates a detail b", 37),
            ("'show' version", 0),
            ("show version 'open", 13),
            ("terminal length 0 | include x", 18),
            ("show version | more", 15),
            ("| include x", 0),
        ],
    )
    def test_invalid_input(self, line, column):
        result = run(line)
        assert result.text == f"{line}\n{' ' * column}^\n% Invalid input detected at '^' marker.\n"
        assert result.status == 1

    @pytest.mark.parametrize(
        "line",
        ["show", "show crypto key mypubkey", "terminal length", "show version |", "show version | include",
         "show version | utility sign", "show version | utility sign nonce", "show version | utility"],
    )  # fmt: skip
    def test_incomplete(self, line):
        assert run(line).text in ("% Incomplete command.\n",)
        assert run(line).status == 1

    @pytest.mark.parametrize("line", ["show crypto key mypubkey e", "show platform security integrity dossier in"])
    def test_ambiguous(self, line):
        assert run(line).text.startswith("% Ambiguous command")
        assert run(line).status == 1

    def test_control_characters_are_not_sent_back(self):
        assert run("show \x1b[2J\x07").text.startswith("show ?[2J?\n     ^\n")

    def test_messages_of_providers_are_shown_others_are_not(self):
        result = run("show version | utility sign nonce no-key")
        assert result.text.endswith("% The trustpoint has no certificate: enroll it first.\n")
        assert result.status == 1
        result = run("show platform")
        assert "secret" not in result.text
        assert result.status == 1

    @pytest.mark.parametrize("line", ["x" * 70_000, ";".join(["show version"] * 33)])
    def test_too_long(self, line):
        assert run(line).text.startswith("% A line has at most")
        assert run(line).status == 1


class TestPipes:
    @pytest.mark.parametrize(
        ("pipe", "expected"),
        [
            ("include Version", "trustconf, Version 0.1.0\n"),
            ("inc uptime is", "System uptime is 1 day\n"),
            ("exclude Version", "\nSystem uptime is 1 day\n"),
            ("begin System", "System uptime is 1 day\n"),
            ("begin nothing like it", ""),
            ('include "1 day"', "System uptime is 1 day\n"),
            ("exclude Version | include 1", "System uptime is 1 day\n"),
        ],
    )
    def test_lines(self, pipe, expected):
        assert run(f"show version | {pipe}").text == TIME_LINE + expected

    def test_a_bar_in_quotes_is_text(self):
        assert run("show version | include '|'").text == TIME_LINE

    def test_a_hostile_pattern_is_only_text(self):
        assert run("show version | include (a+)+$").text == TIME_LINE

    def test_files_are_refused(self):
        result = run("show version | file harddisk:out.json")
        assert result.text == "% Output can't be written to files of this device: redirect it where you run ssh.\n"
        assert result.status == 1

    @pytest.mark.parametrize(
        ("pipe", "options"),
        [
            ("utility sign nonce 1580", SignOptions("1580")),
            ("utility sign nonce 1580 include-certificate", SignOptions("1580", include_certificate=True)),
            ("util sign include-certificate nonce 1580", SignOptions("1580", include_certificate=True)),
            ("utility sign nonce 1580 include-tpm-quote", SignOptions("1580", include_tpm_quote=True)),
            ("utility sign include-t include-c nonce 1580", SignOptions("1580", True, True)),
            ("utility sign include-t registers 0,10 nonce 1580", SignOptions("1580", False, True, (0, 10))),
            ("utility sign compress gzip nonce 1580", SignOptions("1580", compression="gzip")),
            ("utility sign comp g nonce 1580", SignOptions("1580", compression="gzip")),
            ("utility sign nonce 1580 jws compress zstd", SignOptions("1580", form="jws", compression="zstd")),
            ("utility sign d nonce 1580 include-c", SignOptions("1580", form="dsse", include_certificate=True)),
            ("utility sign envelope nonce 1580", SignOptions("1580")),
        ],
    )
    def test_any_show_command_can_be_signed(self, pipe, options):
        services = Services()
        result = run(f"show version | include Version | {pipe}", services)
        assert result.text == TIME_LINE + '{"envelope":1}\n'
        assert services.signed == [("trustconf, Version 0.1.0\n", options, ADMIN)]

    def test_nothing_follows_a_signature(self):
        services = Services()
        assert run("show version | utility sign nonce 1 | include x", services).status == 1
        assert services.signed == []

    @pytest.mark.parametrize("nonce", ["''", "ü", "x" * 129])
    def test_nonces_are_checked(self, nonce):
        assert "^\n% Invalid input" in run(f"show version | utility sign nonce {nonce}").text

    @pytest.mark.parametrize("registers", ["24", "x", "0,", "-1", "٣", "0,,1", "1,0x1"])
    def test_registers_are_checked(self, registers):
        line = f"show version | utility sign nonce 1 include-tpm-quote registers {registers}"
        assert "^\n% Invalid input" in run(line).text

    def test_registers_are_of_no_use_without_a_quote(self):
        assert run("show version | utility sign nonce 1 registers 0").text == "% Incomplete command.\n"


class TestDossier:
    COMMAND = "show platform security integrity dossier"

    def ask(self, arguments):
        services = Services()
        result = run(f"{self.COMMAND} {arguments}", services)
        assert result.text == TIME_LINE + DOSSIER + "\n"
        ((options, caller),) = services.asked
        assert caller == ADMIN
        return options

    @pytest.mark.parametrize(
        ("arguments", "selectors", "nonce"),
        [
            ("", (), None),
            ("nonce 1234 include reboot-history", ("reboot-history",), "1234"),
            (
                "include packages reboot-history rollback-history system-integrity-snapshot system-inventory"
                " nonce 1580",
                ("packages", "reboot-history", "rollback-history", "system-integrity-snapshot", "system-inventory"),
                "1580",
            ),
            ("incl pack reb non 7", ("packages", "reboot-history"), "7"),
            ("include filesystem-inventory packages packages", ("filesystem-inventory", "packages"), None),
            ("nonce 'two words'", (), "two words"),
        ],
    )
    def test_either_order(self, arguments, selectors, nonce):
        assert self.ask(arguments) == DossierOptions(selectors=selectors, nonce=nonce)

    @pytest.mark.parametrize("quote", ["'", ""])
    def test_filesystem_inventory_options(self, quote):
        options = '{"0/RP0/CPU0": {"block_start": 0, "count": 1}}'
        asked = self.ask(f"include filesystem-inventory filesystem-inventory-options {quote}{options}{quote} nonce 3")
        assert asked.filesystem_inventory_options == {"0/RP0/CPU0": {"block_start": 0, "count": 1}}
        assert asked.nonce == "3"

    def test_incremental_ima_in_the_spelling_of_the_guide(self):
        asked = self.ask(
            "incremental-ima \"{'ima_start': [{'0/RP0/CPU0': {'start_event': 1000, "
            "'start_time': 'Tue Feb 16 09:15:17 2021'}}]}\""
        )
        assert asked.incremental_ima == {
            "ima_start": [{"0/RP0/CPU0": {"start_event": 1000, "start_time": "Tue Feb 16 09:15:17 2021"}}]
        }

    @pytest.mark.parametrize(
        ("arguments", "column"),
        [
            ("include nothing", 8),
            ("include packages nonce 1 nonce 2", 25),
            ("packages", 0),
            ("incremental-ima __import__('os')", 16),
            ("incremental-ima '[1]'", 16),
            ("incremental-ima '" + "{" * 3000 + "'", 16),
            ("incremental-ima '" + "(" * 3000 + "'", 16),
            ("incremental-ima '{1: 2}'", 16),
        ],
    )
    def test_wrong_words(self, arguments, column):
        services = Services()
        line = f"{self.COMMAND} {arguments}"
        result = run(line, services)
        caret = result.text.splitlines()[1]
        assert len(caret) - 1 == len(self.COMMAND) + 1 + column
        assert result.status == 1
        assert services.asked == []

    @pytest.mark.parametrize("arguments", ["nonce", "include", "include nonce 1", "incremental-ima"])
    def test_missing_words(self, arguments):
        assert run(f"{self.COMMAND} {arguments}").text == "% Incomplete command.\n"

    def test_the_line_of_the_forensic_procedures(self):
        services = Services()
        result = run(
            "terminal length 0\nshow platform security integrity dossier include packages reboot-history"
            " rollback-history system-integrity-snapshot filesystem-inventory system-inventory nonce 1580"
            " | utility sign nonce 1580 include-certificate",
            services,
        )
        assert result.text == TIME_LINE + '{"envelope":1}\n'
        assert services.signed == [(DOSSIER, SignOptions("1580", include_certificate=True), ADMIN)]

    def test_a_mistake_behind_the_pipe_collects_nothing(self):
        services = Services()
        assert run(f"{self.COMMAND} | utility sing nonce 1", services).status == 1
        assert services.asked == []
