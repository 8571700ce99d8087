"""JSON Web Tokens: which are accepted, which are refused, and when a session ends."""

import asyncio
import base64
import hashlib
import hmac
import json
import subprocess
import sys
import time

import pytest

import mvcore

serve = pytest.importorskip("mvcore.serve")
jwt = pytest.importorskip("jwt")
from cryptography.hazmat.primitives import serialization  # noqa: E402 - after importorskip
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: E402

from serving import Follower, client, live, running, settled, websockets  # noqa: E402

SECRET = b"a secret of at least thirty-two bytes"
PRIVATE = {
    "RS256": rsa.generate_private_key(65_537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
RSA = PRIVATE["RS256"]


def pem(key) -> bytes:
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, kind)


def jwk(key, algorithm: str, **more) -> dict:
    maker = jwt.get_algorithm_by_name(algorithm)
    return json.loads(maker.to_jwk(key.public_key())) | more


def claims(**more) -> dict:
    return {"sub": "x", "exp": int(time.time()) + 600, "accounts": ["A1"]} | more


def part(content: bytes | dict) -> str:
    raw = json.dumps(content).encode() if isinstance(content, dict) else content
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def by_hand(header: dict, payload: bytes | dict, secret: bytes) -> str:
    """A token that PyJWT refuses to make, signed with HS256."""
    signed = f"{part(header)}.{part(payload)}"
    return f"{signed}.{part(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


@pytest.mark.parametrize("algorithm", [*PRIVATE, "RS512", "PS256"])
def test_tokens_are_verified_by_public_keys(algorithm, tmp_path) -> None:
    private = PRIVATE.get(algorithm, RSA)
    token = jwt.encode(claims(write=True), private, algorithm)
    path = tmp_path / "key.pem"
    path.write_bytes(pem(private))
    who = serve.JwtTokens.read(path).principal(token)
    assert (who.name, who.accounts, who.write) == ("x", frozenset({"A1"}), True)
    other = serve.JwtTokens(pem(next(key for key in PRIVATE.values() if key is not private)))
    assert other.principal(token) is None


def test_tokens_are_verified_by_a_set_of_keys() -> None:
    old, new = RSA, rsa.generate_private_key(65_537, 2048)
    keys = [
        jwk(old, "RS256", kid="old"), jwk(new, "RS256", kid="new", alg="RS256"),
        jwk(PRIVATE["ES256"], "ES256"), jwk(PRIVATE["ES384"], "ES384", use="enc"),
    ]  # fmt: skip
    tokens = serve.JwtTokens(json.dumps({"keys": keys}))
    for key, algorithm, kid, taken in (
        (old, "RS256", "old", True), (new, "RS256", "new", True), (new, "RS256", None, True),
        (old, "RS256", None, True), (old, "RS256", "new", False), (old, "RS256", "gone", False),
        (old, "PS256", "old", True), (new, "PS256", "new", False),  # the key's `alg` says which
        (PRIVATE["ES256"], "ES256", "any", True), (PRIVATE["ES384"], "ES384", None, False),
    ):  # fmt: skip
        headers = {} if kid is None else {"kid": kid}
        found = tokens.principal(jwt.encode(claims(), key, algorithm, headers))
        assert (found is not None) is taken, (algorithm, kid)
    assert serve.JwtTokens(json.dumps(keys[0])).principal(jwt.encode(claims(), old, "RS256"))


def test_the_key_determines_the_algorithm() -> None:
    public = pem(RSA)
    tokens = serve.JwtTokens(public)
    assert tokens.principal(by_hand({"alg": "HS256", "typ": "JWT"}, claims(), public)) is None
    assert tokens.principal(by_hand({"alg": "HS256"}, claims(), public.strip())) is None
    shared = serve.JwtTokens(SECRET)
    assert shared.principal(by_hand({"alg": "HS256"}, claims(), SECRET)).name == "x"
    assert shared.principal(jwt.encode(claims(), RSA, "RS256")) is None
    for known in (tokens, shared):
        for none in ("none", "None", "NONE", "nOnE", "", None, 5, ["HS256"], {}):
            header = {"alg": none, "typ": "JWT"}
            assert known.principal(f"{part(header)}.{part(claims())}.") is None
            assert known.principal(by_hand(header, claims(), SECRET)) is None
        assert known.principal(f"{part({'typ': 'JWT'})}.{part(claims())}.") is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"exp": 1}, {"exp": None}, {"exp": True}, {"exp": "9999999999"}, {"exp": [9e9]},
        {"exp": float("inf")}, {"exp": float("nan")}, {"exp": 10**400}, {"nbf": 9_999_999_999},
        {"nbf": float("inf")}, {"sub": None}, {"sub": 5}, {"accounts": None}, {"accounts": "A1"},
        {"accounts": {}}, {"accounts": [1]}, {"accounts": ["A1", None]}, {"accounts": True},
        {"accounts": {"desk": None}}, {"accounts": {"desk": {"d1": 1}}},
        {"accounts": {"desk": [["d1"]]}}, {"accounts": "**"}, {"write": 1}, {"write": "true"},
        {"write": None}, {"aud": "else"}, {"aud": ["else", 5]}, {"aud": 5}, {"iss": "else"},
        {"iss": ["issuer"]}, {"iss": None},
    ],
)  # fmt: skip
def test_wrong_claims_are_refused(wrong) -> None:
    tokens = serve.JwtTokens(SECRET, "audience", "issuer")
    right = claims(aud=["audience", "else"], iss="issuer")
    assert tokens.principal(by_hand({"alg": "HS256"}, right, SECRET)) is not None
    assert tokens.principal(by_hand({"alg": "HS256"}, right | wrong, SECRET)) is None
    for name in set(right) & set(wrong):
        left = {n: value for n, value in right.items() if n != name}
        assert tokens.principal(by_hand({"alg": "HS256"}, left, SECRET)) is None


def test_the_claim_accounts_determines_what_a_token_sees() -> None:
    tokens = serve.JwtTokens(SECRET)

    def accounts(given):
        return tokens.principal(jwt.encode(claims(accounts=given), SECRET, "HS256")).accounts

    assert accounts("*") is None
    assert accounts([]) == frozenset()
    assert accounts({"desk": ["d1", "d2"], "tier": 1}) == {"desk": ["d1", "d2"], "tier": 1}
    assert tokens.principal(jwt.encode(claims(aud="else"), SECRET, "HS256")) is None
    assert tokens.principal(jwt.encode(claims(), SECRET, "HS256")).write is False


def test_malformed_tokens_are_refused() -> None:
    good = by_hand({"alg": "HS256"}, claims(), SECRET)
    head, body, signature = good.split(".")
    wrong = [
        "", ".", "..", "...", head, f"{head}.{body}", f"{good}.x",
        f"{head}.{body}.{signature[:-2]}",
        f"{head}.{part(claims(accounts='*'))}.{signature}", "é.é.é", "\ud800", "\x00" * 99,
        by_hand({"alg": "HS256", "crit": ["exp"], "exp": 1}, claims(), SECRET),
        by_hand({"alg": "HS256", "b64": False, "crit": ["b64"]}, claims(), SECRET),
        by_hand({"alg": "HS256", "kid": 5}, claims(), SECRET),
        *(by_hand({"alg": "HS256"}, body, SECRET)
          for body in (b"[]", b"", b"{", b"null", b"\xff", b"[" * 100_000, b'{"exp":' * 9_999)),
    ]  # fmt: skip
    tokens = serve.JwtTokens(SECRET)
    assert tokens.principal(good) is not None
    for token in wrong:
        assert tokens.principal(token) is None, token[:99]


def test_weak_and_private_keys_are_refused(tmp_path) -> None:
    private = RSA.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    maker = jwt.get_algorithm_by_name("RS256")
    weak = rsa.generate_private_key(65_537, 1024)
    wrong = [
        private, maker.to_jwk(RSA), pem(weak), b"-----BEGIN PUBLIC KEY-----\nAAAA\n", b"short", b"",
        b"{}", b'{"keys": []}', b'{"keys": 5}', b'{"keys": [5]}', b'{"kty": "oct", "k": "AAAA"}',
        json.dumps(jwk(RSA, "RS256", alg="HS256")), json.dumps(jwk(RSA, "RS256", use="enc")),
        pem(ec.generate_private_key(ec.SECP256K1())), b'{"kty": "RSA", "n": "", "e": "AQAB"}',
    ]  # fmt: skip
    path = tmp_path / "key"
    for key in wrong:
        path.write_bytes(key if isinstance(key, bytes) else key.encode())
        with pytest.raises(mvcore.InvalidInput, match=r"key of tokens: .*\(file "):
            serve.JwtTokens.read(path)
    for wrong_principal in ({}, "A1"):
        with pytest.raises(mvcore.InvalidInput, match="the accounts of"):
            serve.Principal("x", wrong_principal)


def test_a_session_ends_when_its_token_expires(book) -> None:
    app = serve.create_app(book, serve.JwtTokens(SECRET))
    service = app.state.service

    async def run(port: int) -> list:
        ends = time.time() + 1.5
        token = jwt.encode(claims(exp=ends, accounts={"desk": ["d1"]}), SECRET, "HS256")
        codes = []
        async with (
            live(port, token) as silent,
            live(port, None) as first,
            live(port, token) as idle,
        ):
            await first.send(json.dumps({"type": "hello", "token": token}))
            for connection in (silent, first):
                follower = Follower(connection)
                await follower.ask()
                await follower.next()
                assert set(follower.rows) == {("A1",)}
            for connection in (silent, first, idle):
                with pytest.raises(websockets.ConnectionClosed) as closed:
                    await asyncio.wait_for(connection.recv(), 30)
                codes.append((closed.value.rcvd.code, time.time() >= ends))
        with client(port, token) as http:
            assert http.post("/v1/values", json={}).status_code == 401
        with pytest.raises(websockets.InvalidStatus):
            await live(port, token).__aenter__()
        return codes

    with running(app) as port:
        assert asyncio.run(run(port)) == [(4401, True)] * 3
        settled(service)


def test_wrong_options_for_keys_are_refused(tmp_path) -> None:
    key, short = tmp_path / "key.pem", tmp_path / "short"
    key.write_bytes(pem(RSA))
    short.write_bytes(b"short")
    for wrong in (
        ["--jwt-key", str(key), "--tokens", "x"], ["--jwt-audience", "x"], ["--jwt-issuer", "x"],
        ["--jwt-key", str(short)], ["--jwt-key", str(tmp_path / "none")],
    ):  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "mvcore", "serve", "--demo", *wrong],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        assert done.stderr.startswith("mvcore: error: ")
