from collections.abc import Callable
from typing import Any

import numpy.typing as npt

__version__: str

class Rows:
    @staticmethod
    def from_numpy(array: npt.NDArray[Any]) -> Rows: ...
    @staticmethod
    def from_arrow(table: object) -> Rows: ...
    @property
    def columns(self) -> int: ...
    @property
    def names(self) -> list[str] | None: ...
    def flaw(self) -> str | None: ...

_Bounds = float | tuple[float, float] | list[tuple[float, float]]
_Places = tuple[str | None, str | None, str | None, str | None]

def fit(
    rows: Rows,
    *,
    clusters: int,
    bounds: _Bounds,
    epsilon: float | None,
    rho: float | None,
    delta: float,
    seed: int | None,
    payer: tuple[str | None, str, float, float] | None,
) -> str: ...
def predict(rows: Rows, *, bounds: _Bounds, centres: list[list[float]]) -> bytes: ...
def environment(begun: list[tuple[str, str]]) -> list[str]: ...
def owns_openssl() -> bool: ...
def statuses() -> list[int]: ...
def check(path: str, *, places: _Places) -> str: ...
def plan(
    path: str,
    *,
    customers: int | None,
    wanted: tuple[str, float, float, bool] | None,
    places: _Places,
    progress: Callable[[int], object] | None,
) -> str: ...
def run(
    path: str,
    out: str,
    *,
    request_id: str | None,
    memory: str | None,
    places: _Places,
    progress: Callable[[int, int, str], object] | None,
) -> str: ...
def load(dir: object) -> str: ...
def cards(json: str, width: int) -> str: ...
def simulate(out: str, wishes: dict[str, Any], *, progress: Callable[[int, int, int], object] | None) -> str: ...
def sweep(
    path: str,
    grid: str,
    *,
    data: str | None,
    out: str | None,
    jobs: int | None,
    progress: Callable[[str, int, int], object] | None,
) -> str: ...
def audit(path: str | None, seconds: float, *, progress: Callable[[str, str], object] | None) -> str: ...
