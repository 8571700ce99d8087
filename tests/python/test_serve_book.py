"""`mvcore serve --book`: accepted facts survive the process."""

import signal
import subprocess
import sys

import pytest

import mvcore

serve = pytest.importorskip("mvcore.serve")
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
