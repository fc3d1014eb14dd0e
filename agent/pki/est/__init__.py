"""A client of Enrollment over Secure Transport (RFC 7030, RFC 8951). Knows no trustpoints, no store and no YANG.

client.py    the operations, against one server
urls.py      where a server and its operations are
bodies.py    what comes in the body of an answer: base64, certificates, words
rollover.py  the certificates of a root that changes its key
csr_attributes.py  what a server wants to find in a request

Failures are those of enrolment_errors.py, outcomes those of enrolment_outcome.py, TLS is that of tls.py.
"""
