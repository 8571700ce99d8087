"""The overview mounted in a FastAPI service: `uvicorn examples.fastapi_service:app`.

The service owns the book: it opens it, feeds it and closes it. Clients find the overview under
/overview; the service's own routes and its /docs stay as they are.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

import mvcore
from mvcore.serve import create_app

ACCOUNTS = {"account": ["ACC001", "ACC002"], "desk": ["d1", "d2"]}
HOLDINGS = {"account": ["ACC001", "ACC002"], "instrument": ["AAPL", "SAP"], "quantity": [100, 200]}


@asynccontextmanager
async def lifespan(service: FastAPI) -> AsyncIterator[None]:
    """A mounted application has no lifespan of its own; the overview needs none."""
    with mvcore.Book(base_currency="USD", value_scale=2) as book:
        book.load(
            instruments={"instrument": ["AAPL", "SAP"], "currency": ["USD", "EUR"]},
            accounts=ACCOUNTS,
            holdings=HOLDINGS,
            prices={"instrument": ["AAPL", "SAP"], "price": ["150", "120"]},
            fx={"currency": ["EUR"], "rate": ["1.10"]},
        )
        service.state.book = book
        service.mount("/overview", create_app(book))
        yield


app = FastAPI(title="Trades", lifespan=lifespan)


class Trade(BaseModel):
    instrument: str
    price: str


@app.post("/trades")
def trade(made: Trade) -> dict[str, int]:
    """A route of your own that feeds the book; FastAPI runs it in a thread."""
    try:
        return {"epoch": app.state.book.tick(made.instrument, made.price)}
    except mvcore.Error as error:
        raise HTTPException(422, str(error)) from None
