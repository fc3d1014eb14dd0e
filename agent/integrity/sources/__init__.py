"""One module a kind of evidence.

Each has functions that take a `Host` and return facts (dataclasses or text), or raise SourceUnavailableError with the
reason. Parsers of foreign formats (wtmp.py, dpkg.py, rpm_header.py) take bytes, are capped, and raise only that error
however damaged the bytes are. Nothing in here knows the JSON of a dossier: that is dossier.py and sections.py.
"""
