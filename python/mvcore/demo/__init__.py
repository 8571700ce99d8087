"""`mvcore demo`: first proves that the amounts are right, then runs a brokerage's book live.

The proof is short and comes first: speed is worthless if an amount is wrong.
"""

from __future__ import annotations


def run(
    accounts: int | None = None,
    instruments: int | None = None,
    seconds: float = 10.0,
    proof_only: bool = False,
) -> int:
    """Run the demo. The exit status is 1 if any amount is wrong. A slow machine is not an error."""
    from mvcore.demo import proof

    status = proof.run()
    if proof_only or status != 0:
        return status
    from mvcore.demo import live

    return live.run(accounts=accounts, instruments=instruments, seconds=seconds)
