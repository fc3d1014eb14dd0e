"""`show crypto ca certificates` for a trustpoint of a CA, character for character as the guide's "How to Use Multi-Tier
CA for Trustpoint Authentication" has it, with certificates of the same names, serial numbers, dates and places."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent.clock import ManualClock
from agent.pki.alternative_names import parse_alternative_names
from agent.pki.certificates import CertificateRole, CertificateView, RequestView
from tests.pki.authorities import key_usage, make_certificate, rsa_key
from tests.shell.rig import Services, run

SHOWN_AT = datetime(2023, 2, 6, 9, 3, 53, 19_000, tzinfo=UTC)

#: The guide's text, from "Verification"; the fingerprints are those of the test's certificates.
GUIDE = """\
Mon Feb  6 09:03:53.019 UTC

Trustpoint      : test-ca
=====
CA certificate
  Serial Number : 10:01
  Subject:
      CN=SUB_CA_CERT,OU=SPBU,O=CSCO,L=BGL,ST=KA,C=IN
  Issued By      :
      CN=TWO-LEVEL-CA,OU=SPBU,O=CSCO,L=BGL,ST=KA,C=IN
  Validity Start : 12:31:40 UTC Sun Jun 14 2020
  Validity End   : 12:31:40 UTC Wed Jun 12 2030

  CRL Distribution Point
      http://10.105.236.78/crl_akshath_two_level_ca/crl.der
  SHA1 Fingerprint:
      {sub}
Trusted Certificate Chain
  Serial Number : 0F:A0:06:7A:C9:5E:A9:E7:61:A2:B9:2B:27:D1:D6:8F:3D:51:43:3B
  Subject:
      CN=TWO-LEVEL-CA,OU=SPBU,O=CSCO,L=BGL,ST=KA,C=IN
  Issued By      :
      CN=TWO-LEVEL-CA,OU=SPBU,O=CSCO,L=BGL,ST=KA,C=IN
  Validity Start : 13:12:32 UTC Sun Jun 07 2020
  Validity End   : 13:12:32 UTC Sat Jun 02 2040

  CRL Distribution Point
      http://10.105.236.78/crl_akshath_two_level_ca/crl.der
  SHA1 Fingerprint:
      {root}
Router certificate
  Key usage      : General Purpose
  Status         : Available
  Serial Number  : 28:E5
  Subject:
      CN=test
  Issued By      :
      CN=SUB_CA_CERT,OU=SPBU,O=CSCO,L=BGL,ST=KA,C=IN
  Validity Start : 08:49:54 UTC Mon Feb 06 2023
  Validity End   : 08:49:54 UTC Wed Mar 08 2023
  SHA1 Fingerprint:
      {leaf}
Associated Trustpoint: test-ca
"""


def distinguished(common_name):
    values = {
        NameOID.COUNTRY_NAME: "IN",
        NameOID.STATE_OR_PROVINCE_NAME: "KA",
        NameOID.LOCALITY_NAME: "BGL",
        NameOID.ORGANIZATION_NAME: "CSCO",
        NameOID.ORGANIZATIONAL_UNIT_NAME: "SPBU",
        NameOID.COMMON_NAME: common_name,
    }
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in values.items()])


ROOT, SUB = distinguished("TWO-LEVEL-CA"), distinguished("SUB_CA_CERT")
LEAF = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])


def extension(value):
    return x509.Extension(value.oid, False, value)


def points(*locations):
    return extension(
        x509.CRLDistributionPoints([x509.DistributionPoint([name], None, None, None) for name in locations])
    )


CRL = points(x509.UniformResourceIdentifier("http://10.105.236.78/crl_akshath_two_level_ca/crl.der"))


@cache
def guide_certificates():
    root, sub = rsa_key(0), rsa_key(1)
    return (
        make_certificate(
            SUB, ROOT, sub.public_key(), root, ca=True, serial=0x1001, extensions=[CRL],
            start=datetime(2020, 6, 14, 12, 31, 40, tzinfo=UTC), days=3650,
        ),
        make_certificate(
            ROOT, ROOT, root.public_key(), root, ca=True, serial=0x0FA0067AC95EA9E761A2B92B27D1D68F3D51433B,
            extensions=[CRL], start=datetime(2020, 6, 7, 13, 12, 32, tzinfo=UTC), days=7300,
        ),
        router_certificate(),
    )  # fmt: skip


def router_certificate(*extensions):
    start = datetime(2023, 2, 6, 8, 49, 54, tzinfo=UTC)
    return make_certificate(
        LEAF, SUB, rsa_key(2).public_key(), rsa_key(1), serial=0x28E5, start=start, days=30, extensions=extensions
    )


def view(role, certificate):
    return CertificateView.from_der(role, certificate.public_bytes(Encoding.DER))


def guide_views():
    sub, root, leaf = guide_certificates()
    return [view(CertificateRole.CA, sub), view(CertificateRole.CA, root), view(CertificateRole.ROUTER, leaf)]


def show(views, command="show crypto ca certificates test-ca", at=SHOWN_AT):
    return run(command, Services(clock=ManualClock(at), certificates={"test-ca": views})).text


def test_the_guides_chain():
    sub, root, leaf = views = guide_views()
    expected = GUIDE.format(sub=sub.sha1_fingerprint, root=root.sha1_fingerprint, leaf=leaf.sha1_fingerprint)
    assert show(views) == expected


def test_eight_tiers_are_one_heading_each():
    sub, root, leaf = guide_views()
    text = show([sub, *[root] * 7, leaf])
    assert text.count("CA certificate\n") == 1
    assert text.count("Trusted Certificate Chain\n") == 7


def test_a_trustpoint_that_is_only_authenticated():
    _, root, _ = guide_views()
    text = show([root])
    assert "CA certificate\n  Serial Number : 0F:A0:" in text
    assert "Router certificate" not in text


def test_a_pair_of_usage_keys_has_two_certificates():
    sub, *_ = guide_views()
    _, _, leaf = guide_certificates()
    roles = (CertificateRole.ROUTER_SIGNATURE, CertificateRole.ROUTER_ENCRYPTION)
    text = show([sub, *(view(role, leaf) for role in roles)])
    for usage in ("Signature", "Encryption"):
        assert f"Router certificate\n  Key usage      : {usage}\n  Status         : Available\n" in text


@pytest.mark.parametrize(("seconds", "status"), [(0, "Available"), (1, "Expired")])
def test_a_certificate_that_has_expired(seconds, status):
    views = guide_views()
    assert f"  Status         : {status}\n" in show(views, at=views[2].not_after + timedelta(seconds=seconds))


def test_a_certificate_that_was_requested():
    sub, root, _ = guide_views()
    request = RequestView(CertificateRole.ROUTER, "CN=test", "17D8B38D ED2BDF2E DF8ADB7F A7DBE35A")
    text = show([sub, root, request])
    assert text.endswith(
        "Router certificate\n"
        "  Key usage      : General Purpose\n"
        "  Status         : Pending\n"
        "  Subject:\n"
        "      CN=test\n"
        "  Fingerprint: 17D8B38D ED2BDF2E DF8ADB7F A7DBE35A\n"
        "Associated Trustpoint: test-ca\n"
    )


def test_places_of_revocation_lists():
    """The guide's, of "Configure Certificate Enrollment Using Cut-and-Paste", and entries of a directory."""
    ldap = "ldap://coax-u10.cisco.com/CN=Root coax-u10 Certificate Manager,O=Cisco Systems"
    relative = x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COMMON_NAME, "CRL 7")])
    several = x509.CRLDistributionPoints(
        [
            x509.DistributionPoint([x509.UniformResourceIdentifier(ldap), x509.DirectoryName(ROOT)], None, None, None),
            x509.DistributionPoint(None, relative, None, None),
            x509.DistributionPoint(None, relative, None, [x509.DirectoryName(ROOT)]),
            x509.DistributionPoint([x509.UniformResourceIdentifier("http://a/\x1b[2J\n")], None, None, None),
        ]
    )
    text = show([view(CertificateRole.ROUTER, router_certificate(extension(several)))])
    assert (
        "\n\n  CRL Distribution Point\n"
        f"      {ldap}\n"
        "      CN=TWO-LEVEL-CA,OU=SPBU,O=CSCO,L=BGL,ST=KA,C=IN\n"
        "      CN=CRL 7,CN=SUB_CA_CERT,OU=SPBU,O=CSCO,L=BGL,ST=KA,C=IN\n"
        "      CN=CRL 7,CN=TWO-LEVEL-CA,OU=SPBU,O=CSCO,L=BGL,ST=KA,C=IN\n"
        "      http://a/?[2J?\n"
        "  SHA1 Fingerprint:\n"
    ) in text


def test_detail():
    certificate = router_certificate(
        extension(key_usage(digital_signature=True, key_encipherment=True)),
        extension(
            x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.IPSEC_IKE, x509.ObjectIdentifier("1.2.3.4")]
            )
        ),
        extension(x509.SubjectAlternativeName(parse_alternative_names("router1.example.com,192.0.2.1"))),
    )
    own = view(CertificateRole.ROUTER, certificate)
    assert show([own], "show crypto ca certificates test-ca detail").endswith(
        "  SHA256 Fingerprint:\n"
        f"      {own.sha256_fingerprint}\n"
        "  X509v3 Key Usage:\n"
        "      digitalSignature,keyEncipherment\n"
        "  X509v3 Extended Key Usage:\n"
        "      clientAuth,ipsecIKE,1.2.3.4\n"
        "  X509v3 Subject Alternative Name:\n"
        "      DNS:router1.example.com,IP:192.0.2.1\n"
        "Associated Trustpoint: test-ca\n"
    )
