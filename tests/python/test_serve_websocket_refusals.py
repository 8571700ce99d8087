"""Refusals of the WebSocket and their close codes. Afterwards the service still works."""

import contextlib
import json
import random
import time

import pytest

serve = pytest.importorskip("mvcore.serve")
from raw_client import BINARY, PING, PONG, frame, handshake, opened  # noqa: E402 - after importorskip
from serving import TOKENS, running, settled  # noqa: E402

LIMITS = serve.Limits(message_bytes=16_384, hello=0.5, slow=2)
ORIGIN = "https://desk.example.com"
PING_TEXT = b'{"type": "ping", "id": 1}'
PONG_TEXT = {"type": "pong", "id": 1}


@contextlib.contextmanager
def checked_service(book, limits=LIMITS, **settings):
    """The service. Afterwards the next client is served, nothing has changed, and nothing is
    left."""
    app = serve.create_app(book, serve.Tokens.of(TOKENS), [ORIGIN], limits)
    epoch, right = book.epoch, book.value("A1").current
    with running(app, **settings) as port:
        yield port
        with opened(port) as next_one:
            next_one.send(frame(b'{"type": "select", "id": 7}'))
            rows = next_one.message()
            assert (rows["id"], rows["epoch"]) == (7, epoch)
            assert rows["rows"][0][rows["columns"].index("current")] == format(right, "f")
        settled(app.state.service)
    assert book.epoch == epoch


# -- frames --------------------------------------------------------------------------------------

WRONG_FRAMES = {
    "binary": (4400, [frame(PING_TEXT, BINARY)]),
    "not masked": (1002, [frame(PING_TEXT, masked=False)]),
    "reserved opcode": (1002, [frame(PING_TEXT, 3)]),
    "reserved control opcode": (1002, [frame(b"", 11)]),
    "reserved bits": (1002, [frame(PING_TEXT, reserved=2)]),
    "compressed, which was not agreed": (1002, [frame(PING_TEXT, reserved=4)]),
    "not UTF-8": (1007, [frame(b'{"type": "\xff"}')]),
    "half a character": (1007, [frame(b'"\xe2\x82')]),
    "a lone surrogate in UTF-8": (1007, [frame(b'"\xed\xa0\x80"')]),
    "ping in parts": (1002, [frame(b"", PING, fin=False)]),
    "long ping": (1002, [frame(b"x" * 126, PING)]),
    "continues nothing": (1002, [frame(PING_TEXT, 0)]),
    "begins twice": (1002, [frame(b"{", fin=False), frame(PING_TEXT)]),
    "length of 2**63": (None, [b"\x81\xff" + b"\xff" * 8 + bytes(4)]),
    "too large": (1009, [frame(PING_TEXT.ljust(65_537))]),
    "too large in parts": (1009, [frame(b"", fin=False), *[frame(b" " * 999, 0, fin=False)] * 66,
                                  frame(b"", 0)]),
    "huge": (1009, [frame(b" " * (1 << 24))]),
    "too many": (4429, [frame(PING_TEXT)] * 50),
    "not JSON": (4400, [frame(b"{")]),
    "no object": (4400, [frame(b"[1]")]),
    "nested": (4400, [frame(b'{"a":' * 800)]),
    "a key twice": (4400, [frame(b'{"type": "ping", "type": "ping"}')]),
    "not a number": (4400, [frame(b'{"type": "ping", "id": NaN}')]),
    "many digits": (4400, [frame(b'{"type": "ping", "id": ' + b"9" * 4_000 * 2 + b"}")]),
    "huge exponent": (4400, [frame(b'{"type": "ping", "id": 1e9999999999999999999}')]),
    "byte order mark": (4400, [frame(b"\xef\xbb\xbf" + PING_TEXT)]),
}  # fmt: skip


def test_invalid_frames_close_the_connection(book) -> None:
    with checked_service(book) as port:
        for name, (code, frames) in WRONG_FRAMES.items():
            with opened(port) as raw:
                raw.send(*frames)
                codes = {1002, 1009} if code is None else {code}
                assert raw.code() in {code, *codes}, name


def test_a_message_that_is_too_large_is_answered(book) -> None:
    with checked_service(book) as port, opened(port) as raw:
        for size in (16_385, 65_536):
            raw.send(frame(PING_TEXT.ljust(size)))
            refused = raw.message()
            assert (refused["type"], refused["code"], refused["id"]) == ("error", "too_large", None)
            assert "16384 bytes" in refused["message"]
        raw.send(frame(PING_TEXT.ljust(16_384)))
        assert raw.message() == PONG_TEXT
    with checked_service(book) as port, opened(port, handshake(None)) as stranger:
        stranger.send(frame(PING_TEXT.ljust(16_385)))
        assert (stranger.status(), stranger.code()) == (101, 4401)


def test_valid_frames_keep_the_connection_open(book) -> None:
    with checked_service(book) as port:
        whole = PING_TEXT.ljust(4_096)
        parts = [frame(b"", fin=False), *(frame(bytes([c]), 0, fin=False) for c in PING_TEXT)]
        for frames in (
            [frame(whole)],
            [*parts, *[frame(b"", 0, fin=False)] * 2_000, frame(b"", 0)],
            [*parts, frame(b"between", PING), frame(b"", PONG), frame(b" ", 0)],
            [*[frame(b"flood", PING)] * 5_000, frame(PING_TEXT)],
            [*[frame(b"never asked", PONG)] * 5_000, frame(PING_TEXT)],
        ):
            with opened(port) as raw:
                for k in range(0, len(frames), 500):
                    raw.send(*frames[k : k + 500])
                assert raw.message() == PONG_TEXT
                raw.send(frame(b"\x03\xe8", 8))
                assert raw.code() == 1000


# -- handshakes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "status"),
    [
        (handshake(Sec_WebSocket_Version="12"), 400), (handshake(Sec_WebSocket_Key=None), 400),
        (handshake(Sec_WebSocket_Key="short"), 400), (handshake(Upgrade="h2c"), 404),
        (handshake("nobody"), 403), (handshake("all all"), 403), (handshake(""), 403),
        (handshake("x" * 5_000), 403), (handshake("é\xff"), 403), (handshake("ALL"), 403),
        (handshake(None, Authorization="Basic all"), 403), (handshake("all  "), 101),
        (handshake(None, Authorization="bearer all"), 101),
        (handshake(None, Authorization="all"), 403), (handshake(None, Authorization=""), 403),
        *((handshake(Origin=origin), 403) for origin in (
            "null", "", "https://evil.example.com", "http://desk.example.com", f"{ORIGIN}:8443",
            f"{ORIGIN}/", "https://DESK.example.com", "https://127.0.0.1@evil.example.com",
            f"{ORIGIN}@evil.example.com", f"{ORIGIN}.evil.example.com", "ftp://127.0.0.1",
            "//127.0.0.1", "127.0.0.1", "https://127.0.0.1:9", "https://evil/://127.0.0.1",
            f"{ORIGIN}, https://evil.example.com", "https://desk.example.com\t.evil",
        )),
        (handshake(Origin="null", Host=""), 403), (handshake(Origin="://", Host=""), 403),
        (handshake(Origin="https://", Host=""), 403), (handshake(Origin="null", Host="null"), 403),
        (handshake(Origin=ORIGIN), 101), (handshake(Origin="http://127.0.0.1"), 101),
        (handshake(Origin="https://127.0.0.1"), 101),
        (handshake(Origin=ORIGIN, Host="elsewhere.example.com"), 101),
    ],
)  # fmt: skip
def test_only_valid_handshakes_are_accepted(service_port, first, status) -> None:
    with opened(service_port, first) as raw:
        assert raw.status() == status


@pytest.fixture(scope="module")
def service_port():
    import mvcore

    app = serve.create_app(mvcore.Book(), serve.Tokens.of(TOKENS), [ORIGIN], LIMITS)
    with running(app) as port:
        yield port
        settled(app.state.service)


def test_half_open_handshakes_do_not_block_others(book) -> None:
    with checked_service(book) as port, contextlib.ExitStack() as stack:
        whole = handshake()
        for size in (0, 1, 20, len(whole) - 2, len(whole) - 1):
            for _ in range(10):
                stack.enter_context(opened(port, whole[:size]))
        with opened(port) as raw:
            raw.send(frame(PING_TEXT))
            assert raw.message() == PONG_TEXT
        silent = stack.enter_context(opened(port, handshake(None)))
        assert (silent.status(), silent.code()) == (101, 4401)


def test_the_number_of_sessions_is_limited(book) -> None:
    with checked_service(book, serve.Limits(sessions=2)) as port:
        with opened(port) as one, opened(port), opened(port, handshake()) as third:
            assert third.status() == 403
            one.send(frame(PING_TEXT))
            assert one.message() == PONG_TEXT
        for _ in range(100):  # until both are gone
            with opened(port, handshake()) as again:
                if again.status() == 101:
                    return
            time.sleep(0.05)


# -- selections ----------------------------------------------------------------------------------


def odd(random: random.Random, depth: int = 0):
    """A JSON value, usually of a wrong type."""
    pick = random.choice
    scalars = [
        None,
        True,
        False,
        0,
        -1,
        10**30,
        1.5,
        "",
        "A1",
        "\ud800",
        "desk",
        "d1",
        "\x00",
        "x" * 300,
    ]
    if depth > 3 or random.random() < 0.5:
        return pick(scalars)
    if random.random() < 0.5:
        return [odd(random, depth + 1) for _ in range(random.randint(0, 4))]
    keys = ["desk", "", "sector", "\udfff", "A1", "by", "__class__"]
    return {pick(keys): odd(random, depth + 1) for _ in range(random.randint(0, 3))}


@pytest.mark.parametrize("seed", range(4))
def test_random_selections_get_one_answer_each(book, seed) -> None:
    """Each selection is answered once, by rows or a documented error, and the session stays
    open."""
    fields = ["accounts", "instruments", "by", "measures", "currency", "rollup", "interval", "else"]
    fields += ["where", "sort", "limit", "offset"]
    chosen = random.Random(seed)
    with checked_service(book, serve.Limits(messages=10**6)) as port, opened(port) as raw:
        for number in range(150):
            asked = {"type": "select", "id": number, "interval": 5_000}
            for name in chosen.sample(fields, chosen.randint(1, 3)):
                asked[name] = odd(chosen)
            if chosen.random() < 0.1:
                asked[chosen.choice(["id", "type"])] = odd(chosen)
            raw.send(frame(json.dumps(asked).encode()))
            raw.send(frame(b'{"type": "ping", "id": "mark"}'))
            answers = []
            while not answers or answers[-1] != {"type": "pong", "id": "mark"}:
                answers.append(raw.message())
                assert isinstance(answers[-1], dict), asked
            refused = [one for one in answers if one["type"] == "error"]
            assert len(refused) <= 1
            for one in refused:
                assert one["code"] in {"invalid_selection", "unknown_account", "unknown_type"}, (
                    asked
                )
                assert len(one["message"]) < 1_000
