"""Takes the pictures of docs/images from the page with the demo's book: `make screenshots`."""

import json
import sys
from pathlib import Path
from urllib.parse import quote

from browser import Overview, chromium
from mvcore.demo import served
from mvcore.serve import create_app
from serving import running

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True}
SELECTION = {
    "accounts": [f'?["household","H{k:04}"]' for k in range(2)],
    "rollup": True,
}
WATCHED_FOR = 12_000  # milliseconds, so that the chart has a line


def take(name: str, url: str, by: tuple[str, ...], **settings) -> None:
    with chromium() as browser:
        selection = quote(json.dumps(SELECTION | {"by": by}))
        overview = Overview(browser, f"{url}#{selection}", **settings)
        overview.state("live")
        overview.page.locator("#grid .ag-row").first.wait_for()
        overview.page.wait_for_timeout(WATCHED_FOR)
        overview.page.screenshot(path=IMAGES / name)
        overview.close()


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with served.playing((200, 100)) as book, running(create_app(book)) as port:
        url = f"http://127.0.0.1:{port}/"
        tree = ("household", "account")
        take("overview-desktop.png", url, tree, color_scheme="light", **DESKTOP)
        take("overview-dark.png", url, tree, color_scheme="dark", **DESKTOP)
        take("overview-phone.png", url, ("account",), has_touch=True, **PHONE)


if __name__ == "__main__":
    sys.exit(main())
