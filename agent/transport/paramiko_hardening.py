"""paramiko's Transport with what a server in the open needs beside it. The only module that touches paramiko's insides.

Found by reading paramiko 5.1, each reachable before login:
- a packet's length is taken from the peer and read without a limit (RFC 4253 section 6.1 asks for 35,000 bytes);
- the number of keyboard-interactive answers is taken from the peer, up to 4 billion;
- an offered key of an unknown kind (a security key, a certificate) ends the connection, so that the client's next key
  is never tried.
And one of order: a channel request's function runs before the request is answered, so that work started by it could
close the channel before its client knows that the request was accepted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import paramiko
from paramiko.auth_handler import AuthHandler
from paramiko.common import MSG_CHANNEL_REQUEST
from paramiko.packet import Packetizer

MAX_PACKET_BYTES = 256 * 1024
MAX_INTERACTIVE_ANSWERS = 8


class _Packetizer(Packetizer):
    def read_all(self, n: int, check_rekey: bool = False) -> Any:
        if not 0 <= n <= MAX_PACKET_BYTES:
            raise paramiko.SSHException(f"the peer announced a packet of {n} bytes")
        return super().read_all(n, check_rekey)


class _AuthHandler(AuthHandler):
    def _parse_userauth_info_response(self, m: paramiko.Message) -> None:
        position = len(m.get_so_far())
        if m.get_int() > MAX_INTERACTIVE_ANSWERS:
            raise paramiko.SSHException("too many keyboard-interactive answers")
        whole = m.asbytes()
        again = paramiko.Message(whole)
        again.get_bytes(position)
        super()._parse_userauth_info_response(again)  # type: ignore[misc]

    def _generate_key_from_request(self, algorithm: str, keyblob: bytes) -> paramiko.PKey:
        if algorithm not in self.transport.preferred_pubkeys:
            return paramiko.PKey()  # its blob is empty: nobody's key, refused like any other
        key: paramiko.PKey = super()._generate_key_from_request(algorithm, keyblob)  # type: ignore[misc]
        return key


def _handle_channel_request(channel: paramiko.Channel, message: paramiko.Message) -> None:
    channel._handle_request(message)  # type: ignore[attr-defined]
    transport = channel.get_transport()
    if isinstance(transport, HardenedTransport):
        transport.on_request_answered()


class HardenedTransport(paramiko.Transport):
    """A server's Transport. `on_end` is called on its thread when the connection is over, `on_request_answered` each
    time after a channel request was answered."""

    _channel_handler_table = {  # noqa: RUF012 - replaces paramiko's own class attribute
        **paramiko.Transport._channel_handler_table,  # type: ignore[attr-defined]
        MSG_CHANNEL_REQUEST: _handle_channel_request,
    }

    def __init__(self, sock: Any, *, on_end: Callable[[], None], on_request_answered: Callable[[], None]) -> None:
        super().__init__(sock, packetizer_class=_Packetizer, server_sig_algs=True, strict_kex=True)
        self.on_end = on_end
        self.on_request_answered = on_request_answered

    def run(self) -> None:
        try:
            super().run()
        finally:
            self.packetizer.complete_handshake()  # or its timer's thread outlives a connection that ended early
            self.on_end()

    def _parse_newkeys(self, m: paramiko.Message) -> None:
        if self.auth_handler is None:
            self.auth_handler = _AuthHandler(self)
        super()._parse_newkeys(m)  # type: ignore[misc]
