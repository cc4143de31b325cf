"""Plots: what is drawn is what the table says, and what cannot be drawn is told by name."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tactful

pytest.importorskip("matplotlib")
from matplotlib.figure import Figure  # noqa: E402

from tactful import _drawing, _tidy, plots  # noqa: E402

EPSILONS, CUSTOMERS, SEEDS = (0.5, 1.0, 2.0), (1000, 4000), (1, 2, 3, 4, 5)


def table(**columns: list[Any]) -> dict[str, list[Any]]:
    """A sweep's table by formula: the cost is 1 + 1000 / (ε n) + seed / 100, so that medians are known."""
    rows = [(e, n, s) for n in CUSTOMERS for e in EPSILONS for s in SEEDS]
    found: dict[str, list[Any]] = {
        "epsilon": [e for e, _, _ in rows],
        "customers": [n for _, n, _ in rows],
        "seed": [s for _, _, s in rows],
        "floor": [50] * len(rows),
        "segments": [6] * len(rows),
        "outcome": ["released"] * len(rows),
        "cost": [1 + 1000 / (e * n) + s / 100 for e, n, s in rows],
    }
    return {**found, **columns}


def floors() -> dict[str, list[Any]]:
    rows = [(e, k, s) for e in (1.0, 2.0) for k in (50, 400) for s in SEEDS]
    alone = [k == 400 and s <= 3 for _, k, s in rows]
    return {
        "epsilon": [e for e, _, _ in rows],
        "floor": [k for _, k, _ in rows],
        "segments": [6] * len(rows),
        "outcome": ["floor.nothing-above" if a else "released" for a in alone],
        "segments_survived": [None if a else 6 if k == 50 else 2 for (_, k, _), a in zip(rows, alone)],
    }


def splits() -> dict[str, list[Any]]:
    rows = [(e, split, s) for split in ("usual", "sizes") for e in (1.0, 2.0) for s in SEEDS]
    clustering, sizes = {"usual": 560, "sizes": 460}, {"usual": 70, "sizes": 170}
    return {
        "epsilon": [e for e, _, _ in rows],
        "split": [split for _, split, _ in rows],
        "split_clustering": [clustering[split] for _, split, _ in rows],
        "split_incidence": [170] * len(rows),
        "split_floor": [70] * len(rows),
        "split_sizes": [sizes[split] for _, split, _ in rows],
        "split_gate": [100] * len(rows),
        "outcome": ["released"] * len(rows),
        "cost": [1 + clustering[split] / 1000 + e + s / 100 for e, split, s in rows],
    }


def line(figure: Figure, label: str, axes: int = 0) -> tuple[np.ndarray, np.ndarray]:
    [found] = [one for one in figure.axes[axes].lines if one.get_label() == label]
    return np.asarray(found.get_xdata()), np.asarray(found.get_ydata())


def texts(figure: Figure) -> str:
    axes = [(a.get_xlabel(), a.get_ylabel(), a.get_title(loc="left")) for a in figure.axes]
    return f"{axes} {figure.get_supxlabel()}".replace("\\n", " ")


def frames() -> list[Any]:
    made: list[Any] = [table()]
    for package, build in (("polars", "DataFrame"), ("pandas", "DataFrame"), ("pyarrow", "table")):
        try:
            made.append(getattr(__import__(package), build)(table()))
        except ImportError:
            continue
    return made


@pytest.mark.parametrize("frame", frames(), ids=lambda frame: type(frame).__module__.split(".")[0])
def test_utility_draws_medians_and_quartiles_of_any_kind_of_frame(frame: Any) -> None:
    figure = plots.utility(frame)
    assert isinstance(figure, Figure)
    x, y = line(figure, "1 000 customers")
    np.testing.assert_allclose(x, EPSILONS)
    np.testing.assert_allclose(y, [1 + 1 / e + 0.03 for e in EPSILONS])
    band = figure.axes[0].collections[0].get_paths()[0].vertices
    # Quartiles of seeds 1 to 5 are 2 and 4.
    at_one = sorted({round(float(v), 9) for e, v in band if e == 1.0})
    assert at_one == [2.02, 2.04]
    assert line(figure, "without privacy")[1] == pytest.approx([1, 1])


def test_every_figure_has_labels_with_units_and_says_whom_it_protects() -> None:
    for figure in (plots.utility(table()), plots.iso_lines(table()), plots.survival(floors()), plots.budget_split(splits())):
        assert "seeded noise on simulated/public data: protects nobody" in texts(figure)
        assert all(axes.get_xlabel() for axes in figure.axes)
    assert "(no unit, logarithmic)" in texts(plots.utility(table())) and "ratio" in texts(plots.utility(table()))
    assert "customers (count" in texts(plots.iso_lines(table())) and "(customers, logarithmic)" in texts(plots.survival(floors()))
    assert "per mille" in texts(plots.budget_split(splits()))


def test_draws_without_a_release_are_left_out_and_ringed() -> None:
    found = table()
    found["outcome"] = ["floor.nothing-above" if (e, n) == (0.5, 1000) and s > 1 else o for e, n, s, o in zip(*(found[c] for c in ("epsilon", "customers", "seed", "outcome")))]
    figure = plots.utility(found)
    assert line(figure, "1 000 customers")[1][0] == pytest.approx(1 + 2 + 0.01)
    [ring] = [one for one in figure.axes[0].lines if one.get_gid() == "lucky"]
    assert np.asarray(ring.get_xdata()).tolist() == [0.5]


def test_draws_of_different_cells_are_never_one_series() -> None:
    with pytest.raises(tactful.UsageError, match="customers"):
        plots.utility(table(), by=[])
    with pytest.raises(tactful.UsageError, match="customers"):
        plots.budget_split({**table(), "split": ["usual"] * 30})
    many = {key: values * 9 for key, values in table().items()} | {"segments": [n for n in range(2, 11) for _ in range(30)]}
    with pytest.raises(tactful.UsageError, match="18 series.*segments"):
        plots.utility(many)


def test_survival_counts_what_showed_nothing_as_nothing() -> None:
    figure = plots.survival(floors())
    x, y = line(figure, "ε = 1")
    assert len(x) == 2 and y.tolist() == [6, 0]  # three of five draws showed nothing
    assert line(figure, "asked for")[1] == pytest.approx([6, 6])


def test_iso_lines_run_where_the_error_is_the_same() -> None:
    figure = plots.iso_lines(table(), levels=[1.5])
    x, y = line(figure, "1.5")
    assert len(x) >= 2
    for levels in (np.array([1.5]), 1.5, (np.float32(1.5),)):
        assert np.array_equal(line(plots.iso_lines(table(), levels=levels), "1.5"), (x, y))
    # Interpolated between three budgets: the true line is 1000 / (ε n) = 0.47.
    np.testing.assert_allclose(1000 / (x * y), 0.47, atol=0.12)
    assert (np.diff(y[np.argsort(x)]) <= 1e-6).all()


def test_budget_splits_are_bars_that_add_up() -> None:
    figure = plots.budget_split(splits())
    bars = figure.axes[0].patches
    widths = np.array([bar.get_width() for bar in bars]).reshape(6, 2)
    assert widths.sum(0).tolist() == [1000, 1000] and widths[0].tolist() == [560, 460]
    medians = [one.get_xdata() for one in figure.axes[1].lines if len(one.get_xdata()) == 2 and one.get_label().startswith("_")]
    assert any(np.allclose(found, [1.56 + 1 + 0.03, 1.46 + 1 + 0.03]) for found in medians)


def test_legends_cover_no_text() -> None:
    plan = {"epsilon": 1.0, "split": {"clustering": 560, "incidence": 170, "floor": 70, "sizes": 70, "gate": 100}}
    for figure in (plots.budget_split(plan), plots.budget_split(splits())):
        figure.savefig(io.BytesIO())
        [legend] = figure.legends
        box = legend.get_window_extent()
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 and figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1
        others = [one for axes in figure.axes for one in (axes.xaxis.label, axes.title, axes._left_title, *axes.get_xticklabels(), *axes.patches)]
        for one in (*others, figure._supxlabel):
            assert not box.overlaps(one.get_window_extent()), one


def test_a_plan_has_its_budget_drawn() -> None:
    plan = {"epsilon": 1.0, "split": {"clustering": 560, "incidence": 170, "floor": 70, "sizes": 70, "gate": 100}}
    figure = plots.budget_split(plan)
    assert [bar.get_width() for bar in figure.axes[0].patches] == [560, 170, 70, 70, 100, 30]
    with pytest.raises(tactful.DataError, match="split"):
        plots.budget_split({"epsilon": 1.0})
    with pytest.raises(tactful.DataError, match="without a target"):
        plots.budget_split({"population": "shop", "plan": {"epsilon": 1.0}, "spec_lines": ""})


@pytest.mark.parametrize(
    ("plot", "gone"),
    [("utility", "epsilon"), ("utility", "cost"), ("iso_lines", "customers"), ("survival", "floor"), ("survival", "outcome"), ("budget_split", "split")],
)
def test_a_missing_column_is_named(plot: str, gone: str) -> None:
    whole = {"survival": floors, "budget_split": splits}.get(plot, table)()
    with pytest.raises(tactful.DataError, match=f"no column '{gone}'"):
        getattr(plots, plot)({key: values for key, values in whole.items() if key != gone})


def test_nulls_of_any_kind_are_no_numbers() -> None:
    class NAType:
        """As pandas has it."""

    found = table()
    found["cost"] = [value if seed > 2 else (None, NAType())[seed - 1] for value, seed in zip(found["cost"], found["seed"])]
    assert line(plots.utility(found), "1 000 customers")[1][1] == pytest.approx(1 + 1 + 0.04)
    flat = {**table(), "cost": [1.5] * 30}
    assert plots.utility(flat) and plots.iso_lines(flat)


def test_what_cannot_be_drawn_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "no.parquet").write_bytes(b"PAR1 and nothing")
    empty: dict[str, list[Any]] = {key: [] for key in table()}
    for frame, kind in (
        (3, tactful.UsageError),
        (None, tactful.UsageError),
        (tmp_path / "none.parquet", tactful.DataError),
        (tmp_path / "no.parquet", tactful.DataError),
        (empty, tactful.DataError),
        ({**table(), "cost": ["x"] * 30}, tactful.DataError),
        ({**table(), "cost": [None] * 30}, tactful.DataError),
        ({**table(), "cost": [[1]] * 30}, tactful.DataError),
        ({**table(), "cost": [1.5] * 29}, tactful.DataError),
        ({**table(), "epsilon": ["x"] * 30}, tactful.DataError),
    ):
        for plot in (plots.utility, plots.iso_lines):
            with pytest.raises(kind):
                plot(frame)
    polars = pytest.importorskip("polars")
    with pytest.raises(tactful.UsageError, match=r"collect\(\)"):
        plots.utility(polars.LazyFrame(table()))
    with pytest.raises(tactful.DataError, match="above 0"):
        plots.iso_lines({**table(), "cost": [0.0] * 30})
    for levels in ([], [2, 1], [0, 1], [50.0, 60.0], "ab", [[1.1, 1.2]], [float("nan")], np.array([2.0, 1.0]), [None]):
        with pytest.raises(tactful.UsageError):
            plots.iso_lines(table(), levels=levels)
    one = {key: values[:15] for key, values in table().items()}
    with pytest.raises(tactful.DataError, match="'customers'"):
        plots.iso_lines(one)


def test_parquet_is_read_by_its_path(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    polars.DataFrame(table()).write_parquet(tmp_path / "sweep.parquet")
    for path in (tmp_path / "sweep.parquet", str(tmp_path / "sweep.parquet")):
        assert line(plots.utility(path), "4 000 customers")[1][1] == pytest.approx(1.28)


def test_a_figure_shows_itself_and_can_be_kept(tmp_path: Path) -> None:
    figure = plots.utility(table())
    assert isinstance(figure, _drawing.Figure) and figure._repr_png_()[:4] == b"\x89PNG"
    figure.savefig(tmp_path / "figure.svg")
    assert "matplotlib.pyplot" not in _drawing.__dict__


def test_colours_differ_and_shapes_too() -> None:
    assert len(set(_drawing.COLOURS)) == len(set(_drawing.MARKERS)) == plots._MOST_SERIES
    assert set(_tidy.BEST) <= set(_tidy.METRICS)


def test_plots_can_be_imported_without_matplotlib() -> None:
    program = """
import sys
sys.modules["matplotlib"] = None
import tactful
try:
    tactful.plots.utility({})
except tactful.MissingPackage as error:
    assert "pip install matplotlib" in str(error), error
else:
    raise SystemExit("no error")
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_importing_the_package_loads_no_matplotlib() -> None:
    program = "import sys, tactful.plots; assert not [m for m in sys.modules if m.startswith('matplotlib')]"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_real_sweep_is_drawn(shop: Path) -> None:
    found = tactful.sweep(shop / "shop.toml", epsilon=[1.0, 4.0], floor=[50, 100], seeds=2)
    assert len(line(plots.utility(found, by="floor"), "floor 50")[0]) == 2
    assert plots.survival(found).axes[0].get_xlabel().startswith("k floor")
    # Every metric that a sweep has can be asked for, and has a name and unit.
    columns = found.rows_to_dicts()[0].keys()
    assert set(_tidy.METRICS) <= set(columns)
