"""Integrity evidence: what this device runs and how it came to run it, collected, signed, and verified.

- sources/    one small module a kind of evidence: reads a `Host`, returns facts or says why there are none
- dossier.py  the guide's signed-data dossier: sections of evidence in one JSON text
- tpm/        quotes of a TPM, made and verified
- envelope.py the signed envelope around a dossier or any other text; docs/envelope.md defines it to the byte

A library without an agent around it: no YANG, no NETCONF, no database. Private keys stay with the caller (`Signer`).
"""
