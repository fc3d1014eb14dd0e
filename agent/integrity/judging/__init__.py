"""What a verifier makes of a dossier: is it to be believed, is what it tells in order, what has changed.

Nothing in here reads a machine: everything comes from texts that a device has sent, and those are hostile. They are
read within limits (`long_json`, `reading`), and whatever is in them ends as `findings`, never as an exception.

`judge` puts it together; each of the others judges one kind of evidence: `freshness`, `identity`, `sections`,
`packages`, `filesystem`, `ima`, `boot_log`, `quoted`, `boots`, `configuration`. `report` says the result to a person
or a program.
"""
