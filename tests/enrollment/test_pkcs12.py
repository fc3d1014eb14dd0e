"""PKCS #12 at the front door: openssl writes what is imported, and reads what is exported."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.enrollment.by_hand import QUICK, authenticated, configured, enrolled, requests, where
from tests.enrollment.openssl_ca import OpensslCa, base64_of, make_request, verify
from tests.enrollment.operator import TCK, Operator
from tests.enrollment.state_folder import files_with
from tests.pki.trustpoints import openssl

NOW = datetime.now(UTC)
PASSWORD = "Tr0ub4dor&3"
EC = ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> OpensslCa:
    return OpensslCa.tiers(tmp_path_factory.mktemp("authorities"), 3)


class Identity:
    """A key and certificate that openssl has made."""

    def __init__(self, folder: Path, ca: OpensslCa, key_type=EC, **options) -> None:
        self._folder = folder
        request, self.key = make_request(folder, "/CN=imported", key_type)
        self.certificate = ca.sign(request, **options)
        self.chain = ca.chain

    def pkcs12(self, *options: str, chain: list[str] | None = None, password: str = PASSWORD) -> str:
        """In base64. `options`: of `openssl pkcs12`."""
        (self._folder / "certificate").write_text(self.certificate)
        (self._folder / "chain").write_text("".join(self.chain if chain is None else chain))
        files = ["-inkey", self.key, "-in", self._folder / "certificate"]
        if chain != []:
            files += ["-certfile", self._folder / "chain"]
        out = self._folder / "made.p12"
        openssl("pkcs12", "-export", *files, "-out", out, "-passout", f"pass:{password}", *options)
        return b64encode(out.read_bytes()).decode()


class Opened:
    """What openssl finds in a PKCS #12."""

    def __init__(self, folder: Path, pkcs12: str, password: str) -> None:
        file = folder / "exported.p12"
        file.write_bytes(b64decode(pkcs12))
        read = ("pkcs12", "-in", file, "-passin", f"pass:{password}", "-nodes")
        self.key = openssl(*read, "-nocerts")
        self.certificate = _only_pem(openssl(*read, "-clcerts", "-nokeys"))
        self.others = openssl(*read, "-cacerts", "-nokeys")


def _only_pem(text: str) -> str:
    return text[text.index("-----BEGIN") :]


def public_key(private: str) -> str:
    return openssl("pkey", "-pubout", input=private.encode())


def exported(operator: Operator, folder: Path, name: str) -> Opened:
    return Opened(folder, operator.call("export-pkcs12", trustpoint=name, password=PASSWORD)["pkcs12"], PASSWORD)


@pytest.mark.parametrize("key_type", ["ecdsa-nistp256", "ed25519", "rsa"])
def test_there_and_back(operator: Operator, tmp_path: Path, ca: OpensslCa, key_type):
    made = {"ecdsa-nistp256": EC, "ed25519": ("ed25519",), "rsa": ("rsa:2048",)}[key_type]
    identity, name = Identity(tmp_path, ca, made), f"back-{key_type}"
    configured(operator, name, type=key_type)

    outcome = operator.call("import-pkcs12", trustpoint=name, pkcs12=identity.pkcs12(), password=PASSWORD)

    assert outcome["enrollment-state"] == "granted"
    shown = operator.trustpoint(name)["certificate"]
    assert [entry["pem"] for entry in shown] == [*ca.chain[::-1], identity.certificate]
    opened = exported(operator, tmp_path, name)
    assert public_key(opened.key) == public_key(identity.key.read_text())
    assert opened.certificate == identity.certificate
    assert opened.others.count("BEGIN CERTIFICATE") == 3
    assert all(base64_of(pem) in opened.others for pem in ca.chain)
    verify(tmp_path, ca.chain, opened.certificate)


@pytest.mark.parametrize(
    "options", [("-legacy",), ("-certpbe", "NONE", "-keypbe", "AES-256-CBC"), ("-descert", "-legacy")]
)
def test_files_of_older_programs(operator: Operator, tmp_path: Path, ca: OpensslCa, options):
    name = f"older{len(options)}"
    configured(operator, name)
    pkcs12 = Identity(tmp_path, ca).pkcs12(*options)
    assert (
        operator.call("import-pkcs12", trustpoint=name, pkcs12=pkcs12, password=PASSWORD)["enrollment-state"]
        == "granted"
    )


def test_what_is_refused_changes_nothing_and_says_why(operator: Operator, tmp_path: Path, ca: OpensslCa):
    old = enrolled(operator, "steady", ca)
    before = operator.trustpoint("steady")
    good = Identity(tmp_path, ca)
    stranger = OpensslCa.root(tmp_path, "/CN=Stranger")
    rsa = Identity(tmp_path, ca, ("rsa:2048",))
    expired = Identity(tmp_path, ca, start=NOW - timedelta(days=9), end=NOW - timedelta(days=2))
    for pkcs12, password, expected, words in (
        (good.pkcs12(), "another", ("invalid-value", "wrong-password", "password"), "does not open"),
        (good.pkcs12(), "", ("invalid-value", "wrong-password", "password"), "does not open"),
        (good.pkcs12(chain=[]), PASSWORD, ("invalid-value", "invalid-chain", "pkcs12"), "no CA certificate"),
        (good.pkcs12(chain=ca.chain[::2]), PASSWORD, ("invalid-value", "invalid-chain", "pkcs12"), "not one chain"),
        (good.pkcs12(chain=ca.chain[:2]), PASSWORD, ("invalid-value", "certificate-mismatch", "pkcs12"), "CN=Tier 3"),
        (good.pkcs12(chain=[stranger.pem]), PASSWORD, ("invalid-value", "certificate-mismatch", "pkcs12"), "CN=Tier 3"),
        (good.pkcs12("-nocerts"), PASSWORD, ("invalid-value", "invalid-pkcs12", "pkcs12"), "does not belong"),
        (good.pkcs12("-nocerts", chain=[]), PASSWORD, ("invalid-value", "invalid-pkcs12", "pkcs12"), "no certificate"),
        (rsa.pkcs12(), PASSWORD, ("invalid-value", "wrong-key-type", "pkcs12"), "change keypair/type"),
        (expired.pkcs12(), PASSWORD, ("invalid-value", "certificate-mismatch", "pkcs12"), "expired at"),
        (good.pkcs12()[:400], PASSWORD, ("invalid-value", "invalid-pkcs12", "pkcs12"), "damaged"),
        (b64encode(b"hello").decode(), PASSWORD, ("invalid-value", "invalid-pkcs12", "pkcs12"), "damaged"),
    ):
        refusal = operator.refused("import-pkcs12", trustpoint="steady", pkcs12=pkcs12, password=password)
        assert where(refusal) == expected, refusal.message
        assert words in refusal.message
        trustpoint = operator.trustpoint("steady")
        assert trustpoint.pop("last-error") == refusal.message
        assert trustpoint.pop("last-error-time")
        assert trustpoint == before
    assert operator.certificates("steady")["router"]["pem"] == old
    assert exported(operator, tmp_path, "steady").certificate == old


def test_an_import_is_exchanged_as_a_whole_and_can_be_taken_back(operator: Operator, tmp_path: Path, ca: OpensslCa):
    enrolled(operator, "swapped", ca)
    old = exported(operator, tmp_path, "swapped")
    identity = Identity(tmp_path, ca)
    operator.call("import-pkcs12", trustpoint="swapped", pkcs12=identity.pkcs12(), password=PASSWORD)
    new = exported(operator, tmp_path, "swapped")
    assert (new.certificate, public_key(new.key)) == (identity.certificate, public_key(identity.key.read_text()))

    for expected in (old, new):
        assert operator.call("restore-certificates", trustpoint="swapped")["enrollment-state"] == "granted"
        opened = exported(operator, tmp_path, "swapped")
        assert (opened.certificate, public_key(opened.key)) == (expected.certificate, public_key(expected.key))


def test_an_import_from_another_authority_leaves_nothing_of_the_first(
    operator: Operator, tmp_path: Path, ca: OpensslCa
):
    enrolled(operator, "moved", ca)
    stranger = OpensslCa.root(tmp_path, "/CN=Stranger")
    operator.call("import-pkcs12", trustpoint="moved", pkcs12=Identity(tmp_path, stranger).pkcs12(), password=PASSWORD)
    assert [entry["issuer"] for entry in operator.trustpoint("moved")["certificate"]] == ["CN=Stranger"] * 2
    refusal = operator.refused("restore-certificates", trustpoint="moved")
    assert where(refusal) == ("data-missing", "nothing-to-restore", None)


def test_an_import_ends_what_was_under_way(operator: Operator, tmp_path: Path, ca: OpensslCa):
    authenticated(operator, "overtaken", ca)
    operator.call("enroll", trustpoint="overtaken")
    operator.call("import-pkcs12", trustpoint="overtaken", pkcs12=Identity(tmp_path, ca).pkcs12(), password=PASSWORD)
    assert "request" not in operator.trustpoint("overtaken")


def test_the_key_of_the_system_trustpoint_stays_here(operator: Operator):
    for label in ("system-root", "system-leaf"):
        operator.generate(label, QUICK)
    ca_key = f'<ca-keypair><type xmlns:k="{TCK}">k:{QUICK}</type><label>system-root</label></ca-keypair>'
    operator.configure("system-trustpoint", "self", "system-leaf", QUICK, extra=ca_key)
    operator.call("authenticate", trustpoint="system-trustpoint")
    operator.call("enroll", trustpoint="system-trustpoint")
    refusal = operator.refused("export-pkcs12", trustpoint="system-trustpoint", password=PASSWORD)
    assert where(refusal) == ("access-denied", "export-not-allowed", None)


def test_an_export_needs_a_certificate_and_a_good_password(operator: Operator, ca: OpensslCa):
    authenticated(operator, "poor", ca)
    refusal = operator.refused("export-pkcs12", trustpoint="poor", password=PASSWORD)
    assert where(refusal) == ("operation-failed", "not-enrolled", None)
    enrolled(operator, "rich", ca)
    for weak, app_tag in (("short", None), ("pässword1", "weak-password"), ("x" * 129, "weak-password")):
        refusal = operator.refused("export-pkcs12", trustpoint="rich", password=weak)
        assert where(refusal) == ("invalid-value", app_tag, "password")
    # What reads only is no failure of the trustpoint.
    assert "last-error" not in operator.trustpoint("rich")


def test_usage_keys_do_not_fit_into_one_file(operator: Operator, tmp_path: Path, ca: OpensslCa):
    authenticated(operator, "two", ca, type="rsa", usage="usage")
    pasted = "".join(map(ca.sign, requests(operator.call("enroll", trustpoint="two")).values()))
    operator.call("import-certificate", trustpoint="two", certificate=pasted)
    refusal = operator.refused("export-pkcs12", trustpoint="two", password=PASSWORD)
    assert where(refusal) == ("operation-not-supported", "usage-keys", None)


def test_fips_mode_has_no_small_keys(operator: Operator, tmp_path: Path, ca: OpensslCa):
    configured(operator, "small", type="rsa", size=2048)
    fips = f'<keys xmlns="{TCK}"><fips-mode nc:operation="{{}}"/></keys>'
    # The only keys of this module's tests that FIPS mode would not have.
    operator.call("zeroize-key-pair", TCK, type="ed25519", all="")
    operator.edit(fips.format("create"))
    try:
        pkcs12 = Identity(tmp_path, ca, ("rsa:1024",)).pkcs12()
        refusal = operator.refused("import-pkcs12", trustpoint="small", pkcs12=pkcs12, password=PASSWORD)
        assert where(refusal) == ("invalid-value", "not-fips-compliant", "pkcs12")
        pkcs12 = Identity(tmp_path, ca, ("rsa:2048",)).pkcs12()
        operator.call("import-pkcs12", trustpoint="small", pkcs12=pkcs12, password=PASSWORD)
    finally:
        operator.edit(fips.format("delete"))


def test_neither_password_nor_key_is_left_anywhere(operator: Operator, tmp_path: Path, ca: OpensslCa):
    configured(operator, "secret")
    identity, secret = Identity(tmp_path, ca), "correct horse battery staple"
    operator.call("import-pkcs12", trustpoint="secret", pkcs12=identity.pkcs12(password=secret), password=secret)
    operator.refused("import-pkcs12", trustpoint="secret", pkcs12=identity.pkcs12(), password=secret + "!")
    operator.call("export-pkcs12", trustpoint="secret", password=secret)
    private = openssl("pkey", "-noout", "-text", input=identity.key.read_bytes())
    number = bytes.fromhex("".join(private.partition("priv:")[2].partition("pub:")[0].split()).replace(":", ""))
    operator.agent.stop()

    found = files_with(
        operator.agent.state, secret, number[-32:], number[-32:].hex(), base64_of(identity.key.read_text())
    )

    assert found == []
    # The search would find what is there.
    subject = files_with(operator.agent.state, "secret")
    assert subject
    operator.agent.start()
    assert operator.certificates("secret")["router"]["pem"] == identity.certificate
