"""The page in use: keyboard, tokens, lost connections, files, phones."""

import csv
import io
import random
from decimal import Decimal as D

import pyarrow.parquet
import pytest

serve = pytest.importorskip("mvcore.serve")
from browser import Overview  # noqa: E402 - after importorskip
from serving import TOKENS, running  # noqa: E402


@pytest.fixture
def overview(browser, book):
    with running(serve.create_app(book)) as port:
        overview = Overview(browser, f"http://127.0.0.1:{port}/")
        yield overview
        overview.close()
        assert overview.complaints == []


def shown(book, **asked) -> list[list[str]]:
    """Rows by account as the page shows them."""
    rows = book.values(**asked).to_pylist()
    amounts = ("sod", "current", "expected")
    return [
        [row["account"], *(f"{row[name]:,f}" for name in amounts),
         str(row["unpriced"])]
        for row in rows
    ]  # fmt: skip


def test_the_page_reconnects_after_a_restart(browser, book) -> None:
    with running(serve.create_app(book)) as port:
        overview = Overview(browser, f"http://127.0.0.1:{port}/")
        overview.choose("accounts", "A1")
        overview.until(shown(book, accounts=["A1"]))
    overview.state("reconnecting")
    book.tick("AAPL", "777.125")
    with running(serve.create_app(book), port):
        overview.state("live")
        overview.until(shown(book, accounts=["A1"]))
        overview.epoch(book.tick("AAPL", "778"))
        overview.until(shown(book, accounts=["A1"]))
        assert len(overview.page.locator("#accounts .chosen button").all()) == 1
        overview.page.reload()  # the address contains the selection
        overview.until(shown(book, accounts=["A1"]))
        overview.close()


def test_everything_works_by_keyboard(overview, book) -> None:
    keyboard, page = overview.page.keyboard, overview.page
    overview.state("live")
    keyboard.press("/")
    keyboard.type("A")
    page.locator("#accounts li.active").wait_for()
    keyboard.press("ArrowDown")
    while "A2" not in page.locator("#accounts li.active").inner_text():
        keyboard.press("ArrowDown")
    keyboard.press("Enter")
    keyboard.press("Escape")
    overview.until(shown(book, accounts=["A2"]))
    keyboard.press("r")
    assert page.is_checked("#rollup")
    keyboard.press("t")
    focused = "document.activeElement.getAttribute('col-id')"
    assert page.evaluate(focused) == "label account"
    keyboard.press("ArrowRight")
    assert page.evaluate(focused) == "sod"
    keyboard.press("f")
    keyboard.type("nothing of that name")
    overview.until([])
    keyboard.press("Escape")
    keyboard.press("g")
    assert page.evaluate("document.activeElement.closest('.picker').id") == "by"


def test_pickers_search_names_and_attributes(overview, book) -> None:
    page = overview.page
    overview.state("live")
    page.locator("#accounts input").focus()
    page.locator("#accounts li", has_text="desk: d2").wait_for()
    page.fill("#accounts input", "nobody")
    assert page.locator("#accounts li").inner_text() == "nothing of that name"
    overview.choose("accounts", "desk: d2")
    overview.until(shown(book, accounts={"desk": "d2"}))
    book.update(accounts={"account": ["A1"], "desk": ["d2"]})
    overview.until(shown(book, accounts={"desk": "d2"}))
    overview.choose("accounts", "A1")  # a name instead of attributes
    overview.until(shown(book, accounts=["A1"]))
    overview.choose("instruments", "BUND")
    overview.until(shown(book, accounts=["A1"], instruments=["BUND"]))
    page.uncheck("#measures input[value=sod]")
    page.uncheck("#measures input[value=expected]")
    page.wait_for_function("() => document.querySelectorAll('#grid .ag-header-cell').length === 3")
    page.locator("#accounts .chosen button").click()
    page.locator("#hint").wait_for()
    overview.until([])


def test_the_page_asks_for_a_token(browser, book) -> None:
    with running(serve.create_app(book, serve.Tokens.of(TOKENS))) as port:
        overview = Overview(browser, f"http://127.0.0.1:{port}/")
        page = overview.page
        page.locator("#login").wait_for()
        page.fill("#token", "wrong")
        page.keyboard.press("Enter")
        page.locator("#login-problem", has_text="the token is unknown").wait_for()
        page.fill("#token", "one")
        page.keyboard.press("Enter")
        overview.state("live")
        page.locator("#everyone").click()
        overview.until(shown(book, accounts=["A1"]))
        page.locator("#accounts input").focus()
        names = page.locator("#accounts li").all_inner_texts()
        assert "A1" in names
        assert not any("A2" in name or "d2" in name for name in names)
        assert "one" not in page.url.split("#")[-1]
        page.reload()
        overview.until(shown(book, accounts=["A1"]))
        overview.close()


def test_exported_files_have_the_selection_to_the_last_digit(overview, book, tmp_path) -> None:
    overview.choose("accounts", "all accounts")
    overview.until(shown(book))
    want = book.values()
    with overview.page.expect_download() as waiting:
        overview.page.click("#csv")
    path = tmp_path / "values.csv"
    waiting.value.save_as(path)
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    assert [row["account"] for row in rows] == want["account"]
    assert [D(row["expected"]) for row in rows] == want["expected"]
    with overview.page.expect_download() as waiting:
        overview.page.click("#parquet")
    waiting.value.save_as(tmp_path / "values.parquet")
    table = pyarrow.parquet.read_table(tmp_path / "values.parquet")
    assert table["current"].to_pylist() == want["current"]
    assert table["account"].to_pylist() == want["account"]


def test_the_page_fits_a_phone(browser, book) -> None:
    with running(serve.create_app(book)) as port:
        url = f"http://127.0.0.1:{port}/"
        overview = Overview(
            browser, url, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
        )
        page = overview.page
        overview.state("live")
        page.locator("#everyone").tap()
        page.locator("#grid .ag-row").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.locator("summary").tap()
        page.locator("#controls").wait_for(state="hidden")
        assert page.locator("#grid").bounding_box()["height"] > 300
        assert overview.complaints == []
        overview.close()


def test_the_page_has_a_dark_and_a_light_mode(browser, book) -> None:
    back = "getComputedStyle(document.body).backgroundColor"
    with running(serve.create_app(book)) as port:
        overview = Overview(browser, f"http://127.0.0.1:{port}/", color_scheme="dark")
        overview.state("live")
        dark = overview.page.evaluate(back)
        overview.page.click("#theme")
        light = overview.page.evaluate(back)
        assert (dark, light) == ("rgb(20, 25, 31)", "rgb(255, 255, 255)")
        overview.page.reload()
        assert overview.page.evaluate(back) == light
        overview.close()


def test_the_page_shows_latency_epoch_and_chart(overview, book) -> None:
    page = overview.page
    page.wait_for_function("() => /^\\d+ ms$/.test(document.getElementById('latency').textContent)")
    overview.choose("accounts", "A1")
    for cents in range(10):
        overview.epoch(book.tick("AAPL", f"{15_000 + cents}e-2"))
    page.wait_for_function(
        "() => document.querySelectorAll('#chart path[stroke-width=\"2\"]').length > 0"
    )
    page.select_option("#drawn", "sod")
    texts = page.locator("#chart svg text").all_text_contents()
    assert any("," in text and "." in text for text in texts)


def test_javascript_compares_amounts_exactly(overview) -> None:
    """decimals.js agrees with Decimal."""
    random.seed(5)

    def amount() -> str:
        scale = random.choice([0, 2, 8, 20])
        return format(D(random.randint(-(10 ** random.randint(1, 40)), 10**20)).scaleb(-scale), "f")

    pairs = [(amount(), amount()) for _ in range(300)]
    pairs += [(a, a + "0" if "." in a else a + ".0") for a, _ in pairs]
    found = overview.page.evaluate(
        """async (pairs) => {
          const m = await import('./page/decimals.js');
          return pairs.map(([a, b]) => [m.compare(a, b), m.grouped(a), m.isNegative(a),
            m.places([a, b]).places, m.places([a, b]).at(0), m.places([a, b]).at(10000)]);
        }""",
        pairs,
    )
    for (a, b), (sign, grouped, negative, places, low, high) in zip(pairs, found, strict=True):
        left, right = D(a), D(b)
        assert sign == (left > right) - (left < right)
        assert grouped == f"{left:,f}"
        assert negative == (left < 0)
        assert D(low) == min(left, right)
        if left != right:
            assert D(high) == max(left, right)
            assert places == ([0, 10_000] if left < right else [10_000, 0])
