"""The EST server of the tests, as clients of others see it: curl with openssl, and strongSwan.

If these can't enrol with it, what it says of our client is worth nothing.
"""

from __future__ import annotations

import base64
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.peers.est_server import EstServer, line_of_today
from tests.pki.trustpoints import openssl

LOGIN = "router1:s3cret"


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture
def server(tmp_path):
    """Three tiers; devices log in, or show a certificate of the issuing CA."""
    chain = line_of_today(3)
    with EstServer(tmp_path, chain, users={"router1": "s3cret"}, client_cas=chain[-1:]) as running:
        yield running


@pytest.fixture
def folder(tmp_path, server):
    """root.pem, between.pem, and a request for key.pem in request.der."""
    for file, authorities in (("root.pem", server.chain[:1]), ("between.pem", server.chain[1:])):
        (tmp_path / file).write_bytes(b"".join(a.certificate.public_bytes(Encoding.PEM) for a in authorities))
    openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/O=Example/CN=router1", "-addext",
            "subjectAltName=DNS:router1.example.com", "-keyout", tmp_path / "key.pem", "-outform", "der", "-out",
            tmp_path / "request.der")  # fmt: skip
    return tmp_path


def curl(server, folder, operation, *options):
    """The body of an answer with status 200, and its base64 undone by openssl."""
    body = run("curl", "-sS", "--fail", "--cacert", folder / "root.pem", *options, f"{server.url}/{operation}")
    (folder / "answer.b64").write_bytes(body)
    openssl("base64", "-d", "-in", folder / "answer.b64", "-out", folder / "answer.p7")
    return openssl("pkcs7", "-inform", "der", "-in", folder / "answer.p7", "-print_certs")


def post(folder):
    (folder / "request.b64").write_bytes(base64.encodebytes((folder / "request.der").read_bytes()))
    return ("--data-binary", f"@{folder / 'request.b64'}", "-H", "Content-Type: application/pkcs10")


def check_by_openssl(folder, pem):
    (folder / "own.pem").write_text(pem)
    openssl("verify", "-x509_strict", "-CAfile", folder / "root.pem", "-untrusted", folder / "between.pem",
            "-verify_hostname", "router1.example.com", folder / "own.pem")  # fmt: skip
    ours, wanted = (openssl(kind, "-in", folder / file, "-noout", "-pubkey", *form) for kind, file, *form in (
        ("x509", "own.pem"), ("req", "request.der", "-inform", "der")))  # fmt: skip
    assert ours == wanted


def test_curl_fetches_the_chain(server, folder):
    assert curl(server, folder, "cacerts").count("BEGIN CERTIFICATE") == 3


def test_curl_and_openssl_enroll(server, folder):
    check_by_openssl(folder, curl(server, folder, "simpleenroll", "-u", LOGIN, *post(folder)))
    renewal = ("--cert", folder / "own.pem", "--key", folder / "key.pem")
    check_by_openssl(folder, curl(server, folder, "simplereenroll", *renewal, *post(folder)))
    first, second = server.seen
    assert (first.username, first.client) == ("router1", None)
    assert (second.username, second.client.subject) == (None, x509.load_der_x509_csr(
        (folder / "request.der").read_bytes()).subject)  # fmt: skip


def test_what_curl_is_told(server, folder):
    def status(operation, *options):
        return run("curl", "-sS", "-o", folder / "said", "-w", "%{http_code} %header{retry-after}", "--cacert",
                   folder / "root.pem", *options, f"{server.url}/{operation}").decode().strip()  # fmt: skip

    assert status("simpleenroll", *post(folder)) == "401"
    assert status("simpleenroll", "-u", "router1:wrong", *post(folder)) == "401"
    assert status("csrattrs") == "404"
    assert status("fullcmc") == "404"
    server.pending, server.retry_after = 1, "17"
    assert status("simpleenroll", "-u", LOGIN, *post(folder)) == "202 17"
    server.rejection = (403, "not in my network")
    assert status("simpleenroll", "-u", LOGIN, *post(folder)) == "403"
    assert (folder / "said").read_text() == "not in my network"


def test_strongswan_enrolls_waits_and_renews(server, folder):
    # It reads base64 in one line only.
    server.encode = base64.b64encode
    place = ("--url", f"https://127.0.0.1:{server.port}")
    root = ("--cacert", folder / "root.pem")
    (folder / "ca").mkdir()
    run("pki", "--estca", *place, *root, "--outform", "pem", "--caout", folder / "ca/ca.pem")
    fetched = {x509.load_pem_x509_certificate(file.read_bytes()) for file in (folder / "ca").iterdir()}
    assert fetched == {authority.certificate for authority in server.chain}

    cas = [part for file in sorted((folder / "ca").iterdir()) for part in ("--cacert", file)]
    request = ("--in", folder / "request.der", "--interval", "1", "--maxpolltime", "20", "--outform", "pem")
    server.pending = 1
    check_by_openssl(folder, run("pki", "--est", *place, *root, *cas, "--userpass", LOGIN, *request).decode())
    renewal = ("--cert", folder / "own.pem", "--key", folder / "key.pem")
    check_by_openssl(folder, run("pki", "--est", *place, *root, *cas, *renewal, *request).decode())
    assert server.operations == ["cacerts", "simpleenroll", "simpleenroll", "simplereenroll"]
    assert server.seen[-1].client is not None
