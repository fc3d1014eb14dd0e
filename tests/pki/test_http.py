"""HTTP for PKI: what SCEP's tests of it leave out, the VRF above all."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager

import pytest

from agent.pki import http_errors as errors
from agent.pki.enrolment_errors import CaVrfError
from agent.pki.http import FAILURE_MAX_BYTES, HttpClient, Redirects
from agent.pki.scep.http import HttpTransport

LIMIT = 1000


@asynccontextmanager
async def server(respond):
    """A server that answers each request's head by `respond(head)`."""

    async def serve(reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(respond(head))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    running = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield running.sockets[0].getsockname()[1]
    finally:
        running.close()


def ask(respond, *, headers=None, **options):
    async def go():
        async with server(respond) as port, HttpClient(**options) as http:
            return await http.request("GET", f"http://127.0.0.1:{port}/a?secret=1", limit=LIMIT, headers=headers)

    return asyncio.run(go())


def says(status, body=b"", **headers):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    answer = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
    return lambda _head: answer


def test_every_status_is_an_answer():
    answer = ask(says("202 Accepted", b"later", retry_after="30", content_type="text/plain; charset=utf-8"))
    assert (answer.status, answer.body, answer.content_type) == (202, b"later", "text/plain")
    assert answer.headers["retry-after"] == "30"
    assert ask(says("204 No Content")).status == 204
    assert ask(says("401 Unauthorized", b"who?")).body == b"who?"


def test_headers_are_sent():
    seen = []
    ask(lambda head: seen.append(head) or says("200 OK")(head), headers={"X-Test": "yes"})
    assert b"\r\nX-Test: yes\r\n" in seen[0]


def test_of_a_failure_the_beginning_is_read():
    assert len(ask(says("500 Oops", b"x" * 100_000)).body) == FAILURE_MAX_BYTES


def test_a_failure_that_breaks_off_is_one_still():
    answer = ask(lambda _head: b"HTTP/1.1 503 Busy\r\nContent-Length: 900\r\n\r\nhalf")
    assert (answer.status, answer.body) == (503, b"half")


def test_redirects_to_another_server_are_a_choice():
    async def go(redirects):
        async with server(says("200 OK", b"there")) as other:
            redirect = says("302 Found", location=f"http://127.0.0.1:{other}/")
            async with server(redirect) as port, HttpClient(redirects=redirects) as http:
                return await http.request("GET", f"http://127.0.0.1:{port}/", limit=LIMIT)

    assert asyncio.run(go(Redirects.SAME_SCHEME)).body == b"there"
    with pytest.raises(errors.UnfollowedRedirectError):
        asyncio.run(go(Redirects.SAME_SERVER))


def test_through_a_vrf():
    """The loopback device stands for one."""
    assert ask(says("200 OK", b"inside"), vrf="lo").body == b"inside"


def test_connections_are_bound_to_the_vrf(monkeypatch):
    bound = []
    connect = socket.socket.connect

    def observed(sock, address):
        bound.append(sock.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).rstrip(b"\0"))
        return connect(sock, address)

    monkeypatch.setattr(socket.socket, "connect", observed)
    ask(says("200 OK"), vrf="lo")
    assert bound == [b"lo"]


def test_a_vrf_without_device():
    with pytest.raises(errors.VrfUnavailableError, match="there is no network device vrf-none") as caught:
        ask(says("200 OK"), vrf="vrf-none")
    assert caught.value.vrf == "vrf-none"
    assert "secret" not in caught.value.message


def test_a_vrf_without_device_to_a_server_with_several_addresses(monkeypatch):
    addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{n}", 1)) for n in (1, 2)]

    async def resolve(*_arguments, **_options):
        return addresses

    async def go():
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
        async with HttpClient(vrf="vrf-none") as http:
            await http.request("GET", "http://ca.example.com:1/", limit=LIMIT)

    with pytest.raises(errors.VrfUnavailableError):
        asyncio.run(go())


def test_a_vrf_that_the_agent_may_not_use(monkeypatch):
    really = socket.socket.setsockopt

    def refuse(sock, level, option, value):
        if option == socket.SO_BINDTODEVICE:
            raise PermissionError(1, "Operation not permitted")
        really(sock, level, option, value)

    monkeypatch.setattr(socket.socket, "setsockopt", refuse)
    with pytest.raises(errors.VrfUnavailableError, match="CAP_NET_RAW"):
        ask(says("200 OK"), vrf="lo")


def test_scep_tells_of_the_vrf():
    async def go():
        async with HttpTransport(vrf="vrf-none") as transport:
            await transport.get("http://127.0.0.1:1/", LIMIT)

    with pytest.raises(CaVrfError, match="vrf-none"):
        asyncio.run(go())


@pytest.mark.parametrize("vrf", ["", ".", "..", "a/b", "a b", "x" * 16, "rouge\n", "r\u00f6t", "a:1", "\0"])
def test_names_that_no_device_has(vrf):
    with pytest.raises(errors.InvalidVrfError):
        HttpClient(vrf=vrf)
