"""The estimator's shape: what scikit-learn asks of estimators, and what this one does not give."""

import pickle
import re
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import ClusterMixin, clone, is_clusterer
from sklearn.utils import estimator_checks

import tactful
from tactful import DPKMeans


def public() -> DPKMeans:
    return DPKMeans(3, epsilon=20.0, delta=1e-6, bounds=(-10, 10), data="public", seed=0)


class Mixed(ClusterMixin, DPKMeans):  # type: ignore[misc]
    """As scikit-learn would see it if it inherited from its mixin: for the checks of clusterers."""


# docs/python.md repeats these.
WITHHELD = {
    "check_clustering": "it asks for labels_ of the rows that were fitted, which are withheld",
    "check_fit_score_takes_y": "it calls the mixin's fit_predict, which reads labels_",
}


@pytest.mark.parametrize("estimator", [public(), Mixed(3, epsilon=20.0, delta=1e-6, bounds=(-10, 10), data="public", seed=0)], ids=["own", "mixed"])
def test_it_passes_check_estimator_but_for_what_is_withheld(estimator: DPKMeans) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = estimator_checks.check_estimator(estimator, expected_failed_checks=WITHHELD, on_fail=None)
    by_status: dict[str, list[str]] = {}
    for result in results:
        by_status.setdefault(result["status"], []).append(result["check_name"])
    assert "failed" not in by_status, [(r["check_name"], r["exception"]) for r in results if r["status"] == "failed"]
    assert len(by_status["passed"]) > 35
    assert set(by_status.get("xfail", [])) == (set(WITHHELD) if isinstance(estimator, Mixed) else set())
    assert set(by_status.get("skipped", [])) <= {"check_array_api_input"}


# docs/python.md repeats these too.
PRIVATE = {
    "check_dtype_object": "it gives objects, which are refused by their type whatever their cells are",
    "check_estimators_empty_data_messages": "it wants an error that tells of the number of rows",
}


def test_with_private_rows_it_fails_the_checks_of_docs_and_no_others(paid: dict[str, Any]) -> None:
    # Many fits are to be paid for; and with one centre, noise changes no label.
    estimator = DPKMeans(**{**paid, "n_clusters": 1, "bounds": (-10, 10), "epsilon": 0.5, "epsilon_per_year": 20.0})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = estimator_checks.check_estimator(estimator, on_fail=None)
    failed = {result["check_name"]: result["exception"] for result in results if result["status"] == "failed"}
    assert set(failed) == set(PRIVATE), failed
    skipped = {result["check_name"] for result in results if result["status"] == "skipped"}
    assert skipped <= {"check_array_api_input", "check_pipeline_consistency"}


def test_the_page_names_the_checks_that_fail() -> None:
    page = (Path(__file__).parents[2] / "docs" / "python.md").read_text()
    section = page[page.index("### check_estimator") : page.index("### What rows may be")]
    assert set(re.findall(r"^\| `(check_\w+)` \|", section, re.MULTILINE)) == {*WITHHELD, *PRIVATE}


@pytest.mark.parametrize("check", ["check_dataframe_column_names_consistency", "check_n_features_in", "check_set_params"])
def test_checks_that_are_not_made_for_all_pass_too(check: str) -> None:
    getattr(estimator_checks, check)("DPKMeans", public())


def test_required_parameters_have_no_default() -> None:
    with pytest.raises(TypeError, match="delta"):
        DPKMeans(3, epsilon=1.0, bounds=(-1, 1))  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="bounds"):
        DPKMeans(3, epsilon=1.0, delta=1e-6)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="n_clusters"):
        DPKMeans(epsilon=1.0, delta=1e-6, bounds=(-1, 1))  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"epsilon": None}, "exactly one of epsilon and rho"),
        ({"rho": 0.1}, "exactly one of epsilon and rho"),
        ({"epsilon": 0.0}, "epsilon"),
        ({"epsilon": float("nan")}, "epsilon"),
        ({"epsilon": "one"}, "epsilon must be a number"),
        ({"epsilon": True}, "epsilon must be a number"),
        ({"epsilon": None, "rho": -1.0}, "rho"),
        ({"epsilon": None, "rho": float("inf")}, "rho"),
        ({"delta": None}, "delta has no default"),
        ({"delta": 0.0}, "delta"),
        ({"bounds": None}, "bounds"),
        ({"bounds": (1, -1)}, "bounds"),
        ({"bounds": (1, 1)}, "bounds"),
        ({"bounds": (float("nan"), 1)}, "bounds"),
        ({"bounds": ([0, 0], [1, 1])}, "bounds for 2 columns, X has 3"),
        ({"bounds": (0, [1] * 128)}, "bounds for 128 columns, X has 3"),
        ({"bounds": ([0, 0, 0], [1])}, "the same length"),
        ({"bounds": (0, 1, 2)}, r"\(lower, upper\)"),
        ({"bounds": "ab"}, r"\(lower, upper\)"),
        ({"bounds": 3}, r"\(lower, upper\)"),
        ({"bounds": ("a", "b")}, "of numbers"),
        ({"bounds": (10**400, 1)}, "of numbers"),
        ({"bounds": (0, float("inf"))}, "finite"),
        ({"bounds": ([0, 0, 0], [1, 0, 1])}, "lower bound below"),
        ({"bounds": (-1e308, 1e308)}, "1e\\+307 apart"),
        ({"bounds": tactful.L2Ball(0.0)}, "radius of bounds must lie above 0"),
        ({"bounds": tactful.L2Ball("x")}, "radius of bounds must be a number"),
        ({"bounds": tactful.L2Ball(None)}, "radius of bounds must be a number"),
        ({"bounds": tactful.L2Ball(float("nan"))}, "radius of bounds must lie"),
        ({"epsilon": 10**400}, "epsilon must be a number below"),
        ({"epsilon": 1e-9}, "^epsilon .* too small"),
        ({"epsilon": None, "rho": 1e-9}, "rho.* too small"),
        ({"delta": "1e-6"}, "delta must be a number"),
        ({"n_clusters": 0}, "n_clusters"),
        ({"n_clusters": 65}, "n_clusters"),
        ({"n_clusters": 2.0}, "n_clusters"),
        ({"data": "shared"}, "data must be one of"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**64}, "seed"),
        ({"ledger": "here"}, "charges no ledger"),
        ({"population": "some-people"}, "charges no ledger"),
        ({"data": "private"}, "private rows take no seed"),
        ({"data": "private", "seed": None}, "give population, epsilon_per_year, delta_per_year"),
    ],
)
def test_arguments_that_cannot_be_are_told_by_name(simulated: dict[str, Any], rows: np.ndarray, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(tactful.UsageError, match=says) as caught:
        DPKMeans(**{**simulated, **changes}).fit(rows)
    assert caught.value.code == "usage" and isinstance(caught.value, ValueError)


def test_what_would_tell_of_private_rows_is_withheld_and_says_why(simulated: dict[str, Any], rows: np.ndarray) -> None:
    model = DPKMeans(**simulated).fit(rows)
    for name in ("labels_", "inertia_", "fit_predict", "score", "transform"):
        assert not hasattr(model, name)
        with pytest.raises(AttributeError, match=f"has no {name}: "):
            getattr(model, name)
    with pytest.raises(AttributeError, match="no attribute 'anything_else'"):
        model.anything_else  # noqa: B018


def test_the_same_seed_gives_the_same_centres_and_no_seed_gives_others(simulated: dict[str, Any], rows: np.ndarray) -> None:
    one, other = DPKMeans(**simulated).fit(rows), clone(DPKMeans(**simulated)).fit(rows)
    assert (one.cluster_centers_ == other.cluster_centers_).all()
    fresh = [DPKMeans(**{**simulated, "seed": None}).fit(rows) for _ in range(2)]
    assert fresh[0].privacy_receipt_.seed != fresh[1].privacy_receipt_.seed
    again = DPKMeans(**{**simulated, "seed": fresh[0].privacy_receipt_.seed}).fit(rows)
    assert (again.cluster_centers_ == fresh[0].cluster_centers_).all()


def test_planted_heaps_are_found_and_rows_are_placed_in_them(simulated: dict[str, Any], rows: np.ndarray) -> None:
    model = DPKMeans(**simulated).fit(rows)
    order = np.argsort(model.cluster_centers_[:, 0])
    assert np.allclose(model.cluster_centers_[order], [[-0.6] * 3, [0.0] * 3, [0.6] * 3], atol=0.05)
    assert np.allclose(model.noisy_counts_, 2000, rtol=0.2)
    labels = model.predict(rows)
    assert labels.dtype == np.int32 and (order[np.repeat([0, 1, 2], 2000)] == labels).all()
    # Rows outside of the bounds are moved to them, as in the fit.
    assert model.predict(np.array([[50.0, 50.0, 50.0]]))[0] == order[2]


def test_bounds_of_each_column_bring_columns_to_one_scale(simulated: dict[str, Any], rows: np.ndarray) -> None:
    scale, shift = np.array([1.0, 1000.0, 0.01]), np.array([0.0, 500.0, 3.0])
    bounds = (shift - scale, shift + scale)
    model = DPKMeans(**{**simulated, "bounds": bounds}).fit(rows * scale + shift)
    plain = DPKMeans(**simulated).fit(rows)
    assert np.allclose((model.cluster_centers_ - shift) / scale, plain.cluster_centers_, atol=1e-3)
    assert (model.predict(rows * scale + shift) == plain.predict(rows)).mean() > 0.999


def test_a_ball_bounds_the_length_of_rows(simulated: dict[str, Any], rows: np.ndarray) -> None:
    model = DPKMeans(**{**simulated, "bounds": tactful.L2Ball(0.5)}).fit(rows)
    assert (np.linalg.norm(model.cluster_centers_, axis=1) <= 0.5 + 1e-9).all()


def test_a_price_in_rho_says_its_epsilon(simulated: dict[str, Any], rows: np.ndarray) -> None:
    receipt = DPKMeans(**{**simulated, "epsilon": None, "rho": 0.02}).fit(rows).privacy_receipt_
    assert receipt.rho == 0.02 and 0.5 < receipt.epsilon < 1.0


def test_a_fitted_model_is_pickled_and_shown(simulated: dict[str, Any], rows: np.ndarray) -> None:
    model = DPKMeans(**simulated)
    assert "not fitted" in model._repr_html_()
    model.fit(rows)
    other = pickle.loads(pickle.dumps(model))
    assert (other.cluster_centers_ == model.cluster_centers_).all() and other.privacy_receipt_ == model.privacy_receipt_
    assert repr(model) == "DPKMeans(n_clusters=3, epsilon=1.0, delta=1e-06, bounds=(-1, 1), data='simulated', seed=3)"
    assert "NOBODY" in model._repr_html_() and "<script" not in model._repr_html_()
    assert is_clusterer(model)


def test_an_unfitted_model_says_so_in_scikit_learns_words(simulated: dict[str, Any], rows: np.ndarray) -> None:
    from sklearn.exceptions import NotFittedError

    assert "sklearn" in sys.modules
    with pytest.raises(NotFittedError, match="not fitted") as caught:
        DPKMeans(**simulated).predict(rows)
    assert isinstance(caught.value, tactful.NotFitted)
    again = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(again, NotFittedError) and isinstance(again, tactful.NotFitted) and str(again) == str(caught.value)


def test_seeded_noise_warns_where_the_call_stands(simulated: dict[str, Any], rows: np.ndarray) -> None:
    with pytest.warns(tactful.NotProtected, match="protects anybody") as caught:
        DPKMeans(**simulated).fit(rows)
    assert caught[0].filename == __file__


def test_parameters_that_are_set_after_the_fit_do_not_change_what_it_places(simulated: dict[str, Any], rows: np.ndarray) -> None:
    lower, upper = np.full(3, -1.0), np.full(3, 1.0)
    model = DPKMeans(**{**simulated, "bounds": (lower, upper)}).fit(rows)
    labels = model.predict(rows)
    lower[:], upper[:] = 0.9, 1.0
    assert (model.predict(rows) == labels).all()
    model.set_params(bounds=(5.0, 6.0), data="private")
    assert (model.predict(rows) == labels).all() and (pickle.loads(pickle.dumps(model)).predict(rows) == labels).all()
    with pytest.raises(tactful.DataError, match="NaN or inf"):
        model.predict(np.full((2, 3), np.nan))
    # A clone is not fitted, and has the new ones.
    other = clone(model)
    assert other.bounds == (5.0, 6.0) and not hasattr(other, "_fitted") and not hasattr(other, "cluster_centers_")
    # Centres that are fitted anew are those of the new bounds.
    model.set_params(bounds=(-0.5, 0.5), data="simulated").fit(rows)
    assert (np.abs(model.cluster_centers_) <= 0.5).all()
