"""`mvcore serve --book`: accepted facts survive the process."""

import contextlib
import resource
import signal
import subprocess
import sys

import pytest

import mvcore

serve = pytest.importorskip("mvcore.serve")
from mvcore.serve.errors import refusal  # noqa: E402
from serving import client, running, served  # noqa: E402 - after importorskip

TABLES = {
    "instruments": "instrument,currency\nAAPL,USD\n",
    "accounts": "account\nA1\n",
    "holdings": "account,instrument,quantity\nA1,AAPL,10\n",
    "prices": "instrument,price\nAAPL,100\n",
}


@pytest.fixture
def files(tmp_path) -> list[str]:
    """Arguments that name the files of a small book."""
    arguments = []
    for name, text in TABLES.items():
        (tmp_path / f"{name}.csv").write_text(text)
        arguments += [f"--{name}", str(tmp_path / f"{name}.csv")]
    return arguments


def test_accepted_facts_survive_a_kill(tmp_path, files) -> None:
    folder = ["--book", str(tmp_path / "book")]
    order = {"order": [7], "account": ["A1"], "instrument": ["AAPL"], "order_quantity": [5]}
    with served(*folder, *files) as (said, http):
        assert "in memory" not in said
        epoch = http.post("/v1/facts", json={"orders": order}).json()["epoch"]
    with served(*folder) as (said, http):
        assert f"epoch {epoch}" in said
        assert http.post("/v1/orders", json={}).json()["rows"][0][0] == 7
        more = {"account": ["A1"], "instrument": ["AAPL"], "quantity": ["12.5"]}
        epoch = http.post("/v1/facts", json={"holdings": more}).json()["epoch"]
    with served(*folder, *files) as (said, http):
        assert "files are not read" in said
        answer = http.post("/v1/values", json={"measures": ["sod", "expected"]}).json()
        assert answer["epoch"] == epoch
        assert answer["rows"] == [["A1", "USD", "1250.00000000", "1750.00000000", 0]]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_service_closes_its_book(tmp_path, files, stop) -> None:
    folder = tmp_path / "book"
    with served("--book", str(folder), *files, stop=stop) as (_, http):
        price = {"instrument": ["AAPL"], "price": ["101.25"]}
        assert http.post("/v1/ticks", json=price).status_code == 200
    with mvcore.open(folder) as book:
        assert book.recovery.clean
        assert str(book.prices()["price"][0]) == "101.25"


def test_a_reopened_book_keeps_its_currency(tmp_path) -> None:
    with mvcore.open(tmp_path / "book", "EUR", 4) as book:
        book.update(accounts={"account": ["A1"]})
    with served("--book", str(tmp_path / "book")) as (_, http):
        assert http.get("/v1/currencies").json()["base"] == "EUR"


def test_without_a_folder_the_service_says_that_facts_are_lost(files) -> None:
    for arguments in (files, ["--demo", "5x5"]):
        with served(*arguments) as (said, _):
            assert "Facts are kept in memory only" in said


def test_a_new_book_needs_files(tmp_path, files) -> None:
    (tmp_path / "empty").mkdir()
    for wrong, says in (
        (["--book", str(tmp_path / "absent")], "--instruments"),
        (["--book", str(tmp_path / "empty"), *files[:4]], "--holdings"),
        (["--book", str(tmp_path / "absent"), "--demo", "5x5"], "--demo"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "mvcore", "serve", "--port", "0", *wrong],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        assert says in done.stderr
        assert not (tmp_path / "absent").exists()


def test_a_read_only_book_answers_503(tmp_path) -> None:
    folder = tmp_path / "book"
    with mvcore.open(folder) as writer, mvcore.open(folder, read_only=True) as book:
        with running(serve.create_app(book)) as port, client(port, None) as http:
            answer = http.post("/v1/facts", json={"accounts": {"account": ["A1"]}})
            assert (answer.status_code, answer.json()["code"]) == (503, "StorageError")
        assert writer.epoch == 0


def test_a_client_does_not_see_the_folder_of_a_failed_disk(tmp_path, caplog) -> None:
    """The system refuses to grow the journal: EFBIG."""
    folder = tmp_path / "hidden folder" / "book"
    folder.parent.mkdir()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    names = [f"I{k}" for k in range(2000)]
    with contextlib.ExitStack() as stack:
        book = stack.enter_context(contextlib.closing(mvcore.open(folder)))
        book.update(instruments={"instrument": names, "currency": ["USD"] * 2000})
        http = stack.enter_context(
            client(stack.enter_context(running(serve.create_app(book))), None)
        )
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
        stack.callback(resource.setrlimit, resource.RLIMIT_FSIZE, before)
        failed = []
        for step in range(1, 200):
            facts = {"prices": {"instrument": names, "price": [f"{step}.123456789"] * 2000}}
            facts["accounts"] = {"account": [f"A{step}"]}  # prices alone are written later
            answer = http.post("/v1/facts", json=facts)
            if answer.status_code != 200:
                failed.append(answer)
                if len(failed) == 2:  # the first failure, and one that tells of an earlier failure
                    break
        for answer in failed:
            assert answer.status_code == 503
            assert answer.json() == {
                "type": "error", "code": "StorageError",
                "message": "the service failed; its log says why",
            }  # fmt: skip
            assert "hidden folder" not in str(answer.headers)
        assert len(failed) == 2
        assert http.post("/v1/values", json={}).status_code == 200  # reads continue
        lines = [r.getMessage() for r in caplog.records if r.name == "mvcore.serve"]
        assert len(lines) == 2
        assert all(line.startswith("a request failed: StorageError: ") for line in lines)
        assert all(str(folder) in line and "File too large" in line for line in lines)


@pytest.mark.parametrize("kind", [mvcore.StorageError, mvcore.CorruptData, mvcore.Error])
def test_a_failure_of_the_service_is_told_without_its_message(caplog, kind) -> None:
    told = refusal(kind("/srv/book: read: Input/output error"), "cannot_value")
    assert (told.code, told.status) == ("failed", 503)
    assert "/srv" not in str(told.to_json())
    assert "/srv/book: read: Input/output error" in caplog.text


def test_a_closed_book_is_told(tmp_path) -> None:
    book = mvcore.open(tmp_path / "book")
    with running(serve.create_app(book)) as port, client(port, None) as http:
        book.close()
        answer = http.post("/v1/facts", json={"accounts": {"account": ["A1"]}})
        assert answer.status_code == 503
        assert answer.json() == {
            "type": "error", "code": "ClosedError", "message": "the book is closed",
        }  # fmt: skip
