"""`view.stream` and `book.changes`."""

import asyncio
import threading

import pytest

import mvcore


def test_a_stream_has_all_rows_then_changes_and_ends_with_its_view(book) -> None:
    async def run() -> list:
        view = book.view()
        out = []
        async for frame in view.stream(interval=0.001):
            out.append((frame.epoch, frame["account"]))
            if len(out) == 1:
                book.tick("AAPL", 151)
            elif len(out) == 2:
                book.tick("BUND", 99)
            else:
                view.close()
        return out

    assert asyncio.run(run()) == [(1, ["A1", "A2"]), (2, ["A1", "A2"]), (3, ["A1"])]


def test_a_stream_ends_with_its_book(book) -> None:
    async def run() -> int:
        frames = 0
        async for _ in book.view().stream(interval=0.001):
            frames += 1
            book.close()
        return frames

    assert asyncio.run(run()) == 1


def test_a_cancelled_stream_loses_nothing(book) -> None:
    async def run() -> None:
        view = book.view()
        seen = asyncio.Event()

        async def follow() -> None:
            async for _ in view.stream(interval=30):
                seen.set()

        task = asyncio.create_task(follow())
        await seen.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # all rows again: no caller needs to know what was returned before
        assert len(view.changes()) == 2

    asyncio.run(run())


def test_a_stream_starts_with_all_rows(book) -> None:
    async def first(view) -> list:
        async for frame in view.stream(interval=0.001):
            return frame["account"]
        return []

    view = book.view()
    assert len(view.read()) == 2
    assert asyncio.run(asyncio.wait_for(first(view), 30)) == ["A1", "A2"]


def test_a_stream_cancelled_during_a_read_loses_nothing(book) -> None:
    """The read continues in its thread, and its rows are discarded."""
    started, go_on = threading.Event(), threading.Event()
    view = book.view(measures="current")
    read = view._read

    def slow(everything, gone=None):
        started.set()
        go_on.wait(30)
        return read(everything, gone)

    async def run() -> None:
        task = asyncio.create_task(anext(view.stream(interval=0.001)))
        await asyncio.to_thread(started.wait, 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()

    book.update(accounts={"account": [f"B{k}" for k in range(100)]})
    book.update(holdings={"account": [f"B{k}" for k in range(100)],
                          "instrument": ["AAPL"] * 100, "quantity": [1] * 100})  # fmt: skip
    view._read = slow  # simulates a view that is too large to read on the loop
    asyncio.run(run())  # returns when the thread has ended
    view._read = read
    assert len(view.changes()) == 102


def test_the_event_loop_continues_beside_a_stream(book) -> None:
    """A writer on another thread and a counter on the loop both run while a stream is read."""

    async def run() -> tuple[int, int]:
        view, stop = book.view(by=("desk", "sector"), rollup=True), threading.Event()

        def write() -> None:
            price = 1
            while not stop.is_set():
                price += 1
                book.tick("AAPL", price)

        writer = threading.Thread(target=write)
        writer.start()
        frames = turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counter = asyncio.create_task(count())
        async for _ in view.stream(interval=0.001):
            frames += 1
            if frames == 5:
                break
        counter.cancel()
        stop.set()
        await asyncio.to_thread(writer.join)
        return frames, turns

    frames, turns = asyncio.run(run())
    assert frames == 5
    assert turns > 5


@pytest.mark.parametrize("interval", [0, -1, True, "1", None])
def test_a_bad_interval_is_refused(book, interval) -> None:
    async def run() -> None:
        async for _ in book.view().stream(interval=interval):
            pass

    with pytest.raises(mvcore.InvalidInput, match="interval"):
        asyncio.run(run())


def test_changes_of_several_views_belong_to_one_epoch(book) -> None:
    views = [book.view(), book.view(accounts="A2"), book.view(by=(), currency="EUR")]
    assert [len(frame) for frame in book.changes(views)] == [2, 1, 1]
    book.tick("BUND", 99)
    frames = book.changes(views)
    assert [len(frame) for frame in frames] == [1, 0, 1]
    assert {frame.epoch for frame in frames} == {2}
    assert book.changes([]) == []


def test_refused_changes_of_several_views_consume_nothing(book) -> None:
    views, other = [book.view(), book.view(by=())], mvcore.Book().view()
    for wrong, error in ([*views, other], "not a view of"), ([*views, views[0]], "twice"):
        with pytest.raises(mvcore.InvalidInput, match=error):
            book.changes(wrong)
    closed = book.view()
    closed.close()
    with pytest.raises(mvcore.ClosedError):
        book.changes([*views, closed])
    assert [len(frame) for frame in book.changes(views)] == [2, 1]  # no changes were consumed
