"""Attributes in the journal: the labels of a batch's master tables as JSON, next to its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mvcore.errors import CorruptData
from mvcore.ingest import masters

if TYPE_CHECKING:
    from mvcore.ingest.masters import Attribute

Labels = Mapping[str, Mapping[str, list[str | None]]]
LOAD = 2  # constant of the core: the batch replaced the whole table


def to_bytes(labels: Labels) -> bytes:
    """Serialize the labels that the core journals with the batch. Empty if there are none."""
    import json

    kept = {table: columns for table, columns in labels.items() if columns}
    return json.dumps(kept, separators=(",", ":")).encode() if kept else b""


def from_bytes(kept: bytes) -> Labels:
    """Parse the output of `to_bytes`. Raises CorruptData for anything else."""
    if not kept:
        return {}
    import json  # for books with attributes only

    try:
        labels = json.loads(kept)
    except (ValueError, RecursionError) as error:
        raise CorruptData(f"journal: attributes are not JSON: {error}") from None
    right = isinstance(labels, dict) and all(
        isinstance(columns, dict)
        and all(
            isinstance(values, list)
            and all(label is None or (isinstance(label, str) and label) for label in values)
            for values in columns.values()
        )
        for columns in labels.values()
    )
    if not right:
        raise CorruptData("journal: attributes are not labels by table and column")
    return labels  # type: ignore[no-any-return]


def after(
    changes: Iterable[dict[str, Any]],
    account: Mapping[str, Attribute],
    instrument: Mapping[str, Attribute],
    sizes: tuple[int, int],
) -> tuple[Mapping[str, Attribute], Mapping[str, Attribute]]:
    """The attributes of both sides after replaying changes of master tables."""
    for change in changes:
        labels = from_bytes(change["attributes"])
        of_accounts, of_instruments = labels.get("accounts", {}), labels.get("instruments", {})
        account = _side(account, change, "account", of_accounts, sizes[0])
        instrument = _side(instrument, change, "instrument", of_instruments, sizes[1])
    return account, instrument


def _side(
    held: Mapping[str, Attribute],
    change: dict[str, Any],
    side: str,
    labels: Mapping[str, list[str | None]],
    size: int,
) -> Mapping[str, Attribute]:
    given, codes = change[f"{side}s"], change[f"{side}_codes"]
    for name, values in labels.items():
        if len(values) != len(codes):
            raise CorruptData(f"journal: {len(values)} labels of {name!r}, {len(codes)} rows")
    if given:
        held = masters.with_rows(held, labels, codes, size, given == LOAD)
    return masters.without(held, change[f"removed_{side}s"])
