"""examples/fastapi_service.py, and every message against docs/serve.schema.json."""

import asyncio
import importlib.util
import json
from pathlib import Path

import pytest

import mvcore

pytest.importorskip("mvcore.serve")
pytest.importorskip("fastapi")
jsonschema = pytest.importorskip("jsonschema")
from serving import Follower, client, running, websockets  # noqa: E402 - after importorskip

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs" / "serve.schema.json").read_text())


@pytest.fixture
def example():
    path = ROOT / "examples" / "fastapi_service.py"
    spec = importlib.util.spec_from_file_location("fastapi_service", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_service_works_mounted_in_another_service(example) -> None:
    async def run(port: int) -> dict:
        async with websockets.connect(f"ws://127.0.0.1:{port}/overview/v1/live") as connection:
            follower = Follower(connection)
            select = {"type": "select", "id": "x", "by": ["desk"], "currency": "EUR"}
            jsonschema.validate(select, SCHEMA)
            await follower.ask(**select)
            jsonschema.validate(await follower.next(), SCHEMA)
            with client(port, None) as http:
                made = {"instrument": "AAPL", "price": "165"}
                epoch = http.post("/trades", json=made).json()["epoch"]
                refused = http.post("/trades", json=made | {"instrument": "nothing"})
                assert refused.status_code == 422
            await follower.at(epoch)
            await follower.ask(by=["nothing"])
            refused = await follower.next()
            jsonschema.validate(refused, SCHEMA)
            assert refused["code"] == "invalid_selection"
            return follower.table()

    with running(example.app, lifespan="on") as port:
        table = asyncio.run(run(port))
        with client(port, None) as http:
            assert http.get("/docs").status_code == 200
            assert [*http.get("/openapi.json").json()["paths"]] == ["/trades"]
            assert http.get("/overview/health").json()["status"] == "ok"
            assert http.get("/overview/").status_code == 200  # the page
            assert http.post("/overview/v1/values", json={"by": []}).status_code == 200
            assert http.get("/health").status_code == 404
        book = example.app.state.book
        assert book.epoch == 2
    assert table[("d1",)]["current"] == "15000.00"
    assert table[("d2",)]["current"] == "24000.00"
    with pytest.raises(mvcore.ClosedError):  # closed by the service that owns the book
        book.epoch  # noqa: B018
