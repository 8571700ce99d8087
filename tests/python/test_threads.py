"""Readers concurrent with a writer of master tables: every answer belongs to one epoch.

Each update adds one account worth 1, so at epoch e the whole book is worth e.
"""

import threading

import pytest

import mvcore

pytestmark = pytest.mark.usefixtures("switching")
UPDATES = 300


def growing_book() -> mvcore.Book:
    book = mvcore.Book()
    book.load(
        instruments={"instrument": ["X"], "currency": ["USD"]},
        accounts={"account": ["A0"], "desk": ["d"]},
        holdings={"account": ["A0"], "instrument": ["X"], "quantity": [1]},
        prices={"instrument": ["X"], "price": [1]},
    )
    return book


@pytest.mark.parametrize("mode", ["lazy", "incremental"])
def test_answers_are_exact_while_names_and_attributes_change(mode) -> None:
    book = growing_book()
    kept = book.view(by="desk", mode=mode)
    wrong: list[tuple[str, object]] = []
    done = threading.Event()
    reads = {
        "values": lambda: book.values(by="desk"),
        "new view": lambda: book.view(by="desk", mode=mode).read(),
        "kept view": kept.read,
    }

    def reader(name: str) -> None:
        last = 0
        while not done.is_set():
            try:
                frame = reads[name]()
                answer = frame.epoch, frame["current"][0]
            except BaseException as e:  # shown by the assertion below
                wrong.append((name, repr(e)))
                return
            if answer[0] != answer[1] or answer[0] < last:
                wrong.append((name, answer))
            last = answer[0]

    threads = [threading.Thread(target=reader, args=(name,)) for name in reads]
    for thread in threads:
        thread.start()
    for k in range(1, UPDATES):
        book.update(
            accounts={"account": [f"A{k}"], "desk": ["d"]},
            holdings={"account": [f"A{k}"], "instrument": ["X"], "quantity": [1]},
        )
    done.set()
    for thread in threads:
        thread.join()
    assert wrong[:5] == []
    assert kept.read()["current"] == [UPDATES]


def test_attributes_of_an_interrupted_write_are_published_by_the_next_read(monkeypatch) -> None:
    """An interrupt after the core's commit: the next read finishes the write."""
    book = growing_book()
    adopt, interrupted = mvcore.Book._adopt, []

    def interrupt_once(self, *attributes) -> None:
        if not interrupted:
            interrupted.append(True)
            raise KeyboardInterrupt
        adopt(self, *attributes)

    monkeypatch.setattr(mvcore.Book, "_adopt", interrupt_once)
    with pytest.raises(KeyboardInterrupt):
        book.update(accounts={"account": ["A0"], "desk": ["other"]})
    assert book.values(by="desk")["desk"] == ["other"]
    assert book.epoch == 2
