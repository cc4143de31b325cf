"""The artists of `plots`. Importing this needs matplotlib."""

from __future__ import annotations

import io
import textwrap
from typing import Any

import matplotlib.ticker
import numpy as np
from matplotlib import figure as _figure
from matplotlib.axes import Axes

from ._tidy import Band, Column

#: Okabe and Ito's eight colours, which people with colour-blindness tell apart, without yellow, which paper swallows.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
#: Shapes, so that nothing hangs on colour alone.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
#: Of letters on them.
_ON = ("white", "white", "white", "black", "black", "black")


class Figure(_figure.Figure):
    """A figure that shows itself in a notebook without ``pyplot``, and so is not kept alive by it."""

    def _repr_png_(self) -> bytes:
        to = io.BytesIO()
        self.savefig(to, format="png", dpi=110)
        return to.getvalue()


def start(foot: str, height: float = 4.4) -> tuple[Figure, Axes]:
    """A figure with one axes; height in inches."""
    figure = Figure(figsize=(7.2, height), layout="constrained")
    _foot(figure, foot)
    return figure, figure.add_subplot()


def start_pair(foot: str) -> tuple[Figure, Axes, Axes]:
    """A figure with two axes that share their rows."""
    figure = Figure(figsize=(10.5, 4.2), layout="constrained")
    _foot(figure, foot)
    left, right = figure.subplots(1, 2, sharey=True)
    return figure, left, right


def _foot(figure: Figure, foot: str) -> None:
    figure.supxlabel(foot, fontsize=8, color="0.35", x=0.99, ha="right")


def band(axes: Axes, index: int, name: str, found: Band, nudge: float = 0.0) -> None:
    """A line of medians in a band of quartiles. `nudge`: sideways, in logarithms, so that equal lines are both seen."""
    colour, at = COLOURS[index % len(COLOURS)], found.at * np.exp(nudge)
    some = np.isfinite(found.median)
    axes.fill_between(at, found.lower, found.upper, color=colour, alpha=0.18, linewidth=0)
    axes.plot(at, found.median, color=colour, marker=MARKERS[index % len(MARKERS)], markersize=5, linewidth=1.6, label=name or "median")
    lucky = some & (found.with_value < found.draws)
    if lucky.any():
        axes.plot(at[lucky], found.median[lucky], "o", markersize=12, fillstyle="none", color=colour, gid="lucky")


def bars(axes: Axes, index: int, name: str, where: list[float], rows: list[tuple[float, float, float]]) -> None:
    """Medians with whiskers to the quartiles, lying."""
    lower, median, upper = np.array(rows).reshape(-1, 3).T
    axes.errorbar(
        median,
        where,
        xerr=[median - lower, upper - median],
        fmt=MARKERS[index % len(MARKERS)],
        color=COLOURS[index % len(COLOURS)],
        capsize=3,
        label=name,
    )


def shares(axes: Axes, names: list[str], parts: dict[str, list[float]]) -> None:
    """Stacked bars, lying; the first name on top."""
    left = np.zeros(len(names))
    for index, (said, widths) in enumerate(parts.items()):
        drawn = axes.barh(range(len(names)), widths, left=left, height=0.6, color=COLOURS[index], edgecolor="white", label=said)
        axes.bar_label(drawn, labels=[f"{width:.0f}" if width >= 45 else "" for width in widths], label_type="center", fontsize=8, color=_ON[index])
        left += widths
    axes.set_yticks(range(len(names)), names)
    axes.set_xlim(0, 1000)
    axes.set_ylim(len(names) - 0.4, -0.6)


def lines(axes: Axes, across: Column, up: Column, grid: Column, levels: list[float]) -> None:
    """Lines of equal value. Interpolated in logarithms of all three."""
    x, y = np.meshgrid(across, up)
    drawn = axes.contour(np.log(x), np.log(y), np.ma.masked_invalid(np.log(grid)), levels=np.log(levels), colors=COLOURS[0], linewidths=1.4)
    axes.clear()
    for level, paths in zip(levels, drawn.allsegs):
        colour = COLOURS[levels.index(level) % len(COLOURS)]
        paths = [path for path in paths if len(path) > 1]
        for number, path in enumerate(paths):
            axes.plot(*np.exp(path.T), color=colour, linewidth=1.8, label=f"{level:g}" if number == 0 else None)
        if paths:
            longest = np.exp(max(paths, key=len))
            box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"}
            x_middle, y_middle = longest[len(longest) // 2]
            axes.text(x_middle, y_middle, f"{level:g}", color=colour, fontsize=9, ha="center", va="center", bbox=box)
    some = np.isfinite(grid)
    axes.plot(x[some], y[some], ".", color="0.6", markersize=4, zorder=0)


def log_axis(axes: Axes, which: str, values: Column) -> None:
    """A logarithmic axis with ticks at the values that were drawn."""
    axis, there = (axes.xaxis, np.unique(values[~np.isnan(values)])) if which == "x" else (axes.yaxis, np.unique(values[~np.isnan(values)]))
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    kept = there if len(there) <= 10 else there[:: len(there) // 8]
    axis.set_major_locator(matplotlib.ticker.FixedLocator(kept.tolist()))
    axis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(matplotlib.ticker.NullLocator())


def finish(axes: Axes, x: str, y: str, title: str, *, legend: bool = True, above: bool = False) -> None:
    """Labels, a grid, and a legend: inside where there is room, or above, outside of the axes; the foot is below."""
    axes.set_xlabel(x)
    axes.set_ylabel("\n".join(textwrap.wrap(y, 48)))
    axes.set_title("\n".join(textwrap.wrap(title, 80)), loc="left", fontsize=10)
    axes.grid(True, color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if legend and axes.get_legend_handles_labels()[0]:
        if above:
            handles, labels = axes.get_legend_handles_labels()
            axes.figure.legend(handles, labels, loc="outside upper left", ncols=6, frameon=False, fontsize=8)
        else:
            axes.legend(frameon=False, fontsize=8)
