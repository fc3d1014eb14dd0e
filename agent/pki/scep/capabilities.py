"""What a CA says that it can do: the answer to GetCACaps (RFC 8894 section 3.5).

The answer is neither signed nor complete: it chooses what we send, never what we accept. A CA that can't answer can
nothing, in the sense of the 1990s: single messages by GET, 3DES and SHA-1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

#: Bytes of an answer that are looked at.
MAX_BYTES: Final = 8192

_WORD: Final = re.compile(r"[!-~]{1,64}")
#: RFC 8894 section 3.5.2: what this one word stands for.
_STANDARD: Final = frozenset({"aes", "postpkioperation", "sha-256"})


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Capabilities of a CA.

    Attributes:
        words: what it said, lower case, with what `SCEPStandard` implies.
    """

    words: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, body: bytes) -> Capabilities:
        """From an answer, whatever it is: words one to a line, in any case, CR or not. What is no word is ignored."""
        lines = (line.strip() for line in body[:MAX_BYTES].decode("ascii", "replace").splitlines())
        words = frozenset(line.lower() for line in lines if _WORD.fullmatch(line))
        return cls(words | _STANDARD if "scepstandard" in words else words)

    @property
    def post(self) -> bool:
        """Messages by HTTP POST."""
        return "postpkioperation" in self.words

    @property
    def renewal(self) -> bool:
        """RenewalReq."""
        return "renewal" in self.words

    @property
    def next_ca(self) -> bool:
        """GetNextCACert."""
        return "getnextcacert" in self.words

    @property
    def aes(self) -> bool:
        """AES-128-CBC, the one of the standard."""
        return "aes" in self.words or self.aes256

    @property
    def aes256(self) -> bool:
        """AES-256-CBC: no word of the standard, but some say it."""
        return not self.words.isdisjoint({"aes256", "aes-256", "aes-256-cbc", "aes256-cbc"})

    @property
    def digests(self) -> frozenset[str]:
        """Digests of RFC 8894 by their usual names: sha256, sha512, sha1."""
        return frozenset(word.replace("-", "") for word in self.words & {"sha-1", "sha-256", "sha-512"})
