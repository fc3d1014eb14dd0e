"""Between a client and an HTTP server: passes on what comes, or breaks it in one chosen way.

    with FaultProxy(responder.url) as proxy:
        proxy.break_with(HttpFault.CUT)                             # every answer from now on
        proxy.break_with(HttpFault.CUT, when="PKIOperation")        # only those
        proxy.break_with(HttpFault.ERROR_500, times=2)              # the next two
        proxy.mend()

Nothing waits for time to pass but what is slow by its nature (DRIP, STALL), and that ends with the client or the proxy.
HOLD keeps an answer until `release`.
"""

from __future__ import annotations

import http.client
import threading
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import urlsplit

from tests.peers.http_server import Exchange, HttpPeer

#: Seconds between two bytes of a slow answer.
DRIP_INTERVAL = 0.05
#: Bytes that an endless answer sends at once.
_FLOOD = b"\x30" * 65536
_UPSTREAM_TIMEOUT = 60


class HttpFault(Enum):
    """What happens to an answer."""

    #: The connection ends without an answer; in the middle of the body; the body ends early and says it is whole.
    NO_ANSWER = auto()
    CUT = auto()
    TRUNCATED = auto()
    #: A byte now and then; the head and then nothing; nothing until `release`.
    DRIP = auto()
    STALL = auto()
    HOLD = auto()
    #: The answer and megabytes more, with their length; without end.
    OVERSIZED = auto()
    ENDLESS = auto()
    #: The first answer that this proxy ever passed on to the same operation.
    REPLAY = auto()
    ERROR_404 = auto()
    ERROR_500 = auto()
    #: To another path of the proxy, which answers rightly; to itself; to another scheme.
    REDIRECT = auto()
    REDIRECT_LOOP = auto()
    REDIRECT_TO_FILE = auto()
    #: No HTTP at all.
    NOISE = auto()


@dataclass
class _Order:
    fault: HttpFault
    when: str
    times: float


@dataclass(frozen=True)
class _Answer:
    status: int
    body: bytes
    content_type: str


class FaultProxy(HttpPeer):
    """Stands for the server at `upstream`: has its path, on a port of its own.

    Attributes:
        passed: how many requests went on to the server.
        broken: which faults happened, in order.
    """

    def __init__(self, upstream: str) -> None:
        self._upstream = urlsplit(upstream)
        self.path = self._upstream.path
        self.passed = 0
        self.broken: list[HttpFault] = []
        self._orders: list[_Order] = []
        self._first: dict[str, _Answer] = {}
        self._lock = threading.Condition()
        self._released = threading.Event()
        self._closing = threading.Event()
        super().__init__()

    def break_with(self, fault: HttpFault, *, when: str = "", times: float = float("inf")) -> None:
        """Break the answers to requests whose URL contains `when`, so many times. The first fault that fits is taken;
        one with REPLAY needs an earlier answer."""
        with self._lock:
            self._released.clear()
            self._orders.append(_Order(fault, when, times))

    def mend(self) -> None:
        """Pass on everything again, and what is held."""
        with self._lock:
            self._orders.clear()
        self.release()

    def release(self) -> None:
        """Let go of the answers that are held, and hold no more until the next HOLD is ordered."""
        self._released.set()

    def wait_for_fault(self, count: int = 1, timeout: float = 30) -> None:
        """Wait until so many faults happened, or, of HOLD, began."""
        with self._lock:
            assert self._lock.wait_for(lambda: len(self.broken) >= count, timeout), self.broken

    def close(self) -> None:
        self._closing.set()
        self.release()
        super().close()

    def serve(self, exchange: Exchange, body: bytes) -> None:
        fault = None if exchange.path.startswith("/redirected") else self._fault_for(exchange.path)
        if fault is not None:
            getattr(self, f"_{fault.name.lower()}")(exchange, body)
            return
        self._pass(exchange, self._fetch(exchange, body))

    def _fault_for(self, path: str) -> HttpFault | None:
        with self._lock:
            for order in self._orders:
                if order.times > 0 and order.when in path:
                    order.times -= 1
                    self.broken.append(order.fault)
                    self._lock.notify_all()
                    return order.fault
        return None

    def _fetch(self, exchange: Exchange, body: bytes) -> _Answer:
        connection = http.client.HTTPConnection(self._upstream.netloc, timeout=_UPSTREAM_TIMEOUT)
        headers = {"Content-Type": exchange.headers["Content-Type"]} if exchange.command == "POST" else {}
        path = exchange.path.removeprefix("/redirected")
        try:
            connection.request(exchange.command, path, body or None, headers)
            response = connection.getresponse()
            answer = _Answer(response.status, response.read(), response.headers.get("Content-Type", ""))
        except (OSError, http.client.HTTPException):
            return _Answer(502, b"", "text/plain")
        finally:
            connection.close()
        with self._lock:
            self.passed += 1
            self._first.setdefault(self._operation(exchange), answer)
        return answer

    def _operation(self, exchange: Exchange) -> str:
        return exchange.path.partition("&")[0]

    def _pass(self, exchange: Exchange, answer: _Answer) -> None:
        exchange.reply(answer.status, answer.body, answer.content_type)

    def _head(self, exchange: Exchange, answer: _Answer, **headers: str) -> None:
        """Only the head; the connection ends after what follows."""
        exchange.close_connection = True
        exchange.send_response(answer.status)
        for name, value in {"Content-Type": answer.content_type, **headers}.items():
            exchange.send_header(name.replace("_", "-"), value)
        exchange.end_headers()

    # One method a fault.

    def _no_answer(self, exchange: Exchange, body: bytes) -> None:
        self._fetch(exchange, body)
        exchange.close_connection = True

    def _cut(self, exchange: Exchange, body: bytes) -> None:
        answer = self._fetch(exchange, body)
        self._head(exchange, answer, Content_Length=str(max(len(answer.body), 2)))
        exchange.wfile.write(answer.body[: len(answer.body) // 2])

    def _truncated(self, exchange: Exchange, body: bytes) -> None:
        answer = self._fetch(exchange, body)
        exchange.reply(answer.status, answer.body[: len(answer.body) // 2], answer.content_type)

    def _drip(self, exchange: Exchange, body: bytes) -> None:
        answer = self._fetch(exchange, body)
        self._head(exchange, answer, Content_Length=str(len(answer.body)))
        for byte in answer.body:
            exchange.wfile.write(bytes([byte]))
            exchange.wfile.flush()
            if self._closing.wait(DRIP_INTERVAL):
                return

    def _stall(self, exchange: Exchange, body: bytes) -> None:
        answer = self._fetch(exchange, body)
        self._head(exchange, answer, Content_Length=str(len(answer.body)))
        exchange.wfile.flush()
        self._closing.wait()

    def _hold(self, exchange: Exchange, body: bytes) -> None:
        answer = self._fetch(exchange, body)
        self._released.wait()
        self._pass(exchange, answer)

    def _oversized(self, exchange: Exchange, body: bytes) -> None:
        answer = self._fetch(exchange, body)
        exchange.close_connection = True
        exchange.reply(answer.status, answer.body + bytes(16 << 20), answer.content_type)

    def _endless(self, exchange: Exchange, body: bytes) -> None:
        self._head(exchange, self._fetch(exchange, body), Transfer_Encoding="chunked")
        while not self._closing.is_set():
            exchange.wfile.write(b"%x\r\n%s\r\n" % (len(_FLOOD), _FLOOD))

    def _replay(self, exchange: Exchange, body: bytes) -> None:
        first = self._first.get(self._operation(exchange))
        self._pass(exchange, first or self._fetch(exchange, body))

    def _error_404(self, exchange: Exchange, body: bytes) -> None:
        exchange.reply(404, b"no such page\n")

    def _error_500(self, exchange: Exchange, body: bytes) -> None:
        exchange.reply(500, b"internal error\n")

    def _redirect(self, exchange: Exchange, body: bytes) -> None:
        exchange.reply(302, Location=f"/redirected{exchange.path}")

    def _redirect_loop(self, exchange: Exchange, body: bytes) -> None:
        exchange.reply(302, Location=exchange.path)

    def _redirect_to_file(self, exchange: Exchange, body: bytes) -> None:
        exchange.reply(302, Location="file:///etc/passwd")

    def _noise(self, exchange: Exchange, body: bytes) -> None:
        exchange.close_connection = True
        exchange.wfile.write(b"\x16\x03\x01\x00\x02\x02\x28")
