"""The hot face (Cython): the base class of `Book`."""

import datetime as dt
from decimal import Decimal
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from mvcore._core import Book as _CoreBook
from mvcore.valuation import Valuation
from mvcore.written import Written

class HotBook:
    _core: _CoreBook
    _base_currency: str
    def _bind(self, core: _CoreBook, base_currency: str, max_future_ns: int) -> None: ...
    def __mvcore_book__(self) -> Any: ...
    def tick(
        self,
        instrument: str | int,
        price: str | int | float | Decimal,
        time: int | str | dt.date | np.datetime64 | None = None,
        time_unit: Literal["s", "ms", "us", "ns"] = "ns",
    ) -> int: ...
    def order(
        self,
        order: str | int,
        account: str,
        instrument: str,
        order_quantity: str | int | float | Decimal,
        filled_quantity: str | int | float | Decimal | None = 0,
        status: str | None = "new",
        time: int | str | dt.date | np.datetime64 | None = None,
        average_price: str | int | float | Decimal | None = None,
        time_unit: Literal["s", "ms", "us", "ns"] = "ns",
    ) -> int: ...
    def value(self, account: str, currency: str | None = None) -> Valuation: ...
    def _ticks_scaled(
        self,
        codes: npt.NDArray[np.int32],
        prices: npt.NDArray[np.int64],
        scale: int,
        times: npt.NDArray[np.int64] | None,
    ) -> Written: ...
    def _ticks_float(
        self,
        codes: npt.NDArray[np.int32],
        prices: npt.NDArray[np.float64],
        times: npt.NDArray[np.int64] | None,
    ) -> Written: ...
