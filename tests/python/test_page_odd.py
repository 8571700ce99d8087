"""The page in failures: unusual addresses and names, refusals, a silent connection."""

import json
from urllib.parse import quote

import pytest

import mvcore

serve = pytest.importorskip("mvcore.serve")
from browser import Overview  # noqa: E402 - after importorskip
from serving import running  # noqa: E402


@pytest.fixture
def url(book):
    with running(serve.create_app(book)) as port:
        yield f"http://127.0.0.1:{port}/"


@pytest.mark.parametrize(
    "address",
    ["{", "5", "null", '{"accounts": null, "by": 5}', '{"accounts": ["?x"]}', '{"measures": []}',
     '{"interval": 300, "currency": "XXX"}', '{"toString": 1}', "%"],
)  # fmt: skip
def test_any_address_shows_a_working_page(browser, url, address) -> None:
    overview = Overview(browser, f"{url}#{quote(address, safe='%')}")
    overview.state("live")
    overview.choose("accounts", "A1")
    overview.page.locator("#accounts .chosen button").wait_for()
    if "XXX" in address:
        overview.page.locator("#problem", has_text="XXX").wait_for()
        overview.page.select_option("#currency", "")
        overview.page.select_option("#interval", "100")
    overview.page.locator("#grid .ag-row").first.wait_for()
    assert overview.complaints == []
    overview.close()


def test_names_are_shown_as_text(browser) -> None:
    odd = ["*", "=A", '?["a", "b"]', "<img src=x onerror=alert(1)>", "__proto__", "'\"&amp;"]
    with mvcore.Book() as book:
        book.load(
            instruments={"instrument": ["I"], "currency": ["USD"]},
            accounts={"account": odd, "constructor": odd},
            holdings={"account": odd, "instrument": ["I"] * 6, "quantity": range(1, 7)},
            prices={"instrument": ["I"], "price": [1]},
        )
        with running(serve.create_app(book)) as port:
            overview = Overview(browser, f"http://127.0.0.1:{port}/")
            for name in odd:
                overview.empty("accounts")
                box = overview.page.locator("#accounts input")
                box.fill(name)
                exact = f"constructor: {name}"
                overview.page.get_by_role("option", name=exact, exact=True).click()
                box.press("Escape")
                overview.page.wait_for_function(
                    "name => document.querySelector('#grid .ag-cell')?.textContent === name",
                    arg=name,
                )
                assert len(overview.rows()) == 1
            assert overview.complaints == []
            overview.close()


def test_a_refused_selection_clears_old_amounts(browser, url, book) -> None:
    overview = Overview(browser, url)
    overview.choose("accounts", "A1")
    overview.page.locator("#grid .ag-row").first.wait_for()
    book.update(instruments={"instrument": ["AAPL"], "desk": ["x"]})  # now both sides have "desk"
    overview.choose("by", "desk")
    overview.page.locator("#problem", has_text="desk").wait_for()
    overview.until([])
    book.tick("AAPL", 1)
    overview.choose("by", "desk")  # deselects it
    overview.page.locator("#grid .ag-row").first.wait_for()
    overview.page.locator("#problem").wait_for(state="hidden")
    overview.close()


@pytest.mark.parametrize("names", [3_000, 9_000])  # answered by the service; by the page
def test_a_selection_that_is_too_large_is_reported(browser, url, book, names) -> None:
    long = [f"an account with a long name {k:05}" for k in range(names)]
    book.update(accounts={"account": long})
    chosen = {"accounts": [f"={name}" for name in long]}
    overview = Overview(browser, "about:blank")
    connections = []
    overview.page.on("websocket", lambda socket: connections.append(socket.url))
    overview.page.goto(url + "#" + quote(json.dumps(chosen)))
    overview.page.locator("#problem", has_text="fewer names, or attributes").wait_for()
    overview.page.evaluate("() => { location.hash = '#'; }")
    overview.page.locator("#hint").wait_for()
    overview.choose("accounts", "A1")
    overview.page.locator("#grid .ag-row").first.wait_for()
    assert overview.page.locator("#problem").is_hidden()
    assert len(connections) == 1
    overview.close()


def test_the_last_measure_cannot_be_deselected(browser, url, book) -> None:
    overview = Overview(browser, url)
    overview.choose("accounts", "A1")
    for measure in ("sod", "current", "expected"):
        overview.page.click(f"#measures input[value={measure}]")
    assert overview.page.is_checked("#measures input[value=expected]")
    overview.epoch(book.tick("AAPL", 2))
    assert overview.complaints == []
    overview.close()


def test_a_phone_shows_the_currency_in_the_heading_or_the_rows(browser, url) -> None:
    overview = Overview(browser, url, viewport={"width": 390, "height": 844})
    overview.choose("accounts", "A1")
    overview.page.locator("#grid .ag-row").first.wait_for()
    assert overview.titles()[1] == "start-of-day holdings at current prices, USD"
    assert "USD" not in overview.rows()[0]
    overview.page.select_option("#currency", "local")
    overview.page.locator("#grid .ag-cell[col-id=amount_currency]").first.wait_for()
    assert {row[1] for row in overview.rows()} == {"EUR", "USD"}
    overview.close()


def test_a_silent_connection_is_replaced(browser, url, book) -> None:
    mute: list[bool] = []

    def through(socket) -> None:
        if mute:  # the page reconnects, and stays disconnected long enough to be seen
            socket.close()
            return
        server = socket.connect_to_server()
        server.on_message(lambda message: None if mute else socket.send(message))

    overview = Overview(browser, "about:blank")
    overview.page.route_web_socket("**/v1/live", through)
    overview.page.goto(url)
    overview.choose("accounts", "A1")
    overview.page.locator("#grid .ag-row").first.wait_for()
    mute.append(True)  # the service is silent, and no side closes
    overview.page.wait_for_function("() => document.getElementById('state').textContent !== 'live'")
    mute.clear()
    overview.state("live")
    overview.epoch(book.tick("AAPL", 3))
    overview.close()


def test_the_selection_in_the_address_is_json(browser, url) -> None:
    selection = {"accounts": ["=A1"], "measures": ["sod"], "by": ["sector"], "rollup": True}
    overview = Overview(browser, f"{url}#{quote(json.dumps(selection))}")
    overview.page.locator("#grid .ag-row").first.wait_for()
    assert overview.titles()[0].startswith("sector")
    assert len(overview.rows()[0]) == 3  # sector, sod, unpriced
    overview.close()


def test_another_bookmark_in_the_same_tab_is_shown(browser, url, book) -> None:
    overview = Overview(browser, f"{url}#{quote(json.dumps({'accounts': ['*']}))}")
    overview.page.wait_for_function(
        "() => document.querySelectorAll('#grid .ag-body .ag-row').length === 2"
    )
    other = quote(json.dumps({"accounts": ["*"], "by": ["currency"], "currency": "EUR"}))
    overview.page.evaluate("hash => { location.hash = hash; }", other)
    overview.page.locator(".ag-header-cell", has_text="currency held").wait_for()
    overview.page.locator(".ag-header-cell", has_text="current, EUR").wait_for()
    overview.close()


def test_search_finds_the_amounts_as_shown(browser, url, book) -> None:
    overview = Overview(browser, url)
    overview.choose("accounts", "all accounts")
    overview.page.locator("#grid .ag-row").first.wait_for()
    rows = overview.rows()
    amount = rows[0][1]
    assert "," in amount
    overview.page.fill("#find", amount)
    overview.until(rows[:1])
    overview.page.fill("#find", "")
    overview.page.locator(".ag-header-cell[col-id=sod] .ag-header-cell-filter-button").click()
    overview.page.locator(".ag-filter input[type=text]").first.fill("1e3")  # not an amount
    overview.until([])
    overview.close()
