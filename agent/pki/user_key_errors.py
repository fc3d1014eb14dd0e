"""How a user's public key is refused: one exception a kind of refusal. None repeats what was sent: it may have been a
private key."""

from __future__ import annotations

from agent.pki.errors import PkiError


class InvalidUserKeyError(PkiError):
    """This is no public key in one of the forms of user_keys.parse_user_key."""


class PrivateKeyGivenError(InvalidUserKeyError):
    """Somebody has sent a private key."""

    def __init__(self) -> None:
        super().__init__(
            "This is a private key, which stays with its owner: give the public one, such as the .pub file beside it."
        )


class UserKeyNotSupportedError(PkiError):
    """A public key with which nobody can log in here: its type, or its size."""


class UserKeyTypeError(PkiError):
    """The key is of another type than the request says. `expected`, `found`: the two, as KeyType has them."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"This key is of type {found}, and one of type {expected} was announced: give the right one.")
        self.expected = expected
        self.found = found


class UserKeyTwiceError(PkiError):
    """The user has this very key in another place; zeroizing one of the two would not keep its owner out."""

    def __init__(self, user: str, number: int) -> None:
        super().__init__(
            f"Key number {number} of user {user} is this very key: zeroize that one first to have it in another place."
        )
        self.user = user
        self.number = number


class UserKeyNotFoundError(PkiError):
    """The user has no key in this place, or none of the type that was named."""

    def __init__(self, user: str, number: int) -> None:
        super().__init__(f"User {user} has no such key number {number}; nothing was zeroized.")
        self.user = user
        self.number = number
