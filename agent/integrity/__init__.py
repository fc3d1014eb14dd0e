"""Integrity evidence: what this device runs and how it came to run it, collected, signed, and verified.

- sources/    one small module a kind of evidence: reads a `Host`, returns facts or says why there are none
- dossier.py  the guide's signed-data dossier: sections of evidence in one JSON text
- tpm/        quotes of a TPM, made and verified
- packages/   fingerprints of the installed packages
- filesystem/ snapshots of the file system, in a chain; keeps them itself, in a folder that it is given
- envelope.py the signature around a dossier or any other text, and its verification; forms/ has the forms: our own
              envelope (docs/envelope.md), JWS, DSSE
- turns.py    one dossier is collected at a time
- content.py  texts that may be larger than memory: all of the above read and write them piece by piece

A library without an agent around it: no YANG, no NETCONF, no database of the agent's. Private keys stay with the
caller (`Signer`).
"""
