"""Experiments on data of nobody: shops that do not exist, and sweeps of a spec, on simulated or public data alone."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _tactful
from ._arguments import Number, Numbers, Whole, Wholes, callback, path, path_or_none, whole, within
from ._errors import UsageError
from ._release import Release, _frame, load_release

if TYPE_CHECKING:
    import polars


@dataclass(frozen=True)
class Shop:
    """A simulated shop on the disk. Nobody bought what its files hold.

    Attributes
    ----------
    path : pathlib.Path
        Its folder: purchases, products, promotions, opt-outs, ``truth.csv`` (who was planted where; no run reads it) and a spec.
    spec : pathlib.Path
        The spec that runs on it, with ``origin = "simulated"``.
    customers, lines, segments, days, seed : int
        How many of each there are, and the seed that gives the same files again.
    unsold : list of str
        Groups of the release's spec that the look-alike does not sell.
    """

    path: Path
    spec: Path
    customers: int
    lines: int
    segments: int
    days: int
    seed: int
    unsold: list[str]


def simulate(
    out: str | os.PathLike[str],
    *,
    customers: Whole | None = None,
    segments: Whole | None = None,
    weeks: Whole | None = None,
    seed: Whole = 2026,
    activity: Number | None = None,
    seasonality: Number | None = None,
    drift: Number | None = None,
    tail: Number | None = None,
    tail_index: Number | None = None,
    population: str | os.PathLike[str] | None = None,
    like: Release | str | os.PathLike[str] | None = None,
    progress: Callable[[int, int, int], object] | None = None,
) -> Shop:
    """Writes a shop that does not exist: planted segments, baskets, seasons, rare and sensitive categories. Same seed and settings, same files.

    Parameters
    ----------
    out : path
        A folder that is new or empty; it is filled whole or not at all.
    customers : int
        1 to 100,000,000 [default: 4,000; with `like` what the release says].
    segments : int
        The first so many of those that are described [default: 6].
    weeks : int
        Weeks of purchases, 4 to 520 [default: 24].
    activity : float
        Factor on how often everybody comes.
    seasonality, drift, tail : float, 0 to 1
        How much of the described seasons there is; share of customers whose habits change; share of baskets with a heavy tail.
    tail_index : float
        Index of that tail; the smaller, the heavier.
    population : path
        A described population: a TOML file, see docs/simulate.md.
    like : Release or path
        A release that the shop is to look like in sizes, centroids and incidences: post-processing, which spends nothing.
    progress : callable(customers, lines, of)
        Called on this thread, now and then.

    Returns
    -------
    Shop
    """
    if like is not None and not isinstance(like, Release):
        like = load_release(path("like", like))
    if like is not None and (population is not None or segments is not None or weeks is not None or activity is not None):
        raise UsageError("like= says what is sold, by how many segments and when: leave out population, segments, weeks and activity")
    wholes = {"customers": (customers, 1, 100_000_000), "segments": (segments, 1, 64), "weeks": (weeks, 4, 520)}
    parts = {
        "activity": (activity, 0, 100),
        "seasonality": (seasonality, 0, 1),
        "drift": (drift, 0, 1),
        "tail": (tail, 0, 1),
        "tail_index": (tail_index, 1.05, 20),
    }
    wishes: dict[str, Any] = {
        **{name: None if value is None else whole(name, value, *ends) for name, (value, *ends) in wholes.items()},
        **{name: None if value is None else within(name, value, *ends) for name, (value, *ends) in parts.items()},
        "seed": whole("seed", seed, 0, 2**64 - 1),
        "population": None if population is None else _described(path("population", population)),
        "like": None if like is None else like._text,
    }
    folder = path("out", out)
    done = json.loads(_tactful.simulate(folder, wishes, progress=callback("progress", progress)))
    return Shop(path=Path(folder), spec=Path(done.pop("spec")), **done)


def _described(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"population: {file} cannot be read ({error.strerror}); name the TOML file of a described population") from None
    except ValueError:
        raise UsageError(f"population: {file} is no text; name the TOML file of a described population") from None


class Sweep:
    """What a spec gives over a grid: a row for each draw, measured on the exact rows, which only simulated and public data allow.

    Nothing in it is protected: the noise has seeds. docs/sweep.md explains each column.

    Attributes
    ----------
    origin : {"simulated", "public"}
        Where the purchases come from.
    published : str or None
        Where public data were published, says the spec.
    population : str
        The population that the spec names.
    mark : str
        What every such table is marked with.
    """

    def __init__(self, value: dict[str, Any]) -> None:
        self.origin = str(value["origin"])
        self.published: str | None = value["published"]
        self.population = str(value["population"])
        self.mark = str(value["mark"])
        #: Names and units, in the order of the Parquet file.
        self._metrics: dict[str, str] = dict(value["metrics"])
        self._rows: list[dict[str, Any]] = [_as_in_parquet(row, self._metrics) for row in value["rows"]]
        self._summary: list[dict[str, Any]] = value["summary"]

    def rows_to_dicts(self) -> list[dict[str, Any]]:
        """One row a draw, with the columns of the Parquet file: the cell's parameters, seed, outcome, and every metric; None where there is none."""
        return [dict(row) for row in self._rows]

    def summary_to_dicts(self) -> list[dict[str, Any]]:
        """One row a cell: parameters, draws, how many gave a release, and for each metric its median as ``x`` beside quartiles ``x_lower`` and
        ``x_upper``."""
        rows = []
        for cell in self._summary:
            row = {key: value for key, value in cell.items() if key != "metrics"}
            for name in filter(cell["metrics"].__contains__, self._metrics):
                found = cell["metrics"][name]
                row |= {name: found["median"], f"{name}_lower": found["lower"], f"{name}_upper": found["upper"]}
            rows.append(row)
        return rows

    @property
    def rows(self) -> polars.DataFrame:
        """:meth:`rows_to_dicts` as a Polars frame: the table of the Parquet file, its columns in their order and with their types."""
        metrics = {name: "Int64" if unit == "count" else "Float64" for name, unit in self._metrics.items()}
        return _frame(self.rows_to_dicts(), {**_FIRST, **metrics})

    @property
    def summary(self) -> polars.DataFrame:
        """:meth:`summary_to_dicts` as a Polars frame."""
        return _frame(self.summary_to_dicts())

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"<tactful.Sweep {self.population!r}: {self.origin} data, {len(self._summary)} cells, {len(self._rows)} draws; {self.mark}>"

    def _repr_html_(self) -> str:
        rows = self.summary_to_dicts()
        constant = ("cell", "window_start", "window_end")
        columns = [name for name in dict.fromkeys(key for row in rows for key in row) if name not in constant and not name.endswith(("_lower", "_upper"))]
        head = "".join(f"<th>{escape(name)}</th>" for name in columns)
        body = ""
        for row in rows:
            cells = (row.get(name) for name in columns)
            body += "<tr>" + "".join(f"<td>{escape(f'{cell:.4g}' if isinstance(cell, float) else str('' if cell is None else cell))}</td>" for cell in cells) + "</tr>"
        return f"<p>{escape(self.origin.upper())} data, {escape(self.mark)}. Medians over draws.</p><table><tr>{head}</tr>{body}</table>"


def sweep(
    spec: str | os.PathLike[str],
    *,
    epsilon: Numbers | None = None,
    delta: Numbers | None = None,
    floor: Wholes | None = None,
    segments: Wholes | None = None,
    window: Wholes | None = None,
    end: str | datetime.date | None = None,
    holdout: Whole | None = None,
    features: Mapping[str, Sequence[str]] | Sequence[Sequence[str]] | None = None,
    split: Mapping[str, Mapping[str, int]] | Sequence[Mapping[str, int]] | None = None,
    customers: Wholes | None = None,
    sample: Whole | None = None,
    seeds: Wholes | None = None,
    data: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    jobs: int | None = None,
    progress: Callable[[str, int, int], object] | None = None,
) -> Sweep:
    """Runs a spec over a grid with many seeds, in parallel, and measures every draw on the exact rows. For ``origin = "simulated"`` or ``"public"``
    alone: anything else is refused before a row is read. Spends nothing.

    Parameters
    ----------
    spec : path
        The spec.
    epsilon, delta : float or sequence of float
        Of a release [default: the spec's, like every list below].
    floor, segments : int or sequence of int
        k floors; numbers of segments.
    window : int or sequence of int
        Weeks of the window, counted back from `end`.
    end : datetime.date or str, ``YYYY-MM-DD``
        First day out of every window.
    holdout : int
        Weeks after the window on whose purchases relevance is measured.
    features : mapping of name to sequence of str, or a sequence of these
        Subsets of the spec's features: keys or kinds.
    split : mapping of name to mapping of share to int, or a sequence of these
        Divisions of the budget, per mille, as in ``[privacy.split]``; what is left out is as usual.
    customers : int or sequence of int
        Samples of so many customers, the smaller within the larger; `sample` is their seed.
    seeds : int or sequence of int, default=10
        How many seeds of the noise, from 1; or which.
    out : path
        A Parquet file to write; must not exist. What is done is kept beside it: after Ctrl-C the same call goes on from there.
    jobs : int
        Threads, 1 to 1,024 [default: all of the machine's]. What comes out is the same.
    progress : callable(stage, done, of)
        Called on this thread.

    Returns
    -------
    Sweep
    """
    asked = {
        "epsilon": epsilon,
        "delta": delta,
        "floor": floor,
        "segments": segments,
        "window": window,
        "end": end,
        "holdout": holdout,
        "features": features,
        "split": split,
        "customers": customers,
        "sample": sample,
        "seeds": seeds,
    }
    grid = ", ".join(f'"{name}": {_json(name, value)}' for name, value in asked.items() if value is not None)
    places = {"data": path_or_none("data", data), "out": path_or_none("out", out)}
    threads = None if jobs is None else whole("jobs", jobs, 1, 1024)
    found = _tactful.sweep(path("spec", spec), f"{{{grid}}}", **places, jobs=threads, progress=callback("progress", progress))
    return Sweep(json.loads(found))


#: Columns of the Parquet file before the metrics, in its order, with their types; `split_…` are what the engine calls `shares`.
_SHARES = ("split_clustering", "split_incidence", "split_floor", "split_sizes", "split_gate")
_FIRST = {
    **{"cell": "Int64", "epsilon": "Float64", "delta": "Float64", "rho": "Float64", "floor": "Int64", "segments": "Int64"},
    **{"features": "String", "feature_count": "Int64", "split": "String"},
    **dict.fromkeys(_SHARES, "Int64"),
    **{"window_start": "String", "window_end": "String", "customers": "Int64", "seed": "UInt64", "outcome": "String", "relevance_on": "String"},
}


def _as_in_parquet(row: dict[str, Any], metrics: Mapping[str, str]) -> dict[str, Any]:
    row = {**row, **dict(zip(_SHARES, row["shares"]))}
    measured = {name: int(row[name]) if unit == "count" and row[name] is not None else row[name] for name, unit in metrics.items()}
    return {name: row[name] for name in _FIRST} | measured


def _json(name: str, value: Any) -> str:
    """An argument of a grid as JSON has it."""
    try:
        text = json.dumps(value, default=_plain, allow_nan=False)
        json.loads(text, parse_int=lambda digits: float(int(digits)))
        return text
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise UsageError(f"{name} must be made of lists, mappings, texts, dates and finite numbers") from None


def _plain(value: Any) -> Any:
    """NumPy's arrays and numbers, ranges and tuples, days."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, datetime.date):
        return value.isoformat()
    return dict(value) if isinstance(value, Mapping) else list(value)


def evaluate(
    spec: str | os.PathLike[str], *, seeds: Wholes = 10, data: str | os.PathLike[str] | None = None, jobs: int | None = None
) -> Sweep:
    """Draws a spec as it is with so many seeds, and measures the releases: a sweep of one cell. For simulated or public data alone; spends nothing."""
    return sweep(spec, seeds=seeds, data=data, jobs=jobs)
