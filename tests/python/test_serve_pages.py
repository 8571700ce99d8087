"""Pages of the service's selections: `where`, `sort`, `limit` and `offset`."""

import asyncio

import pytest

pytest.importorskip("mvcore.serve")
from serving import Follower, client, live, serving, settled


@pytest.fixture
def service(book):
    with serving(book) as running_service:
        yield running_service


def test_http_returns_a_page_in_its_order(service, book) -> None:
    _, port = service

    def accounts(http, **selection) -> list:
        answer = http.post("/v1/values", json={"by": ["account", "instrument"]} | selection)
        assert answer.status_code == 200, answer.text
        assert answer.json()["epoch"] == book.epoch
        return [tuple(row[:2]) for row in answer.json()["rows"]]

    with client(port) as http:
        assert accounts(http, sort=["-current"]) == [
            ("A1", "AAPL"), ("A1", "BUND"), ("A2", "AAPL"),
        ]  # fmt: skip
        assert accounts(http, sort=["-abs(current)"], limit=1, offset=2) == [("A2", "AAPL")]
        for number in ("1502.5", 1502.5, 1502):
            assert accounts(http, where=[["current", ">=", number]]) == [("A1", "AAPL")]
        assert accounts(http, where=[["current", ">", "1502.5"]], sort=None, limit=None) == []
        wrong = http.post("/v1/values", json={"sort": ["curent"]})
        assert (wrong.status_code, wrong.json()["code"]) == (422, "InvalidInput")
    with client(port, "one") as http:  # sees A1 alone
        assert accounts(http, sort=["current"], limit=1) == [("A1", "BUND")]


def test_a_condition_does_not_reveal_labels_of_others(service) -> None:
    _, port = service
    told = set()
    with client(port, "one") as http:
        for account in ("A1", "A2", "nobody"):
            answer = http.post("/v1/values", json={"where": [["account", "=", account]]})
            told.add((answer.status_code, answer.text))
    assert len(told) == 1


def test_a_session_follows_its_page(service, book) -> None:
    service, port = service

    async def run() -> None:
        async with live(port) as connection:
            follower = Follower(connection)
            await follower.ask(by=["account", "instrument"], sort=["-current"], limit=1)
            first = await follower.next()
            assert [row[:2] for row in first["rows"]] == [["A1", "AAPL"]]
            epoch = book.tick("AAPL", "-400")
            assert list(await follower.at(epoch)) == [("A2", "AAPL")]
            epoch = book.tick("BUND", "1000")
            assert list(await follower.at(epoch)) == [("A1", "BUND")]
            async with live(port) as other:  # another page is another view
                next_one = Follower(other)
                await next_one.ask(by=["account", "instrument"], sort=["-current"], limit=2)
                assert len((await next_one.next())["rows"]) == 2
                assert service.hub.views == 2

    asyncio.run(run())
    settled(service)
