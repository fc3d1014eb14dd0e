"""A certification authority whose every answer a test decides, in place of a server; and who listens."""

from __future__ import annotations

import queue
import threading

from cryptography import x509

from agent.pki.enrollment.context import Outline
from agent.pki.enrollment.servers import Authority
from agent.pki.enrolment_errors import CaUnreachableError
from agent.pki.enrolment_outcome import Pending, Rejected, check_grant
from agent.pki.keys import KeyType
from agent.pki.trustpoint import EnrollmentMethod, EnrollmentServer, KeyReference, TrustpointConfig
from tests.pki import authorities

#: Seconds that something may take on a busy machine.
LIMIT = 30.0
NAME = "branch"
KEY = KeyReference(KeyType.RSA, "key")


def grant(order, root):
    """The certificate that was asked for."""
    request = x509.load_der_x509_csr(order.record.request)
    certificate = root.issue(request.subject, request.public_key())
    return check_grant([certificate], order.record.request, root.certificate)


def wait(order, root):
    return Pending()


def refuse(order, root):
    return Rejected("never", "never")


def vanish(order, root):
    raise CaUnreachableError("http://ca.example.com/scep", "no connection")


class PlayedCa:
    """Answers each question as `script` says, then as its last word says. `asked`: what was asked, in order."""

    def __init__(self):
        self.root = authorities.Authority.root("Root")
        self.script = [grant]
        self.asked = []
        self.before_answering = lambda: None

    async def fetch(self):
        return Authority((self.root.certificate,))

    async def ask(self, order, authority):
        return self._answer("ask", order)

    async def ask_again(self, order, authority):
        return self._answer("ask again", order)

    def _answer(self, what, order):
        self.asked.append((what, order))
        self.before_answering()
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return answer(order, self.root)


class Configs:
    """The configuration: one trustpoint at most."""

    def __init__(self, **changes):
        self.change(**changes)

    def change(self, **changes):
        server = {"retry_count": 3, **changes.pop("server", {})}
        values = {
            "name": NAME,
            "method": EnrollmentMethod.SCEP,
            "server": EnrollmentServer("http://ca.example.com/scep", **server),
            "keypair": KEY,
            "fqdn": "router.example.com",
            "device_serial": "1",
        }
        self.config = TrustpointConfig(**(values | changes))

    def find(self, name):
        return self.config

    def outline(self, name):
        if self.config is None:
            return None
        retry_count = self.config.server.retry_count if self.config.server else None
        return Outline(self.config.method, (self.config.keypair,), retry_count)


class Ear:
    """Hears of states and certificates."""

    def __init__(self):
        self.states = []
        self.certificates = []
        self._news = queue.Queue()
        self._lock = threading.Lock()

    def state_changed(self, trustpoint, before, after, reason):
        with self._lock:
            self.states.append((before.value, after.value, reason))
        self._news.put(after.value)

    def installed(self, trustpoint, certificate, changes):
        self.certificates.append(certificate)

    def wait_for(self, state):
        while self._news.get(timeout=LIMIT) != state:
            pass
