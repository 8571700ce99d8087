"""Many sessions from another process: every message is right, and nothing is left afterwards."""

import contextlib
import socket
import sys
import time
from pathlib import Path

import pytest

serve = pytest.importorskip("mvcore.serve")
pytest.importorskip("uvicorn")
pytest.importorskip("websockets")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))
import sessions  # noqa: E402 - after importorskip, and from a folder beside


def test_every_message_is_exact_and_every_session_is_freed() -> None:
    """Some clients stop reading. They are disconnected, even those that never read again."""
    asked = sessions.Query(
        "small", sessions=20, seconds=12, stopped=4, watched=10, interval=50,
        limits=serve.Limits(slow=1),
    )  # fmt: skip
    found = sessions.run(asked)
    assert found["checked"].messages > 20
    assert found["checked"].wrong == 0
    assert found["closed"] == asked.stopped
    assert found["open"] == 0
    assert found["left"] == {"views": 0, "tasks": 0, "descriptors": 0}
    report = sessions.report(found, asked)
    assert any(", 0 wrong. Left over: 0 views, 0 tasks, 0 descriptors." in line for line in report)


def test_a_connection_that_reads_nothing_is_dropped(monkeypatch) -> None:
    """The kernel must drop it: no action of the server itself frees it."""
    from mvcore.serve import listening

    monkeypatch.setattr(listening, "UNTAKEN", 500)
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        serve.limit_backlog(listener)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.connect(listener.getsockname())
        connection, _ = listener.accept()
        with connection:
            connection.setblocking(False)
            end = time.monotonic() + 60

            def fill() -> None:
                while time.monotonic() < end:
                    with contextlib.suppress(BlockingIOError):
                        connection.send(bytes(1_000))
                    time.sleep(0.001)

            with pytest.raises(TimeoutError):
                fill()
