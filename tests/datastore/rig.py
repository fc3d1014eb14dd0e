"""Datastores on a real database with recording participants, and XML for them."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from lxml import etree

from agent.caller import Caller
from agent.clock import ManualClock
from agent.datastore.datastores import Datastores
from agent.northbound.contract import NoConfigHandler
from agent.northbound.registry import Registry
from agent.northbound.transaction import ProviderParticipants
from agent.storage.commit_log import CommitLog
from agent.storage.database import Database
from agent.yang import json_codec
from agent.yang.compiler import compile_schema
from agent.yang.modules import default_search_path
from agent.yang.validation import Validator

NAMESPACE = "urn:test:device"
NETCONF = "urn:ietf:params:xml:ns:netconf:base:1.0"
ADA = Caller("ada", 1, "192.0.2.1")
BOB = Caller("bob", 2, "192.0.2.2")


@cache
def schema():
    return compile_schema(["test-device"], [Path(__file__).parent / "models", *default_search_path()])


@cache
def validator():
    return Validator(schema())


def config(inside=""):
    """<config> with this inside <device>; without anything when `inside` is empty."""
    device = f'<device xmlns="{NAMESPACE}">{inside}</device>' if inside else ""
    return etree.fromstring(f'<config xmlns:nc="{NETCONF}">{device}</config>')


def port(name, inside="", attributes=""):
    return f"<port{attributes}><name>{name}</name>{inside}</port>"


def speed(name, value):
    return port(name, f"<speed>{value}</speed>")


class Recorder(NoConfigHandler):
    """A provider that notes what it is told, in a list that several of them may share. Fails where it is asked to."""

    def __init__(self, name, journal):
        self.name = name
        self.journal = journal
        self.fail_at = None
        self.error = RuntimeError("no")
        #: Leaves that it writes into the configuration of a commit: path -> value.
        self.writes = {}

    def validate(self, changes, view):
        self.note("validate", changes)

    def stage(self, changes, view):
        self.note("stage", changes)
        return self.writes

    def prepare(self, changes, view, transaction):
        transaction.execute("CREATE TABLE IF NOT EXISTS prepared (name TEXT)")
        transaction.execute("INSERT INTO prepared VALUES (?)", (self.name,))
        self.note("prepare", changes)

    def apply(self, changes):
        self.note("apply", changes)

    def abort(self, changes):
        self.note("abort", changes)

    def note(self, step, changes):
        self.journal.append((self.name, step, changes))
        if self.fail_at == step:
            raise self.error


class FailingLog(CommitLog):
    """A history that can't be written when `broken`: the disk is full at the worst moment."""

    broken = False

    def append(self, transaction, record):
        commit_id = super().append(transaction, record)
        if self.broken:
            raise OSError("disk full")
        return commit_id


class Rig:
    """One device with providers for the ports and for the rest; what is in `folder` stays over `restart`."""

    def __init__(self, folder):
        self.folder = folder
        self.clock = ManualClock(datetime(2026, 1, 31, 12, tzinfo=UTC))
        self.journal = []
        self.ports = Recorder("ports", self.journal)
        self.device = Recorder("device", self.journal)
        self.open()

    def open(self):
        self.database = Database.open(self.folder / "state.db")
        self.log = FailingLog(self.database)
        registry = Registry(schema())
        registry.config("/test-device:device/port", self.ports)
        registry.config("/test-device:device", self.device)
        registry.rewrite("/test-device:device/password", lambda text: f"hash of {text}")
        self.datastores = Datastores(
            schema(), validator(), ProviderParticipants(registry), self.database, self.log, self.clock
        )

    def close(self):
        self.datastores.close()
        self.database.close()

    def restart(self):
        self.close()
        self.open()

    def edit(self, inside, target="candidate", caller=ADA, **options):
        self.datastores.edit(target, config(inside), caller=caller, **options)

    def commit(self, caller=ADA, **options):
        return self.datastores.commit(caller=caller, **options)

    def put(self, inside):
        """Edit and commit, and forget what the providers were told."""
        self.edit(inside)
        self.commit()
        self.journal.clear()

    @property
    def running(self):
        return shown(self.datastores.running)

    @property
    def candidate(self):
        return shown(self.datastores.candidate)

    @property
    def steps(self):
        """(provider, step) in the order of the calls."""
        return [(name, step) for name, step, _ in self.journal]

    @property
    def prepared(self):
        """What providers have written through the transactions of commits that succeeded."""
        tables = self.database.query("SELECT name FROM sqlite_master WHERE name = 'prepared'")
        return [row["name"] for row in self.database.query("SELECT name FROM prepared")] if tables else []


def shown(root):
    """What is in <device>, as RFC 7951 JSON; {} for nothing."""
    return json_codec.encode(root).get("test-device:device", {})
