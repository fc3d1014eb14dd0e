"""The guide's layouts, with the guide's own data where it can be had back from the print."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.pki.certificates import CertificateRole, CertificateView
from agent.pki.key_store import KeyPair
from agent.pki.keys import KeyType, KeyUsage
from agent.pki.user_key_store import ImportedKey
from agent.pki.user_keys import parse_user_key
from agent.shell.times import detail_time, time_line
from tests.shell.rig import TIME_LINE, Services, run

# "Generate Key Pair", step 3.
ROOT_KEY = """\
30820122 300D0609 2A864886 F70D0101 01050003 82010F00 3082010A 02820101
00A93DE0 1E485EE3 0E7F0964 C48361D1 B6014BE7 A303D8D6 F7790E92 88E69C4B
B97B7A9C D1B277E3 1569093C 82BD3258 7F67FB49 94860ECD 34498F1F 59B45757
F32C8E8F 7CEE23EC C36A43D1 9F85C0D9 B96A14DD DD3BBD4C A1FB0888 EED210A7
39D9A403 7ACE0F6E 39107226 CA621AD8 6E8102CA 9761B86F D33F2871 9DD16559
AFCB4729 EFCEDBAF 83DF76E4 9A439844 EE3B1180 4022F575 99E11A2C E25BB23D
9DD74C81 4E5C1345 D9E3CC79 1B98B1AA 6C06F004 22B901EC 36C099FE 10DE2622
EB7CE618 9A555769 12D94C90 D9BEE5EA A664E7F6 4DF8D8D4 FE7EAB07 1EF4FEAB
22D9E55F 62BA66A0 72153CEC 81F2639F B5F2B5C5 25E10364 19387C6B E8DB8990
11020301 0001
"""
# "To View the Generated Key-Pairs".
P256_POINT = """\
04D6D132 2253ABD0 81449E3F 9D5CEA3A 1107950A 829E9090 8960FBD5 ABA039B7
24A4E217 7EA47475 91C60AC7 013DBC2E EA8434D9 0BD5B0FC 694913AE 0098A4F5
77
"""
P384_POINT = """\
045F7C14 1A88C27E 9CED3FF1 7FEDFA03 B49575FA 7AD88370 BC9C7D7F F99C8917
33620916 758BDEFC 7187E33A 2D3CCD33 14FF3267 9855A5E9 E3BD166C CE838462
40742231 6198EE12 3E189F42 22A8149A 8E7B186D 88E728D4 7F47D565 53441061
79
"""
P521_POINT = """\
04017798 4369F493 8D0E57D1 1975FC46 CDC03A78 03A9F90E B38CA504 17DB9A64
D1DEA6A6 D23E7E20 4D8D4D31 C7878BDB BF5EEE40 1978A889 70C5D703 BB033B77
0FFD9201 366A9AC8 35E69BB3 97FF4E91 6B498510 39425971 C5E43858 83286088
A6A7BF92 0EA2B416 BD4E81CE DCEB65F1 15CC75B5 91204E89 3339A168 2382CAB6
40170131 8F
"""
# "Support for Ed25519".
ED25519_KEY = "FF0ED4E7 71531B3D 9ED72C48 3F79EC59 9EFECCC3 46A129B2 FAAA12DD EE9D0351\n"


def spki(key) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def rsa_pair(label, second, **more):
    return KeyPair(
        KeyType.RSA, label, KeyUsage.GENERAL, 2048, datetime(2020, 2, 6, 1, 13, second, tzinfo=UTC),
        bytes.fromhex(ROOT_KEY), "exec", **more,
    )  # fmt: skip


def ecdsa_pair(origin, curve=None, hexadecimal=P256_POINT, created=datetime(2021, 4, 21, 11, 49, 22, tzinfo=UTC)):
    curve = curve or ec.SECP256R1()
    point = ec.EllipticCurvePublicKey.from_encoded_point(curve, bytes.fromhex(hexadecimal))
    key_type = KeyType(f"ecdsa-nistp{curve.key_size}")
    return KeyPair(key_type, "the_default", KeyUsage.GENERAL, curve.key_size, created, spki(point), origin)


def test_rsa():
    services = Services(key_pairs=[rsa_pair("system-root-key", 10), rsa_pair("system-enroll-key", 16)])
    assert run("show crypto key mypubkey rsa", services).text == TIME_LINE + (
        "Key label: system-root-key\n"
        "Type      : RSA General purpose\n"
        "Size      : 2048\n"
        "Created   : 01:13:10 UTC Thu Feb 06 2020\n"
        "Data      :\n" + ROOT_KEY + "Key label: system-enroll-key\n"
        "Type      : RSA General purpose\n"
        "Size      : 2048\n"
        "Created   : 01:13:16 UTC Thu Feb 06 2020\n"
        "Data      :\n" + ROOT_KEY
    )


def test_begin_as_in_the_guide():
    services = Services(key_pairs=[rsa_pair("other", 1), rsa_pair("system-enroll-key", 16)])
    text = run("show crypto key mypubkey rsa | begin system-", services).text
    assert text.startswith(TIME_LINE + "Key label: system-enroll-key\nType      : RSA General purpose\n")
    assert "other" not in text


# "To View the Generated Key-Pairs", in UTC.
ECDSA_KEYS = f"""\
Key label: the_default
Type      : ECDSA General Curve Nistp256
Degree    : 256
Created   : 11:49:22 UTC Wed Apr 21 2021
Data      :
{P256_POINT}
Key label: the_default
Type      : ECDSA General Curve Nistp521
Degree    : 521
Created   : 22:44:22 UTC Thu Mar 18 2021
Data      :
{P521_POINT}
"""
CONFIGURED_ECDSA_KEY = f"""\
-----
Public keys from config sysdb:
-----
Key label: the_default
Type      : ECDSA General Curve Nistp384
Degree    : 384
Created   : 11:51:52 UTC Wed Apr 21 2021
Data      :
{P384_POINT}"""


def guide_ecdsa_keys():
    """In the order of their making."""
    return (
        ecdsa_pair("exec", ec.SECP521R1(), P521_POINT, datetime(2021, 3, 18, 22, 44, 22, tzinfo=UTC)),
        ecdsa_pair("exec"),
        ecdsa_pair("config", ec.SECP384R1(), P384_POINT, datetime(2021, 4, 21, 11, 51, 52, tzinfo=UTC)),
    )


def test_ecdsa_with_keys_of_the_configuration():
    by_command, second, configured = guide_ecdsa_keys()
    services = Services(key_pairs=[configured, by_command, rsa_pair("r", 1), second])
    assert run("show crypto key mypubkey ecdsa", services).text == TIME_LINE + ECDSA_KEYS + CONFIGURED_ECDSA_KEY
    services = Services(key_pairs=[configured])
    assert run("show crypto key mypubkey ecdsa", services).text == TIME_LINE + CONFIGURED_ECDSA_KEY


def test_all_keys_type_by_type():
    services = Services(key_pairs=[*guide_ecdsa_keys(), rsa_pair("r2", 2), rsa_pair("r1", 3)])
    text = run("show crypto key mypubkey all", services).text
    rsa = run("show crypto key mypubkey rsa", services).text
    assert text == rsa + "\n" + ECDSA_KEYS + CONFIGURED_ECDSA_KEY
    assert rsa.index("Key label: r2") < rsa.index("Key label: r1")


def test_ed25519():
    public = ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(ED25519_KEY))
    created = datetime(2020, 11, 30, 7, 3, 17, tzinfo=UTC)
    pair = KeyPair(KeyType.ED25519, "the_default", KeyUsage.GENERAL, 256, created, spki(public), "exec")
    assert run("show crypto key mypubkey ed25519", Services(key_pairs=[pair])).text == TIME_LINE + (
        "Key label: the_default\n"
        "Type      : ED25519\n"
        "Size      : 256\n"
        "Created   : 07:03:17 UTC Mon Nov 30 2020\n"
        "Data      :\n" + ED25519_KEY
    )


def test_usage_keys_are_two():
    pair = KeyPair(
        KeyType.RSA, "u", KeyUsage.USAGE, 2048, datetime(2020, 2, 6, tzinfo=UTC), bytes.fromhex(ROOT_KEY), "exec",
        encryption_public_key_der=bytes.fromhex(ROOT_KEY),
    )  # fmt: skip
    text = run("show crypto key mypubkey rsa", Services(key_pairs=[pair])).text
    assert [line for line in text.splitlines() if line.startswith("Type")] == [
        "Type      : RSA Signature",
        "Type      : RSA Encryption",
    ]


def test_no_keys():
    assert run("show crypto key mypubkey dsa").text == TIME_LINE
    assert run("show crypto key mypubkey authentication ecdsa").text == TIME_LINE


def test_keys_of_users():
    moment = datetime(2023, 7, 21, 10, 57, 24, tzinfo=UTC)
    services = Services(
        key_pairs=[rsa_pair("the_default", 1)],
        imported_keys=[
            ImportedKey("jane", 1, parse_user_key(bytes.fromhex(ROOT_KEY)), moment),
            ImportedKey("jane", 2, parse_user_key(ecdsa_pair("exec").public_key_der), moment),
        ],
    )
    assert run("show crypto key mypubkey authentication rsa", services).text == TIME_LINE + (
        "Key label: jane\n"
        "Type      : RSA public key authentication\n"
        "Number    : 1\n"
        "Size      : 2048\n"
        "Imported  : 10:57:24 UTC Fri Jul 21 2023\n"
        "Data      :\n" + ROOT_KEY
    )
    assert run("sh cry key mypub auth ec", services).text == TIME_LINE + (
        "Key label: jane\n"
        "Type      : ECDSA public key authentication\n"
        "Number    : 2\n"
        "Degree    : 256\n"
        "Imported  : 10:57:24 UTC Fri Jul 21 2023\n"
        "Data      :\n" + P256_POINT
    )
    assert run("show crypto key mypubkey authentication all", services).text.count("Key label: jane") == 2
    assert run("show crypto key mypubkey authentication dsa", services).status == 1


def view(role, serial, subject, minute_second, fingerprint):
    minute, second = minute_second
    return CertificateView(
        role=role,
        serial=serial,
        subject=subject,
        issuer="serialNumber=7b20faa4,unstructuredName=test-secl.cisco.com",
        not_before=datetime(2020, 2, 21, 12, minute, second, tzinfo=UTC),
        not_after=datetime(2021, 2, 20, 12, minute, second, tzinfo=UTC),
        sha1_fingerprint=fingerprint,
        sha256_fingerprint="AB" * 32,
        key_usage=("digitalSignature",),
        crl_distribution_points=(),
        der=b"",
        pem="",
    )


CA = view(
    CertificateRole.CA,
    0x10B5,
    "serialNumber=7b20faa4,unstructuredName=test-secl.cisco.com",
    (30, 17),
    "9400A30816805219FAAA5B9C86C214E6F34CEF7B",
)
LEAF_SUBJECT = (
    "serialNumber=7b20faa4,unstructuredAddress=10.1.1.1,unstructuredName=test-secl.cisco.com,CN=Anetwork,OU=IT,"
    "O=Spark Network,L=Rotterdam,ST=Zuid Holland,C=NL"
)
LEAF = view(CertificateRole.ROUTER, 0x10B6, LEAF_SUBJECT, (30, 31), "21ACDD5EB6E6F4103E02C1BAB107AD86DDCDD1F3")

# "Generate Root and Leaf Certificates", Verification; the subject is not wrapped.
TRUSTPOINT = f"""
Trustpoint      : system-trustpoint
=====
CA certificate
Serial Number   : 10:B5
Subject:
    serialNumber=7b20faa4,unstructuredName=test-secl.cisco.com
Issued By      :
    serialNumber=7b20faa4,unstructuredName=test-secl.cisco.com
Validity Start : 12:30:17 UTC Fri Feb 21 2020
Validity End   : 12:30:17 UTC Sat Feb 20 2021
SHA1 Fingerprint:
    9400A30816805219FAAA5B9C86C214E6F34CEF7B
Router certificate
Key usage       : General Purpose
Status          : Available
Serial Number   : 10:B6
Subject:
    {LEAF_SUBJECT}
Issued By      :
    serialNumber=7b20faa4,unstructuredName=test-secl.cisco.com
Validity Start : 12:30:31 UTC Fri Feb 21 2020
Validity End   : 12:30:31 UTC Sat Feb 20 2021
SHA1 Fingerprint:
    21ACDD5EB6E6F4103E02C1BAB107AD86DDCDD1F3
Associated Trustpoint: system-trustpoint
"""


def test_certificates():
    services = Services(certificates={"system-trustpoint": [CA, LEAF], "d": [CA]})
    assert run("show crypto ca certificates system-trustpoint", services).text == TIME_LINE + TRUSTPOINT
    everything = run("show crypto ca certificates", services).text
    assert everything.startswith(TIME_LINE + TRUSTPOINT + "\nTrustpoint      : d\n")
    assert "SHA256" not in everything
    assert "SHA256 Fingerprint:\n    ABAB" in run("show crypto ca cert d detail", services).text
    assert "Trustpoint      : d\n" in run("show crypto ca certificates d", services).text


# "Manually Update Certificates in Trust Pool", step 3: what is built in there is downloaded here.
ROOTS = [
    replace(
        view(CertificateRole.CA, serial, subject, (0, 0), sha1),
        issuer=subject,
        not_before=not_before,
        not_after=not_after,
    )
    for serial, subject, not_before, not_after, sha1 in (
        (
            0x5FF87B282B54DC8D42A315B568C9ADFF,
            "CN=Cisco Root CA 2048,O=Cisco Systems",
            datetime(2004, 5, 14, 20, 17, 12, tzinfo=UTC),
            datetime(2029, 5, 14, 20, 25, 42, tzinfo=UTC),
            "DE990CED99E0431F60EDC3937E7CD5BF0ED9E5FA",
        ),
        (
            0x2ED20E7347D333834B4FDD0DD7B6967E,
            "CN=Cisco Root CA M1,O=Cisco",
            datetime(2008, 11, 18, 20, 50, 24, tzinfo=UTC),
            datetime(2033, 11, 18, 21, 59, 46, tzinfo=UTC),
            "45AD6BB499011BB4E84E84316A81C27D89EE5CE7",
        ),
    )
]
TRUSTPOOL = """
Trustpool: Downloaded
=====
CA certificate
  Serial Number   : 5F:F8:7B:28:2B:54:DC:8D:42:A3:15:B5:68:C9:AD:FF
  Subject:
    CN=Cisco Root CA 2048,O=Cisco Systems
  Issued By      :
    CN=Cisco Root CA 2048,O=Cisco Systems
  Validity Start : 20:17:12 UTC Fri May 14 2004
  Validity End   : 20:25:42 UTC Mon May 14 2029
  SHA1 Fingerprint:
    DE990CED99E0431F60EDC3937E7CD5BF0ED9E5FA

Trustpool: Downloaded
=====
CA certificate
  Serial Number   : 2E:D2:0E:73:47:D3:33:83:4B:4F:DD:0D:D7:B6:96:7E
  Subject:
    CN=Cisco Root CA M1,O=Cisco
  Issued By      :
    CN=Cisco Root CA M1,O=Cisco
  Validity Start : 20:50:24 UTC Tue Nov 18 2008
  Validity End   : 21:59:46 UTC Fri Nov 18 2033
  SHA1 Fingerprint:
    45AD6BB499011BB4E84E84316A81C27D89EE5CE7
"""


def test_the_trustpool():
    assert run("show crypto ca trustpool", Services(pool=ROOTS)).text == TIME_LINE + TRUSTPOOL
    assert run("show crypto ca trustpool").text == TIME_LINE


def test_an_unknown_trustpoint_is_an_error():
    result = run("show crypto ca certificates nobody")
    assert result.text == TIME_LINE + "% Trustpoint nobody has no certificates.\n"
    assert result.status == 1


def test_times():
    assert time_line(datetime(2023, 2, 6, 9, 3, 53, 19_999, tzinfo=UTC)) == "Mon Feb  6 09:03:53.019 UTC"
    assert detail_time(datetime(2020, 2, 6, 1, 13, 10, tzinfo=UTC)) == "01:13:10 UTC Thu Feb 06 2020"
