"""The notebooks: committed without outputs, run from top to bottom, and leave what they promise."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat")
NotebookClient = pytest.importorskip("nbclient").NotebookClient
for package in ("ipykernel", "matplotlib", "polars", "sklearn"):
    pytest.importorskip(package)

FOLDER = Path(__file__).parents[2] / "notebooks"
NAMES = sorted(path.name for path in FOLDER.glob("*.ipynb"))

# What each leaves in notebooks/out, by its number.
TAKE_AWAY = {
    "01": ["shop.toml", "segments.csv", "release/report.html"],
    "02": ["spec.toml", "odds.png", "utility.png", "iso.png", "sweep.parquet"],
    "03": ["journey.toml"],
    "04": ["attack.png", "planted.csv", "audit.csv"],
    "05": ["cost.csv", "cost.png"],
}
# What the third leaves besides when the purchases are there.
WITH_DATA = ["relevance.csv", "relevance.png", "sweep.parquet"]

# A safety net for a cell that hangs, and no gate: the longest takes about a minute.
SECONDS = 600


def execute(name: str, environment: dict[str, str] | None = None) -> str:
    """Runs a notebook where it lies; what it printed."""
    book = nbformat.read(FOLDER / name, as_version=4)
    client = NotebookClient(book, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}})
    client.execute(env={**os.environ, **(environment or {})})
    outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    assert outputs and not [output for output in outputs if output.output_type == "error"]
    return "".join(output.text for output in outputs if output.output_type == "stream")


def left(name: str) -> set[str]:
    folder = FOLDER / "out" / name[:2]
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.stat().st_size > 0}


def test_all_five_are_here() -> None:
    assert [name[:2] for name in NAMES] == sorted(TAKE_AWAY)


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_cleared(name: str) -> None:
    book: Any = nbformat.read(FOLDER / name, as_version=4)
    nbformat.validate(book)
    for cell in book.cells:
        if cell.cell_type == "code":
            assert not cell.outputs and cell.execution_count is None and not cell.metadata, f"{name}, {cell.id}: clear the outputs"
        assert "attachments" not in cell, f"{name}, {cell.id}: pictures are computed, not pasted"
    text = (FOLDER / name).read_text()
    assert len(text) < 40_000 and not re.search(r"/(home|root|Users|tmp|work)/", text), name


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_and_leaves_what_it_promises(name: str) -> None:
    said = execute(name)
    wanted = TAKE_AWAY[name[:2]] + (WITH_DATA if "data found" in said else [])
    assert set(wanted) <= left(name)


def test_without_purchases_the_third_says_so_and_ends(tmp_path: Path) -> None:
    [name] = [name for name in NAMES if name.startswith("03")]
    said = execute(name, {"TACTFUL_DATA": str(tmp_path)})
    assert "NO DATA" in said and left(name) == {"journey.toml"}


def test_the_reader_finds_every_notebook() -> None:
    readme = (FOLDER / "README.md").read_text()
    assert all(name in readme for name in NAMES)
    for path in [FOLDER / "README.md", *(FOLDER / name for name in NAMES)]:
        for target in re.findall(r"\]\(([^)#\\]+)\)", path.read_text()):
            assert target.startswith("http") or (FOLDER / target).exists(), f"{path.name} leads to {target}, which is not there"
