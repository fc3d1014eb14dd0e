"""What a policy had to allow: told with a result, so that a log can tell it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Weakness:
    """A weak algorithm was used, with the policy's permission.

    Attributes:
        use: "request signature", "request encryption", "answer signature", "answer encryption", "CA certificate",
            "certificate signature" or "CRL signature".
        algorithm: "sha1", "3des-cbc" or "des-cbc".
    """

    use: str
    algorithm: str
