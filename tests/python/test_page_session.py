"""The page when its session ends or its connection is lost: outdated data never looks current."""

import re
import time

import pytest

serve = pytest.importorskip("mvcore.serve")
from browser import DASH, Overview  # noqa: E402 - after importorskip
from serving import TOKENS, running  # noqa: E402


def signed_in(browser, port: int, token: str) -> Overview:
    overview = Overview(browser, f"http://127.0.0.1:{port}/")
    sign_in(overview, token)
    overview.page.locator("#everyone").click()
    overview.page.locator("#grid .ag-body .ag-row").first.wait_for()
    return overview


def sign_in(overview, token: str) -> None:
    overview.page.locator("#login").wait_for()
    overview.page.fill("#token", token)
    overview.page.keyboard.press("Enter")
    overview.page.locator("#login").wait_for(state="hidden")


def assert_nothing_is_left(overview, *names: str) -> None:
    """Assert that no rows, totals, chart amounts or selectable names are left."""
    overview.until([])
    overview.until([], pinned=True)
    assert overview.page.locator("#chart svg text", has_text=",").count() == 0
    assert overview.page.locator("#epoch").text_content() == DASH
    assert overview.page.locator("#price-age").text_content() == DASH
    inner = overview.page.locator("body").inner_html()
    assert re.findall(r"\d,\d{3}\.\d{8}", inner) == []
    content = overview.page.evaluate("document.body.textContent")
    assert [name for name in names if name in content] == []
    # the selection is kept for the next user who signs in
    if overview.page.locator("#login").is_visible():
        assert overview.page.locator("#accounts .chosen button").is_hidden()


class Wallet:
    """Tokens that can be revoked. "soon" expires 6 seconds after its first use."""

    def __init__(self, **principals) -> None:
        self.principals = principals

    def principal(self, token: str):
        if token == "soon" and token not in self.principals:
            self.principals[token] = serve.Principal("soon", None, until=time.time() + 6)
        return self.principals.get(token)


def test_an_expired_token_clears_the_page(browser, book) -> None:
    tokens = Wallet(late=serve.Principal("late", frozenset({"A1"})))
    with running(serve.create_app(book, tokens)) as port:
        overview = signed_in(browser, port, "soon")
        overview.page.hover("#chart")  # shows an amount
        overview.page.locator("#login-problem", has_text="the token has expired").wait_for()
        overview.state("signed out")
        assert_nothing_is_left(overview, "A2", "BUND", "govt")
        sign_in(overview, "late")
        overview.state("live")
        overview.page.locator("#grid .ag-body .ag-row").first.wait_for()
        assert [row[0] for row in overview.rows()] == ["A1"]
        overview.close()


def test_a_revoked_token_clears_the_page(browser, book) -> None:
    tokens = Wallet(all=TOKENS["all"])
    with running(serve.create_app(book, tokens)) as port:
        overview = signed_in(browser, port, "all")
        tokens.principals.clear()
        overview.page.locator("#login-problem", has_text="revoked").wait_for()
        assert_nothing_is_left(overview, "A1", "A2", "BUND", "govt")
        tokens.principals["all"] = TOKENS["all"]  # it is not reused until entered again
        sent: list[str] = []
        overview.page.on(
            "websocket", lambda socket: socket.on("framesent", lambda text: sent.append(text))
        )
        with overview.page.expect_websocket() as again:
            overview.page.evaluate("dispatchEvent(new Event('online'))")
        again.value.wait_for_event("close")
        assert sent
        assert [text for text in sent if "hello" in text] == []
        overview.state("signed out")
        assert_nothing_is_left(overview, "A1", "A2", "BUND", "govt")
        overview.close()


def test_a_closed_book_is_reported(browser, book) -> None:
    with running(serve.create_app(book)) as port:
        overview = Overview(browser, f"http://127.0.0.1:{port}/")
        overview.choose("accounts", "A1")
        overview.page.locator("#grid .ag-row").first.wait_for()
        book.close()
        overview.page.locator("#problem", has_text="the book is closed").wait_for()
        assert_nothing_is_left(overview)
        overview.close()


def test_an_ended_session_is_reported(browser, book) -> None:
    sockets = []

    def through(socket) -> None:
        sockets.append(socket)
        if len(sockets) == 1:
            socket.connect_to_server()
        else:
            socket.close()

    with running(serve.create_app(book)) as port:
        overview = Overview(browser, "about:blank")
        overview.page.route_web_socket("**/v1/live", through)
        overview.page.goto(f"http://127.0.0.1:{port}/")
        overview.choose("accounts", "A1")
        overview.page.locator("#grid .ag-row").first.wait_for()
        sockets[0].close(code=4408, reason="the client is too slow")
        overview.page.locator("#problem", has_text="the client is too slow").wait_for()
        assert_nothing_is_left(overview)
        overview.close()


def test_rows_without_a_connection_show_their_time(browser, book) -> None:
    page_line = "#chart path[stroke-width='2']"
    with running(serve.create_app(book)) as port:
        overview = Overview(browser, f"http://127.0.0.1:{port}/")
        overview.choose("accounts", "A1")
        overview.page.locator("#grid .ag-row").first.wait_for()
        for price in ("150", "151", "152"):
            overview.epoch(book.tick("AAPL", price))
        assert overview.page.locator("#as-of").is_hidden()
        assert opacity(overview) == "1"
    as_of = overview.page.locator("#as-of", has_text="not connected")
    as_of.wait_for()
    assert re.fullmatch(r"as of \d\d:\d\d:\d\d, not connected", as_of.inner_text())
    assert float(opacity(overview)) < 0.6
    rows = overview.rows()
    assert rows  # they stay readable
    with running(serve.create_app(book), port):
        overview.state("live")
        as_of.wait_for(state="hidden")
        for price in ("153", "154"):
            overview.epoch(book.tick("AAPL", price))
        assert opacity(overview) == "1"
        parts = "s => (document.querySelector(s)?.getAttribute('d').match(/M/g) ?? []).length === 2"
        overview.page.wait_for_function(parts, arg=page_line)  # a gap, not a flat line
        overview.close()


def test_rows_of_the_previous_selection_are_dimmed(browser, book) -> None:
    held: list = []  # messages that a slow service holds back

    def through(socket) -> None:
        server = socket.connect_to_server()
        server.on_message(lambda text: held.append(text) if held else socket.send(text))

    with running(serve.create_app(book)) as port:
        overview = Overview(browser, "about:blank")
        overview.page.route_web_socket("**/v1/live", through)
        overview.page.goto(f"http://127.0.0.1:{port}/")
        overview.choose("accounts", "A1")
        overview.page.locator("#grid .ag-row").first.wait_for()
        assert opacity(overview) == "1"
        held.append("")
        overview.page.select_option("#currency", "EUR")
        dimmed = "() => getComputedStyle(document.getElementById('grid')).opacity < 0.6"
        overview.page.wait_for_function(dimmed)
        assert overview.page.locator("#as-of").is_hidden()  # it is connected
        held.clear()
        overview.page.select_option("#currency", "")
        overview.page.wait_for_function(f"() => !({dimmed})()")
        assert overview.rows() == amounts_of(book, "USD")[:1]
        overview.close()


def opacity(overview) -> str:
    return overview.page.evaluate("getComputedStyle(document.getElementById('grid')).opacity")


FLASHES = """() => {
  window.flashes = 0;
  const seen = (node) => node.classList?.contains('ag-cell-data-changed');
  new MutationObserver((changes) => {
    for (const one of changes) {
      const nodes = one.type === 'attributes' ? [one.target] : one.addedNodes;
      window.flashes += [...nodes].filter(seen).length;
    }
  }).observe(document.getElementById('grid'),
    { subtree: true, childList: true, attributes: true, attributeFilter: ['class'] });
}"""


def test_only_changed_cells_are_highlighted(browser, book) -> None:
    with running(serve.create_app(book)) as port:
        overview = Overview(browser, f"http://127.0.0.1:{port}/")
        overview.choose("accounts", "A1", "A2")
        overview.page.locator("#grid .ag-row").first.wait_for()
        overview.page.evaluate(FLASHES)
        overview.page.select_option("#currency", "EUR")
        overview.page.locator(".ag-header-cell", has_text="EUR").first.wait_for()
        overview.until(amounts_of(book, "EUR"))
        overview.page.select_option("#currency", "")
        overview.until(amounts_of(book, "USD"))
    overview.state("reconnecting")
    book.tick("AAPL", "1")
    with running(serve.create_app(book), port):
        overview.until(amounts_of(book, "USD"))
        assert overview.page.evaluate("window.flashes") == 0
        book.tick("AAPL", "2")
        overview.until(amounts_of(book, "USD"))
        overview.page.wait_for_function("() => window.flashes > 0")
        overview.close()


def amounts_of(book, currency: str) -> list[list[str]]:
    names = ("sod", "current", "expected")
    return [
        [row["account"], *(f"{row[name]:,f}" for name in names), str(row["unpriced"])]
        for row in book.values(currency=currency).to_pylist()
    ]
