"""An HTTP server for peers: on 127.0.0.1, a free port, in threads of the test's process."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.pki.trustpoints import openssl

#: Bytes of a request that are read.
MAX_REQUEST = 1 << 20


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    # Hundreds of clients may connect at once.
    request_queue_size = 1024

    def __init__(self, peer: HttpPeer, tls: ssl.SSLContext | None) -> None:
        self.peer = peer
        self.tls = tls
        self.connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), Exchange)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        if self.tls is not None:
            # The handshake is the connection's own thread's, so that a client that is slow in it holds nobody.
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def cut_connections(self) -> None:
        """End those that clients keep for their next request."""
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error of ours."""


class Exchange(BaseHTTPRequestHandler):
    """One connection. The peer's `serve` answers each request."""

    protocol_version = "HTTP/1.1"
    # One packet an answer, sent at once.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self.server.peer.serve(self, b"")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_REQUEST:
            self.close_connection = True
            self.reply(411 if not length else 413)
            return
        self.server.peer.serve(self, self.rfile.read(int(length)))

    def reply(self, status: int, body: bytes = b"", content_type: str = "text/plain", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged: what was asked, the peer remembers."""


class HttpPeer:
    """A server that is up from its making to `close`; or a context manager. `serve` is its subclass's.

    Args:
        tls: for https.
    """

    path = "/"

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._scheme = "http" if tls is None else "https"
        self._server = _Server(self, tls)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}{self.path}"

    def serve(self, exchange: Exchange, body: bytes) -> None:
        """Answer `exchange.command`, `exchange.path` by `exchange.reply` or by writing to it."""
        raise NotImplementedError

    def close(self) -> None:
        """Nobody answers any more: connections are refused, those that are there end."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server.cut_connections()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def loopback_tls(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Of a server on 127.0.0.1, and of a client that trusts it. Its certificate is in `folder`/tls.pem."""
    key, certificate = folder / "tls.key", folder / "tls.pem"
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=ca", "-addext",
            "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate)  # fmt: skip
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)
    return serving, ssl.create_default_context(cafile=certificate)
