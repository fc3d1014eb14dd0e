"""All reading of the machine: files, folders, a few commands, the kernel's name.

Everything that looks at the host takes a `Host` (contract.py) and asks nothing else: no `open`, no `os`, no
`subprocess` outside this room. There are three kinds: the machine itself (real.py), a folder that stands for a machine
(rooted.py), and a recording that is made once and replayed for ever (recording.py). Every read is capped in size and
time; absence, refusal and excess are errors of their own (errors.py), so that evidence can say why it is missing. Who
walks a whole file system does it by open folders (trees.py).

The room knows no file format and nothing of what the bytes mean.
"""
