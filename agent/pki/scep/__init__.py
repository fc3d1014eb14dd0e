"""A client of the Simple Certificate Enrolment Protocol (RFC 8894). Knows no trustpoints, no store and no YANG.

client.py           the operations, against one server
http.py             carries messages, within limits of time and size
messages.py         requests built, answers checked against what was sent
grants.py           what an enrolment comes to, and whether the certificate is the one asked for
ca_certificates.py  the certificates of a CA: chain, registration authorities
capabilities.py     what a CA says that it can do
cms.py              signed and enveloped data; cms_structures.py: those that we write
attributes.py       the signed attributes and their numbers
algorithms.py       ciphers and digests, and which of them are allowed
errors.py           one exception a kind of failure
"""
