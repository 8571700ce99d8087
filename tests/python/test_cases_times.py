"""Times: reported cases and similar ones, each read as exactly one moment or refused.

The book has account X with 100 of A, a share at 10 USD.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal as D
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import mvcore

UTC = dt.UTC
NOON = dt.datetime(2024, 3, 1, 12, tzinfo=UTC)
NOON_NS = 1_709_294_400 * 10**9
UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


@pytest.fixture
def book():
    book = mvcore.Book("USD", value_scale=2)
    load(book)
    return book


def load(book) -> None:
    book.load(
        instruments={"instrument": ["A", "B"], "currency": ["USD", "EUR"]},
        accounts={"account": ["X"]},
        holdings={"account": ["X"], "instrument": ["A"], "quantity": [100]},
        prices={"instrument": ["A"], "price": [10]},
    )


def prices(times: Any, **columns: Any) -> dict[str, Any]:
    return {"instrument": ["B", "A"], "price": [1, 11], "time": times} | columns


def ns_held(book, instrument: str = "A") -> int:
    """The time of the held price, in nanoseconds."""
    frame = book.prices()
    row = frame["instrument"].index(instrument)
    return int(frame.to_numpy("time").view(np.int64)[row])


def writes(book, time: Any, **options: Any) -> list[tuple[str, Any]]:
    """Every call that takes a time. Rows of tables have it in row 1."""
    fact = {"account": ["X"] * 2, "instrument": ["A"] * 2, "order_quantity": [1, 1]}
    orders = {"order": ["O1", "O2"], **fact, "time": [None, time]}
    rates = {"currency": ["EUR", "GBP"], "rate": [2, 3], "time": [None, time]}
    return [
        ("tick", lambda: book.tick("A", 11, time=time, **options)),
        ("ticks", lambda: book.ticks(["B", "A"], [1, 11], times=[None, time], **options)),
        ("ticks", lambda: book.ticks(np.array([1, 0], np.int32), np.array([1.0, 2.0]),
                                     [None, time], **options)),
        ("order", lambda: book.order("O1", "X", "A", 1, time=time, **options)),
        ("prices", lambda: book.update(prices=prices([None, time]), **options)),
        ("prices", lambda: book.load(prices=prices([None, time]), **options)),
        ("orders", lambda: book.update(orders=orders, **options)),
        ("orders", lambda: book.load(orders=orders, **options)),
        ("fx", lambda: book.update(fx=rates, **options)),
        ("fx", lambda: book.load(fx=rates, **options)),
    ]  # fmt: skip


def refused(book, time: Any, *says: str, **options: Any) -> None:
    """Assert that every call refuses the time, names its place, and changes nothing."""
    epoch = book.epoch
    for table, write in writes(book, time, **options):
        with pytest.raises(mvcore.InvalidInput) as caught:
            write()
        error = caught.value
        row = None if table in ("tick", "order") else 1
        place = f"{table}.time" if row is None else f"{table}.time, row {row}"
        assert (error.table, error.column, error.row) == (table, "time", row), error
        assert error.value is time or error.value == time
        assert str(error).startswith(f"{place}: ")
        assert all(part in str(error) for part in says), error
    assert book.epoch == epoch


# -- text ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds", "nanoseconds"),
    [
        ("2024-03-01", -43_200, 0),
        ("2024-03-01T12:00", 0, 0),
        ("2024-03-01 12:00", 0, 0),
        ("2024-03-01T12:00Z", 0, 0),
        ("2024-03-01T12:00:01", 1, 0),
        ("2024-03-01T12:00:01Z", 1, 0),
        ("2024-03-01 12:00:01Z", 1, 0),
        ("2024-03-01T12:00:01.5", 1, 500_000_000),
        ("2024-03-01T12:00:01,5Z", 1, 500_000_000),
        ("2024-03-01T12:00:01.1234567Z", 1, 123_456_700),
        ("2024-03-01T12:00:01.123456789+00:00", 1, 123_456_789),
        ("2024-03-01T12:00:00.000000001-00:00", 0, 1),
        ("2024-03-01T13:30:00+01:30", 0, 0),
        ("2024-03-01T06:15:00-05:45", 0, 0),
        ("2024-03-02T11:59+23:59", 0, 0),
        ("1969-12-31T23:59:59.999999999Z", -1_709_294_401, 999_999_999),
        ("1677-09-21T00:12:43.145224193Z", -10_932_666_437, 145_224_193),
    ],
)
def test_iso_8601_times_are_read_exactly(book, text, seconds, nanoseconds) -> None:
    expected = NOON_NS + seconds * 10**9 + nanoseconds
    for given in (text, np.str_(text)):
        book.tick("A", 11)  # without a time: the next price applies, whatever its time
        assert type(book.tick("A", 11, time=given)) is int
        assert ns_held(book) == expected
    columns = [
        [None, text],
        (None, text),
        np.array([None, text], object),
        pa.array([None, text]),
        pa.array([None, text], pa.large_string()),
        pa.chunked_array([[None], [text]], pa.string()).dictionary_encode(),
    ]
    for column in columns:
        book.load(prices=prices(column))
        assert ns_held(book) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("20240301210000Z", "20240301T210000Z", "20240301T2100", "20240301", "2024-0301"),
        *("2024-03-01T210000Z", "2024-03-01T21", "2024-03-01T21Z", "2024-03", "2024", "24-03-01"),
        *("2024-061", "2024-W09-5", "2024W095", "2024-W09-5T21:00:00", "2024061"),
        *("2024-03-01T21:00:00z", "2024-03-01t21:00:00Z", "2024-03-01T21:00:00 Z"),
        *("2024-03-01T21:00:00+01", "2024-03-01T21:00:00+0100", "2024-03-01T21:00:00+1:00"),
        *("2024-03-01T21:00:00+24:00", "2024-03-01T21:00:00+01:60", "2024-03-01T21:00:00+01:00:30"),
        *("2024-03-01T24:00:00Z", "2024-03-01T23:59:60Z", "2024-03-01T21:60Z", "2024-02-30"),
        *("2024-13-01", "2024-00-01", "2024-03-00", "0000-01-01", "+2024-03-01", "-2024-03-01"),
        *("2024-03-01T21:00.5Z", "2024-03-01T21:00:00.Z", "2024-03-01T21:00:00.1234567890Z"),
        *(" 2024-03-01", "2024-03-01 ", "2024-03-01\n", "2024-03-01Z", "2024-03-01+01:00"),
        *("2024-03-01T", "2024-03-01  21:00", "2024-03-01_21:00", "2024/03/01", "2024.03.01"),
        *("01-03-2024", "20240301-21:00:00", "2024-3-1", "2024-03-01T9:00", "2024-03-01T21:0"),
        *("1709294400", "1709294400000", "now", "today", "", "NaT", "null", "None", "nan"),
        *("2024-03-01T21:00:00Z[UTC]", "2024-03-01T21:00:00 UTC", "Fri, 01 Mar 2024 21:00:00 GMT"),
        *("\uff12024-03-01", "2024-03-01T21:00:00\u221201:00", "2024\u201103\u201101", "\ud800"),
        *("1677-09-21T00:12:43.145224192Z", "2262-04-11T23:47:16.854775808Z", "9999-12-31"),
    ],
)
def test_text_in_other_formats_is_refused(book, text) -> None:
    refused(book, text)


def test_a_compact_time_is_refused_instead_of_read_in_part(book) -> None:
    book.tick("A", "10.5", time="2024-03-01T20:59:59Z")
    refused(book, "20240301210000Z", "ISO 8601", "'20240301210000Z'")
    book.update(prices=prices([None, "2024-03-01T21:00:00Z"]))
    assert book.value("X").current == D("1100.00")


def test_compact_times_of_every_minute_are_refused() -> None:
    """287 of the minutes of a day were once read as another time."""
    book = mvcore.Book()
    load(book)
    epoch = book.epoch
    for minute in range(24 * 60):
        with pytest.raises(mvcore.InvalidInput):
            book.tick("A", 1, time=f"20240301{minute // 60:02}{minute % 60:02}00Z")
    assert book.epoch == epoch


# -- integers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", UNITS)
def test_integers_are_read_in_every_unit(book, unit) -> None:
    count = NOON_NS // UNITS[unit]
    for kind in (int, np.int64, np.uint64):
        for table, write in writes(book, kind(count), time_unit=unit):
            book.remove(prices=["A", "B"])
            write()
            if table in ("tick", "prices"):
                assert ns_held(book) == NOON_NS
    assert {row["time"] for row in book.orders().to_pylist()} == {None, NOON}
    columns = [
        np.array([count, count]),
        np.array([count, count], np.uint64),
        np.array([count, count], ">i8"),
        np.array([None, count], object),
        pa.array([None, count]),
        pa.array([None, count], pa.uint64()),
        pa.chunked_array([pa.array([count]), pa.array([count])]),
    ]
    for column in columns:
        book.load(prices=prices(column), time_unit=unit)
        assert ns_held(book) == NOON_NS
        book.load(prices=prices([None, None]))
        book.ticks(["B", "A"], [1, 11], times=column, time_unit=unit)
        assert ns_held(book) == NOON_NS
        if column[0] is None or not hasattr(column[0], "is_valid") or not column[0].is_valid:
            continue
        assert ns_held(book, "B") == NOON_NS


@pytest.mark.parametrize("unit", UNITS)
def test_integers_at_the_bounds_of_years_are_read_and_beyond_refused(unit) -> None:
    book = mvcore.Book(max_future=dt.timedelta(days=100_000))
    load(book)
    size = UNITS[unit]
    first = 315_532_800 * 10**9 // size  # 1980-01-01
    after = 7_289_654_400 * 10**9 // size  # 2201-01-01
    for integer in (first, after - 1):
        book.tick("A", 11)
        book.tick("A", 11, time=integer, time_unit=unit)
        assert ns_held(book) == integer * size
        book.load(prices=prices(np.array([integer] * 2)), time_unit=unit)
        assert ns_held(book) == integer * size
    wrong = [first - 1, after, 0, -1, -first, 2**63, 2**64, 10**30, -(10**5_000), -(2**63)]
    for integer in wrong:
        refused(book, integer, "time_unit", "1980", "2200", time_unit=unit)
        if -(2**63) <= integer < 2**63:
            for column in (np.array([first, integer]), pa.array([first, integer])):
                with pytest.raises(mvcore.InvalidInput, match="time_unit") as caught:
                    book.update(prices=prices(column), time_unit=unit)
                assert (caught.value.row, caught.value.value) == (1, integer)


def test_the_message_names_the_unit_that_fits(book) -> None:
    for name, size in UNITS.items():
        if name != "ns":
            refused(book, NOON_NS // size, f"pass time_unit='{name}'")
    refused(book, NOON_NS, "pass time_unit='ns'", time_unit="s")
    refused(book, 5, "years 1980 to 2200")


def test_small_integer_types_are_not_wrapped(book) -> None:
    for kind in ("i1", "u1", "i2", "u2", "i4", "u4"):
        column = np.array([5, 5], kind)
        with pytest.raises(mvcore.InvalidInput, match="time_unit"):
            book.update(prices=prices(column))
        with pytest.raises(mvcore.InvalidInput, match="time_unit"):
            book.update(prices=pa.table(prices(pa.array(column))))
    book.update(prices=prices(np.array([1_709_294_400] * 2, "i4")), time_unit="s")
    assert ns_held(book) == NOON_NS
    with pytest.raises(mvcore.InvalidInput, match="time_unit"):
        book.update(prices=prices(np.array([NOON_NS, 2**64 - 1], "u8")))


@pytest.mark.parametrize(
    "unit", ["", "sec", "S", "m", "h", "D", "ps", None, 9, 1.5, b"ms", ["ms"], {}]
)
def test_an_unknown_time_unit_is_refused(book, unit) -> None:
    epoch = book.epoch
    for _, write in writes(book, NOON, time_unit=unit) + writes(book, None, time_unit=unit):
        with pytest.raises(mvcore.InvalidInput, match=r"^\w+\.time_unit: .*'ms'") as caught:
            write()
        assert caught.value.table in ("tick", "ticks", "order", "load", "update")
        assert (caught.value.column, caught.value.value) == ("time_unit", unit)
    assert book.epoch == epoch


def test_the_time_unit_applies_to_integers_only(book) -> None:
    book.update(prices=prices([NOON, "2024-03-01T12:00:00Z"]), time_unit="s")
    assert ns_held(book) == ns_held(book, "B") == NOON_NS
    book.update(prices=prices(np.array([NOON_NS] * 2, "M8[ns]")), time_unit="ms")
    assert ns_held(book) == NOON_NS


# -- the future ----------------------------------------------------------------------------------


def test_a_time_far_ahead_is_refused_and_later_prices_apply(book) -> None:
    for far in (
        "2099-01-01",
        dt.datetime(2099, 1, 1),
        dt.date(2099, 1, 1),
        np.datetime64("2099-01-01", "D"),
        4_070_908_800 * 10**9,
        dt.datetime.now(UTC) + dt.timedelta(days=1, minutes=1),
    ):
        refused(book, far, "max_future", "1 day")
    book.tick("A", "12", time=dt.datetime.now(UTC))
    assert book.value("X").current == D("1200.00")


def test_a_time_far_ahead_in_a_column_is_refused_with_its_row(book) -> None:
    far = np.array(["2024-03-01", "2099-01-01"], "M8[s]")
    counted = far.astype("M8[ns]").astype("i8")
    for column in (far, pa.array(far), counted, pa.array(counted), pa.array(far).cast("date32")):
        with pytest.raises(mvcore.InvalidInput, match="max_future") as caught:
            book.update(prices=prices(column))
        assert (caught.value.table, caught.value.column, caught.value.row) == ("prices", "time", 1)
        with pytest.raises(mvcore.InvalidInput, match="max_future"):
            book.ticks(["A", "B"], [1, 2], times=column)


def test_a_time_just_ahead_of_the_clock_is_accepted(book) -> None:
    soon = dt.datetime.now(UTC) + dt.timedelta(hours=23)
    for _, write in writes(book, soon):
        write()
    assert ns_held(book) == ((soon - NOON) // dt.timedelta(microseconds=1)) * 1000 + NOON_NS


def test_a_book_can_set_max_future() -> None:
    now = dt.datetime.now(UTC)
    strict = mvcore.Book(max_future=dt.timedelta(0))
    load(strict)
    refused(strict, now + dt.timedelta(minutes=5), "max_future (0:00:00)")
    strict.tick("A", 11, time=now - dt.timedelta(minutes=5))
    wide = mvcore.Book(max_future=dt.timedelta(days=400))
    load(wide)
    wide.tick("A", 11, time=now + dt.timedelta(days=399))
    refused(wide, now + dt.timedelta(days=401), "max_future (400 days, 0:00:00)")
    whatever = mvcore.Book(max_future=dt.timedelta.max)
    load(whatever)
    whatever.tick("A", 11, time="2200-12-31T23:59:59Z")


@pytest.mark.parametrize(
    "wrong", [None, 1, 86400.0, "1 day", np.timedelta64(1, "D"), dt.timedelta(seconds=-1), True]
)
def test_an_invalid_max_future_is_refused(tmp_path, wrong) -> None:
    for make in (
        lambda: mvcore.Book(max_future=wrong),
        lambda: mvcore.open(tmp_path / "book", max_future=wrong),
    ):
        with pytest.raises(mvcore.InvalidInput, match=r"max_future") as caught:
            make()
        assert caught.value.column == "max_future"
    assert not (tmp_path / "book").exists()


@pytest.mark.parametrize("checkpoint", [False, True])
def test_opening_does_not_check_stored_times_again(tmp_path, checkpoint) -> None:
    """A book with accepted times opens under any other `max_future`."""
    far = dt.datetime.now(UTC) + dt.timedelta(days=99)
    with mvcore.open(tmp_path / "book", max_future=dt.timedelta(days=100)) as book:
        load(book)
        book.update(
            prices=prices([None, far]), fx={"currency": ["EUR"], "rate": [2], "time": [far]}
        )
        book.order("O", "X", "A", 1, time=far)
        book.tick("B", 2, time="1950-01-01")
        if checkpoint:
            book.checkpoint()
        held = book.prices().to_pylist(), book.orders().to_pylist()
    for read_only in (True, False):
        with mvcore.open(tmp_path / "book", read_only=read_only) as book:
            assert (book.prices().to_pylist(), book.orders().to_pylist()) == held
    with mvcore.open(tmp_path / "book") as book:
        refused(book, far, "max_future")
        assert book.order("O", "X", "A", 2, time=NOON).late_orders == 1


# -- datetimes, dates and timestamps -------------------------------------------------------------


class Day(dt.date):
    """A subclass, as calendar libraries have."""


class Moment(dt.datetime):
    """A datetime with other arithmetic."""

    def __sub__(self, other):
        raise AssertionError("not to be used")


class Offset(dt.tzinfo):
    """A zone two and a half hours ahead."""

    def utcoffset(self, _):
        return dt.timedelta(hours=2, minutes=30)

    def dst(self, _):
        return None


class Broken(Offset):
    """A zone that fails."""

    def utcoffset(self, _):
        raise RuntimeError("no such zone")


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        (dt.date(2024, 3, 1), -43_200),
        (Day(2024, 3, 1), -43_200),
        (dt.date(1970, 1, 1), -1_709_294_400),
        (dt.datetime(2024, 3, 1, 12), 0),
        (NOON, 0),
        (Moment(2024, 3, 1, 12), 0),
        (Moment(2024, 3, 1, 12, tzinfo=UTC), 0),
        (dt.datetime(2024, 3, 1, 14, 30, tzinfo=Offset()), 0),
        (dt.datetime(2024, 3, 1, 7, tzinfo=dt.timezone(-dt.timedelta(hours=5))), 0),
        (np.datetime64("2024-03-01T12:00", "m"), 0),
        (np.datetime64("2024-03-01", "D"), -43_200),
        (np.datetime64("2024-03-01T12", "h"), 0),
    ],
)
def test_time_objects_are_read_exactly(book, time, seconds) -> None:
    expected = NOON_NS + seconds * 10**9
    book.tick("A", 11, time=time)
    assert ns_held(book) == expected
    for column in ([None, time], (None, time), np.array([None, time], object)):
        book.load(prices=prices(column))
        assert ns_held(book) == expected
        book.load(prices=prices([None, None]))
        book.ticks(["B", "A"], [1, 11], times=column)
        assert ns_held(book) == expected


@pytest.mark.parametrize("unit", ["D", "h", "m", "s", "ms", "us", "ns"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_numpy_arrays_of_times_are_read_exactly(book, unit, order) -> None:
    column = np.array(["NaT", "2024-03-01T12:00"], f"{order}M8[{unit}]")
    book.load(prices=prices(column))
    assert ns_held(book) == NOON_NS - (43_200 * 10**9 if unit == "D" else 0)
    assert book.prices()["time"][book.prices()["instrument"].index("B")] is None


ARROW = [pa.date32(), pa.date64()] + [
    pa.timestamp(unit, zone) for unit in UNITS for zone in (None, "UTC", "+05:45")
]


@pytest.mark.parametrize("kind", ARROW, ids=str)
def test_arrow_columns_of_times_are_read_exactly(book, kind) -> None:
    if pa.types.is_date(kind):
        expected = NOON_NS - 43_200 * 10**9
        column = pa.array([None, NOON.date()], kind)
    else:
        expected = NOON_NS
        column = pa.array([None, NOON_NS // UNITS[kind.unit]], pa.int64()).cast(kind)
    for given in (column, pa.chunked_array([column[:1], column[1:]]), column.dictionary_encode()):
        book.load(prices=pa.table(prices(given)))
        assert ns_held(book) == expected
        book.load(prices=prices([None, None]))
        book.ticks(["B", "A"], [1, 11], times=given)
        assert ns_held(book) == expected


def test_pandas_and_polars_columns_of_times_are_read_exactly(book) -> None:
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    stamp = pd.Timestamp("2024-03-01T12:00:00.000000001Z")
    nanosecond = np.array(["NaT", "2024-03-01T12:00:00.000000001"], "M8[ns]")
    columns = [
        pd.Series(nanosecond),
        pd.Series(nanosecond).dt.tz_localize("UTC").dt.tz_convert("Asia/Kathmandu"),
        pd.Series([pd.NaT, stamp]),
        pd.Series(pa.array(nanosecond), dtype=pd.ArrowDtype(pa.timestamp("ns", "UTC"))),
        pl.Series(nanosecond),
        pl.Series(nanosecond).dt.replace_time_zone("UTC"),
        [None, stamp],
        [None, stamp.tz_convert("Asia/Kathmandu")],
    ]
    for column in columns:
        tables = [prices(column)]
        tables += [pd.DataFrame(prices(column))] * isinstance(column, pd.Series)
        tables += [pl.DataFrame(prices(column))] * isinstance(column, pl.Series)
        for table in tables:
            book.load(prices=table)
            assert ns_held(book) == NOON_NS + 1
        book.load(prices=prices([None, None]))
        book.ticks(["B", "A"], [1, 11], times=column)
        assert ns_held(book) == NOON_NS + 1


def test_an_error_of_a_time_zone_is_reported(book) -> None:
    refused(book, dt.datetime(2024, 3, 1, tzinfo=Broken()), "no such zone")


@pytest.mark.parametrize(
    "time",
    [
        *(True, False, np.True_, 1.0, 1.7e18, np.float64(1.7e18), float("nan"), D(NOON_NS), 1j),
        *(b"2024-03-01", bytearray(b"2024-03-01"), [NOON], (NOON,), {"time": NOON}, {NOON}),
        *(dt.time(12), dt.timedelta(days=19_000), np.timedelta64(NOON_NS, "ns"), object()),
        *(np.datetime64("NaT"), np.array(NOON_NS), np.array([NOON_NS]), pa.scalar(NOON), int, dt),
    ],
    ids=lambda time: f"{type(time).__name__} {time!r}"[:30],
)
def test_values_that_are_not_times_are_refused(book, time) -> None:
    epoch = book.epoch
    for table, write in writes(book, time):
        with pytest.raises(mvcore.InvalidInput, match=r"\.time") as caught:
            write()
        error = caught.value
        assert (error.table, error.column) == (table, "time")
        assert type(time).__name__ in str(error)
    assert book.epoch == epoch


@pytest.mark.parametrize(
    "column",
    [
        np.array([1.0, 2.0]),
        np.array([True, False]),
        np.array([1, 2], "m8[ns]"),
        np.array([1 + 0j, 2]),
        np.array([b"2024-03-01"] * 2),
        np.array([[NOON_NS, NOON_NS]]),
        np.array(NOON_NS),
        np.array(["2024-03-01", "2262-12-31"], "M8[D]"),
        np.array(["1970-01-01", "1970-01-01T00:00:00.000000000001"], "M8[ps]"),
        np.array([0, 10**12], "M8[Y]"),
        pa.array([1.0, 2.0]),
        pa.array([True, False]),
        pa.array([1, 2], pa.duration("ns")),
        pa.array([1, 2], pa.time64("ns")),
        pa.array([1, 2], pa.time32("s")),
        pa.array([D(1), D(2)]),
        pa.array([b"2024-03-01"] * 2),
        pa.array([[1], [2]]),
        pa.array([0, 2**62], pa.timestamp("s")),
        pa.array([0, 2**31 - 1], pa.date32()),
        "2024-03-01",
        NOON,
        5,
    ],
    ids=lambda column: f"{getattr(column, 'dtype', getattr(column, 'type', column))}",
)
def test_columns_without_times_are_refused(book, column) -> None:
    epoch = book.epoch
    for write in (
        lambda: book.update(prices=prices(column)),
        lambda: book.ticks(["B", "A"], [1, 11], times=column),
    ):
        with pytest.raises(mvcore.InvalidInput, match=r"\.time") as caught:
            write()
        assert caught.value.column == "time"
    assert book.epoch == epoch


def test_pandas_periods_are_refused_as_times(book) -> None:
    pd = pytest.importorskip("pandas")
    periods = pd.period_range("2024-03-01", periods=2, freq="D")
    epoch = book.epoch
    for column in (periods, pd.Series(periods), list(periods), pd.array(periods)):
        tables = [prices(column)]
        tables += [pd.DataFrame(prices(column))]
        for table in tables:
            with pytest.raises(mvcore.InvalidInput, match=r"prices\.time"):
                book.update(prices=table)
        with pytest.raises(mvcore.InvalidInput, match=r"ticks\.time"):
            book.ticks(["A", "B"], [1, 2], times=column)
    with pytest.raises(mvcore.InvalidInput, match=r"tick\.time: .*Period"):
        book.tick("A", 1, time=periods[0])
    assert book.epoch == epoch
