"""A device that wants a certificate, for the tests of the client."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from cryptography import x509

from agent.clock import ManualClock
from agent.pki.names import parse_subject
from agent.pki.requests import RequestedCertificate, build_request
from agent.pki.scep.algorithms import ScepPolicy
from agent.pki.scep.client import ScepClient
from agent.pki.scep.http import HttpTransport
from agent.pki.scep.messages import MessageSigner, Transaction
from tests.pki.authorities import START, rsa_key

SUBJECT = x509.Name(parse_subject("CN=router1,O=Example"))
LENIENT = ScepPolicy(allow_sha1=True, allow_des=True)
#: The number of the device's key, which no authority has.
DEVICE = 9


class OneShot:
    """A transport that lives as long as one exchange, because every call here has an event loop of its own."""

    def __init__(self, timeout=20, tls=None):
        self.timeout = timeout
        self.tls = tls

    async def get(self, url, limit):
        async with HttpTransport(timeout=self.timeout, tls=self.tls) as transport:
            return await transport.get(url, limit)

    async def post(self, url, body, limit):
        async with HttpTransport(timeout=self.timeout, tls=self.tls) as transport:
            return await transport.post(url, body, limit)


class Applicant:
    """Runs the client against a transport, one operation a call, and remembers what has to be remembered."""

    def __init__(self, transport, *, url="http://ca.example.com/scep", policy=None, key=None, clock=None):
        self.clock = clock or ManualClock(START + timedelta(days=1))
        self.client = ScepClient(url, transport=transport, clock=self.clock, policy=policy)
        self.key = key or rsa_key(DEVICE)
        self.ca = asyncio.run(self.client.get_ca_certificates())
        self.capabilities = asyncio.run(self.client.get_ca_caps())

    def begin(self, subject=SUBJECT, *, signer=None, **wanted):
        request = build_request(RequestedCertificate(subject, **wanted), self.key)
        signer = signer or MessageSigner.for_key(self.key, subject, self.clock.now())
        self.transaction = Transaction.begin(request, signer)
        return self.transaction

    def enroll(self, subject=SUBJECT, *, renewal=False, **wanted):
        transaction = self.begin(subject, **wanted)
        return asyncio.run(self.client.enroll(transaction, self.ca, self.capabilities, renewal=renewal))

    def poll(self):
        return asyncio.run(self.client.poll(self.transaction, self.ca, self.capabilities))

    def signer(self):
        return MessageSigner.for_key(self.key, SUBJECT, self.clock.now())

    def get_certificate(self, serial):
        return asyncio.run(self.client.get_certificate(serial, self.signer(), self.ca, self.capabilities)).found

    def get_crl(self, serial):
        return asyncio.run(self.client.get_crl(serial, self.signer(), self.ca, self.capabilities)).found

    def get_next_ca(self):
        return asyncio.run(self.client.get_next_ca(self.ca))
