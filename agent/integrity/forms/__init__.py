"""The forms in which something is signed: how each is written, and how it is read in constant memory.

    contract.py       what a form does                   envelope.py, envelope_text.py   our own envelope
    jws.py            JSON Web Signature (RFC 7515)      dsse.py                         Dead Simple Signing Envelope

Nothing in here judges a certificate: integrity/envelope.py does, for all of them. docs/envelope.md and
docs/signed-forms.md define them to the byte.
"""
