"""Plots of a sweep: what a budget buys, before anybody's purchases are touched.

Each takes a :class:`tactful.Sweep`, or its tidy table (a row a draw) as a Polars or pandas frame, a PyArrow table, a dict of columns or the path of its
Parquet file, and returns a ``matplotlib.figure.Figure``, which a notebook shows and ``figure.savefig("name.png")`` keeps. Lines are medians of the
draws, bands go from the first to the third quartile; rings mark cells of which some draws gave no release, since those that did are the lucky
ones. Every figure says in its foot that what it shows protects nobody: exact rows of simulated or public data, and noise from seeds.

Needs matplotlib (``pip install matplotlib``); importing this module does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ._arguments import Numbers
from ._errors import DataError, MissingPackage, UsageError
from ._tidy import BELOW_FLOOR, BEST, METRICS, Band, Tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FOOT", "budget_split", "iso_lines", "survival", "utility"]

#: What stands below every figure of a sweep.
FOOT = "seeded noise on simulated/public data: protects nobody"

_EPSILON = "privacy loss ε of a release (no unit, logarithmic)"
_MOST_SERIES = 8

#: Parts of a release's budget, with what they pay for. What is left to a thousand are small shares that no spec changes.
_SHARES = {
    "clustering": "clustering",
    "incidence": "category shares",
    "floor": "k floor",
    "sizes": "sizes",
    "gate": "proxy gate",
}


def _draw() -> Any:
    try:
        from . import _drawing
    except ImportError:
        raise MissingPackage("plots need matplotlib: pip install matplotlib") from None
    return _drawing


def _parts(tidy: Tidy, by: str | Iterable[str] | None, *but: str) -> list[tuple[str, Tidy]]:
    parts = list(tidy.series(by, *but))
    if len(parts) > _MOST_SERIES:
        vary = ", ".join(tidy.varying(*but))
        raise UsageError(f"{len(parts)} series are more than {_MOST_SERIES}: keep fewer values of {vary}")
    return parts


def _some(bands: Iterable[Band], metric: str) -> None:
    if not any(np.isfinite(band.median).any() for band in bands):
        raise DataError(f"no draw of this table has a value of {metric!r}; the column outcome says why", "plots.empty")


def utility(frame: Any, metric: str = "cost", *, by: str | Sequence[str] | None = None) -> Figure:
    """Utility against ε: a line and a band a series.

    Parameters
    ----------
    frame : sweep or its table
        With ``epsilon`` and the metric.
    metric : str, default="cost"
        A column of numbers; docs/sweep.md has their formulas and units.
    by : str or list of str, default=None
        Parameters that make a series [default: all that vary but ε]. At most 8 series.

    Returns
    -------
    matplotlib.figure.Figure
        One axes; ε on a logarithmic axis. A dashed line is the same without privacy, where the sweep knows it.

    Raises
    ------
    DataError
        Naming the column that is missing.
    UsageError
        Too many series, or draws of different cells in one.
    MissingPackage
        matplotlib is not installed.
    """
    drawing, tidy = _draw(), Tidy(frame)
    parts = [(name, part, part.band("epsilon", metric)) for name, part in _parts(tidy, by)]
    _some((band for _, _, band in parts), metric)
    figure, axes = drawing.start(FOOT)
    for index, (name, _, band) in enumerate(parts):
        drawing.band(axes, index, name, band)
    best = _best(tidy, metric)
    if best is not None:
        axes.axhline(best, color="0.35", linestyle="--", linewidth=1, label="without privacy")
    drawing.log_axis(axes, "x", tidy.column("epsilon"))
    drawing.finish(axes, _EPSILON, METRICS.get(metric, metric), f"{_title(metric)} against ε", legend=len(parts) > 1 or best is not None)
    return figure  # type: ignore[no-any-return]


def _best(tidy: Tidy, metric: str) -> float | None:
    """What it is without privacy, when that is one number: the median over cells would mix different tasks."""
    best = BEST.get(metric)
    if not isinstance(best, str):
        return best
    if not tidy.has(best) or tidy.varying("floor", "split", "delta"):
        return None
    values = tidy.metric(best)
    values = values[~np.isnan(values)]
    return float(np.median(values)) if len(values) else None


def _title(metric: str) -> str:
    return METRICS.get(metric, metric).split(" (")[0].capitalize()


def budget_split(frame: Any, metric: str = "cost") -> Figure:
    """How a release's budget is divided, and what each division comes to.

    Parameters
    ----------
    frame : sweep or its table, or what ``tactful.plan`` returned
        A sweep over divisions (``split``), with ``epsilon`` and the metric; or a plan, of which the division alone is drawn.
    metric : str, default="cost"
        A column of numbers, for a sweep.

    Returns
    -------
    matplotlib.figure.Figure
        Bars of shares in per mille of ρ, one a division; beside them, for a sweep, median and quartiles of the metric for each ε.

    Raises
    ------
    DataError
        Naming the column that is missing, or a plan without ``split``.
    UsageError
        Other parameters vary too.
    """
    drawing = _draw()
    if isinstance(frame, Mapping) and ("plan" in frame or ("epsilon" in frame and np.ndim(frame["epsilon"]) == 0)):
        if not isinstance(frame.get("split"), Mapping):
            raise DataError("the plan has no 'split': pass what tactful.plan returned without a target", "plots.column")
        figure, axes = drawing.start("shares of the privacy loss ρ; a plan reads no purchase", height=2.6)
        name = f"ε = {frame['epsilon']:g}"
        drawing.shares(axes, [name], _stacked([{key: float(frame["split"].get(key, 0)) for key in _SHARES}]))
        drawing.finish(axes, "share of ρ (per mille)", "", "What a release's budget pays for", above=True)
        return figure  # type: ignore[no-any-return]
    tidy = Tidy(frame)
    _alone(tidy, "split")
    parts = list(tidy.series("split"))
    if len(parts) > _MOST_SERIES:
        raise UsageError(f"{len(parts)} divisions are more than {_MOST_SERIES}: keep fewer values of split")
    names = [str(part.column("split")[0]) for _, part in parts]
    shares = [{key: float(part.column(f"split_{key}")[0]) for key in _SHARES} for _, part in parts]
    bands = [part.band("epsilon", metric) for _, part in parts]
    _some(bands, metric)
    figure, left, right = drawing.start_pair(FOOT)
    drawing.shares(left, names, _stacked(shares))
    drawing.finish(left, "share of ρ (per mille)", "", "Divisions of the budget", above=True)
    epsilons = np.unique(tidy.column("epsilon"))
    if len(epsilons) > _MOST_SERIES:
        raise UsageError(f"{len(epsilons)} values of epsilon are more than {_MOST_SERIES}: keep fewer")
    for index, epsilon in enumerate(epsilons):
        rows = [(band.lower[at], band.median[at], band.upper[at]) for band in bands for at in np.flatnonzero(band.at == epsilon)]
        where = [row + (index - (len(epsilons) - 1) / 2) * 0.16 for row, band in enumerate(bands) if epsilon in band.at]
        drawing.bars(right, index, f"ε = {epsilon:g}", where, rows)
    drawing.finish(right, METRICS.get(metric, metric), "", "What they come to")
    return figure  # type: ignore[no-any-return]


def _stacked(rows: list[dict[str, float]]) -> dict[str, list[float]]:
    bars = {said: [row[key] for row in rows] for key, said in _SHARES.items()}
    bars["fixed small shares"] = [max(0.0, 1000 - sum(row.values())) for row in rows]
    return bars


def _alone(tidy: Tidy, *names: str) -> None:
    left = tidy.varying(*names)
    if left:
        raise UsageError(f"{', '.join(left)} has several values in this table: keep one of them")


def iso_lines(frame: Any, metric: str = "cost", levels: Numbers | None = None) -> Figure:
    """How many customers, or how large an ε: lines along which the median of an error is the same.

    Errors of sizes and centroids fall again where few customers leave one large segment; the cost does not, so it comes first.

    Parameters
    ----------
    frame : sweep or its table
        Over two or more numbers of ``customers`` and of ``epsilon``, all combinations, with the metric.
    metric : str, default="cost"
        A column of positive numbers.
    levels : sequence of float, default=None
        Values to draw lines for, in the metric's unit, rising [default: some between the least and the greatest].

    Returns
    -------
    matplotlib.figure.Figure
        Lines on logarithmic axes, each with its value; dots are the cells that were drawn, between which lines are interpolated in logarithms.

    Raises
    ------
    DataError
        Naming the column that is missing, too few values, or values that are not positive.
    UsageError
        Other parameters vary too, or levels that do not rise or lie outside of all values.
    """
    drawing, tidy = _draw(), Tidy(frame)
    _alone(tidy, "customers")
    epsilons, customers = (np.unique(tidy.column(name)) for name in ("epsilon", "customers"))
    for name, values in (("epsilon", epsilons), ("customers", customers)):
        if len(values) < 2:
            raise DataError(f"lines need two values of {name!r} or more: sweep over some", "plots.empty")
    grid = np.full((len(customers), len(epsilons)), np.nan)
    for row, number in enumerate(customers):
        part = tidy.only(tidy.column("customers") == number)
        band = part.band("epsilon", metric)
        grid[row, np.searchsorted(epsilons, band.at)] = band.median
    if not np.isfinite(grid).any():
        _some([], metric)
    if (grid[np.isfinite(grid)] <= 0).any():
        raise DataError(f"{metric!r} has values that are not above 0: lines are drawn in logarithms", "plots.column")
    least, most = float(np.nanmin(grid)), float(np.nanmax(grid))
    if levels is None:
        steps = np.array([a * 10.0**b for b in range(-6, 7) for a in (1, 2, 5)])
        steps = 1 + steps if metric == "cost" else steps
        found = steps[(steps > least) & (steps < most)]
        rising: list[float] = found.tolist() if len(found) else [(least * most) ** 0.5]
    else:
        rising = _rising(levels)
    if not any(least <= level <= most for level in rising):
        raise UsageError(f"no line can be drawn: medians lie between {least:g} and {most:g}, and no level does")
    figure, axes = drawing.start(FOOT)
    drawing.lines(axes, epsilons, customers, grid, rising)
    drawing.log_axis(axes, "x", epsilons)
    drawing.log_axis(axes, "y", customers)
    drawing.finish(axes, _EPSILON, "customers (count, logarithmic)", f"Lines of the same {METRICS.get(metric, metric)}", legend=False)
    return figure  # type: ignore[no-any-return]


def _rising(levels: Any) -> list[float]:
    try:
        found = np.atleast_1d(np.asarray(levels, dtype=np.float64))
    except (TypeError, ValueError, OverflowError):
        found = np.zeros(1)
    if found.ndim != 1 or not len(found) or not (np.isfinite(found).all() and found[0] > 0 and (np.diff(found) > 0).all()):
        raise UsageError("levels must be positive numbers that rise")
    return found.tolist()  # type: ignore[no-any-return]


def survival(frame: Any, *, by: str | Sequence[str] | None = None) -> Figure:
    """Segments that survive the k floor, against k.

    Parameters
    ----------
    frame : sweep or its table
        Over two or more values of ``floor``, with ``epsilon``, ``segments_survived`` and ``outcome``.
    by : str or list of str, default=None
        Parameters that make a series beside ε [default: all that vary].

    Returns
    -------
    matplotlib.figure.Figure
        A line and a band for each ε. A draw that showed nothing, for want of anything above the floor, counts as 0 segments.
    """
    drawing, tidy = _draw(), Tidy(frame)
    parts = []
    for name, part in _parts(tidy, by, "floor"):
        for epsilon in np.unique(part.column("epsilon")):
            here = part.only(part.column("epsilon") == epsilon)
            outcome, survived = here.column("outcome"), here.metric("segments_survived")
            survived = np.where(outcome == BELOW_FLOOR, 0.0, survived)
            said = f"ε = {epsilon:g}" + (f", {name}" if name else "")
            parts.append((said, here.band("floor", survived)))
    if len(parts) > _MOST_SERIES:
        raise UsageError(f"{len(parts)} series are more than {_MOST_SERIES}: keep fewer values of epsilon, {', '.join(tidy.varying('floor'))}")
    _some((band for _, band in parts), "segments_survived")
    figure, axes = drawing.start(FOOT)
    for index, (name, band) in enumerate(parts):
        drawing.band(axes, index, name, band, nudge=(index - (len(parts) - 1) / 2) * 0.012)
    asked: list[float] = np.unique(tidy.column("segments")).tolist() if tidy.has("segments") else []
    for number in asked:
        axes.axhline(number, color="0.35", linestyle="--", linewidth=1, label="asked for" if number == asked[0] else None)
    axes.set_ylim(bottom=0)
    drawing.log_axis(axes, "x", tidy.column("floor"))
    drawing.finish(axes, "k floor (customers, logarithmic)", METRICS["segments_survived"], "Segments that survive the k floor")
    return figure  # type: ignore[no-any-return]
