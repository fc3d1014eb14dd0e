"""The transport against servers that behave, and against those that don't."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from agent.pki.scep import errors
from agent.pki.scep.http import HttpTransport, check_url, operation_url
from tests.peers.http_server import loopback_tls

LIMIT = 1000


def answer(body, status="200 OK", *headers):
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: text/plain", *headers))
    return head.encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def server(script, **options):
    """A server that reads one request and gives its bytes to `script`, which returns bytes or writes by itself."""

    async def serve(reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (int(h.split(b":")[1]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-le")), 0
            )
            result = await script(head + await reader.readexactly(length), writer)
            if result:
                writer.write(result)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    running = await asyncio.start_server(serve, "127.0.0.1", 0, **options)
    try:
        yield running.sockets[0].getsockname()[1]
    finally:
        running.close()


def exchange(script, *, method="get", timeout=10, scheme="http", tls=None, path="/scep", **options):
    """One exchange with a scripted server: the answer, and what the server got."""
    seen = []

    async def recorded(request, writer):
        seen.append(request)
        return await script(request, writer)

    async def go():
        async with server(recorded, **options) as port, HttpTransport(timeout=timeout, tls=tls) as transport:
            url = f"{scheme}://127.0.0.1:{port}{path}"
            if method == "get":
                return await transport.get(url, LIMIT)
            return await transport.post(url, b"message", LIMIT)

    return asyncio.run(go()), seen


def says(body):
    async def script(_request, _writer):
        return body

    return script


def test_get():
    got, (request,) = exchange(says(answer(b"hello")), path=operation_url("/scep", "PKIOperation", "a+b/c="))
    assert got.body == b"hello"
    assert request.startswith(b"GET /scep?operation=PKIOperation&message=a%2Bb%2Fc%3D HTTP/1.1\r\n")


def test_post():
    got, (request,) = exchange(says(answer(b"hello")), method="post")
    assert got.body == b"hello"
    assert request.endswith(b"\r\n\r\nmessage")
    assert b"Content-Type: application/x-pki-message\r\n" in request


@pytest.mark.parametrize("status", ["404 Not Found", "500 Internal Server Error", "204 No Content", "201 Created"])
def test_status(status):
    with pytest.raises(errors.HttpStatusError) as caught:
        exchange(says(answer(b"", status)))
    assert caught.value.status == int(status[:3])


def test_answer_as_long_as_allowed():
    got, _ = exchange(says(answer(b"x" * LIMIT)))
    assert len(got.body) == LIMIT


async def endless(_request, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"100\r\n" + b"x" * 256 + b"\r\n")
        await writer.drain()


@pytest.mark.parametrize("script", [says(answer(b"x" * (LIMIT + 1))), endless], ids=["one more", "endless"])
def test_too_long(script):
    with pytest.raises(errors.AnswerTooLargeError) as caught:
        exchange(script)
    assert caught.value.limit == LIMIT


async def silent(_request, _writer):
    await asyncio.Event().wait()


async def dripping(_request, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("script", [silent, dripping])
def test_time_limit_is_for_the_whole(script):
    with pytest.raises(errors.CaTimeoutError) as caught:
        exchange(script, timeout=0.2)
    assert caught.value.seconds == 0.2


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\x16\x03\x01 nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\n",
    ],
)
def test_broken_answers(sent):
    with pytest.raises(errors.CaUnreachableError):
        exchange(says(sent))


def test_nobody_listens():
    async def go():
        async with server(silent) as port:
            pass
        async with HttpTransport() as transport:
            await transport.get(f"http://127.0.0.1:{port}/", LIMIT)

    with pytest.raises(errors.CaUnreachableError, match="no connection"):
        asyncio.run(go())


def test_redirect_is_followed():
    async def script(request, _writer):
        if request.startswith(b"GET /new"):
            return answer(b"here")
        return answer(b"", "302 Found", "Location: /new?a=b", "Connection: close")

    got, requests = exchange(script)
    assert got.body == b"here"
    assert len(requests) == 2


@pytest.mark.parametrize(
    "location", ["https://127.0.0.1/", "file:///etc/passwd", "ftp://h/", "/scep", "", "http://user@h/", "http://[/"]
)
def test_redirects_that_are_not_followed(location):
    with pytest.raises(errors.RedirectRefusedError):
        exchange(says(answer(b"", "301 Moved", f"Location: {location}", "Connection: close")))


def test_a_message_is_never_redirected():
    with pytest.raises(errors.RedirectRefusedError):
        exchange(says(answer(b"", "307 Temporary Redirect", "Location: /new")), method="post")


def test_environment_chooses_no_proxy(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1/")
    assert exchange(says(answer(b"direct")))[0].body == b"direct"


def test_compressed_bombs_stay_compressed():
    got, (request,) = exchange(says(answer(b"\x1f\x8b", "200 OK", "Content-Encoding: gzip")))
    assert got.body == b"\x1f\x8b"
    assert b"Accept-Encoding: identity" in request


@pytest.fixture
def tls(tmp_path):
    return loopback_tls(tmp_path)


def test_https(tls):
    serving, trusting = tls
    assert exchange(says(answer(b"safe")), scheme="https", tls=trusting, ssl=serving)[0].body == b"safe"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_https_with_a_stranger(tls):
    with pytest.raises(errors.CaUnreachableError, match="TLS"):
        exchange(says(answer(b"safe")), scheme="https", ssl=tls[0])


@pytest.mark.parametrize(
    ("configured", "used"),
    [
        ("http://ca.example.com", "http://ca.example.com/cgi-bin/pkiclient.exe"),
        ("http://ca.example.com:8080/", "http://ca.example.com:8080/cgi-bin/pkiclient.exe"),
        ("https://ca/scep", "https://ca/scep"),
        ("http://[2001:db8::1]/scep", "http://[2001:db8::1]/scep"),
        ("http://ca/scep?profile=x", "http://ca/scep?profile=x"),
        ("http://ca/a%2Fb", "http://ca/a%2Fb"),
    ],
)
def test_urls(configured, used):
    assert check_url(configured) == used


def test_operations_are_added_to_a_query():
    assert operation_url("http://ca/s?p=x", "GetCACaps", "A B") == "http://ca/s?p=x&operation=GetCACaps&message=A%20B"


@pytest.mark.parametrize(
    "url",
    [
        "", "ca.example.com", "ftp://ca/", "file:///etc/passwd", "http://", "http:///path", "http://ca:99999/",
        "http://user:secret@ca/", "http://user@ca/", "http://ca/#x", "http://ca/ b", "http://ca/\r\nX: y", "http://ä/",
        "http://[::1/", "http://ca/" + "x" * 1024,
    ],
)  # fmt: skip
def test_urls_that_are_refused(url):
    with pytest.raises(errors.UnsupportedUrlError) as caught:
        check_url(url)
    assert "secret" not in caught.value.message
