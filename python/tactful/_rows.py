"""From what people have to rows that the engine reads in place.

What decides here is public: the kind of object, its type of numbers, how many columns it has and what they are called. Of private rows neither a
value nor their number decides anything or stands in a text.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _tactful
from ._errors import DataError, Error


def rows_of(X: Any, *, private: bool) -> _tactful.Rows:
    """Rows that refer to the memory of `X`, without a copy where it holds native numbers in columns or strides.

    Parameters
    ----------
    X : array of shape (n_rows, n_columns)
        NumPy, pandas, Polars, PyArrow or anything with Arrow's PyCapsule interface, or NumPy's; public rows also as lists. What is masked is missing.
    private : bool
        Whether rows are protected: then the only errors are about what is public.
    """
    if is_lazy(X):
        raise DataError("X is a LazyFrame, which has no rows yet: pass X.collect()", "array.type")
    if "sparse" in type(X).__module__ and hasattr(X, "toarray"):
        raise DataError("sparse rows are not supported; pass X.toarray()", "array.type")
    if is_pandas(X):
        rows = _pandas(X)
    elif not isinstance(X, np.ndarray) and (hasattr(X, "__arrow_c_stream__") or hasattr(X, "__arrow_c_array__")):
        rows = _tactful.Rows.from_arrow(X)
    else:
        rows = _numpy(X, private)
    if not 1 <= rows.columns <= 127:
        if rows.columns == 0:
            raise DataError(f"0 feature(s) ({_shape(X, private)}) while a minimum of 1 is required", "array.columns")
        raise DataError("X must have between 1 and 127 columns", "array.columns")
    return rows


def is_lazy(X: Any) -> bool:
    """Whether it is a lazy frame of Polars, without loading Polars."""
    return any(kind.__module__.split(".")[0] == "polars" and kind.__name__ == "LazyFrame" for kind in type(X).__mro__)


def is_pandas(X: Any) -> bool:
    """Whether it is of pandas, or of a class that inherits from one of pandas', without loading pandas."""
    return any(kind.__module__.split(".")[0] == "pandas" for kind in type(X).__mro__)


def _shape(X: Any, private: bool) -> str:
    return "shape is private" if private else f"shape={np.shape(X)}"


def refuse_flaws(rows: _tactful.Rows, X: Any) -> None:
    """Refuses public or simulated rows that are none, or hold what is no number. Never for private rows: an error would tell of them."""
    flaw = rows.flaw()
    if flaw == "empty":
        raise DataError(f"0 sample(s) (shape={np.shape(X)}) while a minimum of 1 is required", "array.rows")
    if flaw is not None:
        raise DataError("X contains NaN or infinity (inf); drop or fill these", "array.not-finite")


def _pandas(X: Any) -> _tactful.Rows:
    import pandas as pd

    if not isinstance(X, pd.DataFrame):
        raise DataError("Reshape your data: X must be a table of rows and columns, not a Series", "array.dimensions")
    kinds = set(X.dtypes)
    wrong = [str(name) for name, kind in X.dtypes.items() if not _is_number(pd, kind)]
    if wrong:
        raise DataError(f"columns that are not of numbers: {', '.join(wrong)}; convert them, or leave them out", "array.type")
    if len(kinds) == 1 and isinstance(next(iter(kinds)), np.dtype):
        # One block of numbers: a view.
        return _numpy(X.to_numpy(), private=True)
    if any(kind.kind == "f" and getattr(kind, "itemsize", 8) not in (4, 8) for kind in kinds):
        return _copied(X)
    try:
        # An index that is kept would be taken for a column.
        return _tactful.Rows.from_arrow(X.reset_index(drop=True))
    except Error:
        raise
    except Exception:  # without PyArrow; what else went wrong could quote a cell
        pass
    return _copied(X)


def _copied(X: Any) -> _tactful.Rows:
    # A warning would tell that a number is too large.
    with np.errstate(all="ignore"):
        return _numpy(X.to_numpy(dtype=np.float64, na_value=np.nan), private=True)


def _is_number(pd: Any, kind: Any) -> bool:
    types = pd.api.types
    # Complex numbers count as numeric; their imaginary part would be lost without a word.
    return bool((types.is_bool_dtype(kind) or types.is_numeric_dtype(kind)) and not types.is_complex_dtype(kind))


class NotNumbers(DataError, TypeError):
    """Cells that are no numbers, in rows that may be looked at. scikit-learn asks for a ``TypeError``."""


def _numpy(X: Any, private: bool) -> _tactful.Rows:
    if private and not any(hasattr(X, name) for name in ("__array__", "__array_interface__", "__array_struct__")):
        # Of a list it is its cells that decide whether it is an array, and of numbers.
        raise DataError(
            "private rows must be a NumPy array of numbers, or a frame with number types, and not a list or another object; "
            'numpy.array(X, dtype="float64") makes one', "array.type"
        )
    try:
        array = np.asarray(X)
    except Exception:
        raise DataError("X is no array of rows and columns", "array.type") from None
    if array.dtype.kind == "c":
        raise DataError("Complex data not supported: X must be of real numbers", "array.type")
    if array.ndim == 0 and array.dtype.kind == "O":
        raise DataError("X is no array of rows and columns; of a generator make a list first, of a dict a frame", "array.type")
    if array.dtype.kind in "OUS":
        if private:
            # Trying would end in an error that quotes a cell.
            raise DataError('X must be of numbers, not of text or objects; convert it with .astype("float64")', "array.type")
        X = _converted(X if isinstance(X, np.ma.MaskedArray) else array)
        array = np.asarray(X)
    if array.dtype.kind not in "fiub":
        raise DataError("X must be of numbers, not of dates or records", "array.type")
    if array.ndim != 2:
        remedy = "Reshape your data either using array.reshape(-1, 1) if it has a single column or array.reshape(1, -1) if a single row"
        raise DataError(f"Expected 2D array, got {array.ndim}D. {remedy}", "array.dimensions")
    # A warning would tell that a number is too large.
    with np.errstate(all="ignore"):
        mask = X.mask if isinstance(X, np.ma.MaskedArray) else np.ma.nomask
        floats = array.dtype.kind == "f"
        if mask is not np.ma.nomask:
            # The one copy, of the type's own size where that has a NaN.
            array = np.array(array, dtype=np.float32 if floats and array.dtype.itemsize == 4 else np.float64)
            np.copyto(array, np.nan, where=mask)
        elif not array.dtype.isnative or (floats and array.dtype.itemsize not in (4, 8)):
            array = array.astype(np.float64)
    return _tactful.Rows.from_numpy(array)


def _converted(array: Any) -> Any:
    try:
        return array.astype(np.float64)
    except Exception:  # what went wrong could quote a cell
        raise NotNumbers(
            "X is not of numbers: each argument must be a number, or a string that is a number, and none so large that it is no float64; convert it first",
            "array.type",
        ) from None


def names_of(X: Any) -> list[str] | None:
    """The columns' names of a frame or table; none for arrays, and for names that are not all text."""
    if isinstance(X, np.ndarray) or is_lazy(X):
        return None
    # PyArrow's `columns` are the columns themselves; a frame of pandas has its columns as attributes.
    for place in ("columns",) if is_pandas(X) else ("columns", "column_names"):
        names = getattr(X, place, None)
        if names is None or callable(names):
            continue
        found = list(names)
        if found and all(isinstance(name, str) for name in found):
            return found
    return None
