"""The page labels its rows: totals, positions that totals leave out, accounts without rows."""

import json
import time
from urllib.parse import quote

import pytest

serve = pytest.importorskip("mvcore.serve")
from browser import DASH, Overview  # noqa: E402 - after importorskip
from serving import TOKENS, running  # noqa: E402

SOD = "start-of-day holdings at current prices"


@pytest.fixture
def page(browser, book):
    """Return a function that opens the page with a selection in its address."""
    with running(serve.create_app(book)) as port:
        opened = []

        def open_page(**chosen) -> Overview:
            address = f"http://127.0.0.1:{port}/#{quote(json.dumps(chosen))}"
            opened.append(Overview(browser, address))
            opened[-1].page.locator("#grid .ag-row").first.wait_for()
            return opened[-1]

        yield open_page
        for overview in opened:
            assert overview.complaints == []
            overview.close()


def test_totals_show_the_selection_and_the_rows_shown(page, book) -> None:
    book.update(
        accounts={"account": ["A3"], "desk": ["d1"]},
        holdings={"account": ["A3"], "instrument": ["AAPL"], "quantity": ["0.00000001"]},
    )
    overview = page(accounts=["*"], measures=["current"])
    whole = total(book)
    overview.until([["whole selection", whole, "0"]], pinned=True)
    overview.page.fill("#find", "A1")
    overview.until([["whole selection", whole, "0"], shown(book, "A1")], pinned=True)
    overview.page.fill("#find", "")
    overview.until([["whole selection", whole, "0"]], pinned=True)
    overview.page.locator(".ag-header-cell[col-id=current] .ag-header-cell-filter-button").click()
    overview.page.locator(".ag-filter input[type=text]").first.fill("0")  # filter: at least
    overview.until([["whole selection", whole, "0"], shown(book, "A1", "A3")], pinned=True)
    book.tick("AAPL", "150.26")
    overview.until([["whole selection", total(book), "0"], shown(book, "A1", "A3")], pinned=True)
    overview.page.keyboard.press("Escape")
    overview.page.fill("#find", "nothing of that name")
    overview.until(
        [["whole selection", total(book), "0"], ["0 rows shown", DASH, "0"]], pinned=True
    )


def total(book, **asked) -> str:
    return f"{book.values(by=(), measures=['current'], **asked)['current'][0]:,f}"


def shown(book, *names: str) -> list[str]:
    """The total of these rows, each rounded as displayed."""
    amounts = book.values(accounts=list(names), measures=["current"])["current"]
    rows = "row" if len(names) == 1 else "rows"
    return [f"{len(names)} {rows} shown", f"{sum(amounts):,f}", "0"]


def test_the_rows_shown_have_a_total_in_each_currency(page, book) -> None:
    overview = page(accounts=["*"], measures=["current"], currency="local", by=["sector"])
    overview.page.fill("#find", "g")
    overview.until([
        ["whole selection", "EUR", total(book, instruments=["BUND"], currency="EUR"), "0"],
        ["whole selection", "USD", total(book, instruments=["AAPL"]), "0"],
        ["1 row shown", "EUR", total(book, instruments=["BUND"], currency="EUR"), "0"],
    ], pinned=True)  # fmt: skip


def test_subtotals_are_not_counted_twice(page, book) -> None:
    overview = page(accounts=["*"], measures=["current"], by=["desk", "account"], rollup=True)
    overview.page.fill("#find", "d1")
    overview.until([["d1", "", total(book, accounts=["A1"]), "0"],
                    ["d1", "A1", total(book, accounts=["A1"]), "0"]])  # fmt: skip
    whole = ["whole selection", "", total(book), "0"]
    overview.until([whole, ["1 row shown", "", *shown(book, "A1")[1:]]], pinned=True)


def test_start_of_day_amounts_are_labelled(page) -> None:
    overview = page(accounts=["*"], drawn="sod")
    assert overview.titles()[1] == f"{SOD}, USD"
    assert overview.page.locator("#measures label").first.inner_text().strip() == SOD
    assert overview.page.locator("#drawn option").first.inner_text() == SOD


def test_unpriced_amounts_are_a_dash_and_counted_in_totals(page, book) -> None:
    book.update(
        instruments={"instrument": ["NEW"], "currency": ["USD"]},
        accounts={"account": ["A3"]},
        holdings={"account": ["A2", "A3"], "instrument": ["NEW", "NEW"], "quantity": [5, 7]},
    )
    overview = page(accounts=["*"], measures=["current"])
    amounts = {name: total(book, accounts=[name]) for name in ("A1", "A2")}
    overview.until([["A1", amounts["A1"], "0"], ["A2", amounts["A2"], "1"], ["A3", DASH, "1"]])
    overview.until([["whole selection, 2 unpriced left out", total(book), "2"]], pinned=True)
    assert overview.page.locator("#drawn-now").inner_text() == "2 unpriced left out"
    overview.page.fill("#find", "A3")
    left_out = ["1 row shown, 1 unpriced left out", DASH, "1"]
    overview.until([["whole selection, 2 unpriced left out", total(book), "2"], left_out],
                   pinned=True)  # fmt: skip
    overview.page.fill("#find", "")
    book.tick("NEW", 2)
    overview.until([["whole selection", total(book), "0"]], pinned=True)
    assert overview.page.locator("#drawn-now").inner_text() == ""
    only = page(accounts=["=A3"], instruments=["=NEW"], by=[], measures=["current"])
    only.until([["whole selection", "14.00000000", "0"]])
    book.remove(prices=["NEW"])
    only.until([["whole selection, 1 unpriced left out", DASH, "1"]])


def test_accounts_without_positions_have_a_row(page, book) -> None:
    book.update(accounts={"account": ["A3", "A4"], "desk": ["d1", "d2"]})
    overview = page(accounts=["=A1", "=A4"], measures=["sod", "current"])
    (a1,) = book.values(accounts=["A1"]).to_pylist()
    first = ["A1", f"{a1['sod']:,f}", f"{a1['current']:,f}", "0"]
    overview.until([first, ["A4", "no positions", "", ""]])
    book.update(holdings={"account": ["A4"], "instrument": ["AAPL"], "quantity": [2]})
    amount = total(book, accounts=["A4"])
    overview.until([first, ["A4", amount, amount, "0"]])
    book.update(holdings={"account": ["A4"], "instrument": ["AAPL"], "quantity": [0]})
    overview.until([first, ["A4", "no positions", "", ""]])
    overview.page.fill("#find", "A4")
    overview.until([["A4", "no positions", "", ""]])
    everybody = page(accounts=["*"], measures=["current"], by=["account", "instrument"])
    everybody.page.wait_for_function("() => document.body.textContent.includes('no positions')")
    assert [row for row in everybody.rows() if "no positions" in row] == [
        ["A3", "", "no positions", ""], ["A4", "", "no positions", ""],
    ]  # fmt: skip
    desk = page(accounts=['?["desk", "d1"]'], measures=["current"])
    desk.until([["A1", first[2], "0"], ["A3", "no positions", ""]])


def test_a_bookmark_with_a_closed_account_shows_the_rest(browser, book) -> None:
    with running(serve.create_app(book, serve.Tokens.of(TOKENS))) as port:
        chosen = {"accounts": ["=A1", "=gone", "=A2"], "measures": ["current"]}
        overview = Overview(browser, f"http://127.0.0.1:{port}/#{quote(json.dumps(chosen))}")
        overview.page.fill("#token", "one")
        overview.page.keyboard.press("Enter")
        overview.until([["A1", total(book, accounts=["A1"]), "0"]])
        notice = overview.page.locator("#notice")
        assert notice.inner_text().endswith("they do not exist or are not yours: gone, A2")
        assert overview.page.locator("#problem").is_hidden()
        with overview.page.expect_download() as waiting:
            overview.page.click("#csv")
        assert waiting.value.path().read_text().count("\n") == 2  # the header and A1
        overview.page.get_by_label("take gone away").click()
        overview.page.get_by_label("take A2 away").click()
        notice.wait_for(state="hidden")
        overview.close()


def test_closing_a_watched_account_shows_a_notice(page, book) -> None:
    book.update(accounts={"account": ["A3"]})
    overview = page(accounts=["=A1", "=A3"], measures=["current"])
    overview.until([["A1", total(book, accounts=["A1"]), "0"], ["A3", "no positions", ""]])
    book.remove(accounts=["A3"])
    overview.page.locator("#notice", has_text="A3").wait_for()
    overview.until([["A1", total(book, accounts=["A1"]), "0"]])


def test_the_price_age_belongs_to_the_selection(page, book) -> None:
    now = time.time_ns()
    book.tick("AAPL", 150, now)
    book.tick("BUND", 98, now - 3_000 * 10**9)
    share, bond = page(accounts=["=A2"]), page(accounts=["=A1"], instruments=["=BUND"])
    ages = {one: one.page.locator("#price-age") for one in (share, bond)}
    ages[share].filter(has_text=" s").wait_for()
    ages[bond].filter(has_text="50 min").wait_for()
