"""Settings from defaults, file and options; and the two forms of the log."""

from __future__ import annotations

import json
import logging
import threading
import warnings
from datetime import UTC, datetime

import pytest

from agent.clock import ManualClock
from agent.logs import configure_logging
from agent.settings import MAX_FILE_SIZE, Settings, SettingsError, load_settings


def write(folder, content):
    file = folder / "trustconf.toml"
    file.write_text(content)
    return file


def test_the_defaults():
    assert load_settings(None) == Settings("127.0.0.1", 830, "text", "info", 16 * 1024 * 1024)


def test_the_example_in_the_documentation_is_the_default(tmp_path):
    from agent import settings

    example = "\n".join(line.strip() for line in settings.__doc__.splitlines() if " = " in line)
    assert example.count("\n") == 4
    assert load_settings(write(tmp_path, example)) == Settings()


def test_a_file_wins_over_defaults_and_options_win_over_the_file(tmp_path):
    file = write(
        tmp_path, 'listen = "[::1]:8300"\nlog-format = "json"\nlog-level = "debug"\nmax-message-size = 65536\n'
    )
    assert load_settings(file) == Settings("::1", 8300, "json", "debug", 65536)
    assert load_settings(file, listen="0.0.0.0:1", log_format="text") == Settings("0.0.0.0", 1, "text", "debug", 65536)


@pytest.mark.parametrize(
    ("listen", "host", "port"),
    [
        ("127.0.0.1:0", "127.0.0.1", 0),
        ("localhost:65535", "localhost", 65535),
        ("[::]:830", "::", 830),
        ("[fe80::1.2.3.4]:1", "fe80::1.2.3.4", 1),
    ],
)
def test_addresses(listen, host, port):
    settings = load_settings(None, listen=listen)
    assert (settings.host, settings.port) == (host, port)
    assert settings.address(port) == listen


@pytest.mark.parametrize("listen", ["", ":", ":830", "830", "h", "h:", "h:x", "h:-1", "h:65536", "::1", "[::1]", "h:٣"])
def test_addresses_that_are_none(listen):
    with pytest.raises(SettingsError, match="must be ADDR:PORT"):
        load_settings(None, listen=listen)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("listen = 830", "listen must be ADDR:PORT.*not 830"),
        ('log-format = ["json"]', "log-format must be one of text, json, not"),
        ('log-level = "DEBUG"', "log-level must be one of debug, info, warning, error, not 'DEBUG'"),
        ("max-message-size = 65535", "from 65536 to 1073741824, not 65535"),
        ("max-message-size = 1073741825", "not 1073741825"),
        ("max-message-size = true", "not True"),
        ("max-message-size = 1e6", "not 1000000.0"),
        ('[server]\nlisten = "127.0.0.1:1"', "unknown setting 'server'"),
        ("log-level = 'info'\nlog-level = 'info'", "is not TOML"),
        ("a = " + "[" * 20000, "is not TOML"),
        ("# " + "x" * MAX_FILE_SIZE, f"is larger than {MAX_FILE_SIZE} bytes"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_name(tmp_path, content, said):
    file = write(tmp_path, content)
    with pytest.raises(SettingsError, match=said) as refused:
        load_settings(file)
    assert str(refused.value).startswith(f"settings file {file}: ")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(SettingsError, match="can't be read: Is a directory"):
        load_settings(tmp_path)


# The log -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def lines(monkeypatch, capsys):
    """Configures the log in a form and gives a function that returns its lines."""
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    root, paramiko = logging.getLogger(), logging.getLogger("paramiko")
    kept, levels = root.handlers[:], (root.level, paramiko.level)

    def configure(log_format, level="info"):
        configure_logging(log_format, level, ManualClock(datetime(2026, 1, 31, 12, tzinfo=UTC)))
        return lambda: capsys.readouterr().err.removesuffix("\n").split("\n")

    yield configure
    logging.captureWarnings(False)
    root.handlers[:] = kept
    root.setLevel(levels[0])
    paramiko.setLevel(levels[1])


def fail():
    raise ValueError("two\nlines \u2028 of it")


def log_everything():
    log = logging.getLogger("agent.test")
    log.debug("not at this level")
    log.info("user %s", "eve\n2026-01-31T12:00:00Z info    agent.daemon: stopping\x1b[2J\x85\u2028")
    try:
        fail()
    except ValueError:
        log.exception("it failed")
    warnings.warn("something is old", DeprecationWarning, stacklevel=1)
    thread = threading.Thread(target=fail, name="worker")
    thread.start()
    thread.join()


@pytest.mark.filterwarnings("always")
def test_json_is_one_object_a_line_whatever_happens(lines):
    read = lines("json")
    log_everything()
    info, failure, warning, thread = map(json.loads, read())
    assert info == {
        "time": "2026-01-31T12:00:00Z",
        "level": "info",
        "logger": "agent.test",
        "message": "user eve\n2026-01-31T12:00:00Z info    agent.daemon: stopping\x1b[2J\x85\u2028",
    }
    assert failure["message"] == "it failed"
    assert failure["traceback"].startswith("Traceback (most recent call last)")
    assert "two\nlines \u2028 of it" in failure["traceback"]
    assert "something is old" in warning["message"]
    assert "traceback" not in warning
    assert thread["message"] == "thread worker ended by an error of the agent"
    assert "ValueError" in thread["traceback"]


def test_text_has_one_line_a_message_and_indents_tracebacks(lines):
    read = lines("text")
    log_everything()
    first, second, *rest = read()
    assert first == (
        "2026-01-31T12:00:00Z info    agent.test: user eve\\n2026-01-31T12:00:00Z info    agent.daemon: stopping"
        "\\x1b[2J\\x85\\u2028"
    )
    assert second == "2026-01-31T12:00:00Z error   agent.test: it failed"
    assert "    ValueError: two" in rest
    assert all(line.startswith(("    ", "2026-01-31T12:00:00Z ")) for line in rest)


def test_the_level_counts(lines):
    read = lines("text", "error")
    logging.getLogger("agent.test").warning("no")
    logging.getLogger("agent.test").error("yes")
    logging.getLogger("paramiko.transport").error("no")
    assert [line.rpartition(" ")[2] for line in read()] == ["yes"]
