"""The overview mounted in a service of your own: `uvicorn examples.mounted:app`.

The service owns the book and feeds it; clients find the overview under /overview.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

import mvcore
from mvcore.serve import create_app

book = mvcore.Book(base_currency="USD", value_scale=2)
book.load(
    instruments={"instrument": ["AAPL", "SAP"], "currency": ["USD", "EUR"]},
    accounts={"account": ["ACC001", "ACC002"], "desk": ["d1", "d2"]},
    holdings={
        "account": ["ACC001", "ACC002"],
        "instrument": ["AAPL", "SAP"],
        "quantity": [100, 200],
    },
    prices={"instrument": ["AAPL", "SAP"], "price": ["150", "120"]},
    fx={"currency": ["EUR"], "rate": ["1.10"]},
)


async def trade(request: Request) -> JSONResponse:
    """A route of your own that feeds the book."""
    epoch = book.tick("AAPL", (await request.body()).decode())
    return JSONResponse({"epoch": epoch})


app = Starlette(
    routes=[Route("/trade", trade, methods=["POST"]), Mount("/overview", create_app(book))]
)
