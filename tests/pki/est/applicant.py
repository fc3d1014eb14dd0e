"""A device that wants a certificate from an EST server, for the tests of the client."""

from __future__ import annotations

import asyncio

from cryptography import x509

from agent.clock import SystemClock
from agent.pki.ca_chain import CaChain
from agent.pki.est.client import EstClient
from agent.pki.names import parse_subject
from agent.pki.requests import RequestedCertificate, build_request
from agent.pki.tls import TlsSettings
from tests.pki.authorities import rsa_key

SUBJECT = x509.Name(parse_subject("CN=router1,O=Example"))
#: The number of the device's key, which no authority has.
DEVICE = 9


def request_for(key=None, subject=SUBJECT, **wanted):
    return build_request(RequestedCertificate(subject, **wanted), key or rsa_key(DEVICE))


def chain_of(server):
    """The CA of the trustpoint."""
    return CaChain(tuple(authority.certificate for authority in server.chain))


def anchors(*authorities):
    return tuple(authority.certificate for authority in authorities)


class Applicant:
    """Runs the client against a server, each operation on a connection of its own."""

    def __init__(self, server, *, url=None, trust=None, identity=None, login=None, **options):
        self.ca = chain_of(server)
        self.request = request_for()
        tls = TlsSettings(anchors(*(trust or server.chain[:1])), identity)
        self.options = {"clock": SystemClock(), "tls": tls, "login": login, **options}
        self.url = url or server.url

    def get_ca_certificates(self):
        return self._run(lambda client: client.get_ca_certificates())

    def get_csr_attributes(self):
        return self._run(lambda client: client.get_csr_attributes())

    def enroll(self, request=None):
        return self._run(lambda client: client.enroll(request or self.request, self.ca))

    def reenroll(self, request=None):
        return self._run(lambda client: client.reenroll(request or self.request, self.ca))

    def _run(self, operation):
        async def go():
            async with EstClient(self.url, **self.options) as client:
                return await operation(client)

        return asyncio.run(go())
