"""`mvcore inspect`: what lies in the folder of a durable book, and whether it is whole."""

from __future__ import annotations

import argparse

from mvcore.cli.render import printable
from mvcore.store.inspecting import Generation, inspect

EXIT_DAMAGED = 1


def run(arguments: argparse.Namespace) -> int:
    found = inspect(arguments.path)
    if not found:
        print("no checkpoint")
    for generation in found:
        print("\n".join(lines(generation)))
    return EXIT_DAMAGED if any(generation.fault for generation in found) else 0


def lines(generation: Generation) -> list[str]:
    """What is known of a checkpoint, one thing a line."""
    out = [f"generation {generation.number}"]
    if (manifest := generation.manifest) is not None:
        instruments = manifest.tables["instruments"].rows
        currency = printable(manifest.base_currency)
        held = sum(chunk.holdings.rows for chunk in manifest.chunks if chunk.holdings)
        out += [
            f"  epoch          {manifest.counts['epoch']}",
            f"  sequence       {manifest.sequence}",
            f"  amounts        {currency}, {manifest.value_scale} decimals",
            f"  names          {manifest.tables['accounts'].rows} accounts, "
            f"{instruments} instruments, {manifest.tables['currencies'].rows} currencies",
            f"  holdings       {held}",
            f"  orders         {manifest.counts['orders']}",
            f"  files          {len(manifest.files)}, {manifest.bytes} bytes",
        ]
        out += [f"  feed           {printable(k)}: {v}" for k, v in sorted(manifest.feeds.items())]
    out.append(f"  {'damaged: ' + printable(generation.fault) if generation.fault else 'whole'}")
    return out
