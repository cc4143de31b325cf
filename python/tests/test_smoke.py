"""What must work with NumPy alone."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tactful


def test_a_fit_gives_centres_within_the_bounds_and_a_receipt() -> None:
    rows = np.random.default_rng(1).normal(0, 0.4, (3000, 4))
    with pytest.warns(tactful.NotProtected):
        model = tactful.DPKMeans(4, epsilon=1.0, delta=1e-6, bounds=(-1, 1), data="public", seed=2).fit(rows)
    centres = model.cluster_centers_
    assert centres.shape == model.cluster_centers_std_.shape and centres.shape[1] == 4 and 1 <= len(centres) <= 4
    assert model.cluster_centers_interval_.shape == (*centres.shape, 2)
    assert (abs(centres) <= 1).all() and (model.cluster_centers_std_ > 0).all()
    low, high = model.cluster_centers_interval_[..., 0], model.cluster_centers_interval_[..., 1]
    assert ((low <= centres) & (centres <= high)).all()
    assert "NOBODY" in str(model.privacy_receipt_) and not model.privacy_receipt_.protected
    assert set(model.predict(rows)) <= set(range(len(centres)))


def test_nothing_but_numpy_is_imported(tmp_path: Path) -> None:
    others = ("polars", "pandas", "pyarrow", "sklearn", "matplotlib", "scipy")
    code = f"import sys, tactful; print([name for name in {others!r} if name in sys.modules])"
    # Elsewhere: beside this folder lies the package's source, which is not the one that is installed.
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "[]"


def test_frames_ask_for_polars_when_it_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    from tactful import _release

    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(tactful.MissingPackage, match="pip install polars"):
        _release._frame([{"a": 1}])
    assert issubclass(tactful.MissingPackage, ImportError)
