"""The tidy table of a sweep, as NumPy arrays: what `plots` draws. Needs NumPy alone, but for reading Parquet."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ._errors import DataError, MissingPackage, UsageError
from ._rows import is_lazy

#: Parameters of a cell, with what a legend calls them. `epsilon` is not among them: it has an axis of its own.
PARAMETERS = {
    "window_start": "from {}",
    "window_end": "until {}",
    "features": "features: {}",
    "customers": "{} customers",
    "segments": "{} segments",
    "floor": "floor {}",
    "split": "split: {}",
    "delta": "δ = {}",
}

#: Metrics, with their names on an axis and their units: docs/sweep.md has the formulas.
METRICS = {
    "segments_survived": "segments above the floor (count)",
    "segments_shown": "segments shown (count)",
    "cost": "k-means cost (ratio; 1 is without privacy)",
    "centroid_error": "error of a centroid's coordinate (half-ranges, root mean square)",
    "centroid_error_max": "greatest error of a centroid's coordinate (half-ranges)",
    "matched_error": "distance from the centres without privacy (half-ranges, root mean square)",
    "size_error": "error of a segment's size (ratio, root mean square)",
    "size_error_units": "error of a segment's size (customers, root mean square)",
    "size_coverage": "sizes inside their 95 % interval (share)",
    "centroid_coverage": "coordinates inside their 95 % interval (share)",
    "ari_planted": "agreement with planted segments (adjusted Rand index)",
    "nmi_planted": "agreement with planted segments (normalised mutual information)",
    "ari_nonprivate": "agreement with segments without privacy (adjusted Rand index)",
    "nmi_nonprivate": "agreement with segments without privacy (normalised mutual information)",
    "relevance_auc": "relevance of promotions (area under the curve)",
    "relevance_gain": "relevance of promotions above popularity's (area under the curve)",
    "stability": "agreement from draw to draw (adjusted Rand index)",
}

#: Where a metric has a value without privacy: a column, or a number.
BEST: dict[str, str | float] = {
    "cost": 1.0,
    "ari_planted": "best_ari_planted",
    "nmi_planted": "best_nmi_planted",
    "relevance_gain": "best_relevance_gain",
}

RELEASED = "released"
BELOW_FLOOR = "floor.nothing-above"

Column = npt.NDArray[Any]


@dataclass(frozen=True)
class Band:
    """Quartiles of a metric over the draws of a cell, along an axis; shape (n,) each."""

    at: Column
    lower: Column
    median: Column
    upper: Column
    #: Draws, and those of them that have the metric.
    draws: Column
    with_value: Column


class Tidy:
    """Columns of a sweep's table; a row a draw."""

    def __init__(self, table: Any) -> None:
        self._table = _read(table)
        if isinstance(self._table, Mapping):
            self._names = list(self._table)
        else:
            self._names = [str(name) for name in getattr(self._table, "column_names", None) or self._table.columns]
        self._length: int | None = None
        self._kept: npt.NDArray[np.bool_] | None = None

    def has(self, name: str) -> bool:
        """Whether there is such a column."""
        return name in self._names

    def column(self, name: str) -> Column:
        """A column: text as objects, everything else as float64 with NaN for null."""
        if name not in self._names:
            raise DataError(
                f"the table has no column {name!r}; it has {', '.join(self._names)}. Pass the table of a sweep, a row a draw", "plots.column"
            )
        values = self._table[name]
        raw = values.to_list() if hasattr(values, "to_list") else values.to_pylist() if hasattr(values, "to_pylist") else list(values)
        texts = any(isinstance(value, str) for value in raw)
        try:
            column = np.array(raw, dtype=object) if texts else np.array([np.nan if _missing(value) else value for value in raw], dtype=np.float64)
        except (TypeError, ValueError):
            raise DataError(f"column {name!r} is neither of numbers nor of texts", "plots.column") from None
        if column.ndim != 1:
            raise DataError(f"column {name!r} is neither of numbers nor of texts", "plots.column")
        self._length = len(column) if self._length is None else self._length
        if len(column) != self._length:
            raise DataError(f"column {name!r} is not as long as the others", "plots.column")
        return column if self._kept is None else column[self._kept]

    def metric(self, name: str) -> Column:
        """A column of numbers; NaN where the draw gave no release."""
        values = self.column(name)
        if values.dtype == object:
            raise DataError(f"column {name!r} is of texts: a plot needs numbers", "plots.column")
        return np.where(self.column("outcome") == RELEASED, values, np.nan) if self.has("outcome") else values

    def only(self, kept: npt.NDArray[np.bool_]) -> Tidy:
        """These rows alone."""
        part = Tidy(self._table)
        whole = np.ones(len(kept), bool) if self._kept is None else self._kept.copy()
        whole[np.flatnonzero(whole)] = kept
        part._kept = whole
        return part

    def varying(self, *but: str) -> list[str]:
        """Parameters with more than one value, in their order."""
        return [name for name in PARAMETERS if name not in but and self.has(name) and len(set(self.column(name).tolist())) > 1]

    def series(self, by: str | Iterable[str] | None, *but: str) -> Iterator[tuple[str, Tidy]]:
        """The table in parts, one for each combination of the values of `by`, with a name each.

        Without `by`, of all parameters that vary, but for `but`. Draws of different cells are never thrown together: where parameters
        vary that `by` leaves out, that is an error.
        """
        vary = self.varying(*but)
        if by is None:
            names = vary
        else:
            names = [by] if isinstance(by, str) else list(by)
            left = [name for name in vary if name not in names]
            if left:
                raise UsageError(f"{', '.join(left)} has several values in this table: add it to by, or keep one of them")
        rows = list(zip(*(self.column(name).tolist() for name in names))) if names else []
        # In the order in which they first stand there, which is the grid's.
        for values in dict.fromkeys(rows):
            kept = np.array([row == values for row in rows], dtype=bool)
            yield ", ".join(_said(name, value) for name, value in zip(names, values)), self.only(kept)
        if not names:
            yield "", self

    def band(self, along: str, metric: str | Column) -> Band:
        """Quartiles of a metric at each value of a column, interpolated as `Table.summary` of a sweep does (type 7)."""
        at, values = self.column(along), self.metric(metric) if isinstance(metric, str) else metric
        if at.dtype == object:
            raise DataError(f"column {along!r} is of texts: an axis needs numbers", "plots.column")
        places = np.unique(at[~np.isnan(at)])
        quarters, draws, counts = [], [], []
        for place in places:
            here = values[at == place]
            there = here[~np.isnan(here)]
            quarters.append(np.quantile(there, [0.25, 0.5, 0.75]) if len(there) else np.full(3, np.nan))
            draws.append(len(here))
            counts.append(len(there))
        lower, median, upper = np.array(quarters).reshape(-1, 3).T
        return Band(places, lower, median, upper, np.array(draws), np.array(counts))


def _missing(value: Any) -> bool:
    # pandas' own null, without loading pandas.
    return value is None or type(value).__name__ == "NAType"


def _said(name: str, value: Any) -> str:
    shown = str(value)
    if isinstance(value, float):
        shown = f"{value:,.0f}".replace(",", " ") if value.is_integer() else f"{value:g}"
    return PARAMETERS.get(name, f"{name} {{}}").format(shown)


def _read(table: Any) -> Any:
    if is_lazy(table):
        raise UsageError("this is a LazyFrame, which has no rows yet: pass what its collect() gives")
    if hasattr(table, "rows_to_dicts"):
        rows = table.rows_to_dicts()
        return {name: [row.get(name) for row in rows] for name in dict.fromkeys(key for row in rows for key in row)}
    if isinstance(table, (str, os.PathLike)):
        return _parquet(os.fspath(table))
    if isinstance(table, Mapping) or hasattr(table, "columns"):
        return table
    raise UsageError(
        "pass a sweep or its table: a Polars or pandas frame, a PyArrow table, a dict of columns, or the path of its Parquet file"
    )


def _parquet(path: str) -> Any:
    try:
        try:
            import polars

            return polars.read_parquet(path)
        except ImportError:
            from pyarrow import parquet

            return parquet.read_table(path)
    except ImportError:
        raise MissingPackage("reading Parquet needs Polars or PyArrow: pip install polars; or pass a frame") from None
    except FileNotFoundError:
        raise DataError("there is no such file", "plots.file") from None
    except Exception:
        raise DataError("the file is no Parquet table; pass the file that a sweep wrote", "plots.file") from None
