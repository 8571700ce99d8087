"""`mvcore.read`: reads one file into one table."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mvcore.errors import InvalidInput, shown
from mvcore.files import columns as cells
from mvcore.files.dialect import header_of, listed, taken_away
from mvcore.files.encodings import COMPRESSIONS, encoding_of, refuse_markup, texts_of
from mvcore.files.faults import fault
from mvcore.files.lines import Lines
from mvcore.files.options import Options
from mvcore.files.records import Records
from mvcore.files.schema import PRICED, SUMMED, Schema, schema_of
from mvcore.files.table import FileTable
from mvcore.ingest.tables import misspelled

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
}
Progress = Callable[[int], None]


def read(
    path: str | os.PathLike[str],
    table: str,
    *,
    delimiter: str | None = None,
    decimal: Literal[".", ","] = ".",
    thousands: str | None = None,
    encoding: str | None = None,
    header_row: int | None = None,
    rename: Mapping[str, str] | None = None,
    extra: Literal["error", "ignore"] = "error",
    duplicates: Literal["error", "sum"] = "error",
    blank_price: Literal["error", "skip"] = "error",
    accounting: bool = False,
    currency_signs: str = "",
) -> FileTable:
    """Read a file into a table that `load` and `update` take. Nothing is guessed silently.

    table: the kind of rows: accounts, instruments, holdings, orders, prices, fx, or ticks (prices
    in the file's order, each instrument any number of times). The file is delimited text such as
    CSV (also with the ending .gz, .bz2, .zst or .lz4), Parquet, or Arrow.

    delimiter, encoding (UTF-8, UTF-16, Windows-1252) and header_row (a line, counted from 1) are
    detected unless given, and are attributes of the result. decimal, thousands: the marks in
    numbers; thousands=" " is any kind of space. accounting: `(100)` and `100-` are -100.
    currency_signs: signs that may be before or after a number, as in "$€".

    rename: maps names in the file to names of columns. extra="ignore" drops columns that the table
    does not have. duplicates="sum" adds up holdings of one account and instrument, such as tax
    lots. blank_price="skip" drops rows without a price.

    Raises InvalidInput for text that breaks the format, a value that is not a number, an empty
    field that needs a value, a repeated key, and an ambiguous dialect. The error names the file,
    the line as editors count, the column's name in the file, and the value. Raises OSError if the
    file cannot be opened. O(bytes).
    """
    options = Options(
        delimiter=delimiter, decimal=decimal, thousands=thousands, encoding=encoding,
        header_row=header_row, rename={} if rename is None else rename, extra=extra,
        duplicates=duplicates, blank_price=blank_price, accounting=accounting,
        currency_signs=currency_signs,
    )  # fmt: skip
    schema = schema_of(table)
    if options.duplicates != "error" and table not in SUMMED:
        raise InvalidInput.about(
            None, "duplicates", None, "sum", f"'sum' is for {', '.join(SUMMED)}, not for {table}"
        )
    if options.blank_price != "error" and table not in PRICED:
        raise InvalidInput.about(
            None,
            "blank_price",
            None,
            "skip",
            f"'skip' is for {', '.join(PRICED)}, not for {table}",
        )
    found = read_file(path, schema, options)
    absent = [name for name in options.rename if name not in found.renamed]
    if absent:
        raise fault(
            found.path, f"rename: the file has no column {absent[0]!r}", line=found.header_row
        )
    if table == "orders" and found.format == "csv":
        return with_integer_ids(found)
    return found


def with_integer_ids(table: FileTable) -> FileTable:
    """Convert order ids to integers, if each is the canonical form of one."""
    integers = cells.plain_integers(table["order"])
    return table if integers is None else table.with_column("order", integers)


def read_file(
    path: str | os.PathLike[str],
    schema: Schema,
    options: Options,
    progress: Progress = lambda _: None,
) -> FileTable:
    """Read one file. A name in `rename` that the file does not have is ignored."""
    place = Path(path)
    place.stat()  # raises OSError
    if not place.is_file():
        raise fault(str(path), "pipes and folders cannot be read; write it to a file first")
    kind = format_of(place)
    if kind == "csv":
        return _read_text(place, schema, options, progress)
    data = read_parquet(place) if kind == "parquet" else read_arrow(place)
    named, renamed, ignored = _named(str(path), data.column_names, schema, options, None)
    data = data.select([k for k, name in enumerate(named) if name is not None])
    data = data.rename_columns([name for name in named if name is not None])
    return _checked(data, str(path), schema, options, kind, renamed=renamed, ignored=ignored)


def format_of(path: Path) -> str:
    """The format by the ending, or else by the first bytes. Any other file is text."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        return "csv"
    if suffixes and suffixes[-1] in FORMATS:
        return FORMATS[suffixes[-1]]
    with path.open("rb") as file:
        magic = file.read(6)
    if magic[:4] == b"PAR1":
        return "parquet"
    return "arrow" if magic == b"ARROW1" else "csv"


def read_parquet(path: Path) -> pa.Table:
    """Read a Parquet file."""
    import pyarrow as pa
    from pyarrow import parquet

    with pa.OSFile(str(path)) as file:  # raises OSError
        return _validated(lambda: parquet.ParquetFile(file).read(), path, "Parquet")


def read_arrow(path: Path) -> pa.Table:
    """Read an Arrow IPC (Feather version 2) file or stream."""
    import pyarrow as pa

    with pa.OSFile(str(path)) as file:  # raises OSError
        opened = pa.ipc.open_file if file.read(6) == b"ARROW1" else pa.ipc.open_stream
        file.seek(0)
        return _validated(lambda: opened(file).read_all(), path, "Arrow")


def _validated(read_table: Callable[[], pa.Table], path: Path, kind: str) -> pa.Table:
    """Read and validate the table. Raises InvalidInput if the file is damaged.

    pyarrow trusts the offsets and indices in a file. Without validation, it crashes when it uses
    them.
    """
    import pyarrow as pa

    try:
        table = read_table()
        table.validate(full=True)
        table.column_names  # noqa: B018  raises UnicodeDecodeError
    except (pa.ArrowException, ValueError, OSError) as error:
        raise fault(str(path), f"cannot be read as {kind}: {error}") from None
    return table


def _read_text(path: Path, schema: Schema, options: Options, progress: Progress) -> FileTable:
    import pyarrow as pa

    try:
        encoding = encoding_of(path, options.encoding)
        texts = texts_of(path, encoding)
        first = next(texts, "")
        refuse_markup(path, first)
        header = header_of(str(path), first, schema, options)
        named, renamed, ignored = _named(str(path), header.names, schema, options, header.line)
        records = Records(str(path), header.delimiter, len(named), header.line)
        kept = [k for k, name in enumerate(named) if name is not None]
        parts: list[list[pa.Array]] = [[] for _ in kept]
        blanks = [k for k, name in enumerate(header.names) if not name]
        lines = Lines()

        def rest() -> Iterator[str]:
            yield first[header.end :]
            for text in texts:
                progress(len(text))
                yield text

        for block in records.blocks(rest(), header.line + 1):
            for k in blanks:
                _check_unnamed(str(path), block.columns[k], k, block.lines, options)
            for part, k in zip(parts, kept, strict=True):
                part.append(block.columns[k])
            lines.add(block.rows, block.lines)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise fault(str(path), f"cannot be unpacked: {error}") from None  # damaged or cut short
    arrays = [pa.chunked_array(part, pa.string()) for part in parts]
    data = pa.table(arrays, [named[k] for k in kept])
    return _checked(
        data, str(path), schema, options, "csv", renamed=renamed, ignored=ignored, lines=lines.of,
        delimiter=header.delimiter, encoding=encoding.name, header_row=header.line,
    )  # fmt: skip


def _named(
    path: str, names: list[str], schema: Schema, options: Options, line: int | None
) -> tuple[list[str | None], dict[str, str], tuple[str, ...]]:
    """Map the columns of the file to those of the table (None: dropped).

    Also returns renamed and ignored.
    """
    renamed = {name: options.rename[name] for name in names if name in options.rename}
    out: list[str | None] = []
    ignored = []
    for old in names:
        new = renamed.get(old, old)
        if not old:
            out.append(None)  # its cells are empty, or extra="ignore"
            continue
        if new in out:
            first = names[out.index(new)]
            also = f" ({first!r} and {old!r} in the file)" if first != old else ""
            raise fault(
                path, f"column {new!r} occurs twice{also}; expected each name once", line=line,
                table=schema.name, known_as=new,
            )  # fmt: skip
        known = schema.attributes or new in schema.columns
        if not known and options.extra == "error":
            raise fault(
                path,
                f"column {old!r} is not known; expected {', '.join(schema.columns)}; "
                "extra='ignore' (--extra ignore) leaves it out, rename (--rename) names it",
                line=line,
                table=schema.name,
                known_as=new,
                value=old,
            )
        out.append(new if known else None)
        if not known:
            ignored.append(old)
    if schema.attributes:
        _check_attributes(path, names, out, schema, line)
    for name in schema.required:
        if name not in out:
            found = listed(names)
            more = taken_away(name, options) if name in names else ""
            raise fault(
                path, f"column {name!r} is missing; found {found}{more}", line=line,
                table=schema.name, known_as=name,
            )  # fmt: skip
    return out, renamed, tuple(ignored)


def _check_attributes(
    path: str, names: list[str], named: list[str | None], schema: Schema, line: int | None
) -> None:
    """Raises InvalidInput if an attribute's name is almost that of a column.

    The column would silently get its default.
    """
    for old, new in zip(names, named, strict=True):
        if new is None or new in schema.columns:
            continue
        fixed = misspelled(schema.name, new, [name for name in named if name])
        if fixed is not None:
            told = shlex.quote(f"{old}={fixed}")
            raise fault(
                path,
                f"the name of an attribute is too similar to the column {fixed!r}; expected rename="
                f"{{{old!r}: {fixed!r}}} (--rename {told}), or another name of the attribute",
                line=line, column=old, table=schema.name, known_as=new, value=old,
            )  # fmt: skip


def _check_unnamed(path: str, values: pa.Array, place: int, lines: Any, options: Options) -> None:
    """Raises InvalidInput if a column without a name has values.

    A delimiter at the end of each line makes an empty column without a name, which is allowed.
    """
    if options.extra == "ignore" or values.null_count == len(values):
        return
    row = int(np.flatnonzero(np.asarray(values.is_valid(), bool))[0])
    value = values[row].as_py()
    raise fault(
        path,
        f"column {place + 1} has no name in the header, but has the value {shown(value)}; expected "
        "a name, or extra='ignore' (--extra ignore)",
        line=lines + row if isinstance(lines, int) else int(lines[row]),
        value=value,
    )


def _checked(
    data: pa.Table,
    path: str,
    schema: Schema,
    options: Options,
    kind: str,
    *,
    renamed: Mapping[str, str],
    ignored: tuple[str, ...],
    lines: Callable[[int], int] | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    header_row: int | None = None,
) -> FileTable:
    """Make the table, with its values checked and in plain form."""

    table = FileTable(
        path=path, table=schema.name, data=data, format=kind, delimiter=delimiter,
        encoding=encoding, header_row=header_row, ignored=ignored, renamed=renamed,
        skipped_prices=0, summed=0, lines=lines,
    )  # fmt: skip
    for name in data.column_names:
        if name in schema.numbers:
            table = table.with_column(name, cells.numbers(table[name], name, options, table.fault))
        elif name in schema.flags:
            table = table.with_column(name, cells.flags(table[name], name, table.fault))
        elif name == "time" and name in schema.columns:
            table = table.with_column(name, cells.times(table[name], name, table.fault))
    if schema.name in PRICED and options.blank_price == "skip":
        priced = np.asarray(table["price"].is_valid(), bool)
        table = replace(table.filtered(priced), skipped_prices=int((~priced).sum()))
    cells.check_filled(table.data, schema, table.fault)
    if not cells.has_keys(table.data, schema):
        return table
    if options.duplicates == "sum" and schema.name in SUMMED:
        data, first = cells.summed(table.data, schema, table.fault)
        summed = table.rows - len(data)
        return replace(table.filtered(first), data=data, summed=summed) if summed else table
    cells.check_unique(table.data, schema, table.place, table.fault)
    return table
