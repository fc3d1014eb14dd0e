"""What a TPM says of this machine's state: quotes of its registers, made and verified.

- attestation.py what a TPM has signed (TPMS_ATTEST), strictly read
- quote.py       a quote with what is needed to verify it, its text, and the judgement
- quoting.py     making one with the machine's TPM
- judging.py     the quote of a signed envelope, as a part of the envelope's verdict

docs/tpm.md defines the formats to the byte. Verifying needs no TPM.
"""
