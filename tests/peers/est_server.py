"""An EST server (RFC 7030) on the loopback, for tests: HTTPS, client certificates or passwords, and every refusal.

It issues what is asked for with the last CA of its chain. What it shall do is in its attributes, which a test sets;
what it saw is in `seen`. It is checked by itself with curl, openssl and strongSwan in tests/peers/test_est_server.py.
"""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs7

from tests.pki.authorities import Authority, key_usage, line, name, of_today, rsa_key

WELL_KNOWN = "/.well-known/est"
#: The number of the server's key in authorities.py.
TLS_KEY = 7


@dataclass(frozen=True)
class Seen:
    """A request.

    Attributes:
        operation: what follows the path of the server, e.g. "simpleenroll".
        username: of HTTP Basic, None without it.
        client: the certificate that the client showed in TLS, None without one.
        headers: their names in lower case.
        tls: the version.
    """

    method: str
    operation: str
    username: str | None
    client: x509.Certificate | None
    headers: dict[str, str]
    body: bytes
    tls: str


def line_of_today(tiers):
    """A chain of so many CAs that is valid by the machine's clock, which TLS goes by; the root first."""
    return line(tiers, **of_today())


def server_certificate(issuer, names=("127.0.0.1", "localhost"), key=TLS_KEY, **options):
    """A TLS certificate for names and addresses."""
    general = []
    for text in names:
        try:
            general.append(x509.IPAddress(ip_address(text)))
        except ValueError:
            general.append(x509.DNSName(text))
    extensions = [
        x509.Extension(kind.oid, critical=False, value=kind)
        for kind in (
            x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]),
            x509.SubjectAlternativeName(general or [x509.DNSName("nobody.invalid")]),
        )
    ]
    options = {
        "start": datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1),
        "days": 10,
        "usage": key_usage(digital_signature=True, key_encipherment=True),
    } | options
    private = rsa_key(key)
    return Authority(private, issuer.issue(name("EST server"), private.public_key(), extensions, ca=False, **options))


def degenerate(certificates):
    """A certificates-only PKCS #7."""
    return pkcs7.serialize_certificates(list(certificates), Encoding.DER)


class EstServer:
    """Runs in threads of its own while it is used as a context manager.

    Args:
        folder: for its private files.
        chain: CAs, the root first; the last one issues.
        tls: certificate and key of the server; by default issued by the root of `chain`.
        tls_chain: CAs that the server sends along, the issuing one first.
        users: passwords by user name, for HTTP Basic.
        client_cas: whose certificates clients may show in TLS.
        certificate_needed: TLS fails without one.
        label: as in the URL.

    A client may enrol with a password or a certificate; if there are neither `users` nor `client_cas`, anybody may.

    Attributes that tests set:
        pending: so many enrolments more are answered with 202, and `retry_after`.
        rejection: status and text for all enrolments.
        csr_attributes: DER; None is answered with 404.
        issue: the certificate for a request.
        ca_certificates: what cacerts sends, in this order.
        encode: how DER is written.
        scripts: operation -> function that gets the handler and answers instead.
    """

    def __init__(
        self, folder, chain, *, tls=None, tls_chain=(), users=None, client_cas=(), certificate_needed=False, label=""
    ):
        self.chain = chain
        self.users = users or {}
        self.label = label
        self.pending = 0
        self.retry_after = "5"
        self.rejection = None
        self.csr_attributes = None
        self.issue = self.issue_as_asked
        self.ca_certificates = [authority.certificate for authority in chain]
        self.encode = base64.encodebytes
        self.scripts = {}
        self.seen = []
        self.stopped = threading.Event()
        self.client_cas = tuple(client_cas)
        self._needed = certificate_needed
        self._context = self._make_context(folder, tls or server_certificate(chain[0]), tls_chain)
        self._server = None

    def _make_context(self, folder, tls, tls_chain):
        file = folder / f"est-server-{id(self)}.pem"
        key = tls.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        certificates = (tls.certificate, *(authority.certificate for authority in tls_chain))
        file.write_bytes(key + b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        file.unlink()
        for authority in self.client_cas:
            context.load_verify_locations(cadata=authority.certificate.public_bytes(Encoding.DER))
        if self.client_cas:
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            context.verify_mode = ssl.CERT_REQUIRED if self._needed else ssl.CERT_OPTIONAL
        return context

    @property
    def port(self):
        return self._server.server_address[1]

    @property
    def url(self):
        return self.at("127.0.0.1")

    def at(self, host):
        """The URL by another name of this machine."""
        return f"https://{host}:{self.port}{self.path}"

    @property
    def path(self):
        return f"{WELL_KNOWN}/{self.label}" if self.label else WELL_KNOWN

    @property
    def operations(self):
        return [seen.operation for seen in self.seen]

    def __enter__(self):
        self._server = _Server(self, self._context)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_exception):
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def issue_as_asked(self, request):
        """What a request asks for, from the last CA of the chain."""
        start = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
        extensions = [e for e in request.extensions if not isinstance(e.value, x509.BasicConstraints)]
        return self.chain[-1].issue(request.subject, request.public_key(), extensions, ca=False, start=start, days=7)

    def knows(self, seen, password):
        """Whether a client may enrol."""
        if not self.users and not self.client_cas:
            return True
        return seen.client is not None or (seen.username is not None and self.users.get(seen.username) == password)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, est, context):
        self.est = est
        self._context = context
        super().__init__(("127.0.0.1", 0), _Handler)

    def finish_request(self, request, client_address):
        """The handshake, in the thread of the connection."""
        request.settimeout(30)
        with suppress(OSError), self._context.wrap_socket(request, server_side=True) as connection:
            super().finish_request(connection, client_address)
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request, client_address):
        """Clients that go away are no matter."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments):
        """Tests look into `seen`."""

    def do_GET(self):
        self._operate({"cacerts": self._ca_certificates, "csrattrs": self._csr_attributes})

    def do_POST(self):
        self._operate({"simpleenroll": self._enroll, "simplereenroll": self._reenroll})

    def answer(self, status, body=b"", content_type="text/plain", **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status != 204:
            self.send_header("Content-Type", content_type)
        for header, value in headers.items():
            self.send_header(header.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    @property
    def est(self):
        return self.server.est

    def _operate(self, operations):
        est = self.est
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        operation = self.path.removeprefix(est.path + "/") if self.path.startswith(est.path + "/") else self.path
        username, self.password = self._login()
        der = self.connection.getpeercert(binary_form=True)
        client = x509.load_der_x509_certificate(der) if der else None
        headers = {header.lower(): value for header, value in self.headers.items()}
        self.request_seen = Seen(self.command, operation, username, client, headers, body, self.connection.version())
        est.seen.append(self.request_seen)
        if operation in est.scripts:
            est.scripts[operation](self)
        elif operation in operations:
            operations[operation]()
        else:
            self.answer(404, b"no such operation")

    def _login(self):
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "basic":
            return None, None
        username, _, password = base64.b64decode(value).decode().partition(":")
        return username, password

    def _ca_certificates(self):
        self._pkcs7(self.est.ca_certificates)

    def _csr_attributes(self):
        if self.est.csr_attributes is None:
            self.answer(404)
        else:
            self.answer(200, self.est.encode(self.est.csr_attributes), "application/csrattrs")

    def _enroll(self):
        est, seen = self.est, self.request_seen
        if not est.knows(seen, self.password):
            self.answer(401, b"Who are you?", WWW_Authenticate='Basic realm="est"')
        elif est.rejection is not None:
            status, text = est.rejection
            self.answer(status, text.encode(), "text/plain; charset=utf-8")
        elif seen.headers.get("content-type") != "application/pkcs10":
            self.answer(415, b"not a request")
        elif est.pending > 0:
            est.pending -= 1
            self.answer(202, b"somebody has to look at it", Retry_After=est.retry_after)
        else:
            try:
                request = x509.load_der_x509_csr(base64.b64decode(seen.body))
            except ValueError:
                self.answer(400, b"not a request")
                return
            if request.is_signature_valid:
                self._pkcs7([est.issue(request)])
            else:
                self.answer(400, b"the signature is wrong")

    def _reenroll(self):
        seen = self.request_seen
        try:
            request = x509.load_der_x509_csr(base64.b64decode(seen.body))
        except ValueError:
            self.answer(400, b"not a request")
            return
        if seen.client is not None and seen.client.subject != request.subject:
            self.answer(400, b"the subject is not that of the certificate")
        else:
            self._enroll()

    def _pkcs7(self, certificates):
        body = self.est.encode(degenerate(certificates))
        kind = "application/pkcs7-mime; smime-type=certs-only"
        self.answer(200, body, kind, Content_Transfer_Encoding="base64")
