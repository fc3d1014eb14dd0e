"""A collector of evidence: what stands at the other end of the line, away from the devices.

It is a small example of what a real collector does, and shares nothing with the agent but the verifier
(`integrity`) and the clock. From the outside in:

    many.py         many devices at once, within limits of time and number, until somebody stops it
    collecting.py   one device: choose a nonce, ask, verify, judge, keep
    question.py     what is asked for: sections, a nonce, from where on
    asking.py       one question, in one of two languages:
        netconf.py      the rpc collect-dossier, by ncclient
        command.py      the guide's show command on an SSH exec channel, by paramiko
    ssh.py          the connection under both: host keys, login, limits
    anchors.py      whom to trust: root certificates, taken over once, when somebody has compared a fingerprint
    archive.py, archive_tables.py
                    the SQLite file of all that came, and what it was found to be (docs/collect.md has its tables)
    targets.py      which devices there are, and how to reach them
    report.py       what a person or a program reads in the end; `progress.py`: what a person sees meanwhile
    errors.py       why a device gave no evidence
"""
