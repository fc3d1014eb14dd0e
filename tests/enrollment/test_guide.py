"""The guide's procedures as an operator goes through them: the rpcs over NETCONF, and what `show crypto ca
certificates` prints over SSH, character for character. The certificates are made by openssl with the guide's names,
numbers, places and dates; it is the day of the guide's print, 2023-02-06."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.agent_process import AgentProcess
from tests.enrollment.by_hand import enroll, requests
from tests.enrollment.openssl_ca import CA_EXTENSIONS, LEAF_EXTENSIONS, OpensslCa, fingerprint
from tests.enrollment.operator import Operator
from tests.pki.trustpoints import openssl
from tests.shell.test_certificates_of_a_ca import GUIDE

SHOWN_AT = datetime(2023, 2, 6, 9, 3, 0, tzinfo=UTC)
#: The minutes are the machine's, and tests move the time on by hours.
TIME_LINE = re.compile(r"Mon Feb  6 (?:09|1\d):\d\d:\d\d\.\d{3} UTC\n")
NAME = "/C=IN/ST=KA/L=BGL/O=CSCO/OU=SPBU/CN="
PLACE = "http://10.105.236.78/crl_akshath_two_level_ca/crl.der"
LDAP_PLACE = "ldap://coax-u10.cisco.com/CN=Root coax-u10 Certificate Manager,O=Cisco Systems"
MANAGER = "CN=Root coax-u10 Certificate Manager,OU=HFR,O=Cisco Systems,L=San Jose,ST=CA,C=US"


@pytest.fixture(scope="module")
def shared_agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProcess]:
    process = AgentProcess(tmp_path_factory.mktemp("agent") / "state", on_a_clock=True, start_at=SHOWN_AT).start()
    yield process
    process.kill()


def show(operator: Operator, *words: str) -> str:
    """What the command prints below its time line."""
    result = operator.agent.exec(" ".join(("show crypto ca certificates", *words)))
    assert result.returncode == 0, result.stdout + result.stderr
    line = TIME_LINE.match(result.stdout)
    assert line is not None, result.stdout
    return result.stdout[line.end() :]


def sha1(pem: str) -> str:
    return fingerprint(pem, "sha1").replace(":", "")


def declare(operator: Operator, name: str, label: str, subject: str, **key: object) -> None:
    """The guide's configuration: enrollment terminal, an RSA key pair, a subject name."""
    operator.generate(label, **key)
    names = f"<subject-name>{subject}</subject-name><serial-number>false</serial-number>"
    operator.configure(name, "terminal", label, extra=names)


def test_multi_tier_certificate_authority(operator: Operator, tmp_path):
    """ "How to Use Multi-Tier CA for Trustpoint Authentication", Verification."""
    extensions = f"{CA_EXTENSIONS}crlDistributionPoints=URI:{PLACE}\n"
    root = OpensslCa.root(
        tmp_path, NAME + "TWO-LEVEL-CA", serial="0FA0067AC95EA9E761A2B92B27D1D68F3D51433B", extensions=extensions,
        start=datetime(2020, 6, 7, 13, 12, 32, tzinfo=UTC), end=datetime(2040, 6, 2, 13, 12, 32, tzinfo=UTC),
    )  # fmt: skip
    sub = root.sub(
        NAME + "SUB_CA_CERT", serial="1001", extensions=extensions,
        start=datetime(2020, 6, 14, 12, 31, 40, tzinfo=UTC), end=datetime(2030, 6, 12, 12, 31, 40, tzinfo=UTC),
    )  # fmt: skip
    declare(operator, "test-ca", "test", "CN=test")
    operator.call("authenticate", trustpoint="test-ca", certificate=sub.pem + root.pem)
    leaf = sub.sign(
        enroll(operator, "test-ca"), subject="/CN=test", serial="28E5",
        start=datetime(2023, 2, 6, 8, 49, 54, tzinfo=UTC), end=datetime(2023, 3, 8, 8, 49, 54, tzinfo=UTC),
    )  # fmt: skip
    operator.call("import-certificate", trustpoint="test-ca", certificate=leaf)

    shown = show(operator, "test-ca")

    expected = GUIDE.format(sub=sha1(sub.pem), root=sha1(root.pem), leaf=sha1(leaf))
    assert shown == expected.partition("\n")[2]


@pytest.fixture
def manager(tmp_path) -> OpensslCa:
    """The guide's "Root coax-u10 Certificate Manager", in another decade."""
    return OpensslCa.root(
        tmp_path, "/C=US/ST=CA/L=San Jose/O=Cisco Systems/OU=HFR/CN=Root coax-u10 Certificate Manager", serial="01",
        start=datetime(2013, 8, 19, 7, tzinfo=UTC), end=datetime(2030, 8, 19, 7, tzinfo=UTC),
    )  # fmt: skip


def manager_signs(
    manager: OpensslCa, request: str, serial: str, end: datetime = datetime(2023, 2, 8, 21, 43, 14, tzinfo=UTC)
) -> str:
    places = "crlDistributionPoints=crlDp\n[crlDp]\nfullname=@names\n[names]\nURI.0=" + LDAP_PLACE
    return manager.sign(
        request, serial=serial, subject="/O=Cisco Systems/unstructuredName=myrouter.mydomain.com",
        start=datetime(2023, 2, 1, 21, 43, 14, tzinfo=UTC), end=end,
        extensions=LEAF_EXTENSIONS + places,
    )  # fmt: skip


def ca_lines(manager: OpensslCa, name: str) -> str:
    return f"""\

Trustpoint      : {name}
=====
CA certificate
  Serial Number : 01
  Subject:
      {MANAGER}
  Issued By      :
      {MANAGER}
  Validity Start : 07:00:00 UTC Mon Aug 19 2013
  Validity End   : 07:00:00 UTC Mon Aug 19 2030
  SHA1 Fingerprint:
      {sha1(manager.pem)}
"""


def pending_lines(fingerprint: str, subject: str, usage: str = "General Purpose") -> str:
    return f"""\
Router certificate
  Key usage      : {usage}
  Status         : Pending
  Subject:
      {subject}
  Fingerprint: {fingerprint}
"""


def router_lines(certificate: str, serial: str) -> str:
    return f"""\
Router certificate
  Key usage      : General Purpose
  Status         : Available
  Serial Number  : {serial}
  Subject:
      unstructuredName=myrouter.mydomain.com,O=Cisco Systems
  Issued By      :
      {MANAGER}
  Validity Start : 21:43:14 UTC Wed Feb 01 2023
  Validity End   : 21:43:14 UTC Wed Feb 08 2023

  CRL Distribution Point
      {LDAP_PLACE}
  SHA1 Fingerprint:
      {sha1(certificate)}
"""


def test_cut_and_paste_and_regenerating(operator: Operator, manager: OpensslCa):
    """ "Configure Certificate Enrollment Using Cut-and-Paste", then "Regenerate the Certificate"."""
    declare(operator, "myca", "mykey", "O=Cisco Systems", size=1024)
    end = "Associated Trustpoint: myca\n"
    for serial in ("6E", "6F"):
        operator.call("authenticate", trustpoint="myca", certificate=manager.pem)
        assert show(operator, "myca") == ca_lines(manager, "myca") + end
        outcome = operator.call("enroll", trustpoint="myca")
        [asked] = outcome["request"]["certificate-request"]
        subject = "unstructuredName=" + re.search(r"unstructuredName\s*=\s*(\S+)", subject_of(asked["pem"]))[1]
        pending = pending_lines(asked["md5-fingerprint"], f"{subject},O=Cisco Systems")
        assert show(operator, "myca") == ca_lines(manager, "myca") + pending + end
        certificate = manager_signs(manager, asked["pem"], serial)
        operator.call("import-certificate", trustpoint="myca", certificate=certificate)
        complete = ca_lines(manager, "myca") + router_lines(certificate, serial) + end
        assert show(operator, "myca") == complete
        assert complete in show(operator)

        cleared = operator.call("clear-certificates", trustpoint="myca")
        assert cleared["cleared"] == "2"
        assert operator.agent.exec("show crypto ca certificates myca").returncode == 1
        assert "Trustpoint      : myca" not in show(operator)
        operator.generate("mykey", size=1024)
    assert "previous-certificate" not in operator.trustpoint("myca")


def subject_of(request: str) -> str:
    return openssl("req", "-noout", "-subject", input=request.encode())


def test_a_renewal_shows_the_old_certificate_and_the_request(operator: Operator, manager: OpensslCa):
    declare(operator, "renewed", "renewed", "O=Cisco Systems", size=1024)
    operator.call("authenticate", trustpoint="renewed", certificate=manager.pem)
    certificate = manager_signs(manager, enroll(operator, "renewed"), "10")
    operator.call("import-certificate", trustpoint="renewed", certificate=certificate)
    operator.call("enroll", trustpoint="renewed", regenerate_key_pair=True)
    shown = show(operator, "renewed")
    assert shown.startswith(ca_lines(manager, "renewed") + router_lines(certificate, "10") + "Router certificate\n")
    assert shown.count("Status         : Pending\n") == 1


def test_usage_keys_have_two_of_each(operator: Operator, manager: OpensslCa):
    declare(operator, "usage", "usage", "O=Cisco Systems", size=1024, usage="usage")
    operator.call("authenticate", trustpoint="usage", certificate=manager.pem)
    asked = requests(operator.call("enroll", trustpoint="usage"))
    usages = r"Key usage      : (.*)\n  Status         : (.*)\n"
    assert re.findall(usages, show(operator, "usage")) == [("Signature", "Pending"), ("Encryption", "Pending")]
    pasted = "".join(manager_signs(manager, request, f"2{n}") for n, request in enumerate(asked.values()))
    operator.call("import-certificate", trustpoint="usage", certificate=pasted)
    assert re.findall(usages, show(operator, "usage")) == [("Signature", "Available"), ("Encryption", "Available")]


def test_what_has_expired_is_shown_so(operator: Operator, manager: OpensslCa):
    declare(operator, "old", "old", "O=Cisco Systems", size=1024)
    operator.call("authenticate", trustpoint="old", certificate=manager.pem)
    end = datetime(2023, 2, 6, 11, tzinfo=UTC)
    certificate = manager_signs(manager, enroll(operator, "old"), "30", end)
    operator.call("import-certificate", trustpoint="old", certificate=certificate)
    assert operator.state("old") == "granted"
    operator.later(hours=2)
    assert "  Status         : Expired\n" in show(operator, "old")
    trustpoint = operator.trustpoint("old")
    assert trustpoint["enrollment-state"] == "expired"
    assert "enroll again" in trustpoint["next-step"]
