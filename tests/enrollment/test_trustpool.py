"""The trustpool at the front door: bundles made by openssl, and Debian's own, served by HTTP."""

from __future__ import annotations

import hashlib
import re
import ssl
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.agent_process import AgentProcess
from tests.enrollment.by_hand import where
from tests.enrollment.openssl_ca import OpensslCa, make_request
from tests.enrollment.operator import LIMIT, Operator
from tests.peers.http_server import HttpPeer, loopback_tls
from tests.pki.trustpoints import openssl

TCP = "urn:trustconf:yang:trustconf-trustpool"
ACT = "http://cisco.com/ns/yang/Cisco-IOS-XR-crypto-act"
DEBIAN = Path("/etc/ssl/certs/ca-certificates.crt")
END = "-----END CERTIFICATE-----\n"


class Shelf(HttpPeer):
    """Has the bundle that a test puts there, and lets go of it when it may."""

    path = "/bundle"

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.body, self.status = b"", 200
        self.asked, self.open = threading.Event(), threading.Event()
        self.open.set()
        super().__init__(tls)

    def serve(self, exchange, body: bytes) -> None:
        self.asked.set()
        assert self.open.wait(LIMIT)
        exchange.reply(self.status, self.body, "application/octet-stream")


@pytest.fixture
def shelf():
    with Shelf() as shelf:
        yield shelf
        shelf.open.set()


@pytest.fixture(scope="module")
def cas(tmp_path_factory):
    """Four authorities: a root, one below it, and two other roots."""
    folder = tmp_path_factory.mktemp("cas")
    root = OpensslCa.root(folder, "/CN=Root A")
    return [root, root.sub("/CN=Below A"), *(OpensslCa.root(folder, f"/CN=Root {letter}") for letter in "BC")]


@pytest.fixture(scope="module")
def leaf(cas, tmp_path_factory):
    """A certificate that is no authority's."""
    request, _ = make_request(tmp_path_factory.mktemp("leaf"), "/CN=www.example.com")
    return cas[0].sign(request)


def pems(*cas):
    return "".join(ca.pem for ca in cas).encode()


def pkcs7(pem: bytes, form: str = "DER") -> bytes:
    """The certificates as openssl puts them into a PKCS #7."""
    return subprocess.run(
        ["openssl", "crl2pkcs7", "-nocrl", "-certfile", "/dev/stdin", "-outform", form],
        input=pem, capture_output=True, check=True,
    ).stdout  # fmt: skip


def fingerprints(pem: bytes | str) -> list[str]:
    """SHA-256 of each certificate in PEM."""
    text = pem if isinstance(pem, str) else pem.decode()
    ders = [ssl.PEM_cert_to_DER_cert(block[block.index("-----BEGIN") :] + END) for block in text.split(END)[:-1]]
    return [hashlib.sha256(der).hexdigest().upper() for der in ders]


def pool(operator):
    return operator.get("trustpool", TCP)


def kept(operator):
    """The fingerprints of the certificates in the pool."""
    return [certificate["sha256-fingerprint"] for certificate in pool(operator).get("certificate", [])]


def put(operator, shelf, body, rpc="import-bundle", namespace=TCP):
    shelf.body = body
    return operator.call(rpc, namespace, url=shelf.url)


def configure(operator, policy):
    operator.edit(f'<trustpool xmlns="{TCP}"><policy nc:operation="replace">{policy}</policy></trustpool>')


BUNDLES = {
    "pem": lambda pem: pem,
    "pem with comments": lambda pem: (
        b"# Roots\r\n" + pem.replace(b"\n", b"\r\n").replace(b"-----B", b"\n# one\n-----B")
    ),
    "pkcs7 in der": pkcs7,
    "pkcs7 in pem": lambda pem: pkcs7(pem, "PEM"),
    "pkcs7 in base64": lambda pem: b"".join(pkcs7(pem, "PEM").splitlines(keepends=True)[1:-1]),
}


@pytest.mark.parametrize("form", BUNDLES)
@pytest.mark.parametrize(("rpc", "namespace"), [("import-bundle", TCP), ("ca-trustpool-import-url", ACT)])
def test_a_bundle_replaces_the_pool(operator, shelf, cas, form, rpc, namespace):
    put(operator, shelf, cas[3].pem.encode())
    put(operator, shelf, BUNDLES[form](pems(*cas[:3])), rpc, namespace)
    assert sorted(kept(operator)) == sorted(fingerprints(pems(*cas[:3])))


def test_what_is_told_of_a_certificate_is_what_openssl_says(operator, shelf, cas, tmp_path):
    outcome = put(operator, shelf, pems(*cas))
    assert kept(operator) == fingerprints(pems(*cas)), "in the order of the bundle"
    below = pool(operator)["certificate"][1]
    assert below["pem"] == cas[1].pem
    assert (below["subject"], below["issuer"], below["status"]) == ("CN=Below A", "CN=Root A", "available")
    (tmp_path / "pool.pem").write_text("".join(entry["pem"] for entry in pool(operator)["certificate"]))
    (tmp_path / "below.pem").write_text(below["pem"])
    openssl("verify", "-CAfile", tmp_path / "pool.pem", tmp_path / "below.pem")
    status = pool(operator)["status"]
    assert status["import-under-way"] == "false"
    imported = status["last-import"]
    assert (imported["url"], imported["certificates"], imported["expired"]) == (shelf.url, "4", "0")
    assert outcome == status


def test_duplicates_collapse_and_expired_ones_are_left_out(operator, shelf, cas, tmp_path):
    ended = datetime.now(UTC) - timedelta(days=2)
    old = OpensslCa.root(tmp_path, "/CN=Old", start=ended - timedelta(days=9), end=ended)
    future = OpensslCa.root(tmp_path, "/CN=Future", start=datetime.now(UTC) + timedelta(days=9))
    outcome = put(operator, shelf, pems(cas[0], old, cas[0], future, cas[1]))
    assert kept(operator) == fingerprints(pems(cas[0], future, cas[1]))
    assert outcome["last-import"]["expired"] == "1"
    assert [entry["status"] for entry in pool(operator)["certificate"]] == ["available", "not-yet-valid", "available"]


def test_a_bundle_of_expired_certificates_only(operator, shelf, cas, tmp_path):
    put(operator, shelf, pems(cas[0]))
    ended = datetime.now(UTC) - timedelta(days=2)
    shelf.body = pems(OpensslCa.root(tmp_path, "/CN=Old", start=ended - timedelta(days=9), end=ended))
    error = operator.refused("import-bundle", TCP, url=shelf.url)
    assert error.app_tag == "bundle-not-usable"
    assert "All 1 certificates of the bundle have expired" in error.message
    assert kept(operator) == fingerprints(pems(cas[0]))


KEY = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
REFUSED = {
    "nothing": (lambda pem, leaf: b"", "no certificate in it"),
    "a page": (lambda pem, leaf: b"<html>Sign in to the hotel</html>", "neither PKCS #7 nor PEM"),
    "a leaf": (lambda pem, leaf: pem + leaf, "Certificate 5 of the bundle, of CN=www.example.com, is none of a"),
    "a leaf in pkcs7": (lambda pem, leaf: pkcs7(pem + leaf), "of CN=www.example.com, is none of a certification"),
    "a key": (lambda pem, leaf: pem + KEY, "There is a private key in it"),
    "a list": (lambda pem, leaf: pem + KEY.replace(b"PRIVATE KEY", b"X509 CRL"), "of the kind X509 CRL"),
    "cut pem": (lambda pem, leaf: pem[:-40], "PEM block 4 is cut off"),
    "cut pkcs7": (lambda pem, leaf: pkcs7(pem)[:-40], "This is no certificate: truncated"),
    "an empty pkcs7": (lambda pem, leaf: pkcs7(b"", "PEM"), "no certificate in it"),
    "ders in a row": (lambda pem, leaf: b"".join(der_of(pem)), "several certificates without PEM lines"),
    "damaged": (lambda pem, leaf: pem.replace(b"MIIB", b"MIIC", 1), "PEM block 1"),
    "too many": (lambda pem, leaf: pem * 257, "more than 1024 certificates"),
    "too many in pkcs7": (lambda pem, leaf: pkcs7(pem * 257), "more than 1024 certificates"),
    "too long": (lambda pem, leaf: pem + b"#" * (4 << 20), "longer than 4194304 bytes"),
}


def der_of(pem):
    return [ssl.PEM_cert_to_DER_cert(block + END) for block in pem.decode().split(END)[:-1]]


@pytest.mark.parametrize("what", REFUSED)
def test_a_bundle_that_is_refused_changes_nothing(operator, shelf, cas, leaf, what):
    put(operator, shelf, pems(*cas))
    before = pool(operator)
    make, says = REFUSED[what]
    shelf.body = make(pems(*cas), leaf.encode())
    error = operator.refused("import-bundle", TCP, url=shelf.url)
    assert error.tag == "operation-failed"
    assert says in error.message
    after = pool(operator)
    assert after["certificate"] == before["certificate"]
    assert after["status"]["last-import"] == before["status"]["last-import"]
    assert after["status"]["last-error"] == error.message
    assert "last-error" not in put(operator, shelf, pems(*cas)), "gone with the next success"


def test_a_server_that_does_not_have_it_or_is_not_there(operator, shelf, cas):
    put(operator, shelf, pems(*cas))
    shelf.status = 404
    error = operator.refused("import-bundle", TCP, url=shelf.url)
    assert (error.tag, error.app_tag) == ("operation-failed", "bundle-not-there")
    shelf.close()
    error = operator.refused("ca-trustpool-import-url", ACT, url=shelf.url)
    assert (error.tag, error.app_tag) == ("operation-failed", "server-unreachable")
    assert kept(operator) == fingerprints(pems(*cas))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://ca.example.com/roots.pem", "Only http:// and https://"),
        ("file:///etc/ssl/certs/ca-certificates.crt", "Only http:// and https://"),
        ("roots.pem", "Only http:// and https://"),
        ("http:///roots.pem", "names no host"),
        ("http://ca:0/roots.pem", "names no host, or no port"),
        ("http://ca:99999/roots.pem", "no URL"),
        ("http://jane:secret@ca.example.com/roots.pem", "user name or password"),
        ("http://ca.example.com/roots.pem#a", "a # in the URL"),
        ("http://ca.example.com/two words", "no spaces"),
    ],
)
def test_other_urls(operator, url, says):
    for rpc, namespace in (("import-bundle", TCP), ("ca-trustpool-import-url", ACT)):
        error = operator.refused(rpc, namespace, url=url)
        assert where(error) == ("invalid-value", "invalid-url", "url")
        assert says in error.message
        assert "secret" not in error.message
    with pytest.raises(Exception, match="URL") as refused:
        configure(operator, f"<cabundle-url>{url}</cabundle-url>")
    assert where(refused.value) == ("invalid-value", "invalid-url", "cabundle-url")


def test_the_policy_says_where_the_bundle_is(operator, shelf, cas):
    configure(operator, f"<cabundle-url>{shelf.url}?token=secret</cabundle-url><description>Roots</description>")
    shelf.body = pems(cas[2])
    assert operator.call("import-bundle", TCP)["last-import"]["url"] == shelf.url
    assert kept(operator) == fingerprints(pems(cas[2]))
    shelf.body = pkcs7(pems(*cas[:2]))
    operator.call("ca-trustpool-import-url", ACT)
    assert sorted(kept(operator)) == sorted(fingerprints(pems(*cas[:2])))
    configure(operator, "")
    for rpc, namespace in (("import-bundle", TCP), ("ca-trustpool-import-url", ACT)):
        assert where(operator.refused(rpc, namespace)) == ("missing-element", "bundle-url-missing", "url")
    assert "token=secret" not in operator.agent.log


def test_the_policy_says_through_which_vrf(operator, shelf, cas):
    configure(operator, "<vrf>novrf0</vrf><crl><optional>true</optional></crl>")
    shelf.body = pems(*cas)
    error = operator.refused("import-bundle", TCP, url=shelf.url)
    assert "there is no network device novrf0" in error.message
    with pytest.raises(Exception, match="VRF") as refused:
        configure(operator, "<vrf>..</vrf>")
    assert where(refused.value) == ("invalid-value", "invalid-vrf", "vrf")
    configure(operator, "")


def test_cleaning(operator, shelf, cas):
    put(operator, shelf, pems(*cas))
    assert operator.call("clean-bundle", TCP)["cleaned"] == "4"
    assert "certificate" not in pool(operator)
    assert pool(operator)["status"] == {"import-under-way": "false"}
    assert operator.call("clean-bundle", TCP)["cleaned"] == "0"
    put(operator, shelf, pems(*cas))
    operator.call("ca-trustpool-import-url-clean", ACT, url="http://elsewhere.example.com/")
    assert "certificate" not in pool(operator)
    operator.call("ca-trustpool-import-url-clean", ACT)


def test_a_slow_server_holds_nobody_but_the_next_import(operator, shelf, cas):
    put(operator, shelf, pems(cas[0]))
    shelf.open.clear()
    shelf.asked.clear()
    shelf.body = pems(*cas)
    other = Operator(operator.agent)
    waiting = threading.Thread(target=lambda: other.call("import-bundle", TCP, url=shelf.url))
    waiting.start()
    shelf.asked.wait(LIMIT)
    assert pool(operator)["status"]["import-under-way"] == "true"
    for rpc, leaves in (("import-bundle", {"url": shelf.url}), ("clean-bundle", {})):
        error = operator.refused(rpc, TCP, **leaves)
        assert (error.tag, error.app_tag) == ("in-use", "import-under-way")
    assert kept(operator) == fingerprints(pems(cas[0])), "the old ones until the new ones are complete"
    shelf.open.set()
    waiting.join(LIMIT)
    other.close()
    assert kept(operator) == fingerprints(pems(*cas))


def test_who_subscribes_is_told(operator, shelf, cas):
    with operator.agent.connect() as listener:
        listener.create_subscription()

        def heard(name):
            while name not in (text := listener.take_notification(timeout=LIMIT).notification_xml):
                pass
            return text

        put(operator, shelf, pems(*cas))
        told = heard("trustpool-updated")
        assert "<change>imported</change>" in told
        assert f"<url>{shelf.url}</url>" in told
        shelf.status = 503
        operator.refused("import-bundle", TCP, url=shelf.url)
        assert "HTTP status 503" in heard("trustpool-import-failed")
        operator.call("clean-bundle", TCP)
        assert "<change>cleaned</change>" in heard("trustpool-updated")


def test_show(operator, shelf, cas):
    put(operator, shelf, pems(cas[1], cas[2]))
    shown = operator.agent.exec("show crypto ca trustpool").stdout.splitlines()[1:]
    (cas[1].folder / "shown.pem").write_text(cas[1].pem)
    serial, sha1 = (
        openssl("x509", "-noout", option, "-in", cas[1].folder / "shown.pem").partition("=")[2].strip()
        for option in ("-serial", "-fingerprint")
    )
    assert shown[1:8] == [
        "Trustpool: Downloaded",
        "=====",
        "CA certificate",
        f"  Serial Number   : {':'.join(serial[i : i + 2] for i in range(0, len(serial), 2))}",
        "  Subject:",
        "    CN=Below A",
        "  Issued By      :",
    ]
    assert shown[11:15] == ["  SHA1 Fingerprint:", f"    {sha1.replace(':', '')}", "", "Trustpool: Downloaded"]
    operator.call("clean-bundle", TCP)
    assert len(operator.agent.exec("show crypto ca trustpool").stdout.splitlines()) == 1, "nothing but the time"


def test_debians_bundle(operator, shelf):
    """All authorities that browsers trust; openssl says which of them have expired."""
    everything = DEBIAN.read_bytes()
    ends = re.findall(r"Not After : (.*)", openssl("storeutl", "-noout", "-text", "-certs", DEBIAN))
    now = datetime.now(UTC).timestamp()
    pairs = zip(fingerprints(everything), ends, strict=True)
    valid = [fingerprint for fingerprint, end in pairs if ssl.cert_time_to_seconds(end) > now]
    assert len(valid) > 64, "more than anybody pastes"
    outcome = put(operator, shelf, everything)
    assert kept(operator) == valid
    assert int(outcome["last-import"]["expired"]) == len(ends) - len(valid)
    put(operator, shelf, pkcs7(everything), "ca-trustpool-import-url", ACT)
    assert sorted(kept(operator)) == sorted(valid)
    shown = operator.agent.exec("show crypto ca trustpool").stdout
    assert shown.count("Trustpool: Downloaded\n") == len(valid)
    assert "py.warnings" not in operator.agent.log


def test_the_pool_survives_a_loss_of_power(agent, shelf, cas):
    operator = Operator(agent)
    put(operator, shelf, pkcs7(pems(*cas)))
    shelf.status = 404
    operator.refused("import-bundle", TCP, url=shelf.url)
    before = pool(operator)
    agent.kill()
    agent.start()
    assert pool(operator) == before
    assert len(before["certificate"]) == 4
    operator.close()


def test_https_needs_a_server_that_the_system_trusts(tmp_path, monkeypatch, operator, cas):
    serving, _ = loopback_tls(tmp_path)
    with Shelf(serving) as shelf:
        shelf.body = pems(*cas)
        error = operator.refused("import-bundle", TCP, url=shelf.url)
        assert error.app_tag == "server-unreachable"
        assert "its TLS certificate is self-signed, and not one that is trusted" in error.message
        # OpenSSL's own variable for the system's authorities.
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "tls.pem"))
        trusting = AgentProcess(tmp_path / "state").start()
        try:
            trusted = Operator(trusting)
            put(trusted, shelf, pems(*cas))
            assert kept(trusted) == fingerprints(pems(*cas))
            trusted.close()
        finally:
            trusting.kill()
