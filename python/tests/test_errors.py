"""Errors are classes with codes."""

import pickle
from pathlib import Path

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


def test_errors_survive_a_pickle() -> None:
    for error in (tactful.BudgetError("no", "ledger.exhausted", 10), tactful.Interrupted("stop", True), tactful.MissingPackage("polars")):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error) and again.code == error.code and again.args == error.args
    assert pickle.loads(pickle.dumps(tactful.Interrupted("stop", True))).spent


def test_a_spec_that_is_not_there_or_broken_is_a_spec_error(tmp_path: Path) -> None:
    for verb in (tactful.check, tactful.plan):
        with pytest.raises(tactful.SpecError):
            verb(tmp_path / "none.toml")
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


def test_a_target_that_exists_cannot_be_written(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(tactful.OutputError):
        tactful.run(shop / "shop.toml", tmp_path / "out", ledger=tmp_path / "ledger")
