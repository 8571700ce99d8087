"""The size of the demo's book: as large as memory and the load time allow."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

FULL = (5_000, 5_000)
# Well above the peak need of the holdings: the machine has other work too.
SIZES_BY_MEMORY = [
    (4.0, FULL),
    (2.0, (5_000, 2_500)),
    (1.0, (2_500, 2_500)),
    (0.5, (1_000, 1_000)),
    (0.0, (500, 500)),
]
ORDERS_EACH = 2  # orders of one account in one instrument
# Bytes while orders are loaded: 25 in the book, 21 in the columns, 4 kept for checking.
ORDER_BYTES = 60
HOLDING_BYTES = 30
DISK_BYTES = 40  # per holding or order: in the journal, and in two full checkpoints
LOAD_SECONDS = 30.0  # keeps the whole demo within a minute


def available_gb() -> float:
    """Memory available without swapping: the machine's, or the limit of the cgroup if that is
    lower."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if "MemAvailable" in line)
    except (OSError, StopIteration):
        # Not Linux: half of the installed memory.
        free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    try:
        group = Path("/sys/fs/cgroup")
        limit = (group / "memory.max").read_text().strip()
        if limit != "max":
            free = min(free, int(limit) - int((group / "memory.current").read_text()))
    except OSError:
        pass
    return free / 1e9


def process_bytes() -> int:
    """Resident memory of the process."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource  # without /proc, only the peak is known

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def size_for(gigabytes: float) -> tuple[int, int]:
    """The numbers of accounts and instruments that fit."""
    return next(size for least, size in SIZES_BY_MEMORY if gigabytes >= least)


def ordered_instruments(
    accounts: int, instruments: int, gigabytes: float, orders_per_s: float
) -> tuple[int, str]:
    """The number of instruments on which every account has orders, and why there are not more."""
    spare = max(0.0, gigabytes * 1e9 - HOLDING_BYTES * accounts * instruments)
    each = ORDERS_EACH * accounts
    by_memory = spare / (ORDER_BYTES * each)
    by_time = LOAD_SECONDS * orders_per_s / each
    fit = int(min(by_memory, by_time, instruments))
    if fit == instruments:
        return fit, ""
    if by_memory < by_time:
        return fit, f"more do not fit into {gigabytes:.1f} GB of memory"
    return fit, f"more would take longer than {LOAD_SECONDS:g} s to load"


def lacking(folder: Path, rows: int) -> str:
    """Why this many rows do not fit on the folder's disk. Empty if they fit."""
    free, wanted = shutil.disk_usage(folder).free, DISK_BYTES * rows
    return (
        ""
        if free >= wanted
        else f"{folder} has {free / 1e9:.1f} GB free, but {wanted / 1e9:.1f} GB are needed"
    )
