"""Refusals over HTTP: malformed bodies. Afterwards the service still works."""

import json
import random
import resource
import select

import pytest

serve = pytest.importorskip("mvcore.serve")
from raw_client import handshake, opened  # noqa: E402 - after importorskip
from serving import TOKENS, client, running, settled  # noqa: E402

LIMITS = serve.Limits(body_bytes=1 << 20, slow=0.5)
NESTED = b"[" * 200_000
DIGITS = b"9" * 5_000


@pytest.fixture
def port(book):
    """The service. Afterwards it still answers, nothing has changed, and nothing is left."""
    app = serve.create_app(book, serve.Tokens.of(TOKENS), limits=LIMITS)
    epoch, right = book.epoch, format(book.value("A1").current, "f")
    with running(app) as port:
        yield port
        with client(port) as http:
            answer = http.post("/v1/values", json={"accounts": ["A1"]}).json()
            assert answer["epoch"] == epoch
            assert answer["rows"][0][answer["columns"].index("current")] == right
        settled(app.state.service)
    assert book.epoch == epoch


@pytest.mark.parametrize("route", ["values", "positions", "holdings", "orders", "ticks", "facts"])
@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b'"text"', b"{", b'{"by": []', b"\xff", b"\xef\xbb\xbf{}",
        '{"by": []}'.encode("utf-16"), b'{"by": NaN}', b'{"by": -Infinity}', b"{'by': []}",
        b'{"by": [], "by": ["desk"]}', b'{"accounts": {"desk": "d1", "desk": "d2"}}',
        b'{"by": 01}', b'{"by": 1e9999999999999999999}', b'{"by": ' + DIGITS + b"}", NESTED,
        b'{"by": ' + NESTED, b'{"by":' * 100_000, b"{} {}", b"{}\x00", b'{"a\nb": 1}',
    ],
    ids=range(23),
)  # fmt: skip
def test_a_body_that_is_not_a_json_object_is_refused(port, route, body) -> None:
    with client(port) as http:
        answer = http.post(f"/v1/{route}", content=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")
        assert len(answer.content) < 1_000


HUGE = ["1e999999999", "-1e999999999", "1e-999999999", "1e999999", "0." + "1" * 100_000]
HUGE += ["9" * 4_000, '"1e999999999"', f'"{"9" * 100_000}"', "1e400", "123456789012345678901"]


@pytest.mark.parametrize("number", HUGE, ids=range(len(HUGE)))
def test_huge_exponents_are_refused_at_once(port, number) -> None:
    """Such numbers are refused at once: neither expanded to zeros nor computed with."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    holdings = f'"account": ["A1"], "instrument": ["AAPL"], "quantity": [{number}]'
    orders = f'"account": ["A1"], "instrument": ["AAPL"], "order_quantity": [{number}]'
    bodies = {
        "ticks": [f'{{"instrument": ["AAPL"], "price": [{number}]}}'],
        "facts": [
            f'{{"prices": {{"instrument": ["AAPL"], "price": [{number}]}}}}',
            f'{{"holdings": {{{holdings}}}}}',
            f'{{"orders": {{"order": [1], {orders}}}}}',
            f'{{"fx": {{"currency": ["EUR"], "rate": [{number}]}}}}',
            f'{{"instruments": {{"instrument": ["AAPL"], "multiplier": [{number}]}}}}',
        ],
    }
    with client(port) as http:
        for route, several in bodies.items():
            for body in several:
                answer = http.post(f"/v1/{route}", content=body)
                assert (answer.status_code, answer.json()["code"]) == (422, "InvalidInput"), body[
                    :99
                ]
                assert len(answer.content) < 1_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes


def test_a_large_exponent_of_an_attribute_is_not_expanded(book) -> None:
    with running(serve.create_app(book)) as port, client(port, None) as http:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        names = json.dumps([f"N{k}" for k in range(2_000)])
        numbers = ", ".join(["1e999999", "1e-999999", "1e999999999"] * 700)[:-2]
        numbers = ", ".join(numbers.split(", ")[:2_000])
        body = f'{{"accounts": {{"account": {names}, "tier": [{numbers}]}}}}'
        assert http.post("/v1/facts", content=body).status_code == 200
        labels = http.get("/v1/attributes").json()["accounts"]["tier"]
        assert labels == ["1E+999999", "1E+999999999", "1E-999999"]
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes


def odd(random: random.Random, depth: int = 0):
    """A JSON value, usually of a wrong type."""
    scalars = [None, True, 0, -1, 10**30, 1.5, "", "A1", "\ud800", "AAPL", "x" * 300, "9" * 99]
    if depth > 3 or random.random() < 0.4:
        return random.choice(scalars)
    if random.random() < 0.5:
        return [odd(random, depth + 1) for _ in range(random.randint(0, 3))]
    keys = ["account", "instrument", "price", "quantity", "currency", "rate", "order", "\ud800", ""]
    return {random.choice(keys): odd(random, depth + 1) for _ in range(random.randint(0, 4))}


@pytest.mark.parametrize("seed", range(3))
def test_random_bodies_get_a_documented_answer(port, seed) -> None:
    chosen = random.Random(seed)
    fields = {
        "values": [
            "accounts", "instruments", "by", "measures", "currency", "rollup", "where", "sort",
            "limit", "offset",
        ],
        "positions": [
            "accounts", "instruments", "currency", "where", "sort", "limit", "offset", "by",
        ],
        "holdings": ["accounts", "instruments"], "orders": ["accounts", "instruments"],
        "ticks": ["instrument", "price", "time"],
        "facts": ["instruments", "accounts", "holdings", "orders", "prices", "fx", "other"],
    }  # fmt: skip
    with client(port) as http:
        for _ in range(150):
            route = chosen.choice(list(fields))
            names = chosen.sample(fields[route], chosen.randint(1, 2))
            body = {name: odd(chosen) for name in names}
            if route == "facts":
                body["prices"] = {"instrument": ["nothing"], "price": [1]}  # so that it must fail
            answer = http.post(f"/v1/{route}", content=json.dumps(body))
            assert answer.status_code in (200, 400, 404, 422), (route, body)
            if answer.status_code != 200:
                keys = {*answer.json()}
                assert {"type", "code", "message"} <= keys
                assert keys <= {"type", "code", "message", "table", "column", "row", "value"}
            else:
                assert route not in ("facts", "ticks"), body


# -- transfer ------------------------------------------------------------------------------------


def request(*headers: str, method: str = "POST /v1/values") -> bytes:
    lines = [f"{method} HTTP/1.1", "Host: 127.0.0.1", "Authorization: Bearer all", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def test_endless_bodies_are_refused(port) -> None:
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    with opened(port, request("Transfer-Encoding: chunked")) as raw:
        for _ in range(40):
            raw.send(chunk)
        assert raw.status() == 413
    with client(port) as http:
        answer = http.post("/v1/values", content=b" " * (1 << 20) + b"{}")
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
        assert http.post("/v1/values", content=b" " * (1 << 19) + b"{}").status_code == 200


@pytest.mark.parametrize(
    ("first", "status"),
    [
        (request("Content-Length: 100") + b"{}", 408), (request("Content-Length: 1"), 408),
        (request("Transfer-Encoding: chunked") + b"2\r\n{", 408),
        (request("Content-Length: 1") + b"{}", 400), (request("Content-Length: x") + b"{}", 400),
        (request("Content-Length: -1") + b"{}", 400), (request() + b"{}", 400),
        (request("Transfer-Encoding: chunked") + b"ffffffffffffffffff\r\n", 408),
        (request("Transfer-Encoding: chunked") + b"f" * 21 + b"\r\n", 400),
        (request("Transfer-Encoding: chunked") + b"nothing\r\n", 400),
        (request("Content-Length: 2", "Content-Length: 3") + b"{}", 400),
        (request(method="DELETE /v1/values"), 405), (request(method="GET /v1/values"), 405),
        (request(method="GET /v1/../../etc/passwd"), 404), (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
    ],
)  # fmt: skip
def test_malformed_requests_are_refused(port, first, status) -> None:
    with opened(port, first) as raw:
        assert raw.status() == status


def test_a_slow_body_times_out(port) -> None:
    """The time limit covers the whole body, although each part alone arrives in time."""
    with opened(port, request("Content-Length: 62")) as raw:
        for byte in b" " * 60 + b"{}":
            raw.send(bytes([byte]))
            if select.select([raw.socket], [], [], 0.1)[0]:
                break
        assert raw.status() == 408


def test_clients_that_disconnect_early_do_no_harm(port) -> None:
    for _ in range(20):
        with opened(port, request("Content-Length: 100") + b"{"):
            pass
        with opened(port, request("Content-Length: 2") + b"{}"):
            pass


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer nobody"}, 401), ({"Authorization": "Basic all"}, 401),
        ({"Authorization": "Bearer"}, 401), ({"Authorization": ""}, 401),
        ({"Origin": "null"}, 403), ({"Origin": "https://evil.example.com"}, 403),
        ({"Origin": "http://127.0.0.1", "Host": "127.0.0.1"}, 200),
    ],
)  # fmt: skip
def test_only_known_tokens_get_an_answer(port, headers, status) -> None:
    with client(port) as http:
        answer = http.post("/v1/values", json={}, headers=headers)
        assert answer.status_code == status
        if status == 401:
            assert answer.headers["www-authenticate"] == "Bearer"


def test_malformed_origins_are_refused(book) -> None:
    import mvcore

    for wrong in ("https://x.example.com/", "https://X.example.com", "*", "null", "x.example.com"):
        with pytest.raises(mvcore.InvalidInput, match="origins: "):
            serve.create_app(book, origins=[wrong])
    app = serve.create_app(book, origins="https://desk.example.com")  # one origin, not its letters
    assert app.state.service.origins == {"https://desk.example.com"}


def test_requests_for_another_host_name_are_refused(book) -> None:
    with running(serve.AskedByName(serve.create_app(book))) as port, client(port, None) as http:
        assert http.get("/health").status_code == 200
        assert http.get("/health", headers={"Host": "localhost"}).status_code == 200
        assert http.get("/health", headers={"Host": "evil.example.com"}).status_code == 403
        with opened(port, handshake(None, Host="evil.example.com")) as raw:
            assert raw.status() == 403
