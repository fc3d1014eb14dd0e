"""The trustpoints' certificates, seen from the keys they are for: each with its own chain and nothing else."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, pkcs7

from agent.pki.certificates import CertificateRole, CertificateView
from agent.pki.key_certificates import certificates_by_key
from tests.pki.authorities import Authority, name


@pytest.fixture(scope="module")
def device():
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def made(device):
    """A chain of three CAs, a CA that has nothing to do with it, and the device's certificate."""
    root = Authority.root("root")
    middle = root.sub("middle", 1)
    issuing = middle.sub("issuing", 2)
    certificates = {"root": root, "middle": middle, "issuing": issuing, "stranger": Authority.root("stranger", 3)}
    return {
        **{name: authority.certificate for name, authority in certificates.items()},
        "leaf": issuing.issue(name("router1"), device.public_key()),
    }


def spki(key):
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


class Trustpoints:
    """Trustpoint -> (role, certificate)s."""

    def __init__(self, **certificates):
        self._certificates = certificates

    def names(self):
        return sorted(self._certificates)

    def certificates(self, name):
        return [
            CertificateView.from_der(CertificateRole(role), certificate.public_bytes(Encoding.DER))
            for role, certificate in self._certificates[name]
        ]


def bag(trustpoints, key):
    (found,) = certificates_by_key(trustpoints)[spki(key)]
    return set(pkcs7.load_der_pkcs7_certificates(found.bag()))


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ("root middle issuing", "root middle issuing"),
        ("issuing stranger root middle", "root middle issuing"),
        # As far as the chain is there.
        ("root issuing", "issuing"),
        ("stranger", ""),
        ("", ""),
    ],
)
def test_a_bag_has_the_certificate_and_its_chain(made, device, others, expected):
    certificates = [*(("ca", made[name]) for name in others.split()), ("router", made["leaf"])]
    assert bag(Trustpoints(lab=certificates), device) == {made[name] for name in (*expected.split(), "leaf")}


def test_the_chain_of_another_trustpoint_is_not_used(made, device):
    chain = [("ca", made[name]) for name in ("root", "middle", "issuing")]
    assert bag(Trustpoints(a=chain, b=[("router", made["leaf"])]), device) == {made["leaf"]}


def test_a_key_may_have_certificates_of_several_trustpoints(made, device):
    trustpoints = Trustpoints(b=[("router", made["leaf"])], a=[("router-signature", made["leaf"])])
    found = certificates_by_key(trustpoints)
    assert [(entry.trustpoint, entry.role.value) for entry in found[spki(device)]] == [
        ("a", "router-signature"),
        ("b", "router"),
    ]
    assert spki(ec.generate_private_key(ec.SECP256R1())) not in found
