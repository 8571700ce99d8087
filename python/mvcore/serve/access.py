"""Who asks, and which accounts they may see.

A file of tokens is JSON: `{"tokens": [{"name": "desk one", "sha256": "...", "accounts":
["A1"], "write": false}]}`. `sha256` is the hex digest of the bearer token, so that the file gives
no token away. `accounts`: "*" for all, a list of names, or attributes that they have to have
(`{"desk": "d1"}`), as in `Book.values`.
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
    """Somebody with a token. accounts: None for all, names, or attributes with their values.
    until: when the token expires, in seconds since 1970 UTC."""

    name: str
    accounts: Accounts = None
    write: bool = False
    until: float | None = None

    def __post_init__(self) -> None:
        """No attributes at all would be met by every account, and a text is a set of letters."""
        if self.accounts == {} or isinstance(self.accounts, str):
            raise InvalidInput.about(
                "Principal",
                "accounts",
                None,
                self.accounts,
                f"of {self.name!r}: expected None, names or attributes",
            )


EVERYBODY = Principal("everybody", None, write=True)  # where the service asks for no tokens


class Verifier(Protocol):
    """What the service needs to know of tokens: `Tokens`, `JwtTokens`, or a class of your own."""

    def principal(self, token: str) -> Principal | None:
        """Whose token it is; None where it is unknown, has expired or is none at all. Called on
        the event loop."""


class Tokens:
    """Principals by the digest of their token."""

    def __init__(self, principals: Mapping[str, Principal]) -> None:
        self._by_digest = dict(principals)

    @classmethod
    def of(cls, tokens: Mapping[str, Principal]) -> Tokens:
        """From the tokens themselves."""
        return cls({_digest(token): principal for token, principal in tokens.items()})

    @classmethod
    def read(cls, path: str | Path) -> Tokens:
        """From a file. Raises InvalidInput, OSError."""
        found = {}
        for place, entry in enumerate(_entries(path), 1):
            try:
                digest = _digest_of(entry)
                if digest in found:
                    raise ValueError("this token stands twice")
                found[digest] = _principal(entry)
            except KeyError as error:
                raise InvalidInput(f"tokens file {path}: entry {place}: no {error}") from None
            except (ValueError, TypeError) as error:
                raise InvalidInput(f"tokens file {path}: entry {place}: {error}") from None
        return cls(found)

    def principal(self, token: str) -> Principal | None:
        """Digests are compared, so that the time it takes tells nothing about a token."""
        return self._by_digest.get(_digest(token))


def _entries(path: str | Path) -> list[Any]:
    try:
        entries = json.loads(Path(path).read_text())["tokens"]
    except (ValueError, KeyError, TypeError, RecursionError):
        entries = None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InvalidInput(f'tokens file {path}: JSON like {{"tokens": [{{...}}]}} wanted')
    return entries


def accounts_of(given: object) -> Accounts:
    """Accounts as JSON has them. Raises ValueError."""
    if given == "*":
        return None
    if isinstance(given, dict) and given and all(map(_labels, given.values())):
        return given
    if isinstance(given, list) and all(isinstance(name, str) for name in given):
        return frozenset(given)
    raise ValueError('accounts is "*", a list of names, or attributes with their values')


def _labels(given: object) -> bool:
    """Null, which would stand for accounts without the attribute, is most likely a mistake."""
    values = given if isinstance(given, list) else [given]
    # NaN, which JSON readers take, would stand for such accounts too: it is not equal to itself.
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
        raise ValueError("sha256 is not 64 lower-case hexadecimal digits")
    return str(digest)


def _principal(entry: Mapping[str, Any]) -> Principal:
    name, write = entry["name"], entry.get("write", False)
    if not isinstance(name, str) or not isinstance(write, bool):
        raise ValueError("name is a text, write true or false")
    return Principal(name, accounts_of(entry["accounts"]), write)
