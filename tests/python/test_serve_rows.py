"""Rows that the service sends have the same digits and labels as frames."""

import json
import random
from decimal import Decimal as D

import numpy as np
import pytest

pytest.importorskip("mvcore.serve")
from mvcore.formats import fixed_texts
from mvcore.serve import rows as rows_module
from mvcore.serve.rows import NEVER, Rows, Update, plain, update_of, updates_of


def test_amounts_are_written_as_by_decimal() -> None:
    rng = random.Random(1)
    values = [sign * v for bits in range(128) for v in (1 << bits, rng.getrandbits(bits + 1) >> 1)
              for sign in (1, -1) if v < 1 << 127]  # fmt: skip
    values += [0, 2**63, -(2**63), 2**64, -(2**64), 2**127 - 1, -(2**127)]
    halves = np.array([[(v & 2**64 - 1), (v >> 64) & 2**64 - 1] for v in values], np.uint64)
    for scale in (0, 1, 2, 8, 18):
        wanted = [format(D(f"{v}e-{scale}"), "f") for v in values]
        assert fixed_texts(halves.view(np.int64), scale) == wanted


@pytest.mark.parametrize(
    "asked",
    [
        {}, {"by": ("desk",), "currency": "EUR"}, {"by": ("currency", "account")}, {"by": ()},
        {"by": ("desk", "sector"), "rollup": True, "measures": ("expected",)},
        {"by": ("country",), "currency": "local"}, {"accounts": {"desk": ["d2"]}},
        {"by": ("account", "instrument"), "currency": "local"},
        {"by": ("country",), "currency": "account.reporting"}, {"currency": "account.reporting"},
    ],
    ids=str,
)  # fmt: skip
def test_rows_stay_equal_to_values(book, asked) -> None:
    """After changes of prices, orders and labels."""
    if "country" in asked.get("by", ()):
        asked = asked | {"by": ("instrument.country",)}
    book.update(accounts={"account": ["A1", "A2"], "reporting": ["EUR", "USD"]})
    view, other = book.view(**asked), book.view(**asked)
    empty = book.view(**asked | {"accounts": []})
    rng = random.Random(3)
    local = asked.get("currency") in ("local", "account.reporting")
    labels = len(asked.get("by", ("account",))) + asked.get("rollup", False) + local
    rows = Rows()

    def same() -> None:
        if rng.random() < 0.5:
            rows.apply(update_of(view.changes(), labels, 100))
        else:
            before, update, after = updates_of(
                book.changes([other, view, empty], combined=True), labels, 3, 100
            )
            assert after.rows == {} and before.columns == update.columns == after.columns
            rows.apply(update)
        frame = book.values(**asked)
        columns = frame.column_names
        lists = [[plain(value) for value in frame[name]] for name in columns]
        wanted = {row[:labels]: list(row) for row in zip(*lists, strict=True)}
        got = {tuple(json.loads(key)): json.loads(text) for key, text in rows.json.items()}
        assert (json.loads(rows.columns), got) == (columns, wanted)
        message = json.loads("{" + rows.body(NEVER, None).text)
        assert sorted(message["rows"], key=str) == sorted(wanted.values(), key=str)

    same()
    first = [json.loads(text) for text in rows.json.values()]
    assert first == [
        list(row)
        for row in zip(
            *[
                [plain(v) for v in book.values(**asked)[name]]
                for name in book.values(**asked).column_names
            ],
            strict=True,
        )
    ]  # in this order
    writes = [
        lambda: book.tick("AAPL", "161.125"),
        lambda: book.order(1, "A2", "BUND", -10, -3),
        lambda: book.update(holdings={"account": ["A2"], "instrument": ["AAPL"], "quantity": [0]}),
        lambda: book.update(accounts={"account": ["A3"], "desk": ["d2"], "country": ["FR"],
                                      "reporting": ["EUR"]},
                            holdings={"account": ["A3"], "instrument": ["CASH"], "quantity": [7]}),
        lambda: book.update(accounts={"account": ["A1"], "desk": ["d2"]}),
        lambda: book.update(instruments={"instrument": ["BUND"], "currency": ["EUR"],
                                         "sector": ['a "b" \u20ac'], "country": ["FR"]}),
        lambda: book.order(1, "A2", "BUND", 0, 0),
        lambda: book.tick("BUND", "-0.001"),
    ]  # fmt: skip
    for write in writes:
        write()
        same()


@pytest.mark.parametrize("most_gone", [0, 3, 1_000])
def test_a_client_has_all_rows_whenever_it_reads(monkeypatch, most_gone) -> None:
    """Clients of different speeds, with rows that enter, change and leave."""
    monkeypatch.setattr(rows_module, "MOST_GONE", most_gone)
    rng = random.Random(most_gone)
    rows, wholes = Rows(), 0
    clients = [{"since": NEVER, "rows": {}, "pace": pace} for pace in (1, 1, 2, 7, 60)]
    for read in range(1, 600):
        keys = rng.sample(range(12), rng.choice([0, 0, 1, 3]))
        update = {f"[{k}]": None if rng.random() < 0.4 else f"[{k}, {read}]" for k in keys}
        rows.apply(Update("[]", read, update))
        for client in clients:
            if read % client["pace"]:
                continue
            body = rows.body(client["since"], None)
            message = json.loads("{" + body.text)
            assert body.rows == len(message["rows"]) + len(message["removed"])
            wholes += message["all"] and client["since"] != NEVER
            kept = {} if message["all"] else client["rows"]
            kept |= {row[0]: row for row in message["rows"]}
            for (key,) in message["removed"]:
                kept.pop(key, None)
            client["rows"], client["since"] = kept, rows.read
            assert kept == {json.loads(k)[0]: json.loads(text) for k, text in rows.json.items()}
        assert rows.body(rows.read - 1, None) is rows.body(rows.read - 1, None)  # built once
        assert len(rows._at) <= 12
    assert (wholes > 0) is (most_gone < 1_000)


def test_a_view_with_too_many_rows_does_not_end_the_others(book) -> None:
    views = [book.view(accounts="A1"), book.view(), book.view(accounts="A2")]
    found = updates_of(book.changes(views, combined=True), 1, 3, 1)
    assert [None if update is None else list(update.rows) for update in found] == [
        ['["A1"]'], None, ['["A2"]']
    ]  # fmt: skip
    assert update_of(book.view().changes(), 1, 1) is None


def test_removed_rows_do_not_count(book) -> None:
    views = [book.view(), book.view()]
    book.changes(views)
    held = {"account": ["A1", "A1"], "instrument": ["AAPL", "BUND"], "quantity": [0, 0]}
    book.update(holdings=held, prices={"instrument": ["AAPL"], "price": [7]})
    [update] = updates_of(book.changes(views[:1], combined=True), 1, 1, 1)
    assert update == update_of(views[1].changes(), 1, 1)
    assert update.rows['["A1"]'] is None
    assert json.loads(update.rows['["A2"]'])[0] == "A2"
