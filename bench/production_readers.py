"""The readers of `production.py`: their calls, and the checks of their answers."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import numpy as np

import mvcore
from dataset import PRICE_SCALE, World
from production_oracle import MEASURES, Ledger
from production_roles import now

GROUP = 250  # views per call, as many as the service reads at a time
TRACKED = 50  # sessions whose rows are accumulated from changes
SAMPLE = 5.0  # seconds between two samples that a reader keeps to be checked


class Sessions:
    """Views of two accounts each. For some, the rows are accumulated from changes."""

    def __init__(self, book: mvcore.Book, world: World, count: int) -> None:
        firsts = world.some(world.accounts - 1, count, seed=13)
        self.pairs = np.stack([firsts, firsts + 1], axis=1)
        names = world.account_names
        self.views = [book.view(accounts=[names[a] for a in pair]) for pair in self.pairs.tolist()]
        self.groups = [range(k, min(k + GROUP, count)) for k in range(0, count, GROUP)]
        self.calls = [
            lambda views=[self.views[v] for v in group]: book.changes(views)
            for group in self.groups
        ]
        self.tracked = set(range(0, count, max(count // TRACKED, 1)))
        self.held = {v: np.zeros((len(MEASURES), 2), np.int64) for v in self.tracked}
        self.rows, self.next_sample = 0, 0
        self.samples: list[tuple[int, Any, Any]] = []  # epoch, accounts, amounts
        for which, call in enumerate(self.calls):
            self.after(which, call())
        self.rows, self.samples = 0, []

    def after(self, which: int, frames: list[Any]) -> None:
        group = self.groups[which]
        self.rows += sum(map(len, frames))
        here = [v for v in group if v in self.tracked]
        for v in here:
            frame = frames[v - group[0]]
            if len(frame):
                where = frame.codes("account") - self.pairs[v, 0]
                for m, name in enumerate(MEASURES):
                    self.held[v][m, where] = frame.to_numpy(name, scaled=True)
        if now() > self.next_sample:
            self.next_sample = now() + int(SAMPLE * 1e9)
            self.keep(frames[0].epoch, here)

    def keep(self, epoch: int, views: list[int]) -> None:
        if views:
            values = np.concatenate([self.held[v] for v in views], axis=1)
            self.samples.append((epoch, self.pairs[views].reshape(-1), values))

    def last(self) -> None:
        """Sample every session at the end: the accumulated rows, and a full read."""
        for which, call in enumerate(self.calls):
            frames = call()
            self.after(which, frames)
            here = [v for v in self.groups[which] if v in self.tracked]
            self.keep(frames[0].epoch, here)
            for v in self.groups[which]:
                frame = self.views[v].read()
                values = np.stack([frame.to_numpy(name, scaled=True) for name in MEASURES])
                self.samples.append((frame.epoch, self.pairs[v], values))

    def check(self, ledger: Ledger, epoch: int) -> int:
        """Check the samples of this epoch. Returns the number of amounts."""
        amounts = 0
        for at, accounts, values in self.samples:
            if at == epoch:
                assert (values == ledger.accounts(accounts)).all(), f"epoch {at}: a session"
                amounts += values.size
        return amounts

    def close(self) -> None:
        for view in self.views:
            view.close()


Sectors = dict[str, list[Decimal]]  # amounts by measure


def rows_by_sector(frame: Any) -> Sectors:
    rows = zip(*(frame[name] for name in MEASURES), strict=True)
    return dict(zip(frame["sector"], map(list, rows), strict=True))


def check_sectors(held: Sectors, ledger: Ledger, epoch: int) -> int:
    want = {
        sector: [Decimal(value).scaleb(-PRICE_SCALE) for value in values]
        for sector, values in ledger.by_sector().items()
    }
    assert held == want, f"epoch {epoch}: sectors of the firm"
    return len(held) * len(MEASURES)


class Firm:
    """Views of all accounts by sector."""

    def __init__(self, book: mvcore.Book, count: int) -> None:
        self.views = [book.view(by="sector") for _ in range(count)]
        self.calls = [view.changes for view in self.views]
        self.held: list[Sectors] = [{} for _ in self.views]
        self.rows, self.next_sample = 0, 0
        self.samples: list[tuple[int, Sectors]] = []
        self.last()
        self.rows, self.samples = 0, []

    def after(self, which: int, frame: Any) -> None:
        self.held[which].update(rows_by_sector(frame))
        self.rows += len(frame)
        if now() > self.next_sample:
            self.next_sample = now() + int(SAMPLE * 1e9)
            self.samples.append((frame.epoch, self.held[which].copy()))

    def last(self) -> None:
        for which, call in enumerate(self.calls):
            frame = call()
            self.after(which, frame)
            self.samples.append((frame.epoch, self.held[which].copy()))

    def check(self, ledger: Ledger, epoch: int) -> int:
        return sum(check_sectors(s, ledger, epoch) for at, s in self.samples if at == epoch)

    def close(self) -> None:
        for view in self.views:
            view.close()


class Snapshots:
    """A snapshot that is read by sector, held for a while, and read again."""

    def __init__(self, book: mvcore.Book, hold: float) -> None:
        self.book, self.hold = book, hold
        self.calls = [self.take]
        self.rows = 0
        self.samples: list[tuple[int, Sectors, Any]] = []

    def take(self) -> tuple[mvcore.Snapshot, Any]:
        snapshot = self.book.snapshot()
        return snapshot, snapshot.values(by="sector")

    def after(self, _: int, taken: tuple[mvcore.Snapshot, Any]) -> None:
        snapshot, frame = taken
        with snapshot:
            time.sleep(self.hold)
            again, accounts = snapshot.values(by="sector"), snapshot.values(by="account")
        sectors = rows_by_sector(frame)
        assert rows_by_sector(again) == sectors, f"epoch {frame.epoch}: a snapshot that moved"
        assert accounts.epoch == frame.epoch
        values = np.stack([accounts.to_numpy(name, scaled=True) for name in MEASURES])
        self.samples.append((frame.epoch, sectors, values))
        self.rows += len(frame)

    def last(self) -> None:
        self.hold = 0.0
        self.after(0, self.take())

    def check(self, ledger: Ledger, epoch: int) -> int:
        amounts = 0
        for at, sectors, values in self.samples:
            if at == epoch:
                assert (values == ledger.accounts()).all(), f"epoch {at}: accounts of a snapshot"
                amounts += check_sectors(sectors, ledger, at) + values.size
        return amounts

    def close(self) -> None:
        pass
