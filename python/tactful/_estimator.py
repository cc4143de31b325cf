"""Private k-means in the shape of scikit-learn's estimators."""

from __future__ import annotations

import inspect
import json
import secrets
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, NoReturn, Union

import numpy as np
import numpy.typing as npt

from . import _hygiene, _tactful
from ._arguments import Number, Whole, number, path_or_none, whole
from ._errors import DataError, NotProtected, UsageError, not_fitted
from ._receipt import PrivacyReceipt
from ._rows import is_pandas, names_of, refuse_flaws, rows_of

if sys.version_info >= (3, 11):
    from typing import Self
else:
    from typing import Any as Self


@dataclass(frozen=True)
class L2Ball:
    """Bounds of rows by their length: no row is longer than `radius` (L2 norm). Give it where that is what you know; what is measured first
    has less noise then.
    """

    radius: Number


#: What `DPKMeans` takes for its parameter `bounds`.
Bounds = Union[Sequence[Any], npt.NDArray[Any], L2Ball]

_KINDS = ("private", "public", "simulated")

_WITHHELD = {
    "labels_": "it would say of every private row where it belongs; place rows of your own with predict",
    "inertia_": "it is an exact sum over the private rows",
    "fit_predict": "it would say of every private row where it belongs; call fit, and predict on rows that you may place",
    "score": "it is an exact sum over the rows; compute it yourself on rows that may be looked at",
    "transform": "it is a table about single rows; compute distances to cluster_centers_ on rows that may be looked at",
}


class DPKMeans:
    """K-means clustering with differential privacy for every row.

    Rows are people: one row each, and the fit is (epsilon, delta)-differentially private for adding or removing one. It takes public
    bounds, and pays from a ledger that outlives the notebook. There is no k floor: a centre may stand where few rows are. For segments that are
    published use :func:`tactful.run`.

    Parameters
    ----------
    n_clusters : int
        How many centres to look for, 1 to 64. Fewer come back when the budget cannot tell so many apart.
    epsilon : float
        What the fit may cost. Exactly one of `epsilon` and `rho`; neither has a default.
    rho : float
        The same as zero-concentrated differential privacy; the receipt says which epsilon that is at `delta`.
    delta : float
        The chance that the promise of `epsilon` fails; well below 1 over the number of people.
    bounds : (lower, upper) or L2Ball
        Public bounds of the columns, in their units: two numbers for all columns, or two sequences of shape (n_features,), one number for
        each column. Take them from what you know of the columns and never from these rows. Values outside are moved to them. With a pair
        for each column, distances count in parts of each column's own range.
    data : {"private", "public", "simulated"}, default="private"
        What the rows are. Private rows are paid for. Public or simulated ones get noise from a seed, charge nothing, and what comes of them
        protects nobody, which is said in a warning and in the receipt.
    ledger : path, default=None
        The ledger's file [default: ``TACTFUL_LEDGER``, else one for each population in your data directory]. For private rows.
    population : str, default=None
        The protected population: the same name for every use of the same people. For private rows.
    epsilon_per_year, delta_per_year : float, default=None
        What the population may spend in a calendar year. For private rows.
    seed : int, default=None
        For public or simulated rows: same seed and rows, same centres, on any number of threads [default: a fresh one, in the receipt].

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_centres, n_features)
        Centres, within the bounds, in the columns' units. At most `n_clusters`.
    cluster_centers_std_ : ndarray of shape (n_centres, n_features)
        Standard deviation of each coordinate about the mean of the rows nearest to the centre, same units.
    cluster_centers_interval_ : ndarray of shape (n_centres, n_features, 2)
        95 % intervals of these means, same units; docs/quality.md has what they cover.
    noisy_counts_ : ndarray of shape (n_centres,)
        Noisy number of rows nearest to each centre.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, when `X` had names that are all text.
    n_iter_ : int
        Rounds of refinement: a public number.
    privacy_receipt_ : PrivacyReceipt
        What it cost and who paid.

    Notes
    -----
    No ``labels_``, no ``inertia_``, no ``fit_predict``, ``score`` or ``transform``: these are exact statements about the private rows. Missing and NaN in
    private rows count as the lower bound, and an empty array is clustered like any other: an error would tell of a value, or of the
    number of rows. In public and simulated rows both are errors.

    References
    ----------
    Noisy Lloyd: Su et al. 2016; relative clipping: Diaa et al. 2025; discrete Gaussian: Canonne et al. 2020; kernel/proofs has the
    argument for each measurement.

    Examples
    --------
    >>> import numpy as np, tactful
    >>> X = np.random.default_rng(0).normal([[-0.5], [0.5]], 0.1, (2, 2000)).reshape(-1, 1)
    >>> model = tactful.DPKMeans(2, epsilon=1.0, delta=1e-6, bounds=(-1, 1), data="simulated", seed=1).fit(X)
    >>> model.cluster_centers_.shape
    (2, 1)
    """

    cluster_centers_: npt.NDArray[np.float64]
    cluster_centers_std_: npt.NDArray[np.float64]
    cluster_centers_interval_: npt.NDArray[np.float64]
    noisy_counts_: npt.NDArray[np.float64]
    n_features_in_: int
    feature_names_in_: npt.NDArray[np.object_]
    n_iter_: int
    privacy_receipt_: PrivacyReceipt

    _estimator_type = "clusterer"

    def __init__(
        self,
        n_clusters: Whole,
        *,
        epsilon: Number | None = None,
        rho: Number | None = None,
        delta: Number,
        bounds: Bounds,
        data: str = "private",
        ledger: Any = None,
        population: str | None = None,
        epsilon_per_year: Number | None = None,
        delta_per_year: Number | None = None,
        seed: Whole | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.epsilon = epsilon
        self.rho = rho
        self.delta = delta
        self.bounds = bounds
        self.data = data
        self.ledger = ledger
        self.population = population
        self.epsilon_per_year = epsilon_per_year
        self.delta_per_year = delta_per_year
        self.seed = seed

    @classmethod
    def _names(cls) -> list[str]:
        return [name for name in inspect.signature(cls).parameters]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name, as they were given."""
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self, **params: Any) -> Self:
        """Sets parameters by name; nothing is checked before `fit`."""
        known = self._names()
        for name, value in params.items():
            if name not in known:
                raise UsageError(f"Invalid parameter {name!r} for estimator {self!r}; it has {', '.join(known)}")
            setattr(self, name, value)
        return self

    def fit(self, X: Any, y: object = None) -> Self:
        """Fits centres.

        Parameters
        ----------
        X : array of shape (n_rows, n_features)
            One row a person. NumPy arrays of any strides, Polars, PyArrow, pandas and whatever has Arrow's PyCapsule interface are read in place:
            float64, float32, whole numbers, booleans. Nobody may write to them meanwhile. Lists and objects do for public and simulated rows
            alone: whether they are numbers is in their cells.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        UsageError
            An argument cannot be.
        BudgetError
            The year does not hold it; nothing was spent.
        DataError
            The array's kind, type or number of columns does not do.
        Interrupted
            Ctrl-C; it says whether the budget is spent.
        """
        clusters, bounds = whole("n_clusters", self.n_clusters, 1, 64), _ends(self.bounds)
        epsilon, rho, delta = _number("epsilon", self.epsilon), _number("rho", self.rho), _number("delta", self.delta)
        if (epsilon is None) == (rho is None):
            raise UsageError("give exactly one of epsilon and rho; neither has a default")
        if delta is None:
            raise UsageError("delta has no default: choose it well below 1 over the number of people")
        seed, payer = self._payer()
        private = payer is not None
        if private:
            _hygiene.refuse()
        names = names_of(X)
        rows = rows_of(X, private=private)
        if isinstance(bounds, list) and len(bounds) != rows.columns:
            raise UsageError(f"bounds for {len(bounds)} columns, X has {rows.columns}: give one number for each column, or one for all")
        if not private:
            refuse_flaws(rows, X)
            warnings.warn(
                f"data={self.data!r}: the noise has a seed, so nothing that comes of this fit protects anybody", NotProtected, stacklevel=2
            )
        found = json.loads(_tactful.fit(rows, clusters=clusters, bounds=bounds, epsilon=epsilon, rho=rho, delta=delta, seed=seed, payer=payer))
        self._take(found, names if names is not None else _named(rows, X), bounds)
        return self

    def _take(self, found: dict[str, Any], names: list[str] | None, bounds: Any) -> None:
        # The parameters may be set anew, the centres stay what they are.
        self._fitted: tuple[Any, str] = (bounds, self.data)
        centres = np.array(found["centres"], dtype=np.float64)
        self.cluster_centers_ = centres
        self.cluster_centers_std_ = np.array(found["sigma"], dtype=np.float64)
        self.cluster_centers_interval_ = np.array(found["intervals"], dtype=np.float64)
        self.noisy_counts_ = np.array(found["counts"], dtype=np.float64)
        self.n_features_in_ = int(found["columns"])
        self.n_iter_ = int(found["rounds"])
        if names is not None:
            self.feature_names_in_ = np.array(names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        self.privacy_receipt_ = PrivacyReceipt(
            data=self.data,
            protected=not found["simulated"],
            epsilon=found["epsilon"],
            delta=found["delta"],
            rho=found["rho_nano"] / 1e9,
            ledger=found["ledger"],
            population=self.population if not found["simulated"] else None,
            reservation=found["reservation"],
            recorded=found["recorded"],
            sha256=found["sha256"],
            seed=found.get("seed"),
            asked=found["asked"],
            returned=found["returned"],
            rows=found["rows"],
            rows_std=found["rows_sigma"],
            predicted_inflation=found["predicted_inflation"],
            lines=found["lines"],
        )

    def predict(self, X: Any) -> npt.NDArray[np.int32]:
        """The index of the nearest centre for each row of the caller's.

        A label is a statement about one person, made from that person's own row: profiling, which no privacy of statistics covers.

        Parameters
        ----------
        X : array of shape (n_rows, n_features)
            As for `fit`. Rows are moved within the bounds of the fit first.

        Returns
        -------
        ndarray of shape (n_rows,), of int32
        """
        if not hasattr(self, "cluster_centers_"):
            raise _not_fitted(type(self).__name__)
        bounds, data = self._fitted
        private = data == "private"
        names = names_of(X)
        rows = rows_of(X, private=private)
        self._same_columns(names if names is not None else _named(rows, X), rows)
        if not private:
            refuse_flaws(rows, X)
        placed = _tactful.predict(rows, bounds=bounds, centres=self.cluster_centers_.tolist())
        labels: npt.NDArray[np.int32] = np.frombuffer(placed, dtype=np.int32).copy()
        return labels

    def _same_columns(self, names: list[str] | None, rows: _tactful.Rows) -> None:
        name, fitted = type(self).__name__, getattr(self, "feature_names_in_", None)
        if fitted is not None and names is None:
            warnings.warn(f"X does not have valid feature names, but {name} was fitted with feature names", UserWarning, stacklevel=3)
        elif fitted is None and names is not None:
            warnings.warn(f"X has feature names, but {name} was fitted without feature names", UserWarning, stacklevel=3)
        elif fitted is not None and names is not None and list(fitted) != names:
            new, gone = sorted(set(names) - set(fitted)), sorted(set(fitted) - set(names))
            text = "The feature names should match those that were passed during fit.\n"
            for title, some in (("unseen at fit time", new), ("seen at fit time, yet now missing", gone)):
                if some:
                    text += f"Feature names {title}:\n" + "".join(f"- {each}\n" for each in some[:5]) + ("- ...\n" if len(some) > 5 else "")
            if not new and not gone:
                text += "Feature names must be in the same order as they were in fit.\n"
            raise DataError(text, "array.columns")
        if rows.columns != self.n_features_in_:
            raise DataError(
                f"X has {rows.columns} features, but {name} is expecting {self.n_features_in_} features as input", "array.columns"
            )

    def _payer(self) -> tuple[int | None, tuple[str | None, str, float, float] | None]:
        if self.data not in _KINDS:
            raise UsageError(f"data must be one of {', '.join(map(repr, _KINDS))}")
        paid = {"population": self.population, "epsilon_per_year": self.epsilon_per_year, "delta_per_year": self.delta_per_year}
        if self.data != "private":
            given = [name for name, value in {**paid, "ledger": self.ledger}.items() if value is not None]
            if given:
                raise UsageError(f"data={self.data!r} charges no ledger: leave out {', '.join(given)}")
            seed = secrets.randbits(63) if self.seed is None else self.seed
            return whole("seed", seed, 0, 2**64 - 1), None
        if self.seed is not None:
            raise UsageError('private rows take no seed: who knows it takes the noise away; data="public" or "simulated" does')
        missing = [name for name, value in paid.items() if value is None]
        if missing:
            raise UsageError(f"private rows are paid for by a ledger: give {', '.join(missing)}")
        ledger = path_or_none("ledger", self.ledger)
        year = _number("epsilon_per_year", self.epsilon_per_year), _number("delta_per_year", self.delta_per_year)
        assert year[0] is not None and year[1] is not None
        return None, (ledger, str(self.population), year[0], year[1])

    def __getattr__(self, name: str) -> NoReturn:
        # Only what is not there comes here.
        if name in _WITHHELD:
            raise AttributeError(f"{type(self).__name__} has no {name}: {_WITHHELD[name]}")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self)).parameters
        said = [f"{name}={value!r}" for name, value in self.get_params().items() if name not in defaults or value is not defaults[name].default]
        return f"{type(self).__name__}({', '.join(said)})"

    def _repr_html_(self) -> str:
        receipt = self.privacy_receipt_._repr_html_() if hasattr(self, "privacy_receipt_") else "<p>not fitted</p>"
        return f"<div><code>{escape(repr(self))}</code>{receipt}</div>"

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "cluster_centers_")

    def __sklearn_tags__(self) -> Any:
        # Called by scikit-learn alone, which is loaded then.
        from sklearn.utils import InputTags, Tags, TargetTags

        return Tags(
            estimator_type="clusterer",
            target_tags=TargetTags(required=False),
            input_tags=InputTags(allow_nan=self.data == "private"),
            non_deterministic=self.seed is None,
        )


def _number(name: str, value: Any) -> float | None:
    return None if value is None else number(name, value)


#: Wider ranges have no width as floating-point numbers.
_WIDEST = 1e307


def _ends(bounds: Any) -> Any:
    """Bounds as the engine takes them: a radius, two ends for all columns, or a list of two ends for each column."""
    if isinstance(bounds, L2Ball):
        radius = number("the radius of bounds", bounds.radius)
        if not 0 < radius <= _WIDEST:
            raise UsageError(f"the radius of bounds must lie above 0 and at most at {_WIDEST:g}")
        return radius
    try:
        pair = None if isinstance(bounds, (str, bytes, dict)) else tuple(bounds)
    except TypeError:
        pair = None
    if pair is None or len(pair) != 2:
        raise UsageError("bounds must be (lower, upper), two numbers or two sequences with one number for each column, or an L2Ball; they have no default")
    try:
        lower, upper = (np.asarray(end, dtype=np.float64) for end in pair)
    except (TypeError, ValueError, OverflowError):
        raise UsageError("bounds must be of numbers: two, or two sequences with one number for each column") from None
    if lower.ndim > 1 or upper.ndim > 1 or (lower.ndim == upper.ndim == 1 and lower.size != upper.size):
        raise UsageError("bounds must be two numbers, or two sequences of the same length")
    if not (np.isfinite(lower).all() and np.isfinite(upper).all()):
        raise UsageError("bounds must be finite: no NaN and no infinity")
    if not (lower < upper).all():
        raise UsageError("bounds must be (lower, upper), each lower bound below its upper one")
    with np.errstate(over="ignore"):
        if not (upper - lower <= _WIDEST).all():
            raise UsageError(f"bounds must lie at most {_WIDEST:g} apart")
    if lower.ndim == upper.ndim == 0:
        return float(lower), float(upper)
    lower, upper = np.broadcast_arrays(lower, upper)
    return list(zip(lower.tolist(), upper.tolist()))


def _named(rows: _tactful.Rows, X: Any) -> list[str] | None:
    """Names that came with Arrow's own schema, of tables that tell them in no other way."""
    names = rows.names
    return names if names and all(names) and not is_pandas(X) else None


def _not_fitted(name: str) -> Exception:
    text = f"This {name} instance is not fitted yet. Call 'fit' with appropriate arguments before using this estimator."
    return not_fitted(text)
