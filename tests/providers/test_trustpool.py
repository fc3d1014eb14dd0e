"""The trustpool's rpcs while a server is slow, and what is told of it."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from agent.providers import waiting
from agent.providers.trustpool.events import IMPORT_FAILED, UPDATED
from tests.peers.http_server import HttpPeer
from tests.pki.authorities import Authority

IMPORT = "/trustconf-trustpool:import-bundle"
POOL = "trustconf-trustpool:trustpool"
#: Seconds that a test waits for what must happen.
LIMIT = 60


class SlowShelf(HttpPeer):
    """Answers when the test lets it."""

    path = "/roots.pem"
    body = b""

    def __init__(self):
        self.open = threading.Event()
        super().__init__()

    def serve(self, exchange, body):
        assert self.open.wait(LIMIT)
        exchange.reply(200, self.body)


@pytest.fixture
def shelf():
    with SlowShelf() as shelf:
        yield shelf
        shelf.open.set()


@pytest.mark.parametrize("usable", [True, False])
def test_an_import_goes_on_after_the_answer_and_its_end_is_told(bench, shelf, monkeypatch, usable):
    monkeypatch.setattr(waiting, "PATIENCE", 0.01)
    ended = threading.Event()
    bench.services.bus.subscribe(lambda event: ended.set() if event.path in (UPDATED, IMPORT_FAILED) else None)
    root = Authority.root("Root", start=bench.clock.now() - timedelta(days=1))
    shelf.body = root.certificate.public_bytes(Encoding.PEM) if usable else b"<html>"

    answer = bench.call(IMPORT, {"url": shelf.url})
    assert answer == {"import-under-way": True}

    shelf.open.set()
    assert ended.wait(LIMIT)
    pool = bench.state()[POOL]
    if usable:
        [told] = bench.told(UPDATED)
        assert told["change"] == "imported"
        assert [entry["subject"] for entry in pool["certificate"]] == ["CN=Root"]
    else:
        [told] = bench.told(IMPORT_FAILED)
        assert told == {"url": shelf.url, "reason": pool["status"]["last-error"]}
