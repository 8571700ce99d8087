"""MVCORE_ISA forces an instruction set or raises. All sets give equal bits.

Run as a program, this file prints the set in use and a hash of every frame of a random book.
"""

import hashlib
import os
import platform
import random
import subprocess
import sys
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

VARIANTS = ("baseline", "avx2", "avx512")
# The features of x86-64-v3 and -v4, as far as the kernel names them.
V3 = {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"}
NEEDS = {
    "baseline": set(),
    "avx2": V3,
    "avx512": V3 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
}


def of_this_cpu() -> list[str]:
    """The variants that must work here, according to the kernel's CPU flags."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return ["baseline"]
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        pytest.skip("/proc/cpuinfo cannot be read here")
    flags = next((set(line.split()) for line in lines if line.startswith("flags")), set())
    return [isa for isa in VARIANTS if NEEDS[isa] <= flags]


def run(isa: str | None, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "MVCORE_ISA"}
    if isa is not None:
        environment["MVCORE_ISA"] = isa
    return subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, timeout=300
    )


def isa_of(isa: str | None) -> subprocess.CompletedProcess[str]:
    return run(isa, "-c", "import mvcore; print(mvcore.isa())")


@pytest.mark.parametrize("isa", VARIANTS)
def test_the_named_instruction_set_is_used_or_refused(isa) -> None:
    done = isa_of(isa)
    if isa in of_this_cpu():
        assert (done.returncode, done.stdout.strip()) == (0, isa), done.stderr
    else:
        assert done.returncode != 0
        last = done.stderr.strip().splitlines()[-1]
        assert "MVCORE_ISA" in last and f"'{isa}'" in last


def test_the_core_names_the_instruction_sets_of_this_cpu() -> None:
    done = run(None, "-c", "import mvcore._core; print(*mvcore._core.isas())")
    assert sorted(done.stdout.split()) == sorted(of_this_cpu())


@pytest.mark.parametrize("isa", ["AVX2", "avx", "sse2", "avx512 ", "baseline,avx2", "ä"])
def test_an_unknown_instruction_set_is_refused(isa) -> None:
    done = isa_of(isa)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert "MVCORE_ISA" in last and f"'{isa}'" in last
    assert "baseline, avx2, avx512" in last


@pytest.mark.parametrize("isa", [None, ""])
def test_the_best_instruction_set_is_the_default(isa) -> None:
    done = isa_of(isa)
    assert (done.returncode, done.stdout.strip()) == (0, of_this_cpu()[-1]), done.stderr


@cache
def digest_of(isa: str) -> str:
    done = run(isa, __file__)
    assert done.returncode == 0, done.stderr
    used, digest = done.stdout.split()
    assert used == isa
    return digest


@pytest.mark.parametrize("isa", VARIANTS[1:])
def test_all_instruction_sets_give_equal_bits(isa) -> None:
    if isa not in of_this_cpu():
        pytest.skip(f"this CPU has no {isa}")
    assert digest_of(isa) == digest_of("baseline")


# ---------------------------------------------------------------------------------------------
# The program

ACCOUNTS, INSTRUMENTS = 5_000, 40  # two blocks of rows, the second not full


def random_tables(rng: random.Random) -> dict[str, dict[str, list]]:
    """Quantities of every width, prices with few and many digits, dense and sparse instruments."""
    rows = []
    for i in range(INSTRUMENTS):
        bits = rng.choice([6, 14, 30, 40, 64])
        decimals = 0 if bits < 64 else 18
        for a in range(ACCOUNTS):
            if rng.random() < (0.9 if i % 4 == 0 else 0.05):
                mantissa = rng.getrandbits(bits) - (1 << bits - 1)
                rows.append((f"A{a}", f"I{i}", Decimal(mantissa).scaleb(-decimals)))
    names = [f"I{i}" for i in range(INSTRUMENTS)]
    return {
        "instruments": {
            "instrument": names,
            "currency": [rng.choice(["USD", "EUR", "JPY"]) for _ in names],
            "multiplier": [rng.choice(["1", "100", "0.01"]) for _ in names],
        },
        "accounts": {
            "account": [f"A{a}" for a in range(ACCOUNTS)],
            "desk": [f"d{a % 13}" for a in range(ACCOUNTS)],
        },
        "holdings": {
            "account": [row[0] for row in rows],
            "instrument": [row[1] for row in rows],
            "quantity": [row[2] for row in rows],
        },
        "prices": {"instrument": names[1:], "price": [price(rng) for _ in names[1:]]},
        "fx": {"currency": ["EUR", "JPY"], "rate": ["1.0837", "0.00667"]},
    }


def price(rng: random.Random) -> Decimal:
    digits = rng.choice([3, 6, 9, 13])
    return Decimal(rng.randrange(10**digits)).scaleb(-rng.choice([2, 4, 6]))


def digest() -> str:
    import mvcore

    rng = random.Random(20)
    book = mvcore.Book()
    book.load(**random_tables(rng))
    views = [
        book.view(),
        book.view(by="desk", mode="incremental"),
        book.view(by=("instrument", "desk"), currency="local"),
        book.view(accounts=["A7", "A4999"], by=("account", "currency"), rollup=True),
    ]
    found = hashlib.sha256()

    def add(frame: mvcore.Frame) -> None:
        found.update(repr((frame.column_names, frame.to_pylist())).encode())

    for _ in range(4):
        for view in views:
            add(view.changes())
        for _ in range(30):
            book.tick(f"I{rng.randrange(INSTRUMENTS)}", price(rng))
        some = rng.sample(range(ACCOUNTS), 50)
        book.update(
            holdings={
                "account": [f"A{a}" for a in some],
                "instrument": [f"I{rng.randrange(INSTRUMENTS)}" for _ in some],
                "quantity": [rng.getrandbits(40) for _ in some],
            }
        )
        for i in range(0, INSTRUMENTS, 7):
            add(book.revalue(f"I{i}"))
        found.update(repr([book.value(f"A{a}") for a in some]).encode())
    for frame in (book.values(by=()), book.values(by="instrument"), book.holdings(), book.prices()):
        add(frame)
    for view in views:
        add(view.read())
    return found.hexdigest() + checkpoint_of(book)


def checkpoint_of(book: "mvcore.Book") -> str:
    """A hash of the manifest, which contains the hashes of all other files."""
    from mvcore.store.manifest import to_bytes
    from storing import MemoryFiles, checkpoints, save

    book.update(
        orders={
            "order": list(range(ACCOUNTS)),
            "account": [f"A{a}" for a in range(ACCOUNTS)],
            "instrument": [f"I{a % INSTRUMENTS}" for a in range(ACCOUNTS)],
            "order_quantity": [a + 1 for a in range(ACCOUNTS)],
        }
    )
    keeper = checkpoints(MemoryFiles(), book)
    save(keeper, book)
    return hashlib.sha256(to_bytes(keeper._last.manifest)).hexdigest()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import mvcore

    print(mvcore.isa(), digest())
