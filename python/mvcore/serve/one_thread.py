"""A dedicated thread for the reads that sessions wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Found = TypeVar("Found")


class OneThread:
    """Runs calls one after another, in a thread that exists while the context is entered.

    In the event loop's thread pool they would wait behind other work of the process.
    """

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._inside = 0

    def __enter__(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "mvcore-serve")
        self._inside += 1
        return self._pool

    def __exit__(self, *error: object) -> None:
        """Leave. A call that nobody waits for is completed; the event loop does not wait for it."""
        self._inside -= 1
        if self._inside == 0 and self._pool is not None:
            self._pool.shutdown(wait=False)
            self._pool = None

    async def run(self, call: Callable[..., Found], *arguments: Any) -> Found:
        with self as pool:
            return await asyncio.get_running_loop().run_in_executor(pool, call, *arguments)
