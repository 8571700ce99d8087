"""Who asks, and which accounts they may see.

A file of tokens is JSON: `{"tokens": [{"name": "desk one", "sha256": "...", "accounts":
["A1"], "write": false}]}`. `sha256` is the hex digest of the bearer token, so that the file gives
no token away. `accounts`: "*" for all, a list of names, or attributes that they have to have
(`{"desk": "d1"}`), as in `Book.values`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mvcore.errors import InvalidInput


@dataclass(frozen=True)
class Principal:
    """Somebody with a token. accounts: None for all, names, or attributes with their values."""

    name: str
    accounts: frozenset[str] | Mapping[str, Any] | None = None
    write: bool = False


EVERYBODY = Principal("everybody", None, write=True)  # where the service asks for no tokens


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
        try:
            entries = json.loads(Path(path).read_text())["tokens"]
            return cls({_digest_of(entry): _principal(entry) for entry in entries})
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidInput(f"tokens file {path}: {error!r}") from None

    def principal(self, token: str) -> Principal | None:
        """Digests are compared, so that the time it takes tells nothing about a token."""
        return self._by_digest.get(_digest(token))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _digest_of(entry: Mapping[str, Any]) -> str:
    digest = entry["sha256"]
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise ValueError("sha256 is not 64 lower-case hexadecimal digits")
    return str(digest)


def _principal(entry: Mapping[str, Any]) -> Principal:
    accounts, write = entry["accounts"], entry.get("write", False)
    if not isinstance(entry["name"], str) or not isinstance(write, bool):
        raise ValueError("name is a text, write true or false")
    if accounts == "*":
        return Principal(entry["name"], None, write)
    if isinstance(accounts, Mapping):
        return Principal(entry["name"], dict(accounts), write)
    if isinstance(accounts, str) or not isinstance(accounts, Iterable):
        raise ValueError('accounts is "*", a list of names or a mapping of attributes')
    return Principal(entry["name"], frozenset(map(str, accounts)), write)
