"""The page in a real browser shows what the reference model computes."""

import html
from decimal import Decimal as D

import pytest

import mvcore

serve = pytest.importorskip("mvcore.serve")
from browser import Overview  # noqa: E402 - after importorskip
from reference import ReferenceBook  # noqa: E402
from serving import running  # noqa: E402

FACTS = {
    "instruments": {
        "instrument": ["AAPL", "BUND", "CASH", "NEW"],
        "currency": ["USD", "EUR", "USD", "USD"],
        "quote_factor": ["1", "0.01", "1", "1"],
        "sector": ["tech", "govt", None, "tech"],
    },
    "accounts": {"account": ["A1", "A2", "A3"], "desk": ["d1", "d2", "d1"]},
    "holdings": {
        "account": ["A1", "A1", "A2", "A3", "A3"],
        "instrument": ["AAPL", "BUND", "AAPL", "BUND", "CASH"],
        "quantity": ["10", "1000.5", "-3", "90071992547409930.02", "0.01"],
    },
    "prices": {"instrument": ["AAPL", "BUND", "CASH"], "price": ["150.25", "98.7", "1"]},
    "fx": {"currency": ["EUR"], "rate": ["1.1"]},
}


class Twice:
    """A book and the reference model with the same writes."""

    def __init__(self) -> None:
        self.book, self.reference = mvcore.Book(), ReferenceBook()
        self.update(**FACTS)

    def update(self, **facts) -> int:
        self.reference.update(**facts)
        return self.book.update(**facts)

    def rows(self, by, level=None, **asked) -> list[list[str]]:
        """Rows as the page shows them. level: None without roll-up, otherwise the level to
        return."""
        rows = self.reference.values(by=tuple(by), rollup=True, **asked)
        level = len(by) if level is None else level
        return sorted(
            (
                _shown(row, by, asked.get("currency") == "local")
                for row in rows
                if row["level"] == level
            ),
            key=lambda row: row[: len(by) + 1],
        )


def _shown(row: dict, by: list[str], local: bool) -> list[str]:
    labels = [row[name] for name in by[: row["level"]]]
    texts = ["(not set)" if label is None else label for label in labels]
    texts += ["whole selection" if k == 0 else "" for k in range(row["level"], len(by))]
    amounts = [row[name] for name in ("sod", "current", "expected")]
    money = [row["amount_currency"]] if local else []
    return [*texts, *money, *(f"{value:,f}" for value in amounts), str(row["unpriced"])]


@pytest.fixture
def both():
    both = Twice()
    yield both
    both.book.close()


@pytest.fixture
def overview(browser, both):
    with running(serve.create_app(both.book)) as port:
        overview = Overview(browser, f"http://127.0.0.1:{port}/")
        yield overview
        overview.close()
        assert overview.complaints == []
        assert overview.hosts == {f"127.0.0.1:{port}"}  # nothing is loaded from elsewhere


def test_accounts_groups_and_totals_after_known_ticks(overview, both) -> None:
    overview.state("live")
    overview.choose("accounts", "A1", "A2")
    overview.until(both.rows(["account"], accounts=["A1", "A2"]))
    overview.until(both.rows(["account"], 0, accounts=["A1", "A2"]), pinned=True)
    for price in ("151.5", "-0.25", "99999999.123456789"):
        both.update(prices={"instrument": ["AAPL"], "price": [price]})
        overview.until(both.rows(["account"], accounts=["A1", "A2"]))
        overview.until(both.rows(["account"], 0, accounts=["A1", "A2"]), pinned=True)
    overview.empty("accounts")
    overview.choose("accounts", "all accounts")
    overview.choose("by", "account")  # deselects it
    overview.choose("by", "desk", "sector")
    overview.until(both.rows(["desk", "sector"]))
    both.update(orders={"order": [1], "account": ["A2"], "instrument": ["BUND"],
                        "order_quantity": [70], "filled_quantity": [20]})  # fmt: skip
    overview.until(both.rows(["desk", "sector"]))
    overview.page.select_option("#currency", "EUR")
    overview.until(both.rows(["desk", "sector"], currency="EUR"))
    overview.page.select_option("#currency", "local")
    overview.until(both.rows(["desk", "sector"], currency="local"))
    overview.until(both.rows(["desk", "sector"], 0, currency="local"), pinned=True)
    both.update(holdings={"account": ["A2"], "instrument": ["AAPL"], "quantity": [0]})
    overview.until(both.rows(["desk", "sector"], currency="local"))


def test_rolled_up_rows_stay_below_their_subtotal(overview, both) -> None:
    overview.choose("accounts", "all accounts")
    overview.choose("by", "account")
    overview.choose("by", "desk", "account")
    overview.page.check("#rollup")
    desks, accounts = both.rows(["desk", "account"], 1), both.rows(["desk", "account"])

    def tree() -> list[list[str]]:
        return [row for desk in desks for row in (desk, *(a for a in accounts if a[0] == desk[0]))]

    overview.until(tree())
    overview.page.locator(".ag-header-cell[col-id=current] .ag-header-cell-label").click()
    for rows in (desks, accounts):
        rows.sort(key=lambda row: D(row[2].replace(",", "")))
    assert desks[0][0] == "d2"  # its amount is negative
    overview.until(tree())


def test_sorting_and_filters_are_exact(overview, both) -> None:
    """Two different amounts that are equal as floats."""
    big = ["9007199254740992.02", "9007199254740992.03", "9007199254740992.01"]
    assert len({float(text) for text in big}) == 1
    both.update(
        holdings={"account": ["A1", "A2", "A3"], "instrument": ["CASH"] * 3, "quantity": big}
    )
    overview.choose("instruments", "CASH")
    overview.choose("accounts", "all accounts")
    rows = both.rows(["account"], instruments=["CASH"])
    overview.until(rows)
    title = overview.page.locator(".ag-header-cell[col-id=current] .ag-header-cell-label")
    title.click()
    overview.until([rows[2], rows[0], rows[1]])
    title.click()
    overview.until([rows[1], rows[0], rows[2]])
    overview.page.locator(".ag-header-cell[col-id=current] .ag-header-cell-filter-button").click()
    overview.page.locator(".ag-filter input[type=text]").first.fill("9007199254740992.02")
    overview.until([rows[1], rows[0]])  # filter: at least
    overview.page.keyboard.press("Escape")
    overview.page.fill("#find", "A1")
    overview.until([rows[0]])


def test_changed_cells_are_highlighted_for_a_while(overview, both) -> None:
    flashing = "#grid .ag-cell-data-changed"
    overview.choose("accounts", "A1", "A2")
    overview.until(both.rows(["account"], accounts=["A1", "A2"]))
    both.update(prices={"instrument": ["BUND"], "price": ["98.71"]})  # A1 alone holds it
    overview.page.locator(flashing).first.wait_for()
    overview.until(both.rows(["account"], accounts=["A1", "A2"]))
    cells = overview.page.locator("#grid .ag-body .ag-cell-data-changed").all()
    assert {cell.get_attribute("col-id") for cell in cells} == {"sod", "current", "expected"}
    rows = "c => c.map((one) => one.closest('.ag-row').getAttribute('row-id'))"
    rows = overview.page.eval_on_selector_all("#grid .ag-body .ag-cell-data-changed", rows)
    assert set(map(html.unescape, rows)) == {'[1,"A1"]'}
    overview.page.wait_for_function("s => document.querySelectorAll(s).length === 0", arg=flashing)


def test_unpriced_positions_are_marked(overview, both) -> None:
    both.update(holdings={"account": ["A2"], "instrument": ["NEW"], "quantity": [5]})
    overview.choose("accounts", "A2")
    overview.until(both.rows(["account"], accounts=["A2"]))
    assert overview.page.locator("#unpriced").inner_text() == "1"
    assert overview.page.locator("#grid .ag-body .ag-cell.unpriced").inner_text() == "1"
    both.update(prices={"instrument": ["NEW"], "price": ["2"]})
    overview.page.locator("#unpriced-badge").wait_for(state="hidden")
    overview.until(both.rows(["account"], accounts=["A2"]))
