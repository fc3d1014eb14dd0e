"""Fingerprints of the installed packages: what was packaged, what is there now, and what lies between (fp1).

docs/fingerprint.md defines the values to the byte. The rooms: `fingerprint` is the definition; `rpm_files` and
`dpkg_files` say what a package's files should be, `measuring` what they are, `package_set` compares all of them.
"""
