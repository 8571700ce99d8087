"""Authorization: who asks, and which accounts they may see.

A tokens file is JSON: `{"tokens": [{"name": "desk one", "sha256": "...", "accounts": ["A1"],
"write": false}]}`. `sha256` is the hex digest of the bearer token, so the file does not reveal the
token. `accounts`: "*" for all, a list of names, or attributes that accounts must have (`{"desk":
"d1"}`), as in `Book.values`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mvcore.errors import InvalidInput

Accounts = frozenset[str] | Mapping[str, Any] | None


@dataclass(frozen=True)
class Principal:
    """The holder of a token.

    accounts: None for all, names, or attributes with their values. until: when the token expires,
    in seconds since 1970 UTC.
    """

    name: str
    accounts: Accounts = None
    write: bool = False
    until: float | None = None

    def __post_init__(self) -> None:
        """Refuse an empty mapping, which would match every account, and a text, which is a set of
        letters."""
        if self.accounts == {} or isinstance(self.accounts, str):
            raise InvalidInput.about(
                "Principal",
                "accounts",
                None,
                self.accounts,
                f"the accounts of {self.name!r} are neither None, names nor attributes",
            )


EVERYBODY = Principal("everybody", None, write=True)  # if the service needs no tokens


class Verifier(Protocol):
    """Verifies tokens: `Tokens`, `JwtTokens`, or a class of your own."""

    def principal(self, token: str) -> Principal | None:
        """Return the token's principal, or None if the token is unknown, expired or malformed.

        Called on the event loop.
        """


class Tokens:
    """Principals by the digest of their token."""

    def __init__(self, principals: Mapping[str, Principal]) -> None:
        self._by_digest = dict(principals)

    @classmethod
    def of(cls, tokens: Mapping[str, Principal]) -> Tokens:
        """Make tokens from the tokens themselves."""
        return cls({_digest(token): principal for token, principal in tokens.items()})

    @classmethod
    def read(cls, path: str | Path) -> Tokens:
        """Read a tokens file. Raises InvalidInput, OSError."""
        found = {}
        for place, entry in enumerate(_entries(path), 1):
            try:
                digest = _digest_of(entry)
                if digest in found:
                    raise ValueError("the token occurs twice")
                found[digest] = _principal(entry)
            except KeyError as error:
                raise InvalidInput(
                    f"tokens file {path}: entry {place}: {error} is missing"
                ) from None
            except (ValueError, TypeError) as error:
                raise InvalidInput(f"tokens file {path}: entry {place}: {error}") from None
        return cls(found)

    def principal(self, token: str) -> Principal | None:
        """Look up the digest, so that the lookup time reveals nothing about a token."""
        return self._by_digest.get(_digest(token))


def _entries(path: str | Path) -> list[Any]:
    try:
        entries = json.loads(Path(path).read_text())["tokens"]
    except (ValueError, KeyError, TypeError, RecursionError):
        entries = None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InvalidInput(f'tokens file {path}: expected JSON such as {{"tokens": [{{...}}]}}')
    return entries


def accounts_of(given: object) -> Accounts:
    """Parse the accounts of a token from JSON. Raises ValueError."""
    if given == "*":
        return None
    if isinstance(given, dict) and given and all(map(_labels, given.values())):
        return given
    if isinstance(given, list) and all(isinstance(name, str) for name in given):
        return frozenset(given)
    raise ValueError('accounts: expected "*", a list of names, or attributes with their values')


def _labels(given: object) -> bool:
    """Return whether all values are labels.

    Null is refused: it would select accounts without the attribute, and is most likely a mistake.
    """
    values = given if isinstance(given, list) else [given]
    # NaN, which JSON parsers accept, would do the same. It does not equal itself.
    return all(isinstance(value, str | int | float) and value == value for value in values)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _digest_of(entry: Mapping[str, Any]) -> str:
    digest = entry["sha256"]
    if (
        not isinstance(digest, str)
        or len(digest) != 64
        or not set(digest) <= set("0123456789abcdef")
    ):
        raise ValueError("sha256: expected 64 lower-case hexadecimal digits")
    return str(digest)


def _principal(entry: Mapping[str, Any]) -> Principal:
    name, write = entry["name"], entry.get("write", False)
    if not isinstance(name, str) or not isinstance(write, bool):
        raise ValueError("expected name as text, and write as true or false")
    return Principal(name, accounts_of(entry["accounts"]), write)
