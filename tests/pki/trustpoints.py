"""The guide's trustpoint, and openssl as the judge of what is made for it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from agent.pki.keys import KeyType
from agent.pki.trustpoint import CertificateUsage, KeyReference, TrustpointConfig

NAME = "system-trustpoint"


def minimal_config(key_type=KeyType.ED25519, ca_key_type=None, **changes):
    """The guide's Ed25519 example: nothing but the two keys."""
    return TrustpointConfig(
        name=NAME,
        keypair=KeyReference(key_type, "system-enroll-key"),
        ca_keypair=KeyReference(ca_key_type or key_type, "system-root-key"),
        fqdn="ios.cisco.com",
        device_serial="c44a11fc",
        **changes,
    )


def guide_config(key_type=KeyType.RSA, **changes):
    """The example of "Generate System Trust Point for the Leaf and Root Certificate"."""
    values = {
        "subject_name": "CN=lab1-ads,C=US,ST=CA,L=San Jose,O=cisco systems,OU=ASR",
        "ca_subject_name": "CN=lab1-ca,C=US,ST=CA,L=San Jose,O=cisco systems,OU=ASR",
        "key_usage": frozenset(
            {
                CertificateUsage.DIGITAL_SIGNATURE,
                CertificateUsage.KEY_AGREEMENT,
                CertificateUsage.DATA_ENCIPHERMENT,
            }
        ),
        "ca_key_usage": frozenset(
            {CertificateUsage.DIGITAL_SIGNATURE, CertificateUsage.KEY_CERT_SIGN, CertificateUsage.CRL_SIGN}
        ),
        "lifetime": 300,
        "ca_lifetime": 367,
    }
    return minimal_config(key_type, **(values | changes))


def generate_keys(key_store, key_type=KeyType.ED25519, ca_key_type=None, **options):
    key_store.generate(ca_key_type or key_type, "system-root-key", **options)
    key_store.generate(key_type, "system-enroll-key", **options)


def openssl(*arguments, input=None):
    """Output of an openssl command that must succeed."""
    run = subprocess.run(["openssl", *map(str, arguments)], input=input, capture_output=True, timeout=60)
    assert run.returncode == 0, run.stderr.decode() + run.stdout.decode()
    return run.stdout.decode()


def verify_chain(folder: Path, leaf_pem: str, root_pem: str, at):
    """Have openssl verify leaf and root, strictly, at a moment."""
    (folder / "root.pem").write_text(root_pem)
    (folder / "leaf.pem").write_text(leaf_pem)
    options = ("-x509_strict", "-check_ss_sig", "-attime", int(at.timestamp()), "-CAfile", folder / "root.pem")
    openssl("verify", *options, folder / "root.pem", folder / "leaf.pem")
