"""Integrity evidence: what this device runs and how it came to run it, collected, signed, and verified.

- sources/    one small module a kind of evidence: reads a `Host`, returns facts or says why there are none
- dossier.py  the guide's signed-data dossier: sections of evidence in one JSON text
- tpm/        quotes of a TPM, made and verified
- packages/   fingerprints of the installed packages
- filesystem/ snapshots of the file system, in a chain; keeps them itself, in a folder that it is given
- envelope.py the signed envelope around a dossier or any other text; docs/envelope.md defines it to the byte

A library without an agent around it: no YANG, no NETCONF, no database of the agent's. Private keys stay with the
caller (`Signer`).
"""
