"""Selections by label over the service: errors name the fault, but no names of others."""

import asyncio

import pytest

import mvcore

serve = pytest.importorskip("mvcore.serve")
from mvcore.serve.access import accounts_of  # noqa: E402 - after importorskip
from mvcore.serve.hub import Hub  # noqa: E402
from serving import Follower, client, live, serving, settled  # noqa: E402

CALLS = ["values", "positions", "holdings", "orders"]


@pytest.fixture
def service(book):
    """The token "desk" sees only A2 of desk d2."""
    book.update(
        accounts={"account": ["A2", "A3", "A2x"], "desk": ["d2", "d3", "hidden desk"]},
        holdings={"account": ["A3"], "instrument": ["AAPL"], "quantity": [1]},
    )
    with serving(book) as (running, port):
        yield running, port


def refused(port: int, token: str, call: str, **selection) -> str:
    with client(port, token) as http:
        answer = http.post(f"/v1/{call}", json=selection)
    assert answer.status_code in (400, 422), answer.text
    return answer.json()["message"]


@pytest.mark.parametrize("call", CALLS)
def test_a_label_of_other_accounts_gets_the_answer_of_an_unknown_one(service, call) -> None:
    _, port = service
    for label in ("hidden desk", "d3", "nobody's", "hidden des", "D2", "d2 "):
        said = refused(port, "desk", call, accounts={"desk": label})
        assert said == f"accounts.desk: no account has the label {label!r}"
    for label in ("A1", "A2x", "nobody", "a2"):
        said = refused(port, "desk", call, accounts={"account": label})
        assert said == f"accounts.account: no account has the label {label!r}"


@pytest.mark.parametrize("call", CALLS)
def test_a_selection_of_several_labels_returns_the_visible_accounts(service, call) -> None:
    _, port = service
    with client(port, "desk") as http:
        for accounts in (
            {"desk": ["d1", "d2"]}, {"desk": ["d2", "nobody's"]}, {"desk": ["d2"]},
            {"account": ["A1", "A2"]}, {"account": "A2", "desk": ["d2", None]}, None,
        ):  # fmt: skip
            answer = http.post(f"/v1/{call}", json={"accounts": accounts}).json()
            place = answer["columns"].index("account")
            assert {row[place] for row in answer["rows"]} <= {"A2"}
            assert call == "orders" or answer["rows"]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("token", ["all", "desk"])
def test_faults_in_labels_are_explained(service, call, token) -> None:
    _, port = service
    assert "'tec'" in refused(port, token, call, instruments={"sector": "tec"})
    assert "'sectr', known: 'sector'" in refused(port, token, call, instruments={"sectr": "tech"})
    assert "unknown attribute 'dsk'" in refused(port, token, call, accounts={"dsk": "d2"})
    for nested in ({"sector": {"not": "tech"}}, {"sector": [["tech"]]}):
        assert "instruments" in refused(port, token, call, instruments=nested)


def test_a_token_that_sees_all_is_told_of_unused_labels(service) -> None:
    _, port = service
    said = refused(port, "all", "values", accounts={"desk": ["d1", "d9"]})
    assert said.startswith("accounts.desk: no account has the label 'd9'")


def test_errors_name_no_account_that_the_client_did_not_name(service, book, monkeypatch) -> None:
    """If an account is removed while a view of it is opened, the library reports it."""
    running, port = service
    opened = Hub._open

    def removing(self, selection, accounts):
        book.remove(accounts="A2x")
        return opened(self, selection, accounts)

    async def run() -> dict:
        async with live(port, "all") as connection:
            follower = Follower(connection)
            await follower.ask(accounts=["A2x"])
            return await follower.next()

    monkeypatch.setattr(Hub, "_open", removing)
    told = asyncio.run(run())
    assert (told["code"], told["message"]) == ("unknown_account", "unknown account 'A2x'")
    with pytest.raises(mvcore.UnknownId, match="did you mean 'A2'"):
        book.values(accounts="A2x")
    settled(running)


@pytest.mark.parametrize("token", ["all", "desk"])
def test_a_session_continues_when_its_label_disappears(service, book, token) -> None:
    running, port = service

    async def run() -> None:
        async with live(port, token) as connection:
            follower = Follower(connection)
            await follower.ask(accounts={"desk": ["d2"]}, instruments={"sector": ["tech"]})
            await follower.next()
            assert set(follower.rows) == {("A2",)}
            book.update(instruments={"instrument": ["AAPL"], "sector": ["other"]})
            while follower.rows:
                await follower.next()
            book.update(accounts={"account": ["A2"], "desk": ["d7"]})
            await follower.at(book.tick("AAPL", 7))
            assert follower.rows == {}
            book.update(accounts={"account": ["A2"], "desk": ["d2"]})
            book.update(instruments={"instrument": ["AAPL"], "sector": ["tech"]})
            while set(follower.rows) != {("A2",)}:
                await follower.next()

    asyncio.run(run())
    settled(running)


@pytest.mark.parametrize("call", CALLS)
def test_numbers_select_by_their_exact_value(book, call) -> None:
    book.update(
        accounts={"account": ["A1", "A2"], "limit": [2.5, "0.10"]},
        holdings={"account": ["A1", "A2"], "instrument": ["AAPL", "AAPL"], "quantity": [1, 1]},
    )
    book.order("by limit", "A1", "AAPL", 1)
    with serving(book) as (_, port), client(port) as http:

        def accounts(limit: str) -> set[str]:
            json = {"content-type": "application/json"}
            text = f'{{"accounts": {{"limit": {limit}}}}}'
            answer = http.post(f"/v1/{call}", content=text, headers=json)
            assert answer.status_code == 200, answer.text
            place = answer.json()["columns"].index("account")
            return {row[place] for row in answer.json()["rows"]}

        assert accounts("2.50") == accounts("[25e-1]") == {"A1"}
        for unknown in ("0.1000000000000000055511151231257827", "true", "[[1]]"):
            text = f'{{"accounts": {{"limit": {unknown}}}}}'
            assert http.post(f"/v1/{call}", content=text).status_code in (400, 422)


def test_a_token_may_not_have_the_label_nan() -> None:
    """It would select accounts without the attribute."""
    for labels in (float("nan"), ["d1", float("nan")]):
        with pytest.raises(ValueError, match="accounts: expected"):
            accounts_of({"desk": labels})
