"""The tests' CA without a network: a Transport of the client, at a moment that stands still."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, urlsplit

from agent.pki.scep.http import HttpAnswer
from tests.peers.scep_ca import ScepCa
from tests.pki.authorities import START, Authority


class FakeCa(ScepCa):
    """A CA at START; one tier, unless `issuer` and what belongs to it say otherwise."""

    def __init__(self, issuer=None, **options):
        super().__init__(issuer or Authority.root("Root"), now=lambda: START, **options)

    async def get(self, url, limit):
        query = parse_qs(urlsplit(url).query)
        match query["operation"][0]:
            case "GetCACaps":
                return HttpAnswer(self.capabilities())
            case "GetCACert":
                return HttpAnswer(self.ca_certificates()[0])
            case "GetNextCACert":
                return HttpAnswer(self.next_ca_certificates())
        return HttpAnswer(self.operate(base64.b64decode(query["message"][0], validate=True), "GET"))

    async def post(self, url, body, limit):
        assert parse_qs(urlsplit(url).query) == {"operation": ["PKIOperation"]}
        return HttpAnswer(self.operate(body, "POST"))
