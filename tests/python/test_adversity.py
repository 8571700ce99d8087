"""Disturbances during a call: memory runs short, finalizers call back, other threads change arrays.

Each test runs in its own process, because the fault would be a crash or a hang.
"""

import subprocess
import sys
import textwrap

BOOK = """
import gc, resource, threading
import numpy as np, pyarrow as pa
import mvcore
book = mvcore.Book()
book.load(
    instruments={"instrument": ["I"], "currency": ["USD"]}, accounts={"account": ["A"]},
    holdings={"account": ["A"], "instrument": ["I"], "quantity": [7]},
    prices={"instrument": ["I"], "price": [1]},
)
"""


def run(program: str) -> list[str]:
    command = [sys.executable, "-X", "faulthandler", "-c", BOOK + textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


def test_a_finalizer_may_write_while_a_read_creates_names() -> None:
    """Making a list may run the cyclic collector, and a finalizer may take the book's lock."""
    told = run("""
        class Cycle:
            def __init__(self): self.me = self
            def __del__(self): book.tick("I", 2)
        names, codes = book._core.names, np.zeros(1, np.int32)
        kept = []
        for threshold in range(3, 12):
            gc.set_threshold(threshold)
            for k in range(200):
                Cycle()
                kept += [names("instrument", codes), book.stats(), book.memory(), book.holdings()]
        gc.set_threshold(700)
        print(book.stats()["ticks"] > 1000, book.value("A").current)
    """)
    assert told == ["True 14.00000000"]


def test_a_write_that_runs_out_of_memory_changes_nothing() -> None:
    """New names without positions. Afterwards every read returns the same as before."""
    told = run("""
        accounts = [f"a{k}" for k in range(200_000)]
        book.update(accounts={"account": accounts})
        before = book.values(by=()).to_pylist(), book.value("A")[1:6], book.stats()
        table = {"instrument": [f"I{k}" for k in range(20_000)], "currency": ["USD"] * 20_000}
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        refused = 0
        for megabytes in (2, 4, 8, 12, 16, 24):
            resource.setrlimit(resource.RLIMIT_AS, (used + megabytes * 2**20, -1))
            try:
                book.update(instruments=table)
            except MemoryError:
                refused += 1
            resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
            if refused:
                assert book.values(by=()).to_pylist() == before[0]
                assert book.value("A")[1:6] == before[1]
                assert book.stats()["epoch"] == before[2]["epoch"]
                assert len(book.holdings()) == 1
        book.update(instruments=table)
        print(refused > 0, book.stats()["instruments"], book.values(by=())["current"])
    """)
    assert told == ["True 20001 [Decimal('7.00000000')]"]


def test_orders_that_change_while_they_are_loaded_are_refused_or_exact() -> None:
    """Rows are narrow in one pass and wide in the next. They must be refused or loaded as given."""
    told = run("""
        instruments, each = [f"i{k}" for k in range(5_000)], 5
        book.update(instruments={"instrument": instruments, "currency": ["USD"] * 5_000})
        rows = len(instruments) * each
        quantity, fraction = np.ones(rows, np.int64), np.ones(rows)
        stop = threading.Event()
        def flip():
            while not stop.is_set():
                quantity[:] = 2**40
                fraction[:] = 0.125
                quantity[:] = 1
                fraction[:] = 1
        threading.Thread(target=flip, daemon=True).start()
        refused = 0
        table = {
            "order": np.arange(rows), "account": pa.array(["A"] * rows).dictionary_encode(),
            "instrument": pa.array(np.repeat(instruments, each)).dictionary_encode(),
        }
        for k in range(60):
            changing = fraction if k % 2 else quantity
            try:
                book.load(orders=table | {"order_quantity": changing})
            except mvcore.InvalidInput as error:
                assert "was changed while it was being read" in str(error)
                refused += 1
            else:
                held = set(book.orders()["order_quantity"])
                assert {float(v) for v in held} <= {1, 2**40, 0.125}
        stop.set()
        print(refused > 0)
    """)
    assert told == ["True"]
