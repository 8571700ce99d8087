"""A headless browser on the page of a running service.

Without a browser these tests are skipped, except in CI.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator

import pytest

sync_api = pytest.importorskip("playwright.sync_api")
NAMES = ("chromium", "chromium-browser", "google-chrome")
WAIT = 30_000  # milliseconds to wait for something to appear
DASH = "\N{EN DASH}"  # shown instead of a number that does not exist


@contextlib.contextmanager
def chromium() -> Iterator[sync_api.Browser]:
    """Start the machine's browser, or the one that Playwright installed."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    with sync_api.sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except sync_api.Error as error:
            why = f"Chromium does not start: {error.message.splitlines()[0]}"
            if os.environ.get("MVCORE_SKIP_NOTHING"):  # .ci/run, which installs a browser
                pytest.fail(why)
            pytest.skip(why)
        try:
            yield browser
        finally:
            browser.close()


class Overview:
    """The page as a user sees it. `complaints`: errors that it wrote to the console."""

    def __init__(self, browser: sync_api.Browser, url: str, **settings: object) -> None:
        self.context = browser.new_context(accept_downloads=True, **settings)
        self.context.set_default_timeout(WAIT)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._heard)
        self.page.on("request", lambda request: self.hosts.add(request.url.split("/")[2]))
        self.page.goto(url)

    def _heard(self, message: sync_api.ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def state(self, name: str) -> None:
        """Wait for this connection state."""
        self.page.wait_for_function(
            "name => document.getElementById('state').textContent === name", arg=name
        )

    def choose(self, picker: str, *texts: str) -> None:
        """Choose by keyboard, as a user types."""
        box = self.page.locator(f"#{picker} input")
        box.focus()
        for text in texts:
            box.fill(text)
            self.page.locator(f"#{picker} li[role=option]", has_text=text).first.wait_for()
            box.press("Enter")
        box.press("Escape")

    def empty(self, picker: str) -> None:
        box = self.page.locator(f"#{picker} input")
        box.focus()
        for _ in range(self.page.locator(f"#{picker} .chosen button").count()):
            box.press("Backspace")
        box.press("Escape")

    def rows(self, pinned: bool = False) -> list[list[str]]:
        """The texts of the cells as displayed, in the order of rows and columns."""
        return self.page.evaluate(ROWS, pinned)

    def titles(self) -> list[str]:
        cells = self.page.locator("#grid .ag-header-cell")
        found = [(cell.get_attribute("aria-colindex"), cell.inner_text()) for cell in cells.all()]
        return [text.strip() for _, text in sorted(found, key=lambda pair: int(pair[0] or 0))]

    def epoch(self, epoch: int) -> None:
        """Wait until the page shows this epoch or a later one."""
        self.page.wait_for_function(
            "at => Number(document.getElementById('epoch').textContent.replace(/,/g, '')) >= at",
            arg=epoch,
        )

    def until(self, wanted: list[list[str]], pinned: bool = False) -> None:
        """Wait for these rows."""
        try:
            same = f"([wanted, pinned]) => JSON.stringify(({ROWS})(pinned)) === wanted"
            text = json.dumps(wanted, separators=(",", ":"), ensure_ascii=False)
            self.page.wait_for_function(same, arg=[text, pinned])
        except sync_api.TimeoutError:
            assert self.rows(pinned) == wanted
            raise

    def close(self) -> None:
        self.context.close()


ROWS = """(pinned) => {
  const where = pinned ? '.ag-floating-bottom' : '.ag-body';
  const rows = new Map();
  for (const row of document.querySelectorAll(`#grid ${where} .ag-row`)) {
    const at = Number(row.getAttribute('row-index').replace(/\\D/g, ''));
    if (!rows.has(at)) rows.set(at, []);
    for (const cell of row.querySelectorAll('.ag-cell')) {
      rows.get(at).push([Number(cell.getAttribute('aria-colindex')), cell.textContent.trim()]);
    }
  }
  const places = [...rows.keys()].sort((a, b) => a - b);
  return places.map((at) => rows.get(at).sort((a, b) => a[0] - b[0]).map(([, text]) => text));
}"""
