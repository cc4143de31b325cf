"""Rows, a shop that does not exist, and a ledger that is thrown away."""

from __future__ import annotations

import csv
import datetime
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tactful
from tactful import _hygiene

# What private work asks of the environment must hold, or most tests would only say that it does not.
assert not _hygiene.tell()["refused_because_of"], f"start pytest without these, or with OPENSSL_CONF=/dev/null: {_hygiene.tell()}"


@pytest.fixture
def rows() -> np.ndarray:
    """Three heaps of 2,000 within [-1, 1]; shape (6000, 3)."""
    random = np.random.default_rng(7)
    return np.concatenate([random.normal(at, 0.05, (2000, 3)) for at in (-0.6, 0.0, 0.6)])


@pytest.fixture
def simulated() -> dict[str, Any]:
    return {"n_clusters": 3, "epsilon": 1.0, "delta": 1e-6, "bounds": (-1, 1), "data": "simulated", "seed": 3}


@pytest.fixture
def paid(tmp_path: Path) -> dict[str, Any]:
    return {
        "n_clusters": 3,
        "epsilon": 1.0,
        "delta": 1e-6,
        "bounds": (-1, 1),
        "ledger": tmp_path / "people.ledger",
        "population": "some-people",
        "epsilon_per_year": 4.0,
        "delta_per_year": 1e-5,
    }


SPEC = """
version = 1
population = "corner-shop"
unit = "customer"
origin = "simulated"
currency = "EUR"
expected_customers = 1200

[window]
start = 2026-01-05
end = 2026-06-22

[sources.transactions]
file = "lines.csv"
unit = "customer"
date = "day"
basket = "basket"
amount = "amount"
category = "category"

[contract]
amount_max = 200.0
absurd_amount = "clip"

[taxonomy]
sensitive = []
groups = [
  { key = "pets", label = "Pets", categories = ["pets"] },
  { key = "bread", label = "Bread", categories = ["bread"] },
  { key = "tools", label = "Tools <b>&", categories = ["tools"] },
]

[[features]]
kind = "frequency"
lower = 1.0
upper = 40.0
scale = "log"

[[features]]
kind = "monetary"
upper = 1000.0
scale = "log"

[segments]
number = 2
floor = 50

[privacy]
epsilon = 2.0
delta = 1e-6

[privacy.year]
epsilon = 8.0
delta = 1e-5
"""


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a shop with 1,200 customers that do not exist: half of them come often and buy for pets."""
    folder = tmp_path_factory.mktemp("shop")
    random = np.random.default_rng(11)
    first = datetime.date(2026, 1, 5)
    with open(folder / "lines.csv", "w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["customer", "day", "basket", "amount", "category"])
        for customer in range(1200):
            often = customer % 2 == 0
            for basket in range(20 if often else 2):
                day = first + datetime.timedelta(days=int(random.integers(0, 168)))
                category = "pets" if often and random.random() < 0.8 else ("bread", "tools")[int(random.integers(0, 2))]
                lines.writerow([f"c{customer}", day.isoformat(), f"{customer}-{basket}", f"{random.uniform(2, 30):.2f}", category])
    (folder / "shop.toml").write_text(SPEC)
    return folder


@pytest.fixture(scope="session")
def release(shop: Path) -> tactful.Release:
    # The proxy gate joins segments that tell nothing in one release of forty, by luck; most tests are about several.
    for number in range(6):
        made = tactful.run(shop / "shop.toml", shop / f"release-{number}", ledger=shop / f"shop-{number}.ledger")
        if len(made.segments) > 1:
            return made
    raise AssertionError("one segment in six runs")


@pytest.fixture
def environment() -> dict[str, str]:
    """For programs of their own: as this process, and no settings for OpenSSL."""
    return {**os.environ, "OPENSSL_CONF": "/dev/null"}
