"""`mvcore inspect`: shows the content of a durable book's folder, and whether it is intact."""

from __future__ import annotations

import argparse

from mvcore.formats import printable
from mvcore.store.inspecting import Generation, JournalState, look
from mvcore.store.loading import with_scale

EXIT_DAMAGED = 1


def run(arguments: argparse.Namespace) -> int:
    found, journal = look(arguments.path)
    if not found:
        print("no checkpoint")
    for generation in found:
        print("\n".join(lines(generation)))
    print("\n".join(journal_lines(journal)))
    damaged = journal.fault or any(generation.fault for generation in found)
    return EXIT_DAMAGED if damaged else 0


def lines(generation: Generation) -> list[str]:
    """The facts about a checkpoint, one per line."""
    out = [f"generation {generation.number}"]
    if (manifest := generation.manifest) is not None:
        instruments = manifest.tables["instruments"].rows
        currency = printable(manifest.base_currency)
        cash = f"from fills{with_scale(manifest.cash_scale)}" if manifest.cash else "off"
        held = sum(chunk.holdings.rows for chunk in manifest.chunks if chunk.holdings)
        out += [
            f"  epoch          {manifest.counts['epoch']}",
            f"  sequence       {manifest.sequence}",
            f"  amounts        {currency}, {manifest.value_scale} decimals",
            f"  cash           {cash}",
            f"  names          {manifest.tables['accounts'].rows} accounts, "
            f"{instruments} instruments, {manifest.tables['currencies'].rows} currencies",
            f"  holdings       {held}",
            f"  orders         {manifest.counts['orders']}",
            f"  files          {len(manifest.files)}, {manifest.bytes} bytes",
        ]
        out += [f"  feed           {printable(k)}: {v}" for k, v in sorted(manifest.feeds.items())]
    out.append(f"  {'damaged: ' + printable(generation.fault) if generation.fault else 'intact'}")
    return out


def journal_lines(journal: JournalState) -> list[str]:
    if journal.fault:
        return ["journal", f"  damaged: {printable(journal.fault)}"]
    if not journal.files:
        return ["no journal"]
    out = [
        "journal",
        f"  sequence       {journal.sequence}",
        f"  files          {journal.files}, {journal.bytes} bytes",
    ]
    if journal.cut_bytes:
        out.append(f"  incomplete     {journal.cut_bytes} bytes at the end, which opening cuts off")
    return [*out, "  intact"]
