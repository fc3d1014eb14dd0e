"""CertificationRequestInfos as clients of the device make them, without any private key; and what becomes of
them, judged by openssl."""

from __future__ import annotations

import subprocess

from asn1crypto import csr, keys, x509


def request_info(public_key, common_name="router1.example.com", *, names=(), challenge=None, version="v1"):
    """For a SubjectPublicKeyInfo in DER; with subject alternative names and a challenge password if there are any."""
    attributes = []
    if names:
        extension = {
            "extn_id": "subject_alt_name",
            "extn_value": x509.GeneralNames([x509.GeneralName("dns_name", name) for name in names]),
        }
        attributes.append({"type": "extension_request", "values": [[extension]]})
    if challenge is not None:
        attributes.append({"type": "challenge_password", "values": [x509.DirectoryString({"utf8_string": challenge})]})
    return csr.CertificationRequestInfo(
        {
            "version": version,
            "subject": x509.Name.build({"common_name": common_name}),
            "subject_pk_info": keys.PublicKeyInfo.load(public_key),
            "attributes": csr.CRIAttributes(attributes),
        }
    ).dump()


def verified_by_openssl(request):
    """The text of a request in DER whose signature openssl has verified with the key in it."""
    command = ["openssl", "req", "-inform", "DER", "-verify", "-noout", "-text"]
    run = subprocess.run(command, input=request, capture_output=True, timeout=60, check=True)
    # The exit status says nothing of the signature.
    assert "verify OK" in run.stderr.decode(), run.stderr.decode()
    return run.stdout.decode()
