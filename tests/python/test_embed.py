"""External modules in Cython and C, compiled against the installed package and run."""

import ctypes
import importlib.util
import shutil
import subprocess
import sys
from decimal import Decimal as D
from pathlib import Path

import numpy as np
import pytest

import mvcore

SOURCES = Path(__file__).resolve().parents[1] / "embed"
OK, UNKNOWN_ID, INVALID_INPUT, CLOSED = 0, 1, 2, 4
NO_TIME = -(2**63)


@pytest.fixture(scope="session")
def compiler() -> str:
    found = shutil.which("cc") or shutil.which("gcc")
    if found is None:
        pytest.skip("no C compiler here")
    return found


def run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def outside(compiler, tmp_path_factory):
    """The Cython module, compiled outside the repository."""
    pytest.importorskip("Cython", reason="Cython is not installed")
    pytest.importorskip("setuptools", reason="setuptools is not installed")
    folder = tmp_path_factory.mktemp("outside")
    for name in ("outside.pyx", "setup.py"):
        shutil.copy(SOURCES / name, folder)
    run([sys.executable, "setup.py", "-q", "build_ext", "--inplace"], folder)
    (module,) = folder.glob("outside.*.so")
    spec = importlib.util.spec_from_file_location("outside", module)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.fixture
def feed(outside, book):
    return outside.Feed(book)


def test_the_c_table_has_the_version_of_the_header(feed) -> None:
    version, size = feed.version()
    assert version == 1
    assert size % 8 == 0 and size > 8


def test_cython_code_ticks_by_code(feed, book) -> None:
    code = feed.code("AAPL")
    assert code == book.instrument_codes(["AAPL"])[0]
    assert feed.code("nothing") == -1
    assert feed.tick(code, 15_150, 2) == 2
    assert book.value("A2").current == D("-454.5")
    assert feed.value("A2") == (D("-454.50000000"), 0, 2)
    assert feed.tick_at(code, 1, 0, 999) == 3  # after a tick without a time any time applies
    assert feed.tick_at(code, 2, 0, 998) == 4  # late
    assert book.stats()["late_prices"] == 1
    assert feed.value("A2")[0] == -3


def test_cython_code_ticks_in_a_batch(feed, book) -> None:
    codes = book.instrument_codes(["BUND", "AAPL", "CASH"])
    assert feed.ticks(codes, np.array([1_0050, 15_0100, 10000], np.int64), 4) == 2
    prices = dict(zip(book.prices()["instrument"], book.prices()["price"], strict=True))
    assert prices == {"BUND": D("1.005"), "AAPL": D("15.01"), "CASH": 1}
    times = np.array([5, 6, 7], np.int64)
    assert feed.ticks(codes, np.array([-1, 0, 2**63 - 1], np.int64), 18, times) == 3
    prices = dict(zip(book.prices()["instrument"], book.prices()["price"], strict=True))
    assert prices == {"BUND": D(-1).scaleb(-18), "AAPL": 0, "CASH": D(2**63 - 1).scaleb(-18)}


def test_cython_code_ticks_without_the_gil(feed, book) -> None:
    views = [book.view(by=(), mode=mode) for mode in ("lazy", "incremental")]
    before = [view.read()["current"] for view in views]
    assert feed.many_ticks(feed.code("AAPL"), 100, 5_000) == 5_001
    assert book.value("A2").current == D("-3") * D("50.99")
    after = book.values(by=())["current"]
    assert [view.changes()["current"] for view in views] == [after, after]
    assert after not in before


def test_cython_code_raises_the_exceptions_of_the_package(feed, book) -> None:
    with pytest.raises(mvcore.UnknownId, match="code 99"):
        feed.tick(99, 1, 0)
    with pytest.raises(mvcore.UnknownId, match="code -1"):
        feed.tick(-1, 1, 0)
    with pytest.raises(mvcore.UnknownId, match="nobody"):
        feed.value("nobody")
    with pytest.raises(mvcore.UnknownId, match="row 1"):
        feed.ticks(np.array([0, 77], np.int32), np.array([1, 1], np.int64), 0)
    with pytest.raises(mvcore.InvalidInput, match="scale"):
        feed.ticks(np.array([0], np.int32), np.array([1], np.int64), 19)
    for scale in (-(2**31), -1, 19, 39, 100, 2**31 - 1):
        with pytest.raises(mvcore.InvalidInput, match="scale"):
            feed.tick(0, 1, scale)
    assert book.epoch == 1
    book.close()
    with pytest.raises(mvcore.ClosedError):
        feed.tick(0, 1, 0)
    with pytest.raises(mvcore.ClosedError):
        feed.value("A1")


def test_an_object_that_is_not_a_book_is_refused(outside) -> None:
    with pytest.raises(AttributeError):
        outside.Feed(object())


@pytest.fixture(scope="session")
def plain(compiler, tmp_path_factory) -> ctypes.CDLL:
    """C code compiled against the installed header with all warnings as errors."""
    library = tmp_path_factory.mktemp("plain") / "plain.so"
    flags = ["-std=c11", "-pedantic", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    include = f"-I{mvcore.get_include()}"
    run([compiler, *flags, include, str(SOURCES / "plain.c"), "-o", str(library)], library.parent)
    return ctypes.CDLL(str(library))


def pointer(capsule: object, name: bytes) -> ctypes.c_void_p:
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return ctypes.c_void_p(get(capsule, name))


@pytest.fixture
def handles(book) -> tuple[ctypes.c_void_p, ctypes.c_void_p]:
    table = mvcore._core._C_API
    return pointer(table, b"mvcore._core._C_API"), pointer(book.__mvcore_book__(), b"mvcore.book")


def test_a_c_program_reads_and_writes_a_book(plain, handles, book) -> None:
    assert plain.plain_version(handles[0]) == 1
    text = ctypes.create_string_buffer(256)
    epoch = ctypes.c_uint64()

    def value(instrument: bytes, price: bytes, account: bytes) -> int:
        return plain.plain_value(*handles, instrument, price, account, text, ctypes.byref(epoch))

    assert value(b"AAPL", b"151.5", b"A2") == OK
    assert (text.value, epoch.value) == (b"-454.50000000", 2)
    assert book.value("A2").current == D("-454.5")
    assert value(b"AAPL", b"1,5", b"A2") == INVALID_INPUT
    assert b"'1,5' is not a decimal number" in text.value
    assert value(b"nothing", b"1", b"A2") == UNKNOWN_ID
    assert value(b"AAPL", b"1", b"nobody") == UNKNOWN_ID
    assert book.epoch == 3  # the tick of the last call was applied
    book.close()
    assert value(b"AAPL", b"1", b"A2") == CLOSED


def test_floats_from_c_are_exact(plain, handles, book) -> None:
    codes = book.instrument_codes(["AAPL", "BUND"]).ctypes
    epoch = ctypes.c_uint64()

    def ticks(*prices: float) -> int:
        array = np.array(prices)
        return plain.plain_doubles(
            *handles, codes.data_as(ctypes.c_void_p), array.ctypes.data_as(ctypes.c_void_p),
            None, ctypes.c_size_t(len(array)), ctypes.byref(epoch),
        )  # fmt: skip

    assert ticks(0.1, 1e-7) == OK
    assert [D("0.1"), D("1e-7")] == book.prices()["price"]
    for wrong in (float("nan"), float("inf"), 1e300, 5e-324):
        assert ticks(7.0, wrong) == INVALID_INPUT
    assert [D("0.1"), D("1e-7")] == book.prices()["price"]
    assert epoch.value == book.epoch == 2


def test_a_module_compiled_for_a_newer_table_is_refused(compiler, tmp_path) -> None:
    """As if a later mvcore, whose C API has one more function, had compiled the module."""
    pytest.importorskip("Cython", reason="Cython is not installed")
    pytest.importorskip("setuptools", reason="setuptools is not installed")
    include = tmp_path / "include"
    shutil.copytree(mvcore.get_include(), include)
    (header,) = include.rglob("capi.h")
    text = header.read_text()
    assert text.count("} mvcore_capi;") == 1
    header.write_text(text.replace("} mvcore_capi;", "    int (*later)(void);\n} mvcore_capi;"))
    shutil.copy(SOURCES / "outside.pyx", tmp_path)
    setup = (SOURCES / "setup.py").read_text()
    assert setup.count("mvcore.get_include()") == 1
    (tmp_path / "setup.py").write_text(setup.replace("mvcore.get_include()", repr(str(include))))
    run([sys.executable, "setup.py", "-q", "build_ext", "--inplace"], tmp_path)
    (module,) = tmp_path.glob("outside.*.so")
    spec = importlib.util.spec_from_file_location("outside", module)
    longer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(longer)
    with pytest.raises(ImportError, match=r"C table has .* bytes.*install a newer mvcore"):
        longer.Feed(mvcore.Book())
