"""Valuation functions of the user: numba compiles them, and the core runs them without the GIL."""

from __future__ import annotations

import inspect
import math
import re
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from mvcore import _core
from mvcore.errors import InvalidInput, invalid

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from mvcore.ingest.masters import Masters

MEASURES = _core.MEASURES
COUNTED = tuple(f"{name}_quantity" for name in MEASURES)  # the quantity measures
CHANGES = tuple(f"{name}_change" for name in MEASURES)  # since a view was last read
OF_INSTRUMENT = (*COUNTED, "price")
TERMS = ("price", "multiplier", "quote_factor")  # instrument columns of the core
_TAKEN = {*MEASURES, *_core.RESULT_COLUMNS}
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Measure:
    """A valuation function, made by `measure`. Calling it calls the Python function."""

    def __init__(self, function: types.FunctionType, quantity: str) -> None:
        self.name = _checked_name(function)
        self.quantity = quantity
        self.parameters = _parameters(function, self.name)
        self.function = function
        self.__doc__ = function.__doc__
        # kept alive with this object
        self._compiled = _compile(function, self.name, self.parameters)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<mvcore.measure {self.name}({', '.join(self.parameters)})>"

    @property
    def address(self) -> int:
        """The address of the compiled function over columns."""
        return self._compiled.address  # type: ignore[no-any-return]

    @property
    def attributes(self) -> tuple[str, ...]:
        """The parameters that are attributes of instruments."""
        return tuple(p for p in self.parameters if p != "quantity" and p not in TERMS)

    @property
    def sources(self) -> list[int]:
        """The core's numbers of the parameters except `quantity`, in their order."""
        known = (*TERMS, *self.attributes)
        return [known.index(p) for p in self.parameters if p != "quantity"]


@overload
def measure(function: Callable[..., float], /) -> Measure: ...
@overload
def measure(*, quantity: str = "current") -> Callable[[Callable[..., float]], Measure]: ...
def measure(
    function: Callable[..., float] | None = None, /, *, quantity: str = "current"
) -> Measure | Callable[[Callable[..., float]], Measure]:
    """Make a function that values one position, for `measures` of `values` and `view`.

    The names of its parameters select its inputs, all float64: `quantity` (required; the net
    quantity that the argument `quantity` names: "sod", "current" or "expected"), `price`,
    `multiplier`, `quote_factor`, and any numeric attribute of the instrument by its name (nan if it
    is not set or not a number). It returns the position's contribution, an amount in the
    instrument's currency.

    Its column, named like the function, is float64. Results are converted by the float of the rate,
    and added up by row in a fixed order, so equal states give equal bits. Positions without a rate
    are left out; so are positions without a price if `price` is a parameter. `unpriced` counts
    them.

    numba compiles it (`pip install mvcore[numba]`; about a second) with numba's rules: division by
    zero gives inf or nan. A position for which the function raises is nan. Every read calls it for
    each position selected, O(positions), without the GIL and without a lock, so writers continue.
    Raises InvalidInput if it is not a function of such parameters or numba cannot compile it,
    ImportError if numba is missing.
    """
    if function is None:
        _check_quantity(quantity)
        return lambda given: _measure(given, quantity)
    return _measure(function, quantity)


def _check_quantity(quantity: Any) -> None:
    if not isinstance(quantity, str) or quantity not in MEASURES:
        raise _wrong(
            "quantity",
            quantity,
            f"{quantity!r} is not known; expected one of sod, current, expected",
        )


def _wrong(argument: str, value: Any, reason: str) -> InvalidInput:
    return invalid("measure", argument, None, value, reason)


def _measure(function: Any, quantity: str) -> Measure:
    _check_quantity(quantity)
    if not isinstance(function, types.FunctionType) or inspect.iscoroutinefunction(function):
        raise _wrong("function", function, f"{function!r} is not a plain Python function")
    return Measure(function, quantity)


def _checked_name(function: types.FunctionType) -> str:
    name = function.__name__
    if not name.isidentifier():
        raise _wrong("name", name, f"{name!r} is not a name for a column")
    if name in _TAKEN:
        raise _wrong("name", name, f"{name!r} is the name of another column")
    return name


def _parameters(function: types.FunctionType, name: str) -> tuple[str, ...]:
    parameters = inspect.signature(function).parameters
    for p in parameters.values():
        if p.kind is not p.POSITIONAL_OR_KEYWORD or p.default is not p.empty:
            raise _wrong(
                "parameters",
                str(p),
                f"{str(p)!r} of {name}: expected a plain parameter, no default",
            )
    if "quantity" not in parameters:
        raise _wrong("parameters", name, f"{name} has no parameter 'quantity'")
    return tuple(parameters)


def import_numba(who: str) -> Any:
    """Import numba, which is an optional dependency."""
    try:
        import numba
    except ImportError as error:
        raise ImportError(f"{who} needs numba: pip install mvcore[numba]") from error
    return numba


def _compile(function: types.FunctionType, name: str, parameters: Sequence[str]) -> Any:
    """A C callback over columns: count, quantities, constants of the instrument, results."""
    numba = import_numba("mvcore.measure")
    of_one = numba.njit(error_model="numpy")(function)
    number = numba.types.float64
    column = numba.types.CPointer(number)
    signature = numba.types.void(numba.types.int64, column, column, column)
    try:
        of_one.compile((number,) * len(parameters))
        result = of_one.overloads[(number,) * len(parameters)].signature.return_type
        if not isinstance(result, numba.types.Float | numba.types.Integer | numba.types.Boolean):
            raise TypeError(f"it returns {result}, not a number")
        return numba.cfunc(signature, error_model="numpy")(_over_columns(of_one, parameters))
    except Exception as error:  # numba does not wrap every exception of its passes
        raise _wrong("function", name, f"numba cannot compile {name}: {_reason(error)}") from error


def _over_columns(of_one: Any, parameters: Sequence[str]) -> Any:
    """Make the loop over columns.

    It is generated as text, because numba cannot expand an argument list built at run time.
    """
    names = iter(range(len(parameters)))
    arguments = ["quantities[k]" if p == "quantity" else f"c{next(names)}" for p in parameters]
    constants = [f"    c{k} = constants[{k}]" for k in range(len(parameters) - 1)]
    # No exception may leave the loop: its caller is C++.
    text = "\n".join(
        [
            "def columns(n, quantities, constants, out):",
            *constants,
            "    for k in range(n):",
            "        try:",
            f"            out[k] = of_one({', '.join(arguments)})",
            "        except Exception:",
            "            out[k] = nan",
        ]
    )
    namespace: dict[str, Any] = {"of_one": of_one, "nan": math.nan}
    exec(text, namespace)
    return namespace["columns"]


def _reason(error: Exception) -> str:
    """The line of numba's message that names the error."""
    lines = [line.strip() for line in _ANSI.sub("", str(error)).splitlines()]
    said = [
        line
        for line in lines
        if line and not line.startswith(("Failed in ", "During: ", "File ", "- Resolution failure"))
    ]
    return said[0] if said else type(error).__name__


# ---- the measures of a call ----


def measures_asked(
    value: Any, by: Sequence[str], words: Callable[[Any, str], tuple[str, ...]]
) -> tuple[str | Measure, ...]:
    """Check the `measures` of a call. `words(names, what)` checks names."""
    given = [value] if isinstance(value, Measure) else value
    if not isinstance(given, str | Mapping) and isinstance(given, Iterable):
        given = tuple(given)
        names = words([m.name if isinstance(m, Measure) else m for m in given], "measures")
    else:
        given = names = words(given, "measures")
    for row, (m, name) in enumerate(zip(given, names, strict=True)):
        if isinstance(m, Measure) and name in by:
            raise InvalidInput.about(
                None, "measures", row, name, f"{name!r} is a column of `by` too"
            )
        if name in OF_INSTRUMENT and not isinstance(m, Measure):
            if "instrument" not in by:
                reason = f"{name!r} needs 'instrument' in `by`"
                raise InvalidInput.about(None, "measures", row, name, reason)
            if name in by:
                reason = f"{name!r} is a column of `by` too"
                raise InvalidInput.about(None, "measures", row, name, reason)
        elif name in CHANGES and not isinstance(m, Measure) and name in by:
            reason = f"{name!r} is a column of `by` too"
            raise InvalidInput.about(None, "measures", row, name, reason)
        elif not isinstance(m, Measure) and name not in (*MEASURES, *CHANGES):
            known = ", ".join((*MEASURES, *OF_INSTRUMENT, *CHANGES))
            reason = f"{name!r} is not known; expected one of {known}"
            raise InvalidInput.about(None, "measures", row, name, reason)
    if not given:
        raise invalid(None, "measures", None, None, "at least one is needed")
    return given


def core_functions(measures: Sequence[Measure], masters: Masters) -> _core.Functions | None:
    """The functions with the attributes that they use. None if there are no functions.

    Raises InvalidInput if no attribute has the name of a parameter.
    """
    if not measures:
        return None
    functions = _core.Functions()
    for m in measures:
        columns = [_numbers(m.name, name, masters) for name in m.attributes]
        functions.add(m.address, MEASURES.index(m.quantity), m.sources, columns)
    return functions


def _numbers(function: str, name: str, masters: Masters) -> npt.NDArray[np.float64]:
    """An attribute of instruments as float64, by code. nan if it is not set or not a number."""
    attribute = masters.instrument.get(name)
    if attribute is None:
        raise invalid(
            None,
            "measures",
            None,
            name,
            f"parameter {name!r} of {function} is not an attribute of instruments",
        )
    return attribute.numbers
