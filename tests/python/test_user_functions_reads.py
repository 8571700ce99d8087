"""Valuation functions of users in views, what-ifs and snapshots, with concurrent writers, at
random."""

import threading
from decimal import Decimal as D
from random import Random

import pytest

import mvcore

pytest.importorskip("numba")

from measured import BUND, accrued, exposure, held_book, named, short


@pytest.fixture
def held():
    return held_book()


# ---- views, what-ifs, snapshots ------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["lazy", "incremental"])
def test_views_follow_functions(held, mode) -> None:
    with held.view(measures=("current", exposure, accrued), mode=mode) as view:
        first = view.changes()
        now = held.values(measures=("current", exposure, accrued))
        assert (
            repr(first["accrued"]) == repr(now["accrued"]) and first["exposure"] == now["exposure"]
        )
        assert len(view.changes()) == 0
        held.tick("SHARE", 1)  # no account holds it; nan equals nan
        assert len(view.changes()) == 0
        held.tick("BUND", "99.7")
        moved = view.changes()
        assert moved["account"] == ["A"]
        assert moved["exposure"] == held.values(accounts=["A"], measures=exposure)["exposure"]
        held.update(holdings={"account": ["C"], "instrument": ["CALL"], "quantity": [0]})
        gone = view.changes().to_pylist()
        assert [(r["account"], r["removed"], r["exposure"], r["accrued"]) for r in gone] == [
            ("C", True, 0.0, 0.0)
        ]
        assert repr(view.read()["accrued"]) == repr(held.values(measures=accrued)["accrued"])


@pytest.mark.parametrize("mode", ["lazy", "incremental"])
def test_a_row_has_changed_if_only_its_float_has(held, mode) -> None:
    with held.view(measures=("current", accrued), by="account", mode=mode) as view:
        view.read()
        held.update(instruments={"instrument": ["NOTE"], "currency": ["USD"], "days": [21]})
        changed = view.changes()
        assert changed["account"] == ["A"]  # B's was nan and is nan
        assert changed["accrued"] == [BUND * 1.1 + 3000.0 * 5.0 / 100 * 21 / 365]


def test_several_views_with_functions_share_an_epoch(held) -> None:
    with held.view(measures=exposure) as one, held.view(by="desk") as other:
        frames = held.changes([one, other])
        assert [len(f) for f in frames] == [3, 2] and frames[0].epoch == frames[1].epoch
        held.tick("CALL", 3)
        frames = held.changes([one, other])
        assert frames[0]["account"] == ["B", "C"] and frames[1]["desk"] == ["d1", "d2"]


def test_rows_keep_their_floats_when_groups_are_added(held) -> None:
    with held.view(measures=short, by=("account", "instrument")) as view:
        view.read()
        held.update(
            accounts={"account": ["D"], "desk": ["d2"]},
            holdings={"account": ["D"], "instrument": ["NOTE"], "quantity": [-1]},
        )
        assert view.changes()["short"] == [-1]


def test_what_ifs_pass_their_prices_and_rates_to_functions(held) -> None:
    tried = held.values(measures=exposure, accounts=["C"], prices={"CALL": "3.5"})
    assert tried["exposure"] == [-3.0 * 3.5 * 100 * 0.25]
    euros = held.values(measures=accrued, instruments=["BUND"], fx={"EUR": "1.25"})
    assert euros["accrued"] == [BUND * 1.25]
    with held.view(measures=exposure, accounts=["C"]) as view:
        assert view.read(prices={"CALL": "3.5"})["exposure"] == tried["exposure"]
        assert view.changes()["exposure"] == [-3.0 * 2.35 * 100 * 0.25]


def test_snapshots_run_functions_on_their_state(held) -> None:
    with held.snapshot() as now:
        held.tick("CALL", 9)
        assert now.values(measures=exposure, accounts=["C"])["exposure"] == [
            -3.0 * 2.35 * 100 * 0.25
        ]
    assert held.values(measures=exposure, accounts=["C"])["exposure"] == [-3.0 * 9.0 * 100 * 0.25]


def test_functions_run_over_many_accounts() -> None:
    n = 10_000
    names = [f"A{k}" for k in range(n)]
    book = mvcore.Book()
    book.load(
        instruments={"instrument": ["X"], "currency": ["USD"]},
        accounts={"account": names, "half": [str(k % 2) for k in range(n)]},
        holdings={"account": names, "instrument": ["X"] * n, "quantity": list(range(1, n + 1))},
    )
    assert book.values(measures=short)["short"] == [0.0] * n
    twice = mvcore.measure(named("same"))
    assert book.values(measures=twice)["same"] == [float(k) for k in range(1, n + 1)]
    assert book.values(measures=twice, by="half")["same"] == [25_000_000.0, 25_005_000.0]
    assert book.values(measures=twice, accounts=["A9"])["same"] == [10.0]


# ---- threads -------------------------------------------------------------------------------------


def test_functions_see_one_epoch_while_another_thread_writes(held) -> None:
    """BUND and NOTE always have the same price, so an answer of mixed epochs would show."""
    bund, note = held.instrument_codes(["BUND", "NOTE"]).tolist()
    stop = threading.Event()

    def write() -> None:
        price = 0
        while not stop.is_set():
            price = price % 1000 + 1
            held.ticks([bund, note], [price, price], scale=0)

    held.update(fx={"currency": ["EUR"], "rate": [1]})
    writer = threading.Thread(target=write)
    writer.start()
    try:
        with held.view(measures=("current", exposure), instruments=["BUND", "NOTE"]) as view:
            for _ in range(300):
                for frame in (
                    held.values(measures=("current", exposure), instruments=["BUND", "NOTE"]),
                    view.changes(),
                ):
                    exact = frame.to_numpy("current")
                    assert frame.to_numpy("exposure") == pytest.approx(exact, abs=0.006)
    finally:
        stop.set()
        writer.join()


def test_functions_run_without_a_lock(held) -> None:
    """The function takes the GIL while other threads hold it and write."""
    import numba

    seen = []

    def tell(q: float) -> float:
        seen.append(q)
        held.tick("CALL", 4)  # a write is not blocked
        return q

    @mvcore.measure
    def told(quantity):
        with numba.objmode(out="float64"):
            out = tell(quantity)
        return out  # noqa: RET504 (numba wants the block left first)

    epoch = held.epoch
    got = held.values(measures=("current", told), accounts=["C"])
    assert (got["told"], seen, got.epoch) == ([-3.0], [-3.0], epoch)
    assert got["current"] == [D("-705")]


# ---- every code path of the core -----------------------------------------------------------------


@pytest.mark.parametrize("quantity", ["sod", "current", "expected"])
@pytest.mark.parametrize("by", ["account", "half", ()])
def test_functions_of_random_books_are_equal_to_the_last_bit(quantity, by) -> None:
    """Dense and sparse lines, narrow and wide quantities, orders; few and many accounts."""
    random = Random(7)
    accounts, instruments = [f"A{k}" for k in range(300)], [f"I{k}" for k in range(12)]
    book = mvcore.Book()
    held = {}
    for i, instrument in enumerate(instruments):
        for account in random.sample(accounts, (300, 200, 9)[i % 3]):
            digits = (2, 4, 9, 18, 28)[i % 5]
            number = random.randrange(-(10**digits), 10**digits) * 2 + 1
            held[account, instrument] = D(number).scaleb(-(i % 4 * 2) - (10 if digits > 18 else 0))
    book.load(
        instruments={"instrument": instruments, "currency": ["USD", "EUR"] * 6, "w": [*range(12)]},
        accounts={"account": accounts, "half": [str(k % 2) for k in range(300)]},
        holdings={
            "account": [a for a, _ in held],
            "instrument": [i for _, i in held],
            "quantity": list(held.values()),
        },
        fx={"currency": ["EUR"], "rate": ["1.25"]},
    )
    for k in range(40):
        account, instrument = random.choice(list(held))
        book.order(f"O{k}", account, instrument, 10, filled_quantity=4)
        if quantity != "sod":
            held[account, instrument] += 4 if quantity == "current" else 10

    @mvcore.measure(quantity=quantity)
    def weighted(quantity, w):
        return quantity * w + 1

    for chosen in (None, accounts[5:8], accounts[::2]):
        want: dict = {}
        for i, instrument in enumerate(instruments):
            for a, account in enumerate(accounts):
                if (account, instrument) not in held or (chosen and account not in chosen):
                    continue
                key = {"account": account, "half": str(a % 2)}.get(by)
                got = (float(held[account, instrument]) * i + 1) * (1.25 if i % 2 else 1)
                want[key] = want.get(key, 0.0) + got
        frame = book.values(accounts=chosen, by=by, measures=weighted)
        keys = frame[by] if by else [None]
        assert dict(zip(keys, frame["weighted"], strict=True)) == want
        with book.view(accounts=chosen, by=by, measures=weighted, mode="incremental") as view:
            assert view.read()["weighted"] == frame["weighted"]
