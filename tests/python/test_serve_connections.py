"""Limits before authentication: request heads and open connections."""

import contextlib
import resource
import select
import time

import pytest

serve = pytest.importorskip("mvcore.serve")
from raw_client import handshake, opened  # noqa: E402 - after importorskip
from serving import TOKENS, client, running, served, settled  # noqa: E402

WHOLE = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@contextlib.contextmanager
def serving(book, **limits):
    """The port of the service. Afterwards the service still answers, and nothing is left."""
    app = serve.create_app(book, serve.Tokens.of(TOKENS), limits=serve.Limits(**limits))
    with running(app) as port:
        yield port
        eventually(lambda: answers(port))
        settled(app.state.service)


def eventually(holds) -> None:
    for _ in range(600):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it never came to hold")


def answers(port: int, request: bytes = WHOLE, status: int = 200) -> bool:
    with contextlib.suppress(OSError), opened(port, request) as raw:
        return raw.status() == status
    return False


def head_of(size: int) -> bytes:
    """A complete request without a body, of this size."""
    start = WHOLE[:-2] + b"X-Long: "
    return start + b"x" * (size - len(start) - 4) + b"\r\n\r\n"


def test_a_request_head_has_a_maximum_length(book) -> None:
    with serving(book) as port:
        for size, status in ((16_384, 200), (16_385, 431), (100_000, 431)):
            with opened(port, head_of(size)) as raw:
                assert raw.status() == status, size
        with opened(port, head_of(16_384) * 3) as raw:  # each head has its own limit
            assert [raw.status() for _ in range(3)] == [200] * 3
        with opened(port, handshake(X_Long="x" * 20_000)) as raw:
            assert raw.status() == 431
        long_token = {"Authorization": f"Bearer {'x' * 20_000}"}
        with client(port, None) as http:
            answer = http.get("/v1/accounts", headers=long_token)
            assert (answer.status_code, answer.json()["code"]) == (431, "too_large")


def test_an_endless_request_head_takes_no_memory(book) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with serving(book) as port, opened(port, WHOLE[:-2] + b"X-Long: ") as raw:
        part = b"x" * (1 << 16)
        sent = 0
        with contextlib.suppress(OSError):
            for _ in range(1_024):
                raw.socket.sendall(part)
                sent += len(part)
        assert sent < 32 << 20  # the kernel's buffers
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32_000  # kilobytes


@pytest.mark.parametrize("first", [b"", b"GET", WHOLE[:-2], WHOLE * 2 + WHOLE[:-2]])
def test_an_incomplete_request_head_times_out(book, first) -> None:
    with serving(book, head=0.3) as port, opened(port, first) as raw:
        for _ in range(first.count(b"\r\n\r\n")):
            assert raw.status() == 200
        with contextlib.suppress(OSError):  # each part alone arrives in time
            while not select.select([raw.socket], [], [], 0.05)[0]:
                raw.socket.sendall(b"X-More: 1\r\n" if first else b"")
        if first.count(b"\r\n\r\n") == 0:
            assert raw.status() == 408
        eventually(lambda: ended(raw))


def ended(raw) -> bool:
    """Return whether the other side has closed the connection."""
    raw.socket.settimeout(0.05)
    try:
        return raw.socket.recv(65_536) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_an_unread_body_is_not_awaited(book) -> None:
    with serving(book, head=0.3) as port:
        first = WHOLE[:-2] + b"Content-Length: 1000000\r\n\r\n"
        with opened(port, first) as raw:
            assert raw.status() == 200
            with contextlib.suppress(OSError):
                while not select.select([raw.socket], [], [], 0.05)[0]:
                    raw.socket.sendall(b"x")
            eventually(lambda: ended(raw))


def test_half_open_requests_do_not_block_others(book) -> None:
    with serving(book, head=600) as port, contextlib.ExitStack() as stack:
        half = [stack.enter_context(opened(port, WHOLE[:-2])) for _ in range(300)]
        assert answers(port)
        sockets = [raw.socket for raw in half]
        eventually(lambda: len(select.select(sockets, [], [], 0)[0]) >= 200)
        assert half[0].status() == 503
        assert not select.select(sockets[-90:], [], [], 0)[0]
        half[-1].send(b"\r\n")
        assert half[-1].status() == 200


def test_many_simultaneous_connections_are_all_answered(book) -> None:
    """As after a restart: the service accepts all connections before it reads any."""
    with serving(book, heads=10) as port, contextlib.ExitStack() as stack:
        many = [stack.enter_context(opened(port, b"")) for _ in range(300)]
        for raw in many:
            raw.send(WHOLE)
        assert [raw.status() for raw in many] == [200] * 300


def test_connections_of_one_address_are_limited(book) -> None:
    with serving(book, per_address=3) as port:
        with opened(port) as one, opened(port), opened(port, b""), opened(port, WHOLE) as fourth:
            assert fourth.status() == 429
            one.socket.close()  # a WebSocket, counted until it ends
            eventually(lambda: answers(port))
        eventually(lambda: answers(port))
        for _ in range(5):
            with client(port) as http:
                eventually(lambda http=http: http.get("/v1/accounts").status_code == 200)


def test_the_command_line_limits_connections() -> None:
    with served("--demo", "5x5", "--per-address", "2") as (_, http):
        assert http.get("/health").status_code == 200
        port = http.base_url.port
        with opened(port, b""), opened(port, WHOLE) as third, opened(port, head_of(16_385)) as long:
            assert third.status() == long.status() == 429
        eventually(lambda: answers(port, head_of(16_385), 431))


def test_the_limit_of_heads_does_not_end_sessions(book) -> None:
    with serving(book, head=0.2, heads=2) as port, opened(port) as raw:
        with opened(port, b"GET") as half:  # it is closed later than the session would be
            assert half.status() == 408
        raw.send(b"\x81\x80\0\0\0\0")
        assert raw.code() == 4400  # it was read, and is not JSON
