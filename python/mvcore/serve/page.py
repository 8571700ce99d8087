"""The web page of the service, served from files of installed packages only.

AG Grid and ECharts are the ES modules that nicegui ships (docs/decisions/0010). nicegui itself is
not imported.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

PAGE = Path(__file__).with_name("page")
VENDOR = {"ag-grid": "aggrid", "echarts": "echart"}  # path on the page: folder of nicegui
# Scripts only from the service. Both libraries write styles, and AG Grid has icons in data: URLs.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
    "img-src 'self' data:; font-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)


class PageFiles(StaticFiles):
    """Static files that browsers cache but revalidate on each use."""

    def file_response(self, *arguments: Any, **named: Any) -> Response:
        response = super().file_response(*arguments, **named)
        response.headers["Cache-Control"] = "no-cache"
        return response


async def index(request: Request) -> Response:
    headers = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
    return FileResponse(PAGE / "index.html", headers=headers)


def routes() -> list[BaseRoute]:
    """The routes of the page. Raises ModuleNotFoundError if nicegui is not installed."""
    spec = importlib.util.find_spec("nicegui")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the page needs nicegui", name="nicegui")
    elements = Path(spec.submodule_search_locations[0]) / "elements"
    vendored: list[BaseRoute] = [
        Mount(f"/vendor/{name}", PageFiles(directory=elements / folder / "dist"))
        for name, folder in VENDOR.items()
    ]
    return [Route("/", index), Mount("/page", PageFiles(directory=PAGE)), *vendored]
