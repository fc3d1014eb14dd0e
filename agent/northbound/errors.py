"""How a provider refuses a request: facts only. The NETCONF border makes an rpc-error of it."""

from __future__ import annotations

#: Error-tags of RFC 6241 appendix A that a provider may give.
PROVIDER_TAGS = frozenset(
    {
        "invalid-value",
        "too-big",
        "missing-element",
        "access-denied",
        "resource-denied",
        "in-use",
        "data-exists",
        "data-missing",
        "operation-not-supported",
        "operation-failed",
    }
)


class ProviderError(Exception):
    """A provider can't do what was asked, and nothing has changed.

    Attributes:
        tag: one of PROVIDER_TAGS.
        message: what is wrong and what to do, for a person. Never the text of another exception.
        path: instance path text of the node at fault; a relative path ("key-label") is below the rpc's input or the
            changed node. None: the whole request.
        app_tag: error-app-tag that programs may rely on, or None.
    """

    def __init__(self, tag: str, message: str, *, path: str | None = None, app_tag: str | None = None) -> None:
        if tag not in PROVIDER_TAGS:
            raise ValueError(f"{tag!r} is not an error-tag that a provider may give")
        super().__init__(message)
        self.tag = tag
        self.message = message
        self.path = path
        self.app_tag = app_tag
