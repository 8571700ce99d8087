"""JSON Web Tokens (RFC 7519): the claims of a signed token say who may see what.

The key determines the signature algorithm, never the token (RFC 8725, 3.1). So a public key is
never used as a shared secret, and a token without a signature is refused.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from mvcore.errors import InvalidInput
from mvcore.serve.access import Principal, accounts_of

LEAST_SECRET = 32  # bytes, the digest size of HS256 (RFC 7518, 3.2)
LEAST_RSA = 2048  # bits (RFC 7518, 3.3)
HMAC = ("HS256", "HS384", "HS512")
RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


@dataclass(frozen=True)
class Key:
    """A key for signatures, and its algorithms."""

    name: str | None  # `kid`, if there are several keys
    key: Any
    algorithms: tuple[str, ...]


class JwtTokens:
    """Principals by the claims of their tokens.

    `sub` is the name, `exp` the expiry. `accounts` is "*", a list of names or attributes. `write`
    is true or false (the default).

    key: a public key (PEM), a set of keys (JWK, RFC 7517), or otherwise a secret shared with the
    issuer. audience, issuer: the required `aud` and `iss`. A token with an audience is refused if
    none is given here.
    """

    def __init__(
        self, key: str | bytes, audience: str | None = None, issuer: str | None = None
    ) -> None:
        raw = key.encode() if isinstance(key, str) else key
        try:
            self._keys = list(_keys_of(raw.strip()))
            if not self._keys:
                raise ValueError("no key of the set is for signatures")
        except (ValueError, TypeError, KeyError, AttributeError, jwt.PyJWTError) as error:
            raise InvalidInput(f"key of tokens: {error}") from None
        self._audience, self._issuer = audience, issuer

    @classmethod
    def read(
        cls, path: str | Path, audience: str | None = None, issuer: str | None = None
    ) -> JwtTokens:
        """Read the key from a file. Raises InvalidInput, OSError."""
        try:
            return cls(Path(path).read_bytes(), audience, issuer)
        except InvalidInput as error:
            raise InvalidInput(f"{error} (file {path})") from None

    def principal(self, token: str) -> Principal | None:
        """Return the principal, or None if the token is not valid now."""
        try:
            header = jwt.get_unverified_header(token)
            if "crit" in header:  # extensions that the verifier would have to know
                return None
            for key in self._keys:
                named = header.get("kid") in (None, key.name) or key.name is None
                if named and header.get("alg") in key.algorithms:
                    with contextlib.suppress(jwt.InvalidSignatureError):  # the next key may match
                        return _principal(self._claims(token, key))
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            pass
        return None

    def _claims(self, token: str, key: Key) -> Mapping[str, Any]:
        return jwt.decode(
            token, key.key, algorithms=list(key.algorithms), audience=self._audience,
            issuer=self._issuer, options={"require": ["exp", "sub", "accounts"]},
        )  # fmt: skip


def _principal(claims: Mapping[str, Any]) -> Principal:
    name, until, write = claims["sub"], claims["exp"], claims.get("write", False)
    if not isinstance(name, str) or not isinstance(write, bool):
        raise ValueError("expected sub as text, and write as true or false")
    if isinstance(until, bool) or not isinstance(until, int | float) or not math.isfinite(until):
        raise ValueError("exp: expected a number")
    return Principal(name, accounts_of(claims["accounts"]), write, float(until))


def _keys_of(raw: bytes) -> Iterator[Key]:
    if raw.startswith(b"{"):
        found = json.loads(raw)
        for one in found.get("keys", [found]):
            if one.get("use", "sig") == "sig":
                yield _jwk(one)
    elif b"-----BEGIN" in raw:
        yield _checked(None, load_pem_public_key(raw))
    else:
        yield _checked(None, raw)


def _jwk(one: Mapping[str, Any]) -> Key:
    if "d" in one:
        raise ValueError("the key is private; expected a public key")
    key = _checked(one.get("kid"), jwt.PyJWK(dict(one)).key)
    if "alg" not in one:
        return key
    if one["alg"] not in key.algorithms:
        raise ValueError(f"alg: {one['alg']!r} does not fit the key")
    return Key(key.name, key.key, (one["alg"],))


def _checked(name: str | None, key: Any) -> Key:
    """The key with the algorithms that it allows."""
    if isinstance(key, bytes):
        if len(key) < LEAST_SECRET:
            raise ValueError(f"the secret is too short; expected {LEAST_SECRET} bytes or more")
        return Key(name, key, HMAC)
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < LEAST_RSA:
            raise ValueError(f"the RSA key is too short; expected {LEAST_RSA} bits or more")
        return Key(name, key, RSA)
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES:
        return Key(name, key, (CURVES[key.curve.name],))
    if isinstance(key, ed25519.Ed25519PublicKey):
        return Key(name, key, ("EdDSA",))
    raise ValueError("expected a public key: RSA, P-256, P-384, P-521 or Ed25519")
