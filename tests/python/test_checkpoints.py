"""A checkpoint is written and read back, and only changed data is written again."""

import pytest

import mvcore
from mvcore import Book
from mvcore.store import checkpoints as module
from mvcore.store.checkpoints import generations
from mvcore.store.files import Files
from mvcore.store.ranges import plan
from reliability import seeded
from stored_books import change, facts_of, make
from storing import MemoryFiles, checkpoints, reopen, save


@pytest.mark.parametrize("ids", [int, str])
@pytest.mark.parametrize("shape", [(6, 9), (5000, 3), (40_000, 2), (0, 9), (3, 0)])
def test_a_checkpoint_is_read_back_as_it_was_written(ids, shape, tmp_path) -> None:
    book = make(ids, *shape) if shape[0] < 100 and all(shape) else sparse(ids, *shape)
    files = Files(tmp_path)
    keeper = checkpoints(files, book)
    save(keeper, book)
    again, _, skipped = reopen(files)
    assert facts_of(again) == facts_of(book) and not skipped
    assert again._core.memory()["order_index"] <= 2 * book._core.memory()["order_index"] + 2**20
    # Writing it again gives the same bytes.
    other = checkpoints(MemoryFiles(), again)
    save(other, again)
    assert other._last.manifest.files == keeper._last.manifest.files


def sparse(ids: type, accounts: int, instruments: int) -> Book:
    """Many accounts of which few have holdings, or none."""
    book = Book()
    people = [f"A{k}" for k in range(accounts)]
    names = [f"I{k}" for k in range(instruments)]
    book.load(
        instruments={"instrument": names, "currency": ["USD"] * len(names),
                     "sector": ["x"] * len(names)},
        accounts={"account": people, "desk": ["d"] * len(people)},
        prices={"instrument": names, "price": ["1.5"] * len(names)},
    )  # fmt: skip
    some = people[::97] if names else []
    book.update(
        holdings={
            "account": some,
            "instrument": names[:1] * len(some),
            "quantity": [2] * len(some),
        },
        orders={
            "order": [ids(k + 1) for k in range(len(some))],
            "account": some,
            "instrument": names[-1:] * len(some),
            "order_quantity": ["0.25"] * len(some),
        },
    )  # fmt: skip
    return book


@pytest.mark.parametrize(("ids", "cash"), [(int, None), (str, None), (str, "from_fills")])
def test_only_what_changed_is_written_again(ids, cash, monkeypatch) -> None:
    monkeypatch.setattr(module, "plan", lambda before, rows: plan(before, rows, 30))
    book, files = make(ids, cash=cash), MemoryFiles()
    keeper = checkpoints(files, book)
    whole = save(keeper, book)
    assert whole.new_files == whole.files > 5
    assert save(keeper, book).new_files == 0
    for step in range(40):
        change(book, step, ids)
        written = save(keeper, book, sequence=step)
        kind = step % 9
        if kind == 0:
            assert written.new_files == 1  # the price
        elif kind in (1, 3, 7):
            assert written.new_files <= 2
        again, *_ = reopen(files, cash=cash)
        assert facts_of(again) == facts_of(book), step
        if step % 7 == 3:  # continue with the book that was read back
            loaded = reopen(files, cash=cash)
            book, keeper = loaded[0], checkpoints(files, loaded[0])
            keeper.loaded(loaded[1].generation, loaded[1].manifest)
    assert len(generations(files)) == 2


def test_names_keep_their_codes_even_if_they_were_removed() -> None:
    book, files = make(), MemoryFiles()
    codes = book.instrument_codes(["I0", "I5"]).tolist()
    save(checkpoints(files, book), book)
    again, *_ = reopen(files)
    assert again.instrument_codes(["I0", "I5"]).tolist() == codes
    for each in (book, again):
        each.update(instruments={"instrument": ["GONE", "NEW"], "currency": ["USD", "USD"]})
    names = ["GONE", "NEW"]
    assert again.instrument_codes(names).tolist() == book.instrument_codes(names).tolist()


TOUCHED = {"orders": "changed orders are not marked", "held": "changed holdings are not marked"}


@pytest.mark.parametrize("bug", TOUCHED)
def test_the_test_notices_an_outdated_chunk(bug, monkeypatch) -> None:
    """Simulates writers that do not mark changed instruments."""
    real = module._core.dirty_instruments

    def touched(snapshot):
        following, held, ordered = real(snapshot)
        (ordered if bug == "orders" else held)[:] = 0
        return following, held, ordered

    monkeypatch.setattr(module._core, "dirty_instruments", touched)
    caught = pytest.raises((AssertionError, mvcore.CorruptData))
    with seeded(TOUCHED[bug], "test_only_what_changed_is_written_again"), caught:
        test_only_what_changed_is_written_again(int, None, monkeypatch)
