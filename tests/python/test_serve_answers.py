"""HTTP responses in each format, and their headers."""

import csv
import io
from decimal import Decimal as D

import pyarrow.parquet as pq
import pytest

serve = pytest.importorskip("mvcore.serve")
from serving import client, serving  # noqa: E402 - after importorskip

JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"
ODD = ["=1+1", "+x", "-y", "@z", 'quo"te', "com,ma", "line\nbreak", "carriage\rreturn", "Ünï 💶"]


@pytest.fixture
def service(book):
    names = {"account": ODD, "desk": ["=cmd()"] * len(ODD)}
    holdings = {"account": ODD, "instrument": ["AAPL"] * len(ODD)}
    held = {"quantity": [D(f"1.{k}00000000000000001") for k in range(len(ODD))]}
    book.update(accounts=names, holdings=holdings | held)
    book.order(7, "A1", "AAPL", 5, 2)
    with serving(book) as running_service:
        yield running_service


def rows_of(answer) -> tuple[list[str], list[list]]:
    """Column names and rows. Amounts are decimals if the format has them, otherwise texts."""
    kind = answer.headers["content-type"].partition(";")[0]
    if kind == JSON:
        return answer.json()["columns"], answer.json()["rows"]
    if kind == CSV:
        first, *rest = csv.reader(io.StringIO(answer.content.decode(), newline=""))
        return first, rest
    table = pq.read_table(io.BytesIO(answer.content))
    return table.column_names, [list(row.values()) for row in table.to_pylist()]


@pytest.mark.parametrize("kind", [JSON, CSV, PARQUET])
@pytest.mark.parametrize("call", ["values", "positions", "holdings", "orders"])
def test_every_digit_and_label_in_every_format(service, book, call, kind) -> None:
    _, port = service
    want = getattr(book, call)()
    with client(port) as http:
        answer = http.post(f"/v1/{call}", json={}, headers={"Accept": kind})
    assert answer.headers["x-mvcore-epoch"] == str(want.epoch)
    columns, rows = rows_of(answer)
    assert columns == want.column_names
    assert len(rows) == len(want)
    for name, column in zip(columns, zip(*rows, strict=True), strict=True):
        texts = [format(v, "f") if isinstance(v, D) else v for v in want[name]]
        if kind == CSV:
            texts = ["" if v is None else str(v) for v in texts]
        if kind == PARQUET:  # all of one scale, so with more zeros
            assert list(column) == want[name]
        else:
            assert list(column) == texts
    saved = None if kind == JSON else f'filename="{call}.{"csv" if kind == CSV else "parquet"}"'
    assert saved is None or saved in answer.headers["content-disposition"]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [("", JSON), ("*/*", JSON), ("text/*", CSV), ("text/html, */*;q=0.1", JSON),
     ("text/csv;q=0.5, application/json;q=0.4", CSV), ("TEXT/CSV", CSV), ("text/csv;q=2", CSV),
     ("*/*, application/json;q=0", CSV), ("application/*, application/json;q=0.2", PARQUET),
     ("text/csv;q=0", None), ("text/csv;q=x", None), ("image/png", None), (";", None)],
)  # fmt: skip
def test_the_format_is_what_the_client_accepts(service, accept, kind) -> None:
    _, port = service
    with client(port) as http:
        answer = http.post("/v1/values", json={}, headers={"Accept": accept})
    if kind is None:
        assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")
    else:
        assert answer.headers["content-type"].partition(";")[0] == kind


def test_no_answer_is_cached_or_sniffed(service) -> None:
    _, port = service
    with client(port) as http:
        for answer in (
            http.get("/v1/accounts"), http.post("/v1/values", json={}), http.get("/health"),
            http.post("/v1/values", json={"by": 1}), http.get("/nothing"),
        ):  # fmt: skip
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("file", ["/page/main.js", "/vendor/ag-grid/index.js"])
def test_files_of_the_page_are_cached_by_their_etag(service, file) -> None:
    _, port = service
    with client(port, None) as http:
        first = http.get(file)
        assert (first.status_code, first.headers["cache-control"]) == (200, "no-cache")
        again = http.get(file, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["cache-control"] == "no-cache"
        assert http.get(file + "x").headers["cache-control"] == "no-store"
