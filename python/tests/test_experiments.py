"""Shops that do not exist, and sweeps: on data of nobody, repeatable, marked."""

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import tactful
from tactful import _hygiene


def test_a_sweep_is_a_row_a_draw_and_repeats_itself(shop: Path) -> None:
    heard: list[tuple[str, int, int]] = []
    found = tactful.sweep(
        shop / "shop.toml", epsilon=np.array([0.5, 4.0]), segments=(2,), seeds=3, jobs=2, progress=lambda *said: heard.append(said)
    )
    assert isinstance(found.rows, pl.DataFrame) and len(found) == len(found.rows) == 6
    assert found.origin == "simulated" and "simulated" in repr(found) and found.mark in found._repr_html_()
    assert found.summary["epsilon"].to_list() == [0.5, 4.0] and (found.summary["draws"] == 3).all()
    again = tactful.sweep(shop / "shop.toml", epsilon=[0.5, 4.0], segments=[2], seeds=3, jobs=1)
    assert again.rows_to_dicts() == found.rows_to_dicts()
    assert heard and heard[-1][2] == 6


def test_evaluate_is_a_sweep_of_one_cell(shop: Path) -> None:
    found = tactful.evaluate(shop / "shop.toml", seeds=[7, 9])
    assert found.rows["seed"].to_list() == [7, 9] and len(found.summary) == 1


def test_real_customers_are_refused_before_a_row_is_read(shop: Path, tmp_path: Path) -> None:
    text = (shop / "shop.toml").read_text().replace('origin = "simulated"', 'origin = "first_party"')
    (tmp_path / "shop.toml").write_text(text)
    with pytest.raises(tactful.Error) as caught:
        tactful.sweep(tmp_path / "shop.toml", seeds=1)
    # There is no file of purchases beside it: it was not looked for.
    assert caught.value.exit_status in (3, 12), caught.value


def test_a_grid_that_cannot_be_is_told_by_name(shop: Path) -> None:
    for words, says in (({"epsilon": []}, "epsilon"), ({"segments": [65]}, "segments"), ({"seeds": 0}, "seeds"), ({"window": ["x"]}, "^window: write")):
        with pytest.raises(tactful.UsageError, match=says):
            tactful.sweep(shop / "shop.toml", **words)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"seeds": "3"}, "^seeds: write how many seeds"),
        ({"seeds": 2**64}, "^seeds: write how many seeds"),
        ({"features": {"a": "spend_share"}}, "^features: write subsets"),
        ({"split": {"clustering": 400}}, "^split: write divisions"),
        ({"end": datetime.datetime(2026, 4, 27)}, "^end: write a date"),
        ({"holdout": [8]}, "^holdout: write a whole number"),
    ],
)
def test_a_grid_of_another_shape_is_told_what_to_write(shop: Path, words: dict[str, Any], says: str) -> None:
    with pytest.raises(tactful.UsageError, match=says) as caught:
        tactful.sweep(shop / "shop.toml", **words)
    assert caught.value.code == "sweep.grid"


def test_one_value_is_a_list_of_one_and_a_date_is_a_date(shop: Path) -> None:
    spec = shop / "shop.toml"
    plain = tactful.sweep(spec, epsilon=[1.0], floor=[50], end="2026-06-08", seeds=[3]).rows_to_dicts()
    assert tactful.sweep(spec, epsilon=1, floor=np.int64(50), end=datetime.date(2026, 6, 8), seeds=np.array([3])).rows_to_dicts() == plain
    assert tactful.sweep(spec, epsilon=np.float32(1), floor=50, end=np.datetime64("2026-06-08"), seeds=[3]).rows_to_dicts() == plain


def test_seeds_stay_in_the_order_given(shop: Path) -> None:
    assert tactful.sweep(shop / "shop.toml", epsilon=[1.0, 2.0], seeds=[5, 3]).rows["seed"].to_list() == [5, 3, 5, 3]


def test_looks_of_frames_refuse_nothing_and_sweeps_read_nobody(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLARS_FMT_MAX_ROWS", "30")
    monkeypatch.setenv("POLARS_TABLE_WIDTH", "200")
    assert _hygiene.tell()["refused_because_of"] == []
    assert tactful.check(shop / "shop.toml")["sound"]
    monkeypatch.setenv("POLARS_STREAMING_CHUNK_SIZE", "50000")
    assert _hygiene.tell()["refused_because_of"] == ["POLARS_STREAMING_CHUNK_SIZE"]
    assert len(tactful.sweep(shop / "shop.toml", seeds=1)) == 1
    # The register of those who opted out is private.
    with pytest.raises(tactful.PolicyError, match=r"Config\.restore_defaults\(\)"):
        tactful.check(shop / "shop.toml")


def test_a_sweep_that_is_stopped_goes_on_from_there(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "table.parquet"

    def progress(stage: str, done: int, of: int) -> None:
        if done >= 1:
            raise KeyboardInterrupt

    with pytest.raises(tactful.Interrupted) as caught:
        tactful.sweep(shop / "shop.toml", epsilon=[1.0, 2.0], seeds=200, jobs=1, out=out, progress=progress)
    assert not caught.value.spent and not out.exists()
    found = tactful.sweep(shop / "shop.toml", epsilon=[1.0, 2.0], seeds=20, jobs=1, out=out)
    assert pl.read_parquet(out).height == len(found) == 40


def test_a_simulated_shop_repeats_itself_and_runs(tmp_path: Path) -> None:
    heard: list[tuple[int, int, int]] = []
    one = tactful.simulate(tmp_path / "one", customers=1500, weeks=24, seed=5, progress=lambda *said: heard.append(said))
    other = tactful.simulate(tmp_path / "other", customers=1500, weeks=24, seed=5)
    assert (one.customers, one.seed, one.lines) == (1500, 5, other.lines) and heard[-1][0] == heard[-1][2] == 1500
    names = sorted(path.name for path in one.path.iterdir())
    assert names == sorted(path.name for path in other.path.iterdir()) and {"spec.toml", "truth.csv"} <= set(names)
    for name in names:
        assert (one.path / name).read_bytes() == (other.path / name).read_bytes(), name
    assert tactful.check(one.spec)["sound"]
    release = tactful.run(one.spec, tmp_path / "release", ledger=tmp_path / "ledger")
    assert release.simulated

    alike = tactful.simulate(tmp_path / "alike", like=release, seed=6)
    assert abs(alike.customers - 1500) < 300 and tactful.check(alike.spec)["sound"]
    again = tactful.simulate(tmp_path / "again", like=tmp_path / "release", seed=6)
    assert again.lines == alike.lines


def test_a_shop_that_cannot_be_is_told_and_nothing_is_replaced(tmp_path: Path) -> None:
    for words in ({"customers": 0}, {"segments": 99}, {"weeks": 1}, {"drift": 2.0}, {"activity": -1.0}):
        with pytest.raises((tactful.UsageError, tactful.SpecError)):
            tactful.simulate(tmp_path / "out", **words)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("kept")
    with pytest.raises(tactful.OutputError):
        tactful.simulate(tmp_path / "full", customers=100)
    assert (tmp_path / "full" / "mine").read_text() == "kept"


def test_a_simulation_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    def progress(customers: int, lines: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(tactful.Interrupted) as caught:
        tactful.simulate(tmp_path / "out", customers=50_000, progress=progress)
    assert not caught.value.spent and not (tmp_path / "out").exists()


def test_rows_have_the_columns_of_the_file(shop: Path, tmp_path: Path) -> None:
    divisions = {"usual": {}, "shares": {"clustering": 430, "incidence": 300}}
    found = tactful.sweep(shop / "shop.toml", split=divisions, seeds=2, out=tmp_path / "table.parquet")
    written = pl.read_parquet(tmp_path / "table.parquet")
    assert found.rows.equals(written) and found.rows.schema == written.schema
    # Without a release there is no value to tell a type by.
    none = tactful.sweep(shop / "shop.toml", floor=1_000_000, seeds=[2**64 - 1])
    assert none.rows.schema == written.schema and none.rows["cost"].to_list() == [None]
    assert found.rows.filter(split="shares")["split_incidence"].to_list() == [300, 300]
    assert found.rows["cost"].to_list() == pytest.approx(written["cost"].to_list())
