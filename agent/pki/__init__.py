"""Key pairs and certificates. A library: knows no YANG, no NETCONF, and not who asks.

keys.py             what kinds of keys there are, and making one
small_rsa.py        RSA keys below the 1024 bits that the cryptography library makes
key_store.py        the key pairs of the device: made, sealed at rest, listed, zeroized
kept_keys.py        key pairs beside those in service: incoming with an enrollment, and previous ones
key_holders.py      who holds a private key: the agent, or a TPM
fips.py             which keys FIPS mode allows
key_display.py      a key pair as the `show` commands and log messages have it
names.py            distinguished names: the subject that a person types, and the one that is printed
alternative_names.py subject alternative names, typed and printed
user_keys.py        a public key of a user, in every form that people have it; user_key_errors.py: how it is refused
user_key_store.py   the public keys that users have imported
trustpoint.py       what a trustpoint is configured to do
self_enrollment.py  the two certificates of `enrollment self`: root and leaf
certificates.py     a certificate as it is shown
certificate_texts.py certificates as people paste them; import_errors.py: how they are refused
certificate_bags.py certificates out of DER and PKCS #7; ber.py: the elements of BER
pkcs12.py           a key and its certificates out of a PKCS #12 file, and into one
fingerprints.py     fingerprints that people paste and compare
signer.py           signing with the key of a certificate
trustpoint_store.py the certificates of the trustpoints
key_certificates.py the same certificates, seen from the keys
expiry.py           when to warn that a certificate expires
crls.py             certificate revocation lists
chains.py           chains of CAs: put in order, checked link by link; chain_errors.py: how they are refused
signatures.py       whether a key made a signature, SHA-1 on request
requests.py         certification requests (PKCS #10)
request_info.py     signing requests that somebody else has written
http.py             HTTP within limits, through a VRF too; http_errors.py: how it fails
tls.py              TLS as a client: trust anchors pinned, and who this device is
certificate_parts.py what certificates and requests have in common
ca_chain.py         the chain of a CA as its server sent it
enrolment_outcome.py what an enrolment comes to; enrolment_errors.py: how it fails
trustpool.py        CA certificates that were downloaded as a bundle; trustpool_errors.py: how bundles are refused
ca_bundles.py       such bundles: fetched, and read
weaknesses.py       what a policy had to allow
enrollment/         how a trustpoint gets its certificates
scep/               a SCEP client (RFC 8894)
est/                an EST client (RFC 7030)
errors.py           how all of these refuse
"""
