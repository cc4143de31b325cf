"""What a fit cost."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any


@dataclass(frozen=True)
class PrivacyReceipt:
    """What a fit cost, and who paid. All of it is public or noised.

    Attributes
    ----------
    data : {"private", "public", "simulated"}
        What the caller said the rows are.
    protected : bool
        Whether the noise is real and paid for. Otherwise it has a seed, and protects nobody.
    epsilon, delta : float
        The result is (epsilon, delta)-differentially private for adding or removing one row. Where nothing is protected: what it would be.
    rho : float
        What was taken from the ledger, as zero-concentrated differential privacy, in whole 10⁻⁹.
    ledger, population : str or None
        The ledger's file, and the population whose year paid.
    reservation : dict
        The ledger's entry that paid: its identity and its number.
    recorded : bool
        Whether the ledger knows which centres it paid for.
    sha256 : str
        SHA-256 of the centres as a ``.npy`` file of float64, which the ledger has on record.
    seed : int or None
        The seed, where nothing is protected.
    asked, returned : int
        How many centres were asked for, and how many this budget tells apart.
    rows, rows_std : float
        Noisy number of rows, and the standard deviation of its noise.
    lines : list of dict
        One a measurement, in order: what it is of; L2 sensitivity, which is what one row can move it by, and standard deviation of the noise, both in
        the query's integers; rho in 10⁻⁹. They add up to `rho` or less.
    predicted_inflation : float
        Expected relative increase of the k-means cost through noise; near 1 and above nothing can be told apart.
    """

    data: str
    protected: bool
    epsilon: float
    delta: float
    rho: float
    ledger: str | None
    population: str | None
    reservation: dict[str, object]
    recorded: bool
    sha256: str
    seed: int | None
    asked: int
    returned: int
    rows: float
    rows_std: float
    predicted_inflation: float
    lines: list[dict[str, Any]]

    def _table(self) -> list[tuple[str, str]]:
        cost = f"epsilon {self.epsilon:g} at delta {self.delta:g} (rho {self.rho:.6f})"
        if self.protected:
            lines = [("spent", cost), ("population", str(self.population)), ("ledger", str(self.ledger))]
            lines.append(("recorded", "yes" if self.recorded else "no: paid for, but the ledger could not be told the centres' hash"))
        else:
            lines = [("protects", f"NOBODY: noise with seed {self.seed}, for {self.data} rows"), ("would have cost", cost)]
        lines.append(("rows", f"about {self.rows:.0f} (standard deviation {self.rows_std:.0f})"))
        lines.append(("centres", f"{self.returned} of {self.asked} asked for"))
        return lines

    def __str__(self) -> str:
        return "\n".join(f"{name:>15}: {text}" for name, text in self._table())

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th style='text-align:left'>{escape(n)}</th><td style='text-align:left'>{escape(t)}</td></tr>" for n, t in self._table())
        return f"<table><caption style='text-align:left'>Privacy receipt</caption>{rows}</table>"
