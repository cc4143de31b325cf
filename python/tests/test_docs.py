"""What docs/python.md shows runs as it stands there."""

from __future__ import annotations

import re
import shutil
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest

import tactful

for package in ("matplotlib", "polars"):
    pytest.importorskip(package)

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text()


def snippet(title: str) -> str:
    """The indented code below a headline, up to the next."""
    [body] = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^##? |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    lines = [line for line in body.splitlines() if line.startswith("    ")]
    assert lines, title
    return textwrap.dedent("\n".join(lines)) + "\n"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own, and a ledger that is thrown away."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TACTFUL_LEDGER", str(tmp_path / "some.ledger"))


def test_the_estimators_code_runs() -> None:
    np.save("people.npy", np.random.default_rng(1).uniform([0, 0, 18], [500, 40, 99], (2000, 3)))
    names: dict[str, object] = {}
    exec(snippet("DPKMeans"), names)
    assert isinstance(names["model"], tactful.DPKMeans) and names["model"].privacy_receipt_.protected


def test_the_code_for_specs_and_releases_runs(shop: Path) -> None:
    shutil.copytree(shop, "shop", ignore=shutil.ignore_patterns("release-*", "*.ledger"))
    shutil.copy("shop/shop.toml", "shop.toml")
    shutil.copy("shop/lines.csv", "lines.csv")
    tactful.simulate("alike", customers=1500, seed=1)
    names: dict[str, object] = {"tactful": tactful}
    exec(snippet("Specs and releases"), names)
    assert isinstance(names["release"], tactful.Release)


def test_the_code_for_experiments_and_plots_runs(release: tactful.Release) -> None:
    code = snippet("Experiments") + snippet("Plots")
    # As it stands, with fewer draws.
    code, changed = re.subn(r"seeds=\d+", "seeds=2", code)
    assert changed >= 5
    names: dict[str, object] = {"tactful": tactful, "release": release}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(code, names)
    assert isinstance(names["by_split"], tactful.Sweep)
