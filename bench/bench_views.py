"""The costs of views: opening, reading changes, and keeping them up to date."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dataset import MOVES, PRICE_SCALE, VALUE_SCALE, World, amounts, decimal_of

MOVED = 8  # instruments that move between two reads
MANY_VIEWS = 1_000
VIEWS = 16  # views read one after the other, so that a read is timed without the ticks


def totals_of(frame: Any) -> list[int]:
    return frame.to_numpy("current", scaled=True).tolist()


def pairs_of(world: World, count: int) -> Any:
    """Two accounts each, the lower first."""
    firsts = world.some(world.accounts - 1, count)
    return np.stack([firsts, firsts + 1], axis=1)


def names_of(world: World, pair: Any) -> list[str]:
    return [world.account_names[a] for a in pair.tolist()]


@pytest.mark.parametrize("then", ["close", "first changes, close"])
def test_open_a_view_of_two_accounts(
    then: str, who: str, size: Any, world: World, book: Any, kernels: Any, measure: Any
) -> None:
    """The other contenders have no view to open: they sum the two accounts."""
    pairs = pairs_of(world, max(size.calls // 100, 2))
    names = [names_of(world, pair) for pair in pairs]
    by_account, prices = world.by_account, world.prices
    looks = then == "first changes, close"

    def with_mvcore() -> list[Any]:
        out = []
        for accounts in names:
            view = book.view(accounts=accounts, measures="current")
            if looks:
                out.append(view.changes())
            view.close()
        return out

    def with_numpy() -> list[Any]:
        return [by_account[pair] @ prices for pair in pairs]

    def with_numba() -> list[Any]:
        out = []
        for pair in pairs:
            totals = np.empty(len(pair), np.int64)
            kernels.watched_totals(pair, prices, by_account, totals)
            out.append(totals)
        return out

    def check(got: list[Any]) -> None:
        want = world.totals[pairs]
        if who != "mvcore":
            assert (np.stack(got) == want).all()
        elif looks:
            assert [f["account"] for f in got] == names
            assert [totals_of(f) for f in got] == amounts(want).tolist()
        else:
            with book.view(accounts=names[0], measures="current") as view:
                assert totals_of(view.read()) == amounts(want)[0].tolist()
        assert book.stats()["views"] == 0

    call = {"mvcore": with_mvcore, "numpy": with_numpy, "numba": with_numba}[who]
    measure(f"view of 2 accounts: open, {then}", who, call, check, calls=len(names))


def test_changes_of_a_view_of_two_accounts(
    who: str, world: World, book: Any, kernels: Any, measure: Any
) -> None:
    """The other contenders know which instruments moved, by how much, and whose totals change."""
    pairs = pairs_of(world, VIEWS)
    views = []
    if who == "mvcore":
        views = [book.view(accounts=names_of(world, p), measures="current") for p in pairs]
        assert [totals_of(v.changes()) for v in views] == amounts(world.totals[pairs]).tolist()
    board, totals = world.prices.copy(), world.totals[pairs]
    codes, moves = np.arange(MOVED), np.zeros(MOVED, np.int64)
    random = np.random.default_rng(6)

    def move() -> None:
        """New prices: every view has some instruments to catch up with."""
        codes[:] = random.permutation(world.instruments)[:MOVED]
        moves[:] = random.integers(1, 1_000, MOVED)
        board[codes] += moves
        if who == "mvcore":
            for code in codes.tolist():
                book.tick(code, int(board[code]) / 10**PRICE_SCALE)

    def with_mvcore() -> list[Any]:
        return [view.changes() for view in views]

    def with_numpy() -> Any:
        for w, pair in enumerate(pairs):
            totals[w] += world.by_account[pair[:, None], codes] @ moves
        return totals

    def with_numba() -> Any:
        for w, pair in enumerate(pairs):
            kernels.watched_moves(pair, codes, moves, world.by_account, totals[w])
        return totals

    def check(got: Any) -> None:
        want = np.stack([world.by_account[pair].astype(np.int64) @ board for pair in pairs])
        if who == "mvcore":
            for frame, pair, row in zip(got, pairs, amounts(want), strict=True):
                # An account rarely holds none of the 8 instruments. If so, it has not changed.
                moved = world.by_account[pair[:, None], codes].any(axis=1)
                assert frame["account"] == [
                    n for n, m in zip(names_of(world, pair), moved, strict=True) if m
                ]
                assert totals_of(frame) == row[moved].tolist()
        else:
            assert (got == want).all()

    call = {"mvcore": with_mvcore, "numpy": with_numpy, "numba": with_numba}[who]
    measure(
        "view of 2 accounts: changes after 8 ticks", who, call, check, calls=VIEWS, setup=move
    )  # fmt: skip
    for view in views:
        view.close()


@pytest.mark.parametrize(
    "who", ["mvcore", "mvcore, as JSON", "mvcore, a frame for each view", "numpy", "numba"]
)
def test_changes_of_many_views_of_two_accounts(
    who: str, world: World, book: Any, kernels: Any, measure: Any
) -> None:
    """One call for all views of a service. The time is for each view."""
    pairs = pairs_of(world, min(MANY_VIEWS, world.accounts // 2))
    views = []
    if who.startswith("mvcore"):
        views = [book.view(accounts=names_of(world, p), measures="current") for p in pairs]
        first = book.changes(views, combined=True)
        assert totals_of(first) == amounts(world.totals[pairs]).reshape(-1).tolist()
    board, totals = world.prices.copy(), world.totals[pairs]
    codes, moves = np.arange(MOVED), np.zeros(MOVED, np.int64)
    random = np.random.default_rng(6)

    def move() -> None:
        codes[:] = random.permutation(world.instruments)[:MOVED]
        moves[:] = random.integers(1, 1_000, MOVED)
        board[codes] += moves
        if views:
            for code in codes.tolist():
                book.tick(code, int(board[code]) / 10**PRICE_SCALE)

    def with_mvcore() -> Any:
        return book.changes(views, combined=True)

    def with_json() -> Any:
        return book.changes(views, combined=True).json_rows(["view", "account", "current"])

    def with_frames() -> Any:
        return book.changes(views)

    def with_numpy() -> Any:
        totals[:] += world.by_account[pairs[:, :, None], codes] @ moves
        return totals

    def with_numba() -> Any:
        for w, pair in enumerate(pairs):
            kernels.watched_moves(pair, codes, moves, world.by_account, totals[w])
        return totals

    def check(got: Any) -> None:
        want = np.stack([world.by_account[pair].astype(np.int64) @ board for pair in pairs])
        if not views:
            assert (got == want).all()
            return
        moved = world.by_account[pairs[:, :, None], codes].any(axis=2)
        rows = [
            (w, world.account_names[pairs[w, a]], total)
            for (w, a), total in zip(
                np.argwhere(moved).tolist(), amounts(want)[moved].tolist(), strict=True
            )
        ]
        if who == "mvcore":
            assert list(zip(got["view"], got["account"], totals_of(got), strict=True)) == rows
        elif who == "mvcore, as JSON":
            texts = [f'"{decimal_of(total, VALUE_SCALE):f}"' for _, _, total in rows]
            assert got == [
                f'[{w}, "{name}", {text}]' for (w, name, _), text in zip(rows, texts, strict=True)
            ]
        else:
            assert [total for frame in got for total in totals_of(frame)] == [r[2] for r in rows]

    call = {
        "mvcore": with_mvcore,
        "mvcore, as JSON": with_json,
        "mvcore, a frame for each view": with_frames,
        "numpy": with_numpy,
        "numba": with_numba,
    }[who]
    measure(
        "1,000 views of 2 accounts: changes of all after 8 ticks", who, call, check,
        calls=len(pairs), setup=move,
    )  # fmt: skip
    for view in views:
        view.close()


CONTENDERS = ["mvcore", "mvcore without the view", "numpy", "numba"]


@pytest.mark.parametrize("moves", MOVES)
@pytest.mark.parametrize("who", CONTENDERS)
def test_tick_with_an_incremental_view_of_all_accounts(
    who: str, moves: str, size: Any, world: World, book: Any, kernels: Any, measure: Any
) -> None:
    """The view's cost per tick is the difference of the first two."""
    ticks = world.stream(size.calls // 2, moves)
    codes = ticks.codes.tolist()
    floats = [
        list(zip(codes, (prices / 10**PRICE_SCALE).tolist(), strict=True))
        for prices in ticks.prices
    ]
    scaled = [list(zip(codes, prices.tolist(), strict=True)) for prices in ticks.prices]
    board, totals, held = world.prices.copy(), world.totals.copy(), world.held
    view = None
    if who == "mvcore":
        view = book.view(by="account", measures="current", mode="incremental")

    def with_mvcore() -> None:
        tick = book.tick
        for code, price in floats[ticks.now]:
            tick(code, price)

    def with_numpy() -> None:
        for code, price in scaled[ticks.now]:
            totals[:] += held[code] * (price - board[code])
            board[code] = price

    def with_numba() -> None:
        tick_totals = kernels.tick_totals
        for code, price in scaled[ticks.now]:
            tick_totals(code, price, board, held, totals)

    want = [amounts(world.totals_at(prices)).tolist() for prices in ticks.boards]

    def check(_: None) -> None:
        if view is not None:
            swept = view.stats()["cells_swept"]
            assert totals_of(view.read()) == want[ticks.now]
            assert view.stats()["cells_swept"] == swept  # it was up to date
        elif who == "mvcore without the view":
            frame = book.values(by="account", measures="current")
            assert totals_of(frame) == want[ticks.now]
        else:
            assert amounts(totals).tolist() == want[ticks.now]

    call = {"numpy": with_numpy, "numba": with_numba}.get(who, with_mvcore)
    measure(
        f"tick with an incremental view of all accounts, prices {moves}", who, call, check,
        calls=len(codes), setup=ticks.turn,
    )  # fmt: skip
    if view is not None:
        view.close()
