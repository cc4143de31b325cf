"""Ctrl-C is heard while the engine works, and says whether the budget is spent."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tactful
from tactful import DPKMeans, _errors

STEPS = 8


def test_an_interrupted_is_a_keyboard_interrupt_and_no_exception() -> None:
    assert issubclass(tactful.Interrupted, KeyboardInterrupt) and not issubclass(tactful.Interrupted, Exception)


@pytest.mark.parametrize("delay", [0.02, 0.2, 0.6, 1.2])
def test_a_fit_that_is_interrupted_hands_nothing_back_and_knows_what_is_spent(paid: dict[str, Any], delay: float) -> None:
    rows = np.random.default_rng(0).normal(0, 0.3, (400_000, 24)).astype(np.float32)
    once = {**paid, "n_clusters": 32, "epsilon_per_year": 1.0, "delta_per_year": 1e-6}
    model = DPKMeans(**once)
    timer = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        model.fit(rows)
        spent = True
        # Faster than the timer: its signal is still to come.
        with pytest.raises(KeyboardInterrupt):
            threading.Event().wait(60)
    except tactful.Interrupted as error:
        assert not hasattr(model, "cluster_centers_")
        assert (error.code, error.exit_status) == ("run.interrupted", 130)
        assert ("budget is spent" in str(error)) == error.spent
        spent = error.spent
    except KeyboardInterrupt:
        # Before the engine began or after it had ended: Python's own, and whether it is spent is not said.
        spent = None
    finally:
        timer.join()
    again = DPKMeans(**{**once, "n_clusters": 2})
    if spent is None:
        return
    if spent:
        with pytest.raises(tactful.BudgetError):
            again.fit(rows[:100])
    else:
        again.fit(rows[:100])


def test_other_signals_handlers_may_raise_too(paid: dict[str, Any]) -> None:
    class Timeout(Exception):
        pass

    def late(*_: object) -> None:
        raise Timeout

    rows = np.zeros((400_000, 24), dtype=np.float32)
    before = signal.signal(signal.SIGALRM, late)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(Timeout):
            DPKMeans(**paid).fit(rows)
            threading.Event().wait(60)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("at", range(1, STEPS + 1))
def test_a_run_that_is_interrupted_at_a_step_says_what_is_spent(shop: Path, tmp_path: Path, at: int) -> None:
    heard = []

    def progress(position: int, steps: int, text: str) -> None:
        heard.append(text)
        assert steps == STEPS
        if position == at:
            signal.raise_signal(signal.SIGINT)

    out = tmp_path / "release"
    with pytest.raises(tactful.Interrupted) as caught:
        tactful.run(shop / "shop.toml", out, ledger=tmp_path / "ledger", progress=progress)
    left = tactful.plan(shop / "shop.toml", ledger=tmp_path / "ledger")["epsilon_spent"]
    assert caught.value.spent == (left > 0), (at, left)
    # It is whole or absent.
    assert not out.exists() or tactful.load_release(out)


def test_what_a_callback_raises_stops_the_run(shop: Path, tmp_path: Path) -> None:
    def progress(position: int, steps: int, text: str) -> None:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine") as caught:
        tactful.run(shop / "shop.toml", tmp_path / "release", ledger=tmp_path / "ledger", progress=progress)
    assert not (tmp_path / "release").exists()
    notes = getattr(caught.value, "__notes__", ["nothing was spent"])
    assert "nothing was spent" in notes[0]


def test_an_interrupted_that_meets_an_error_tells_both(shop: Path, tmp_path: Path) -> None:
    spec = tmp_path / "shop.toml"
    year = "[privacy.year]\nepsilon = 8.0"
    assert year in (shop / "shop.toml").read_text()
    spec.write_text((shop / "shop.toml").read_text().replace(year, "[privacy.year]\nepsilon = 2.0"))
    tactful.run(spec, tmp_path / "first", data=shop, ledger=tmp_path / "ledger")
    left = (tmp_path / "ledger").read_bytes()

    # The signal comes while the year's refusal is on its way: how long that takes is the machine's.
    for seconds in (1, 5, 25):

        def progress(position: int, steps: int, text: str, seconds: int = seconds) -> None:
            time.sleep(seconds)
            signal.raise_signal(signal.SIGINT)

        with pytest.raises(tactful.Interrupted) as caught:
            tactful.run(spec, tmp_path / "second", data=shop, ledger=tmp_path / "ledger", progress=progress)
        assert not caught.value.spent and "nothing was spent" in str(caught.value)
        if caught.value.__cause__ is not None:
            break
    assert isinstance(caught.value.__cause__, tactful.BudgetError) and "ledger.exhausted" in str(caught.value)
    assert (tmp_path / "ledger").read_bytes() == left and not (tmp_path / "second").exists()


def test_what_ends_in_a_defect_is_counted_as_spent() -> None:
    defect = tactful.InternalError("a thread of the engine ended early")
    found = _errors.interrupted(KeyboardInterrupt(), True, defect)
    assert isinstance(found, tactful.Interrupted) and found.spent and found.__cause__ is defect
    assert "count the budget as spent" in str(found) and "nothing was spent" not in str(found) and "a thread of the engine" in str(found)
    mine = ZeroDivisionError("mine")
    assert _errors.interrupted(mine, True, defect) is mine and mine.__cause__ is defect
    reason = ValueError()
    mine.__cause__ = reason
    assert _errors.interrupted(mine, True, defect).__cause__ is reason
    assert _errors.interrupted(KeyboardInterrupt(), False).__cause__ is None


@pytest.mark.parametrize("data", ["private", "simulated"])
def test_a_prediction_can_be_interrupted(paid: dict[str, Any], simulated: dict[str, Any], rows: np.ndarray, data: str) -> None:
    model = DPKMeans(**(paid if data == "private" else simulated)).fit(rows)
    # One row, seen again and again: it takes much longer than the timer.
    many = np.lib.stride_tricks.as_strided(rows, (300_000_000, 3), (0, 8))
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(tactful.Interrupted, match="nothing was spent") as caught:
            model.predict(many)
    finally:
        timer.join()
    assert not caught.value.spent and (model.predict(rows) >= 0).all()
