"""Private rows are paid for, with noise that nobody can steer."""

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tactful
from tactful import DPKMeans, _tactful


def program(code: str, *arguments: object, cwd: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Runs Python elsewhere: beside these tests lies the package's source, which is not the one that is installed."""
    settings = {"OPENSSL_CONF": "/dev/null", **environment}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, cwd=cwd, env={**os.environ, **settings}, timeout=500
    )


def test_a_private_fit_is_paid_for_and_recorded(paid: dict[str, Any], rows: np.ndarray) -> None:
    model = DPKMeans(**paid).fit(rows)
    receipt = model.privacy_receipt_
    assert receipt.protected and receipt.recorded and receipt.seed is None
    assert (receipt.epsilon, receipt.delta, receipt.population, receipt.ledger) == (1.0, 1e-6, "some-people", str(paid["ledger"]))
    assert len(receipt.sha256) == 64 and 0.02 < receipt.rho < 0.04
    assert abs(receipt.rows - 6000) < 10 * receipt.rows_std
    assert 0.9 * receipt.rho < sum(line["rho_nano"] for line in receipt.lines) / 1e9 <= receipt.rho + 1e-12
    assert all(line["what"] and line["sigma"] > 0 and line["sensitivity"] > 0 for line in receipt.lines)
    assert "NOBODY" not in str(receipt) and "people.ledger" in receipt._repr_html_()


def test_the_hash_on_record_is_that_of_the_centres(paid: dict[str, Any], rows: np.ndarray) -> None:
    import hashlib
    import io

    model = DPKMeans(**paid).fit(rows)
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {model.cluster_centers_.shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    file = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + model.cluster_centers_.astype("<f8").tobytes()
    assert (np.load(io.BytesIO(file)) == model.cluster_centers_).all()
    assert hashlib.sha256(file).hexdigest() == model.privacy_receipt_.sha256


def test_a_private_fit_does_not_warn(paid: dict[str, Any], rows: np.ndarray, recwarn: pytest.WarningsRecorder) -> None:
    DPKMeans(**paid).fit(rows)
    assert not [warning for warning in recwarn if issubclass(warning.category, tactful.NotProtected)]


def test_noise_is_drawn_afresh(paid: dict[str, Any], rows: np.ndarray) -> None:
    one, other = DPKMeans(**paid).fit(rows), DPKMeans(**paid).fit(rows)
    # The noisy numbers of rows may be equal by chance; the centres are not.
    assert one.privacy_receipt_.sha256 != other.privacy_receipt_.sha256


def test_the_year_refuses_what_it_does_not_hold_before_anything_is_drawn(paid: dict[str, Any], rows: np.ndarray) -> None:
    once = {**paid, "epsilon_per_year": 1.0, "delta_per_year": 1e-6}
    DPKMeans(**once).fit(rows)
    model = DPKMeans(**once)
    with pytest.raises(tactful.BudgetError) as caught:
        model.fit(rows)
    assert (caught.value.code, caught.value.exit_status, caught.value.retry) == ("ledger.exhausted", 10, False)
    assert not hasattr(model, "cluster_centers_") and not hasattr(model, "privacy_receipt_")


def test_a_ledger_belongs_to_one_population(paid: dict[str, Any], rows: np.ndarray) -> None:
    DPKMeans(**paid).fit(rows)
    with pytest.raises(tactful.PolicyError) as caught:
        DPKMeans(**{**paid, "population": "other-people"}).fit(rows)
    assert caught.value.code == "ledger.other-population"


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"population": "Some People"}, "population"),
        ({"epsilon_per_year": 0.5}, "a year must allow"),
        ({"delta_per_year": 1e-7}, "a year must allow"),
        ({"epsilon_per_year": float("nan")}, "epsilon_per_year"),
    ],
)
def test_terms_that_cannot_be_leave_no_ledger(paid: dict[str, Any], rows: np.ndarray, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(tactful.UsageError, match=says):
        DPKMeans(**{**paid, **changes}).fit(rows)
    assert not paid["ledger"].exists()


@pytest.mark.parametrize("ledger", [True, 3.5, object()])
def test_a_ledger_that_is_no_path_is_told_and_none_is_made(paid: dict[str, Any], rows: np.ndarray, ledger: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(tactful.UsageError, match="ledger must be a path"):
        DPKMeans(**{**paid, "ledger": ledger}).fit(rows)
    assert not list(tmp_path.iterdir())


def test_a_ledger_may_be_named_as_paths_are(paid: dict[str, Any], rows: np.ndarray) -> None:
    for named in (paid["ledger"], str(paid["ledger"]), os.fsencode(paid["ledger"])):
        assert DPKMeans(**{**paid, "ledger": named}).fit(rows).privacy_receipt_.ledger == str(paid["ledger"])


def test_a_file_that_is_no_ledger_is_told(paid: dict[str, Any], rows: np.ndarray) -> None:
    paid["ledger"].write_text("not a ledger" * 100)
    with pytest.raises(tactful.LedgerError):
        DPKMeans(**paid).fit(rows)


PRIVATE = """
import json, sys, numpy as np, tactful
def fit(ledger):
    rows = np.random.default_rng(7).normal(0, 0.3, (3000, 3))
    return tactful.DPKMeans(3, epsilon=1.0, delta=1e-6, bounds=(-1, 1), ledger=ledger, population="some-people",
                            epsilon_per_year=4.0, delta_per_year=1e-5).fit(rows)
"""

# Settings that put a generator which does not exist in the place of OpenSSL's: with them no noise can be drawn.
SETTINGS = "openssl_conf = all\n[all]\nrandom = chosen\n[chosen]\nrandom = NO-SUCH-GENERATOR\n"


def test_settings_for_openssl_do_not_reach_the_noise(tmp_path: Path) -> None:
    (tmp_path / "openssl.cnf").write_text(SETTINGS)
    code = PRIVATE + "print(fit(sys.argv[1]).privacy_receipt_.rows > 0)"
    settings = {"OPENSSL_CONF": str(tmp_path / "openssl.cnf"), "OPENSSL_MODULES": str(tmp_path), "OPENSSL_ENGINES": str(tmp_path)}
    done = program(code, tmp_path / "ledger", cwd=tmp_path, **settings)
    if _tactful.owns_openssl():
        assert done.stdout.strip() == "True", done.stderr
    else:
        assert "policy.environment" in done.stderr and "OPENSSL_CONF=/dev/null" in done.stderr and not (tmp_path / "ledger").exists()


def test_a_copy_of_openssl_of_our_own_is_nobody_elses() -> None:
    shown = ctypes.CDLL(_tactful.__file__)
    # A symbol that can be found belongs to a library that others use too.
    assert hasattr(shown, "RAND_priv_bytes") == (not _tactful.owns_openssl())
    assert hasattr(shown, "PyInit__tactful")


@pytest.mark.parametrize("late", [False, True])
def test_variables_that_make_libraries_talk_are_refused(tmp_path: Path, late: bool) -> None:
    first = "import os; os.environ['POLARS_VERBOSE'] = '1'\n" if late else ""
    done = program(first + PRIVATE + "fit(sys.argv[1])", tmp_path / "ledger", cwd=tmp_path, **({} if late else {"POLARS_VERBOSE": "1"}))
    assert "policy.environment" in done.stderr and "POLARS_VERBOSE" in done.stderr, done.stderr
    assert not (tmp_path / "ledger").exists()


def test_a_variable_that_was_there_when_the_process_began_counts_when_it_is_gone(tmp_path: Path) -> None:
    if not Path("/proc/self/environ").exists():
        pytest.skip("this system does not tell what a process began with")
    gone = "import os; del os.environ['POLARS_VERBOSE']\n"
    done = program(gone + PRIVATE + "fit(sys.argv[1])", tmp_path / "ledger", cwd=tmp_path, POLARS_VERBOSE="1")
    assert "policy.environment" in done.stderr


def test_threads_of_the_data_frame_library_may_be_set(tmp_path: Path) -> None:
    done = program(PRIVATE + "fit(sys.argv[1])", tmp_path / "ledger", cwd=tmp_path, POLARS_MAX_THREADS="1")
    assert done.returncode == 0, done.stderr


FORKED = (
    PRIVATE
    + """
import os
folder = sys.argv[1]
warm = sys.argv[2] == "warm"
seen = [fit(f"{folder}/parent").privacy_receipt_.sha256] if warm else []
for child in range(3):
    reader, writer = os.pipe()
    if os.fork() == 0:
        try:
            found = fit(f"{folder}/child-{child}")
            os.write(writer, json.dumps(found.privacy_receipt_.sha256).encode())
            model = tactful.DPKMeans(3, epsilon=1.0, delta=1e-6, bounds=(-1, 1), data="simulated", seed=1)
            model.fit(np.zeros((10, 2))).predict(np.zeros((10, 2)))
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        seen.append(json.loads(pipe.read()))
    os.wait()
print(json.dumps(seen))
"""
)


@pytest.mark.parametrize("warm", ["warm", "cold"])
def test_forked_children_end_and_do_not_draw_the_same_noise(tmp_path: Path, warm: str) -> None:
    done = program(FORKED, tmp_path, warm, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert len(seen) == len(set(seen)) == (4 if warm == "warm" else 3), seen


# Everything that a process can first use the engine by.
FIRST = {
    "fit": "fit(folder + '/ledger')",
    "simulate": "tactful.simulate(folder + '/first', customers=100, weeks=8)",
    "simulated fit": "tactful.DPKMeans(2, epsilon=1.0, delta=1e-6, bounds=(-1, 1), data='simulated', seed=1).fit(np.zeros((10, 2)))",
    "check": "tactful.check(sys.argv[2])",
    "plan": "tactful.plan(sys.argv[2])",
}


@pytest.mark.parametrize("first", FIRST)
def test_jobs_in_a_fork_of_a_process_that_worked_are_refused(shop: Path, tmp_path: Path, first: str) -> None:
    code = (
        PRIVATE
        + f"""
import os, signal
folder = sys.argv[1]
{FIRST[first]}
if os.fork() == 0:
    signal.alarm(60)  # One that hangs ends without a word.
    try:
        for work in (
            lambda: tactful.check(sys.argv[2]),
            lambda: tactful.plan(sys.argv[2]),
            lambda: tactful.simulate(folder + "/second", customers=100, weeks=8),
            lambda: tactful.run(sys.argv[2], folder + "/out", ledger=folder + "/other"),
            lambda: tactful.evaluate(sys.argv[2], seeds=1),
            lambda: tactful.audit(seconds=1),
        ):
            try:
                work()
            except tactful.UsageError as error:
                print(error.code, flush=True)
    finally:
        os._exit(0)
os.wait()
"""
    )
    done = program(code, tmp_path, shop / "shop.toml", cwd=tmp_path)
    assert done.stdout.split() == ["python.forked"] * 6, done.stderr
    assert not (tmp_path / "second").exists() and not (tmp_path / "out").exists()


def test_what_the_ledger_says_is_said_of_arguments(paid: dict[str, Any], rows: np.ndarray) -> None:
    once = {**paid, "epsilon_per_year": 1.5, "delta_per_year": 1e-6}
    DPKMeans(**once).fit(rows)
    with pytest.raises(tactful.PolicyError, match=r"epsilon_per_year .* about epsilon 1\.\d+ at delta 0\.000001") as raised:
        DPKMeans(**{**once, "epsilon_per_year": 4.0}).fit(rows)
    with pytest.raises(tactful.BudgetError, match=r"left of \d{4}, which is about epsilon 1\.\d+ at delta 0\.000001; nothing was spent") as spent:
        DPKMeans(**{**once, "epsilon": 1.4}).fit(rows)
    for caught, code in ((raised, "ledger.cap-raised"), (spent, "ledger.exhausted")):
        text = str(caught.value)
        assert caught.value.code == code and "people.ledger" in text and not any(word in text for word in ("spec", "nano", "atto"))
