"""Errors are classes with codes."""

import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

import tactful
from tactful import _errors, _tactful


def test_every_exit_status_has_a_class_of_its_own() -> None:
    classes = [_errors.class_for(status) for status in _tactful.statuses()]
    assert len(set(classes)) == len(classes) == 15
    for status, kind in zip(_tactful.statuses(), classes):
        assert kind.exit_status == status and kind.__name__ in tactful.__all__ and kind.__doc__
        error = _errors.of("some.code", status, "what to do", None)
        assert type(error) is kind
        if isinstance(error, tactful.Error):
            assert (error.code, error.exit_status, error.retry) == ("some.code", status, status == 75)
            assert str(error) == "what to do [some.code]"
            assert str(kind("line 3: no [some.code]; nor that [other]", "some.code")) == "line 3: no [some.code]; nor that [other]"


def test_errors_survive_a_pickle() -> None:
    for error in (tactful.BudgetError("no", "ledger.exhausted", 10), tactful.Interrupted("stop", True), tactful.MissingPackage("polars")):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error) and again.code == error.code and again.args == error.args
    assert pickle.loads(pickle.dumps(tactful.Interrupted("stop", True))).spent


def test_a_spec_that_is_not_there_or_broken_is_a_spec_error(tmp_path: Path) -> None:
    for verb in (tactful.check, tactful.plan):
        with pytest.raises(tactful.SpecError) as caught:
            verb(tmp_path / "none.toml")
        assert str(caught.value).count("[spec.file-missing]") == 1
    (tmp_path / "bad.toml").write_text("version = 1\nbogus = 2\n")
    with pytest.raises(tactful.SpecError, match="bogus"):
        tactful.check(tmp_path / "bad.toml")


def test_a_plan_needs_a_guess_and_a_run_a_sound_request(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(tactful.UsageError, match="seconds"):
        tactful.audit(seconds=0)
    for words, says in (({"request_id": ""}, "request id"), ({"memory": "many"}, "size")):
        with pytest.raises(tactful.UsageError, match=says):
            tactful.run(shop / "shop.toml", tmp_path / "out", ledger=tmp_path / "ledger", **words)  # type: ignore[arg-type]
    assert not (tmp_path / "ledger").exists()


WRONG: list[tuple[str, tuple[Any, ...], dict[str, Any], str]] = [
    *(("simulate", ("x",), words, says) for words, says in (
        ({"seed": -1}, "seed must be a whole number"),
        ({"seed": None}, "seed must be a whole number"),
        ({"customers": -1}, "customers must be a whole number between 1 and 100,000,000"),
        ({"customers": 1.5}, "customers must be a whole number"),
        ({"customers": 2**40}, "customers must be a whole number"),
        ({"weeks": "4"}, "weeks must be a whole number between 4 and 520"),
        ({"drift": 2}, "^drift must lie between 0 and 1"),
        ({"tail": float("nan")}, "^tail must lie"),
        ({"tail_index": 1}, "tail_index must lie between 1.05 and 20"),
        ({"activity": "often"}, "activity must be a number"),
        ({"population": "nothere"}, "population: nothere cannot be read"),
        ({"population": "/"}, "population: / cannot be read"),
        ({"population": sys.executable}, "is no text"),
        ({"population": 3}, "population must be a path"),
        ({"like": 3}, "like must be a path"),
        ({"progress": 3}, "progress must be a function"),
    )),
    ("simulate", (3,), {}, "out must be a path"),
    ("plan", ("SPEC", -1), {}, "customers must be a whole number"),
    ("plan", ("SPEC", 2**64), {}, "customers must be a whole number"),
    ("plan", ("SPEC", 4000), {"target": "size error 5%", "epsilon_max": "x"}, "epsilon_max must be a number"),
    ("plan", ("SPEC", 4000), {"target": "size error 5%", "spread": None}, "spread must be a number"),
    ("plan", ("SPEC", 4000), {"target": 5}, "target must be a text"),
    ("plan", ("SPEC", 4000), {"target": ["segments 6", 5]}, "target must be a text"),
    ("plan", (None, 4000), {}, "spec must be a path"),
    ("check", ("SPEC",), {"data": 3}, "data must be a path"),
    ("run", ("SPEC", "x"), {"memory": 3}, "memory must be a text"),
    ("run", ("SPEC", "x"), {"request_id": 3}, "request_id must be a text"),
    ("load_release", (3,), {}, "path must be a path"),
    ("audit", (), {"seconds": "x"}, "seconds must be a number"),
    ("audit", (), {"seconds": 10**400}, "seconds must be a number"),
    ("sweep", ("SPEC",), {"jobs": -1}, "jobs must be a whole number"),
    ("sweep", ("SPEC",), {"out": 3}, "out must be a path"),
    ("sweep", ("SPEC",), {"epsilon": float("nan")}, "epsilon must be made of"),
    ("sweep", ("SPEC",), {"epsilon": object()}, "epsilon must be made of"),
    ("sweep", ("SPEC",), {"epsilon": [1.0, 10**400]}, "epsilon must be made of"),
]


@pytest.mark.parametrize(("verb", "arguments", "words", "says"), WRONG, ids=[f"{verb}-{says[:24]}" for verb, _, _, says in WRONG])
def test_arguments_of_verbs_that_cannot_be_are_told_by_name(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, arguments: tuple[Any, ...], words: dict[str, Any], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    given = [shop / "shop.toml" if argument == "SPEC" else argument for argument in arguments]
    with pytest.raises(tactful.UsageError, match=says) as caught:
        getattr(tactful, verb)(*given, **words)
    assert caught.value.code == "usage" and not list(tmp_path.iterdir())


def test_a_target_that_exists_cannot_be_written(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(tactful.OutputError):
        tactful.run(shop / "shop.toml", tmp_path / "out", ledger=tmp_path / "ledger")
