"""The manifest of a checkpoint: the list of its chunk files.

A JSON document on one line, then a line with its CRC-32C. Only files that the manifest lists belong
to the checkpoint.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mvcore import _core
from mvcore.errors import CorruptData
from mvcore.store.arrow_files import FORMAT_VERSION, OLDEST_FORMAT_VERSION

MOST_BYTES = 1 << 30  # of a manifest
TABLES = ("accounts", "currencies", "instruments")
_NAME = re.compile(r"(accounts|currencies|instruments|holdings|orders)-[0-9a-f]{32}\.arrow")
_LAST_LINE = re.compile(rb"crc32c [0-9a-f]{8}\n")
_MOST = 2**63 - 1


@dataclass(frozen=True)
class ChunkFile:
    """A file in `chunks/`, named by its content."""

    name: str
    bytes: int
    crc32c: int
    rows: int


@dataclass(frozen=True)
class Chunk:
    """Instruments [begin, end), by code. A file is None if they have no such rows."""

    begin: int
    end: int
    holdings: ChunkFile | None = None
    orders: ChunkFile | None = None


@dataclass(frozen=True)
class Manifest:
    """The content of a manifest. sequence: of the last journal group that the state contains."""

    book_id: int
    base_currency: str
    value_scale: int
    cash: Literal["from_fills"] | None
    cash_scale: int | None
    sequence: int
    feeds: Mapping[str, int]
    counts: Mapping[str, int]  # see COUNTS
    order_ids: str  # "none", "integer", "text"
    tables: Mapping[str, ChunkFile]
    chunks: tuple[Chunk, ...] = field(default=())

    @property
    def files(self) -> list[ChunkFile]:
        """All files that it lists."""
        kinds = [file for chunk in self.chunks for file in (chunk.holdings, chunk.orders)]
        return [*self.tables.values(), *(file for file in kinds if file is not None)]

    @property
    def bytes(self) -> int:
        """The size of all files that it lists."""
        return sum(file.bytes for file in self.files)


# By the format version that introduced them.
COUNTS_OF = {
    1: ("epoch", "masters", "orders", "ticks", "late_prices", "late_orders", "facts"),
    2: ("late_fx", "unchanged_orders", "skipped_prices"),
}
CASH_SINCE = 3  # the format version that introduced `cash` and `cash_scale`
COUNTS = tuple(name for names in COUNTS_OF.values() for name in names)


def to_bytes(manifest: Manifest) -> bytes:
    document = {"format_version": FORMAT_VERSION, **vars(manifest)}
    # asdict() would copy everything, and hold the interpreter from other threads meanwhile.
    json_text = json.dumps(document, default=vars, sort_keys=True, separators=(",", ":"))
    text = json_text.encode() + b"\n"
    return text + b"crc32c %08x\n" % _core.crc32c(text)


def from_bytes(data: bytes) -> Manifest:
    """Parse the output of `to_bytes`. Raises CorruptData for anything else."""
    text, last = data[:-16], data[-16:]
    if not _LAST_LINE.fullmatch(last) or int(last[7:15], 16) != _core.crc32c(text):
        raise CorruptData("the manifest's checksum is not that of its content")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorruptData(f"the manifest is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise CorruptData("the manifest is not a JSON object")
    version = document.pop("format_version", None)
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise NewerFormat(
            f"written by a newer mvcore: format version {version}, this one reads "
            f"{OLDEST_FORMAT_VERSION} to {FORMAT_VERSION}"
        )
    known = range(OLDEST_FORMAT_VERSION, FORMAT_VERSION + 1)
    if version not in known or isinstance(version, bool):
        raise CorruptData(f"the manifest's format version is {version!r}")
    later = [name for added, names in COUNTS_OF.items() if added > version for name in names]
    counts = document.get("counts")
    if isinstance(counts, dict) and not counts.keys() & set(later):
        counts |= dict.fromkeys(later, 0)
    if version < CASH_SINCE:
        document = {"cash": None, "cash_scale": None} | document
    return _manifest(document)


class NewerFormat(CorruptData):
    """A whole manifest of a later format version. Do not fall back to an older checkpoint."""


def _manifest(document: dict[str, Any]) -> Manifest:
    _keys(document, Manifest)
    counts, feeds, tables = (document[name] for name in ("counts", "feeds", "tables"))
    for name, known in (("counts", COUNTS), ("tables", TABLES)):
        if not isinstance(document[name], dict) or set(document[name]) != set(known):
            raise CorruptData(f"the manifest's {name} are not {', '.join(known)}")
    if not isinstance(feeds, dict) or not isinstance(document["chunks"], list):
        raise CorruptData("the manifest's feeds or chunks are none")
    if document["order_ids"] not in ("none", "integer", "text"):
        raise CorruptData(f"the manifest's order_ids are {document['order_ids']!r}")
    if not isinstance(document["base_currency"], str) or not document["base_currency"]:
        raise CorruptData("the manifest names no base currency")
    book_id = document["book_id"]
    if isinstance(book_id, bool) or not isinstance(book_id, int) or not 0 <= book_id < 2**64:
        raise CorruptData(f"the manifest's book_id is {book_id!r}")
    cash = document["cash"]
    if cash not in (None, "from_fills") or (cash is None and document["cash_scale"] is not None):
        raise CorruptData(f"the manifest's cash is {cash!r} with {document['cash_scale']!r}")
    out = Manifest(
        book_id=book_id,
        base_currency=document["base_currency"],
        value_scale=_number(document, "value_scale", _core.MAX_VALUE_SCALE),
        cash=cash,
        cash_scale=(
            None
            if document["cash_scale"] is None
            else _number(document, "cash_scale", _core.MAX_SCALE)
        ),
        sequence=_number(document, "sequence"),
        feeds={name: _signed(feeds[name]) for name in feeds},
        counts={name: _number(counts, name) for name in COUNTS},
        order_ids=document["order_ids"],
        tables={name: _file(tables[name], name) for name in TABLES},
        chunks=tuple(map(_chunk, document["chunks"])),
    )
    at = 0
    for chunk in out.chunks:
        if chunk.begin != at or chunk.end < chunk.begin:
            raise CorruptData(f"the chunk of instruments {chunk.begin} does not follow {at}")
        at = chunk.end
    if at != out.tables["instruments"].rows:
        raise CorruptData(f"chunks of {at} instruments of {out.tables['instruments'].rows}")
    return out


def _keys(document: Any, kind: type) -> None:
    names = set(kind.__dataclass_fields__)  # type: ignore[attr-defined]
    if not isinstance(document, dict) or set(document) != names:
        raise CorruptData(f"not what the manifest has of a {kind.__name__}")


def _number(document: Mapping[str, Any], name: str, most: int = _MOST) -> int:
    value = document[name]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise CorruptData(f"the manifest's {name} is {value!r}")
    return value


def _signed(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -_MOST - 1 <= value <= _MOST:
        raise CorruptData(f"an offset of a feed is {value!r}")
    return value


def _file(document: Any, kind: str) -> ChunkFile:
    _keys(document, ChunkFile)
    name = document["name"]
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name.split("-")[0] != kind:
        raise CorruptData(f"the manifest lists {name!r} among {kind}")
    out = ChunkFile(
        name, _number(document, "bytes"), _number(document, "crc32c", 2**32 - 1),
        _number(document, "rows"),
    )  # fmt: skip
    if out.rows > out.bytes * 8:  # a boolean takes one bit
        raise CorruptData(f"the manifest has {out.rows} rows in {out.bytes} bytes")
    return out


def _chunk(document: Any) -> Chunk:
    _keys(document, Chunk)
    files = {
        kind: None if document[kind] is None else _file(document[kind], kind)
        for kind in ("holdings", "orders")
    }
    if any(file is not None and file.rows == 0 for file in files.values()):
        raise CorruptData("the manifest lists a chunk without rows")
    return Chunk(
        _number(document, "begin", 2**31 - 1), _number(document, "end", 2**31 - 1), **files
    )
