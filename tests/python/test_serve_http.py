"""The service over HTTP, authorization, and the two ways to run it."""

import asyncio
import contextlib
import hashlib
import json
import signal
import socket
import subprocess
import sys
import time
from decimal import Decimal as D

import pytest

import mvcore

serve = pytest.importorskip("mvcore.serve")
from serving import Follower, client, httpx, live, running, serving, settled  # noqa: E402 - after importorskip


@pytest.fixture
def service(book):
    with serving(book) as running_service:
        yield running_service


# -- authorization -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "sees"), [("all", {"A1", "A2"}), ("one", {"A1"}), ("desk", {"A2"})]
)
def test_a_token_sees_only_its_accounts(service, book, token, sees) -> None:
    service, port = service
    book.order(1, "A1", "AAPL", 5)
    book.order(2, "A2", "AAPL", 5)
    with client(port, token) as http:
        names = {one["account"] for one in http.get("/v1/accounts").json()["accounts"]}
        assert names == sees
        for call in ("values", "positions", "holdings", "orders"):
            answer = http.post(f"/v1/{call}", json={}).json()
            place = answer["columns"].index("account")
            assert {row[place] for row in answer["rows"]} == sees
            for account in ("A1", "A2", "nobody"):
                answer = http.post(f"/v1/{call}", json={"accounts": [account]})
                if account in sees:
                    assert answer.status_code == 200
                else:  # the same message for what does not exist and for what is not theirs
                    assert answer.status_code == 404
                    assert answer.json()["message"] == f"unknown account {account!r}"
            desks = {"accounts": {"desk": ["d1", "d2"]}}
            answer = http.post(f"/v1/{call}", json=desks).json()
            assert {row[place] for row in answer["rows"]} == sees

    async def run() -> None:
        async with live(port, token) as connection:
            follower = Follower(connection)
            await follower.ask()
            await follower.next()
            assert {key for (key,) in follower.rows} == sees
            if token != "desk":
                return
            epoch = book.update(accounts={"account": ["A1", "A2"], "desk": ["d2", "d1"]})
            epoch = book.tick("AAPL", 7)
            await follower.at(epoch)
            while {key for (key,) in follower.rows} != {"A1"}:
                await follower.next()

    asyncio.run(run())
    settled(service)


def test_a_limited_token_writes_only_tables_without_accounts(book) -> None:
    known = {"feed": serve.Principal("feed", frozenset(), write=True),
             "late": serve.Principal("late", {"mood": "good"})}  # fmt: skip
    rows = {
        "accounts": {"account": ["A1"], "desk": ["d9"]},
        "holdings": {"account": ["A1"], "instrument": ["AAPL"], "quantity": [1]},
        "orders": {"order": [1], "account": ["A1"], "instrument": ["AAPL"], "order_quantity": [1]},
    }
    prices = {"instrument": ["AAPL"], "price": [1]}
    with running(serve.create_app(book, serve.Tokens.of(known))) as port:
        with client(port, "feed") as http:
            assert http.post("/v1/ticks", json=prices).json() == {"epoch": 2}
            assert http.post("/v1/facts", json={"prices": prices}).json() == {"epoch": 3}
            for name, row in rows.items():
                for account in ("A1", "nobody"):
                    some = {name: row | {"account": [account]}, "prices": prices}
                    answer = http.post("/v1/facts", json=some)
                    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
            text = http.get("/metrics").text
            assert "mvcore_book_ticks_total 4\n" in text
            for private in ("accounts", "positions", "orders", "facts"):
                assert f"mvcore_book_{private}" not in text
        assert book.epoch == 3
        with client(port, "late") as http:
            assert http.post("/v1/values", json={}).json()["rows"] == []
            book.update(accounts={"account": ["A2"], "mood": ["good"]})
            assert http.post("/v1/values", json={}).json()["rows"][0][0] == "A2"


def test_a_limited_token_moves_no_cash_of_other_accounts() -> None:
    """Otherwise the responses to multipliers would reveal what others' orders cost."""
    known = {"feed": serve.Principal("feed", frozenset(), write=True),
             "all": serve.Principal("all", write=True)}  # fmt: skip
    with mvcore.Book("USD", 2, cash="from_fills") as book:
        book.load(
            instruments={
                "instrument": ["A", "dollars"],
                "currency": ["USD"] * 2,
                "cash": [False, True],
            },
            accounts={"account": ["X"]},
        )
        book.order("B", "X", "A", 10, 10, average_price=7)
        prices = {"instrument": ["A"], "price": [8]}
        change = {"instruments": {"instrument": ["A"], "multiplier": [2]}, "prices": prices}
        with running(serve.create_app(book, serve.Tokens.of(known))) as port:
            with client(port, "feed") as http:
                assert http.post("/v1/facts", json=change).status_code == 403
                assert http.post("/v1/facts", json={"prices": prices}).status_code == 200
            assert (book.value("X").current, book.epoch) == (10, 3)
            with client(port, "all") as http:
                assert http.post("/v1/facts", json=change).status_code == 200
        assert book.value("X").current == 20


# -- HTTP ----------------------------------------------------------------------------------------


def test_writes_are_acknowledged_with_their_epoch(service, book) -> None:
    _, port = service
    with client(port) as http:
        content = b'{"instrument": ["AAPL", "BUND"], "price": [0.1, "98.000000000000000001"]}'
        assert http.post("/v1/ticks", content=content).json() == {"epoch": 2}
        assert book.prices()["price"] == [D("0.1"), D("98.000000000000000001")]
        orders = {"order": [9], "account": ["A1"], "instrument": ["AAPL"], "order_quantity": [3]}
        assert http.post("/v1/facts", json={"orders": orders}).json() == {"epoch": 3}
        assert http.post("/v1/orders", json={}).json()["rows"][0][0] == 9
        bad = http.post("/v1/facts", json={"orders": orders | {"account": ["nobody"]}})
        assert bad.status_code == 422
        assert bad.json()["code"] == "UnknownId"
        for body in (b"", b"[]", b'{"instrument": ["AAPL"], "price": [NaN]}', b"{}", b"\xff"):
            assert http.post("/v1/ticks", content=body).status_code == 400
        assert book.epoch == 3
    with client(port, "one") as http:
        assert http.post("/v1/ticks", json={}).status_code == 403
    with client(port, None) as http:
        assert http.post("/v1/values", json={}).status_code == 401
        assert http.get("/health").json() == {"status": "ok", "epoch": 3}


LATER = 1_750_000_000 * 10**9  # later than the times of the small book


def test_writes_report_what_they_dropped(service, book) -> None:
    _, port = service
    with client(port) as http:
        early = {"instrument": ["AAPL", "BUND"], "price": [1, 2], "time": [LATER] * 2}
        assert http.post("/v1/ticks", json=early).json() == {"epoch": 2}
        late = early | {"time": [LATER - 1, LATER + 1]}
        assert http.post("/v1/ticks", json=late).json() == {"epoch": 3, "late_prices": 1}
        order = {"order": [9], "account": ["A1"], "instrument": ["AAPL"], "order_quantity": [3]}
        assert http.post("/v1/facts", json={"orders": order}).json() == {"epoch": 4}
        body = {"orders": order, "prices": late}
        answer = http.post("/v1/facts", json=body).json()
        assert answer == {"epoch": 5, "late_prices": 1, "unchanged_orders": 1}


def test_facts_may_only_contain_tables(service, book) -> None:
    _, port = service
    prices = {"instrument": ["nothing"], "price": [1]}
    with client(port) as http:
        for more in ({"unknown": "skip"}, {"feed": {"t/0": 1}}, {"self": None}, {"refresh": True}):
            answer = http.post("/v1/facts", json={"prices": prices} | more)
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid_facts")
        for body in (prices | {"unknown": "skip"}, prices | {"scale": 2}):
            answer = http.post("/v1/ticks", json=body)
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid_ticks")
        for body in ({"prices": None}, {"prices": [prices]}, {"prices": prices, "fx": None}):
            answer = http.post("/v1/facts", json=body)
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid_facts")
        # codes are internal to the book
        for names in ([0], [0, "AAPL"], ["AAPL", None], "AAPL", None):
            answer = http.post("/v1/ticks", json={"instrument": names, "price": [1]})
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid_ticks")
    assert book.epoch == 1
    assert book.stats()["skipped_prices"] == 0


def test_metrics_attributes_and_instruments_are_listed(service, book) -> None:
    _, port = service
    with client(port) as http:
        text = http.get("/metrics").text
        assert "\nmvcore_book_epoch 1\n" in text
        assert "# TYPE mvcore_serve_polls_total counter\n" in text
        assert http.get("/v1/attributes").json()["accounts"]["desk"] == ["d1", "d2"]
        book.update(instruments={"instrument": ["NEW"], "currency": ["USD"], "sector": ["tech"]})
        book.remove(instruments="NEW")
        found = http.get("/v1/instruments").json()["instruments"]
        assert [one["instrument"] for one in found] == ["AAPL", "BUND", "CASH"]
        assert found[2]["attributes"] == {"sector": None, "country": "US"}


def test_currencies_lists_those_that_a_selection_may_name(service, book) -> None:
    _, port = service
    rates = {"currency": ["GBP", "CHF"], "rate": ["1.25", "1.1"]}
    book.update(instruments={"instrument": ["7203"], "currency": ["JPY"]}, fx=rates)
    with client(port, "one") as http:
        answer = http.get("/v1/currencies").json()
        assert answer == {"base": "USD", "currencies": ["USD", "CHF", "EUR", "GBP", "JPY"]}
        for currency in answer["currencies"]:
            assert http.post("/v1/values", json={"currency": currency}).status_code == 200
        book.remove(instruments="7203")
        book.load(fx={"currency": ["EUR"], "rate": ["1.1"]})
        left = http.get("/v1/currencies").json()["currencies"]
        assert left == ["USD", "EUR"]
        for gone in {*answer["currencies"]} - {*left}:
            assert http.post("/v1/values", json={"currency": gone}).status_code == 422
    with client(port, None) as http:
        assert http.get("/v1/currencies").status_code == 401


def test_a_tokens_file_is_read_or_refused(tmp_path) -> None:
    digest = hashlib.sha256(b"secret").hexdigest()
    path = tmp_path / "tokens.json"
    entry = {"name": "x", "sha256": digest, "accounts": ["A1"]}
    path.write_text(json.dumps({"tokens": [entry]}))
    who = serve.Tokens.read(path).principal("secret")
    assert who == serve.Principal("x", frozenset({"A1"}))
    assert serve.Tokens.read(path).principal(digest) is None
    for wrong in ({"name": 1}, {"sha256": "A"}, {"accounts": "A1"}, {"accounts": 5}, {"write": 1}):
        path.write_text(json.dumps({"tokens": [entry | wrong]}))
        with pytest.raises(mvcore.InvalidInput, match=r"tokens\.json"):
            serve.Tokens.read(path)


def test_the_service_starts_from_the_command_line(tmp_path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mvcore", "serve", "--demo", "60x40", "--port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        try:
            with client(port, None) as http:
                for _ in range(600):
                    with contextlib.suppress(httpx.TransportError):
                        if http.get("/health").json()["epoch"] > 3:  # prices move
                            break
                    time.sleep(0.1)
                rows = http.post("/v1/values", json={"by": ["desk"]}).json()["rows"]
                assert len(rows) == 5
                for host in ("evil.example.com", "127.0.0.1.evil.example.com", f"evil:{port}",
                             "127.0.0.1@evil", "[::1", "", "0.0.0.0"):  # fmt: skip
                    assert http.get("/health", headers={"Host": host}).status_code == 403
                for host in ("localhost", f"LOCALHOST:{port}", "[::1]", "127.0.0.2"):
                    assert http.get("/health", headers={"Host": host}).status_code == 200
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(30) in (0, 130)
    for wrong in (
        [], ["--demo", "--prices", "x"], ["--demo", "--host", "0.0.0.0"], ["--demo", "5"],
        ["--demo", "5x0"], ["--demo", "5x5", "--port", "99999"], ["--demo", "--value-scale", "2"],
    ):  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "mvcore", "serve", *wrong], capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        assert done.stderr.startswith("mvcore: error: ")


def test_a_list_that_would_be_too_long_is_refused(book) -> None:
    app = serve.create_app(book, limits=serve.Limits(rows=2, listed=1))
    with running(app) as port, client(port, None) as http:
        refused = http.post("/v1/holdings", json={})
        assert refused.status_code == 400
        assert refused.json()["code"] == "too_many_rows"
        assert len(http.post("/v1/holdings", json={"accounts": ["A1"]}).json()["rows"]) == 2
        assert http.post("/v1/orders", json={}).json()["rows"] == []
        assert len(http.post("/v1/positions", json={"accounts": ["A1"]}).json()["rows"]) == 2
        for page, ok in (
            ({}, False), ({"limit": 3}, False), ({"limit": 2, "offset": 1}, False),
            ({"sort": ["current"]}, False), ({"limit": 2}, True), ({"limit": 1, "offset": 1}, True),
        ):  # fmt: skip
            answer = http.post("/v1/positions", json=page)
            assert answer.status_code == (200 if ok else 400)
            if not ok:
                assert "a page that ends within the first 2 rows" in answer.json()["message"]


def test_pages_of_positions(book) -> None:
    book.order(1, "A2", "BUND", 5)
    with running(serve.create_app(book)) as port, client(port, None) as http:

        def positions(**asked) -> list[tuple]:
            answer = http.post("/v1/positions", json=asked)
            assert answer.status_code == 200, answer.text
            body = answer.json()
            assert body["columns"] == book.positions().column_names
            rows = [dict(zip(body["columns"], row, strict=True)) for row in body["rows"]]
            return [(row["account"], row["instrument"], row["expected"]) for row in rows]

        book.update(accounts={"account": ["A1", "A2"], "reporting": ["EUR", "USD"]})
        own = {"currency": "account.reporting", "sort": ["account"]}
        got = http.post("/v1/positions", json=own).json()
        wanted = book.positions(**own)
        column = got["columns"].index("amount_currency")
        assert [row[column] for row in got["rows"]] == wanted["amount_currency"]
        assert [D(row[-2]) for row in got["rows"]] == wanted["expected"]
        answer = http.post("/v1/values", json={"currency": "account.desk"})
        assert answer.status_code == 422
        assert "account 'A1' has the label 'd1'" in answer.json()["message"]
        every = positions(currency="local")
        assert len(every) == len(book.positions()) == 4
        by_size = sorted(every, key=lambda row: -abs(D(row[2])))
        page = {"currency": "local", "sort": ["-abs(expected)"]}
        assert positions(**page) == by_size
        assert positions(**page, limit=2, offset=1) == by_size[1:3]
        assert [row[:2] for row in positions(where=[["sod_quantity", "<", "-0.5"]])] == [
            ("A2", "AAPL")
        ]
        assert [row[1] for row in positions(accounts=["A2"], sort=["-account", "-instrument"])] == [
            "BUND", "AAPL",
        ]  # fmt: skip
        assert len(positions(where=[["abs(price)", ">", 99], ["unpriced", "=", 0]])) == 2
        for body, word in (
            ({"where": [["account", "=", "A1"]]}, "where: expected one of the columns sod, "),
            ({"where": [["price", "~", 1]]}, "where: expected one of the operators"),
            ({"limit": -1}, "limit: "),
            ({"by": ["account"]}, "by: not used here; expected only accounts, "),
            ({"measures": ["sod"]}, "measures: not used here"),
        ):  # fmt: skip
            refused = http.post("/v1/positions", json=body)
            assert (refused.status_code, refused.json()["code"]) == (400, "invalid_selection")
            assert refused.json()["message"].startswith(word)
        refused = http.post("/v1/positions", json={"sort": ["desk"]})
        assert (refused.status_code, refused.json()["column"]) == (422, "sort")


@pytest.mark.parametrize("call", ["holdings", "orders"])
def test_a_list_refuses_fields_that_it_would_ignore(book, call: str) -> None:
    ignored = {
        "currency": "EUR", "by": ["account"], "rollup": True, "measures": ["sod"], "interval": 100,
        "type": "x", "id": 1, "wrong": 1, "where": [], "sort": ["current"], "limit": 1, "offset": 0,
    }  # fmt: skip
    with running(serve.create_app(book)) as port, client(port, None) as http:
        for field, value in ignored.items():
            refused = http.post(f"/v1/{call}", json={"accounts": ["A1"], field: value})
            assert (refused.status_code, refused.json()["code"]) == (400, "invalid_selection")
            assert refused.json()["message"].startswith(f"{field}: not used here")
        absent = {"currency": None, "by": None, "instruments": None}
        assert http.post(f"/v1/{call}", json=absent).status_code == 200
