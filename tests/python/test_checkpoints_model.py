"""A book that is restored from checkpoints again and again equals the reference model.

Runs the machine of state_machine.py with two more steps: a checkpoint, and a checkpoint from which
the book is restored. MVCORE_CHECKPOINT_STEPS: number of steps (300).
"""

import os
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

import mvcore
import state_machine
from mvcore.store.checkpoints import Checkpoints
from storing import MemoryFiles, checkpoints, reopen, save


class Machine(state_machine.Machine):
    keeper: Checkpoints | None = None

    @initialize()
    def folder(self) -> None:
        self.files, self.keeper, self.reopened = MemoryFiles(), None, 0

    def save(self) -> None:
        self.keeper = self.keeper or checkpoints(self.files, self.book)
        save(self.keeper, self.book)

    @rule()
    def checkpoint(self) -> None:
        self.save()

    @rule(whole=st.booleans())
    def reopen(self, whole: bool) -> None:
        """Restore the book.

        The next checkpoint writes what changed since this one, or everything.
        """
        self.save()
        self.views.clear()
        self.snapshots.clear()
        before = self.book.stats()
        self.book, loaded, skipped = reopen(
            self.files,
            self.book.base_currency,
            self.book.value_scale,
            cash=self.book.cash,
            cash_scale=self.book.cash_scale,
        )
        assert not skipped
        self.keeper = None if whole else checkpoints(self.files, self.book)
        if self.keeper is not None:
            self.keeper.loaded(loaded.generation, loaded.manifest)
        after = self.book.stats()
        for name in ("epoch", "ticks", "late_prices", "late_orders", "facts", "accounts",
                     "instruments", "positions", "orders", "unpriced_instruments"):  # fmt: skip
            assert after[name] == before[name], name
        assert self.book._masters.version == self.book._core.masters


def test_a_reopened_book_equals_the_reference_model() -> None:
    steps = int(os.environ.get("MVCORE_CHECKPOINT_STEPS", "300"))
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=-(-steps // 30),
            stateful_step_count=30,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("orders", [False, True])
def test_sums_beyond_64_bits_of_64_bit_quantities_are_exact(orders) -> None:
    """Reading a checkpoint recomputes bounds: 64 times 2**58 overflows to 0 in 64 bits."""
    quantity = Decimal(2**58).scaleb(-18)
    names = [f"A{k}" for k in range(64)]
    book = mvcore.Book(value_scale=18)
    book.load(
        instruments={"instrument": ["I"], "currency": ["USD"]},
        accounts={"account": names},
        prices={"instrument": ["I"], "price": [10]},
    )
    rows = {"account": names, "instrument": ["I"] * 64}
    if orders:
        table = {**rows, "order": names, "order_quantity": [quantity] * 64}
        book.load(orders={**table, "filled_quantity": [quantity / 2] * 64})
    else:
        book.load(holdings={**rows, "quantity": [quantity] * 64})
    files = MemoryFiles()
    save(checkpoints(files, book), book)
    back, _, _ = reopen(files, value_scale=18)
    for price in (10, 20):
        for by in ((), ("instrument",), ("account",)):
            found = back.values(by=by).to_pylist()
            assert found == book.values(by=by).to_pylist()
            assert sum(row["expected"] for row in found) == 64 * price * quantity
        book.tick("I", 20)
        back.tick("I", 20)
