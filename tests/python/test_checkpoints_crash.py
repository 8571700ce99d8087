"""A failure while a checkpoint is written leaves the existing checkpoints intact."""

import random
from collections.abc import Callable

import pytest

import mvcore
from mvcore.store import checkpoints as module
from mvcore.store.checkpoints import generations
from reliability import recorded, runs, seeded
from stored_books import change, facts_of, make
from storing import MemoryFiles, checkpoints, reopen, save

KILL = RuntimeError("killed")


def run_until(files: MemoryFiles, stop: int | None, once: bool = False) -> tuple[list, int]:
    """Write three checkpoints with writes in between.

    Returns the facts at each, and the operations.
    """
    book = make()
    keeper = checkpoints(files, book)
    facts = []
    files.stop, files.once = stop, once
    for step in range(3):
        change(book, 9 * step + 2)
        change(book, 9 * step)
        facts.append(facts_of(book))
        try:
            save(keeper, book)
        except (OSError, RuntimeError):
            if not once:
                return facts, files.count
    return facts, files.count


def check_after(files: MemoryFiles, facts: list) -> None:
    """Assert that one of the last two checkpoints is readable, and that the next one works."""
    if not generations(files):
        assert len(facts) == 1
        return
    again, loaded, _ = reopen(files)
    assert facts_of(again) in facts[-2:]
    keeper = checkpoints(files, again)
    keeper.loaded(loaded.generation, loaded.manifest)
    change(again, 11)
    save(keeper, again)
    assert facts_of(reopen(files)[0]) == facts_of(again)
    assert not [name for name in files.names("chunks") if name.endswith(".new")]


def operations() -> int:
    return run_until(MemoryFiles(), None)[1]


def crash_everywhere(after: Callable[[MemoryFiles, random.Random], MemoryFiles], seeds: int) -> int:
    runs = 0
    for stop in range(1, operations() + 2):
        files = MemoryFiles()
        files.fault = KILL
        facts, _ = run_until(files, stop)
        for seed in range(seeds):
            check_after(after(files, random.Random(1000 * stop + seed)), facts)
            runs += 1
    return runs


def test_a_kill_during_a_checkpoint_loses_nothing() -> None:
    with recorded(
        "D1", "a process killed at call n of a checkpoint, on a simulated disk"
    ) as record:
        record.runs = crash_everywhere(lambda files, _: files.after_kill(), 1)
        assert record.runs > 40


def test_a_power_cut_during_a_checkpoint_loses_nothing() -> None:
    seeds = runs(3, 60)
    what = "a power cut at call n of a checkpoint, on a simulated disk"
    with recorded("D2", what, f"0 to {seeds - 1}") as record:
        record.runs = crash_everywhere(lambda files, rng: files.after_power_loss(rng), seeds)
        assert record.runs > 120


@pytest.mark.parametrize("once", [True, False])
def test_a_failed_operation_keeps_the_earlier_checkpoints(once) -> None:
    for stop in range(1, operations() + 1):
        files = MemoryFiles()
        facts, _ = run_until(files, stop, once)
        files.stop = None
        check_after(files, facts)


def test_the_journal_is_kept_from_the_older_checkpoint_on() -> None:
    book, files = make(), MemoryFiles()
    keeper = checkpoints(files, book)
    for sequence, kept in ((5, 0), (9, 5), (20, 9)):
        save(keeper, book, sequence)
        assert keeper.kept_sequence == kept


def test_the_older_generation_is_read_if_the_newest_is_damaged() -> None:
    book, files = make(), MemoryFiles()
    keeper = checkpoints(files, book)
    save(keeper, book, 1)
    before = facts_of(book)
    change(book, 2)
    save(keeper, book, 2)
    number = files.entries["manifest-" + "2".zfill(20)]
    files.content[number] = files.content[number][:-1]
    again, loaded, skipped = reopen(files)
    assert facts_of(again) == before
    assert loaded.manifest.sequence == 1 and "generation 2" in skipped[0]
    # The next checkpoint replaces the damaged one.
    keeper = checkpoints(files, again)
    keeper.loaded(loaded.generation, loaded.manifest)
    assert save(keeper, again).generation == 3
    assert generations(files) == [3, 1]
    files.content.update(dict.fromkeys(files.content, b""))
    with pytest.raises(mvcore.CorruptData, match="generation 3"):
        reopen(files)


# ---- the tests above detect seeded bugs ----


def unsynced(method: str, kind: str) -> Callable[[pytest.MonkeyPatch], None]:
    real = getattr(MemoryFiles, method)

    def broken(files: MemoryFiles, name: str = "") -> None:
        if kind not in name if kind else name:
            real(files, name)

    return lambda patch: patch.setattr(MemoryFiles, method, broken)


def rename_first(patch: pytest.MonkeyPatch) -> None:
    """Rename the manifest before its bytes are on the disk."""
    real, rename = MemoryFiles.sync, MemoryFiles.rename

    def late_sync(files: MemoryFiles, name: str) -> None:
        if not name.startswith("manifest"):
            real(files, name)

    def early_rename(files: MemoryFiles, name: str, to: str) -> None:
        rename(files, name, to)
        if to.startswith("manifest"):
            real(files, to)

    patch.setattr(MemoryFiles, "sync", late_sync)
    patch.setattr(MemoryFiles, "rename", early_rename)


def forget_the_second(patch: pytest.MonkeyPatch) -> None:
    """Remove the previous generation when the new one begins."""
    real = module._Writing.run

    def run(self, *arguments):
        for generation in generations(self._files):
            self._files.remove(module.manifest_name(generation))
        return real(self, *arguments)

    patch.setattr(module._Writing, "run", run)


def remove_early(patch: pytest.MonkeyPatch) -> None:
    """Remove unlisted chunks before the new manifest exists."""
    real = module._Writing.run

    def run(self, *arguments):
        manifest, touched = real(self, *arguments)
        listed = {file.name for file in manifest.files}
        for name in self._files.names("chunks"):
            if name not in listed:
                self._files.remove(f"chunks/{name}")
        return manifest, touched

    patch.setattr(module._Writing, "run", run)


SEEDED = {
    "chunks are not synced": (unsynced("sync", "chunks/"), "power"),
    "the chunks' folder is not synced": (unsynced("sync_folder", "chunks"), "power"),
    "the manifest is not synced": (unsynced("sync", "manifest"), "power"),
    "the manifest is renamed before it is synced": (rename_first, "power"),
    "the older checkpoint is deleted too early": (forget_the_second, "kill"),
    "old chunks are deleted before the manifest is written": (remove_early, "kill"),
}


@pytest.mark.parametrize("bug", SEEDED)
def test_a_seeded_bug_is_caught(bug, monkeypatch) -> None:
    seed, how = SEEDED[bug]
    seed(monkeypatch)
    after = {
        "power": lambda files, rng: files.after_power_loss(rng),
        "kill": lambda files, _: files.after_kill(),
    }[how]
    test = {"power": "test_a_power_cut_during_a_checkpoint_loses_nothing",
            "kill": "test_a_kill_during_a_checkpoint_loses_nothing"}[how]  # fmt: skip
    with seeded(bug, test), pytest.raises((AssertionError, mvcore.CorruptData, KeyError)):
        crash_everywhere(after, 6)
