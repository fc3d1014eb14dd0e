"""What the commands need from the rest of the agent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from agent.caller import Caller
from agent.clock import Clock
from agent.integrity.compression import NONE
from agent.integrity.forms.envelope import NAME as ENVELOPE
from agent.integrity.tpm.quoting import DEFAULT_REGISTERS
from agent.pki.certificates import CertificateView, RequestView
from agent.pki.key_store import KeyPair
from agent.pki.user_key_store import ImportedKey
from agent.shell.result import LargeText, Output


@dataclass(frozen=True, slots=True)
class DossierOptions:
    """The arguments of `show platform security integrity dossier`.

    Attributes:
        selectors: what to collect beside the sections that are always there, in the order of the command.
        nonce: 1 to 128 printable ASCII characters, or None.
        filesystem_inventory_options: by node name, e.g. {"0/RP0/CPU0": {"block_start": 0, "count": 1}}; or None.
        incremental_ima: where the IMA events begin, e.g. {"ima_start": [{"0/RP0/CPU0": {"start_event": 1000}}]}; or
            None.
    """

    selectors: tuple[str, ...] = ()
    nonce: str | None = None
    filesystem_inventory_options: Mapping[str, Any] | None = None
    incremental_ima: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class SignOptions:
    """The arguments of `utility sign`.

    Attributes:
        nonce: 1 to 128 printable ASCII characters.
        include_certificate: the envelope has the signer's certificates.
        include_tpm_quote: it has a quote of the TPM.
        registers: those that are quoted.
        form: a name of integrity.envelope.FORMS.
        compression: a name of integrity.compression.
    """

    nonce: str
    include_certificate: bool = False
    include_tpm_quote: bool = False
    registers: tuple[int, ...] = DEFAULT_REGISTERS
    form: str = ENVELOPE
    compression: str = NONE


class ShellServices(Protocol):
    """Functions of the agent, the same ones that its NETCONF rpcs call. All may raise ProviderError, whose message is
    shown."""

    @property
    def clock(self) -> Clock:
        """For the time line."""

    def keys(self) -> Sequence[KeyPair]:
        """All key pairs, in the order of their making."""

    def user_keys(self) -> Sequence[ImportedKey]:
        """The public keys that users have imported, by user and number."""

    def trustpoints(self) -> Mapping[str, Sequence[CertificateView | RequestView]]:
        """The certificates of every trustpoint that has any: the issuing CA's first, then those of the CAs above it,
        nearest first, then the router's own and those it has requested."""

    def trustpool(self) -> Sequence[CertificateView]:
        """The certificates of the trustpool, in the order of the bundle."""

    def dossier(self, options: DossierOptions, caller: Caller, abandoned: Callable[[], bool]) -> LargeText:
        """The dossier's JSON text. `abandoned` tells whether the client has gone."""

    def sign(self, output: Output, options: SignOptions, caller: Caller) -> LargeText:
        """The signed text around an output, which it takes over."""

    def version_text(self) -> str:
        """What `show version` prints."""

    def platform_text(self) -> str:
        """What `show platform` prints."""
