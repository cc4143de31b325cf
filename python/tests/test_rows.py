"""Rows come in many kinds and give the same; what is refused is refused by what is public."""

import pickle
import tracemalloc
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import tactful
from tactful import DPKMeans


def centres(parameters: dict[str, Any], X: Any) -> np.ndarray:
    return DPKMeans(**parameters).fit(X).cluster_centers_


def test_every_kind_of_the_same_rows_gives_the_same_centres(simulated: dict[str, Any], rows: np.ndarray) -> None:
    rows = rows.astype(np.float32).astype(np.float64)
    expected = centres(simulated, rows)
    names = ["a", "b", "c"]
    wide = np.zeros((2 * len(rows), 7))
    wide[::2, 1:6:2] = rows
    readonly = rows.copy()
    readonly.flags.writeable = False
    packed = np.zeros(len(rows), dtype=[("pad", "i1"), ("x", "f8", (3,))])
    packed["x"] = rows
    chunks = [pa.table(dict(zip(names, part.T))) for part in (rows[:1], rows[1:1], rows[1:4097], rows[4097:])]
    kinds: dict[str, Any] = {
        "by column": np.asfortranarray(rows),
        "strided": wide[::2, 1:6:2],
        "backwards": rows[::-1, ::-1][::-1, ::-1],
        "float32": rows.astype(np.float32),
        "float128": rows.astype(np.longdouble),
        "big endian": rows.astype(">f8"),
        "read only": readonly,
        "not aligned": packed["x"],
        "lists": rows.tolist(),
        "polars": pl.DataFrame(rows, schema=names),
        "polars float32": pl.DataFrame(rows.astype(np.float32), schema=names),
        "polars chunks": pl.concat([pl.DataFrame(rows[:100], schema=names), pl.DataFrame(rows[100:], schema=names)], rechunk=False),
        "arrow": pa.table(dict(zip(names, rows.T))),
        "arrow chunks": pa.concat_tables(chunks),
        "arrow slice": pa.table(dict(zip(names, np.vstack([rows[:9], rows]).T))).slice(9),
        "arrow batch": pa.record_batch([pa.array(column) for column in rows.T], names=names),
        "arrow reader": pa.concat_tables(chunks).to_reader(),
        "pandas": pd.DataFrame(rows, columns=names),
        "pandas mixed": pd.DataFrame({"a": rows[:, 0].astype(np.float32), "b": rows[:, 1], "c": rows[:, 2]}),
        "pandas index": pd.DataFrame({"a": rows[:, 0].astype(np.float32), "b": rows[:, 1], "c": rows[:, 2]}, index=[f"i{i}" for i in range(len(rows))]),
        "masked": np.ma.MaskedArray(rows),
        "pandas nullable": pd.DataFrame(rows, columns=names).astype("Float64"),
    }
    for kind, X in kinds.items():
        assert (centres(simulated, X) == expected).all(), kind


@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool"])
def test_whole_numbers_are_numbers(simulated: dict[str, Any], kind: str) -> None:
    numbers = np.random.default_rng(3).integers(0, 2 if kind == "bool" else 100, (5000, 3)).astype(kind)
    parameters = {**simulated, "bounds": (0, 100)}
    expected = centres(parameters, numbers.astype(np.float64))
    for X in (numbers, np.asfortranarray(numbers), pl.DataFrame(numbers, schema=["a", "b", "c"]), pd.DataFrame(numbers)):
        assert (centres(parameters, X) == expected).all()


def test_no_array_is_copied_as_a_whole_or_written_to(simulated: dict[str, Any], rows: np.ndarray) -> None:
    before = rows.copy()
    DPKMeans(**simulated).fit(rows)
    assert (rows == before).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none_are_an_error_in_public_rows_alone(simulated: dict[str, Any], paid: dict[str, Any], rows: np.ndarray, value: float) -> None:
    rows[4500, 1] = value
    for X in (rows, pl.DataFrame(rows)):
        with pytest.raises(tactful.DataError, match="NaN or inf"):
            DPKMeans(**simulated).fit(X)
    # Private rows: nothing depends on it but the centres.
    DPKMeans(**paid).fit(rows)


def test_missing_values_count_as_the_lower_bound_in_private_rows(paid: dict[str, Any], rows: np.ndarray) -> None:
    holes = np.full((3000, 2), np.nan)
    columns = {"a": pa.array(holes[:, 0], from_pandas=True), "b": pa.array(holes[:, 1])}
    for X in (holes, pa.table(columns), pl.DataFrame({"a": [None] * 3000, "b": holes[:, 1]}, schema={"a": pl.Float64, "b": pl.Float64})):
        model = DPKMeans(**{**paid, "n_clusters": 1}).fit(X)
        assert np.allclose(model.cluster_centers_, -1, atol=0.1)


def test_the_number_of_private_rows_decides_nothing(paid: dict[str, Any], simulated: dict[str, Any]) -> None:
    for n in (0, 1, 2):
        model = DPKMeans(**{**paid, "epsilon_per_year": 10.0}).fit(np.zeros((n, 2)))
        assert model.privacy_receipt_.recorded
    with pytest.raises(tactful.DataError, match="0 sample"):
        DPKMeans(**simulated).fit(np.zeros((0, 2)))


class Produced:
    """Hands out an array of Arrow as a stream: PyArrow's own tables have no validity of rows."""

    def __init__(self, *chunks: pa.Array) -> None:
        self.chunks = pa.chunked_array(chunks)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.chunks.__arrow_c_stream__(requested_schema)


def structs(numbers: np.ndarray, missing: np.ndarray) -> pa.StructArray:
    columns = [pa.array(column) for column in numbers.T]
    return pa.StructArray.from_arrays(columns, names=[f"c{i}" for i in range(len(columns))], mask=pa.array(missing))


def test_rows_that_are_missing_as_a_whole_are_not_read(paid: dict[str, Any], simulated: dict[str, Any], rows: np.ndarray) -> None:
    missing = np.ones(3000, dtype=bool)
    ones = structs(np.ones((3000, 2)), missing)
    for X in (Produced(ones), Produced(ones.slice(7, 100), ones.slice(107)), ones):
        model = DPKMeans(**{**paid, "n_clusters": 1, "epsilon_per_year": 10.0}).fit(X)
        assert np.allclose(model.cluster_centers_, -1, atol=0.1)
    one = np.zeros(len(rows), dtype=bool)
    assert (centres(simulated, Produced(structs(rows, one))) == centres(simulated, rows)).all()
    one[4500] = True
    for X in (Produced(structs(rows, one)), Produced(structs(rows, one).slice(4400))):
        with pytest.raises(tactful.DataError, match="NaN or inf"):
            DPKMeans(**simulated).fit(X)
    assert (centres(simulated, Produced(structs(rows, one).slice(4501))) == centres(simulated, rows[4501:])).all()


def test_masked_cells_are_missing_and_what_lies_under_the_mask_is_not_read(paid: dict[str, Any], simulated: dict[str, Any], rows: np.ndarray) -> None:
    for kind in (np.float64, np.float32, np.int64):
        masked = np.ma.MaskedArray(np.full((3000, 2), 1, dtype=kind), mask=True)
        model = DPKMeans(**{**paid, "n_clusters": 1, "epsilon_per_year": 10.0}).fit(masked)
        assert np.allclose(model.cluster_centers_, -1, atol=0.1), kind
    one = np.ma.MaskedArray(rows)
    one[4500, 1] = np.ma.masked
    for X in (one, one.astype(object)):
        with pytest.raises(tactful.DataError, match="NaN or inf"):
            DPKMeans(**simulated).fit(X)


def test_half_floats_in_a_frame_are_numbers(simulated: dict[str, Any], rows: np.ndarray) -> None:
    halves = pd.DataFrame({"a": rows[:, 0].astype(np.float16), "b": rows[:, 1], "c": rows[:, 2]}, index=[f"i{i}" for i in range(len(rows))])
    assert (centres(simulated, halves) == centres(simulated, halves.astype(np.float64))).all()
    assert (centres(simulated, halves.astype(np.float16)) == centres(simulated, halves.astype(np.float16).astype(np.float64))).all()


def test_numbers_too_large_for_a_float_are_clamped_without_a_warning(paid: dict[str, Any], recwarn: pytest.WarningsRecorder) -> None:
    huge = np.full((1000, 2), np.longdouble("1e4000"))
    with np.errstate(all="raise"):
        for X in (huge, np.ma.MaskedArray(huge), pd.DataFrame({"a": huge[:, 0], "b": np.ones(1000)})):
            DPKMeans(**{**paid, "epsilon_per_year": 10.0}).fit(X)
    assert not list(recwarn)


CELLS: list[Any] = [[[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [3.0, None]], [[2**70, 1]], [[1.0, 2.0], [3.0]], [], [[]], [["1", "2"]], ((1.0, 2.0),)]


def test_private_lists_and_objects_are_refused_whatever_their_cells_say(paid: dict[str, Any], simulated: dict[str, Any]) -> None:
    def text(X: Any) -> str:
        with pytest.raises(tactful.DataError) as caught:
            DPKMeans(**paid).fit(X)
        assert caught.value.code == "array.type"
        return str(caught.value)

    assert len({text(X) for X in CELLS}) == 1
    assert len({text(np.array(X, dtype=object)) for X in ([[1.0, 2.0]], [[1.0, None]], [[2**70, 1.0]])}) == 1
    assert len({text(pd.DataFrame({"a": pd.Series(X, dtype=object), "b": pd.Series(X, dtype=object)})) for X in ([1.0, 2.0], [1.0, None], [2**70], [])}) == 1
    assert "numpy.array" in text(CELLS[0])

    class Frame(pd.DataFrame):
        """PyArrow would look at the cells for a type."""

    for objects in ([1.0, 2.0], [1.0, None], [2**70, "1"]):
        assert text(Frame({"a": pd.Series(objects, dtype=object)})) == "columns that are not of numbers: a; convert them, or leave them out [array.type]"
    assert not paid["ledger"].exists()
    # The remedies do, and no rows at all are no error.
    DPKMeans(**paid).fit(np.array(CELLS[1], dtype="float64"))
    DPKMeans(**paid).fit(pd.DataFrame({"a": pd.Series([], dtype="float64"), "b": pd.Series([], dtype="Int64")}))
    with pytest.raises(tactful.DataError, match="NaN or inf"):
        DPKMeans(**simulated).fit(CELLS[1])


SECRET = "Rosalind-Franklin"


@pytest.mark.parametrize(
    "X",
    [
        np.array([[SECRET, "1"]] * 20),
        np.array([[SECRET, 1]] * 20, dtype=object),
        [[SECRET, 1.0]] * 20,
        [[1.0, 2.0], [SECRET]],
        pd.DataFrame({"a": [SECRET] * 20, "b": [1.0] * 20}),
        pd.DataFrame({"a": [SECRET, 1.0] * 10, "b": [1.0] * 20}),
        pl.DataFrame({"a": [SECRET] * 20, "b": [1.0] * 20}),
        pa.table({"a": [SECRET] * 20}),
        pl.Series("a", [SECRET]),
        np.array([SECRET] * 20),
        {"a": SECRET},
        SECRET,
        None,
    ],
    ids=range(13),
)
def test_rows_that_are_no_numbers_are_refused_without_a_word_of_theirs(paid: dict[str, Any], X: Any) -> None:
    with pytest.raises(tactful.DataError) as caught:
        DPKMeans(**paid).fit(X)
    seen: BaseException | None = caught.value
    while seen is not None:
        assert SECRET not in repr(seen) + str(seen)
        seen = None if seen.__suppress_context__ and seen.__cause__ is None else seen.__cause__ or seen.__context__
    assert not paid["ledger"].exists()


def test_no_text_tells_the_number_of_private_rows(paid: dict[str, Any]) -> None:
    for X in (np.zeros((4321, 0)), np.zeros(4321), np.zeros((4321, 128)), np.zeros((4321, 2, 2)), np.zeros((4321, 2), dtype=complex)):
        with pytest.raises(tactful.DataError) as caught:
            DPKMeans(**paid).fit(X)
        assert "4321" not in str(caught.value)


def test_rows_show_nothing_of_themselves(rows: np.ndarray) -> None:
    from tactful import _tactful

    seen = _tactful.Rows.from_numpy(rows)
    said = repr(seen).split(" at 0x")[0]
    assert "6000" not in said and not hasattr(seen, "__len__") and not hasattr(seen, "__array__")
    with pytest.raises(TypeError):
        __import__("pickle").dumps(seen)


def test_only_arrays_of_numpy_are_believed_about_memory() -> None:
    from tactful import _tactful

    class Forged:
        __array_interface__ = {"data": (1, True), "typestr": "<f8", "shape": (10, 10), "strides": None, "version": 3}

    with pytest.raises(tactful.DataError):
        _tactful.Rows.from_numpy(Forged())  # type: ignore[arg-type]

    class Child(np.ndarray):  # type: ignore[type-arg]
        pass

    with pytest.raises(tactful.DataError):
        _tactful.Rows.from_numpy(np.zeros((2, 2)).view(Child))


def test_names_of_columns_are_kept_and_compared(simulated: dict[str, Any], rows: np.ndarray) -> None:
    frame = pl.DataFrame(rows, schema=["x", "y", "z"])
    model = DPKMeans(**simulated).fit(frame)
    assert list(model.feature_names_in_) == ["x", "y", "z"]
    with pytest.raises(tactful.DataError, match="same order"):
        model.predict(frame.select("z", "y", "x"))
    with pytest.raises(tactful.DataError, match="yet now missing"):
        model.predict(frame.select("x", "y"))
    with pytest.warns(UserWarning, match="valid feature names"):
        model.predict(rows)
    model.fit(rows)
    assert not hasattr(model, "feature_names_in_")


def test_names_of_arrows_tables_are_compared_too(simulated: dict[str, Any], rows: np.ndarray) -> None:
    class Bare:
        """A producer that tells its names in its schema alone."""

        def __init__(self, table: pa.Table) -> None:
            self.table = table

        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return self.table.__arrow_c_stream__(requested_schema)

    table = pa.table(dict(zip("xyz", rows.T)))
    kinds: list[Any] = [lambda t: t, lambda t: t.combine_chunks().to_batches()[0], lambda t: t.to_reader(), Bare]
    for kind in kinds:
        model = DPKMeans(**simulated).fit(kind(table))
        assert list(model.feature_names_in_) == ["x", "y", "z"]
        assert (model.predict(kind(table)) == model.predict(pl.DataFrame(rows, schema=["x", "y", "z"]))).all()
        with pytest.raises(tactful.DataError, match="same order"):
            model.predict(kind(table.select(["z", "y", "x"])))


def test_a_column_of_values_is_not_taken_for_names(simulated: dict[str, Any], rows: np.ndarray) -> None:
    frame = pd.DataFrame(rows, columns=[0, 1, "column_names"])
    assert not hasattr(DPKMeans(**simulated).fit(frame), "feature_names_in_")


def test_complex_numbers_lose_no_part_without_a_word(paid: dict[str, Any], simulated: dict[str, Any], rows: np.ndarray) -> None:
    mixed = pd.DataFrame({"a": rows[:, 0], "b": rows[:, 1] + 1j, "c": rows[:, 2].astype(np.float32)})
    for X in (mixed, mixed[["b"]], rows + 1j, np.ma.MaskedArray(rows + 1j)):
        for parameters in (paid, simulated):
            with pytest.raises(tactful.DataError):
                DPKMeans(**parameters).fit(X)
    assert not paid["ledger"].exists()


@pytest.mark.parametrize("kind", ["float64", "float32", "int32", "bool"])
def test_masked_rows_are_copied_once_at_most(kind: str) -> None:
    from tactful import _rows

    numbers = np.zeros((50_000, 8), dtype=kind)
    some = np.arange(numbers.size).reshape(numbers.shape) % 7 == 0
    # Of float64 where the type has no NaN.
    size = numbers.size * (4 if kind == "float32" else 8)
    for X, most in ((np.ma.MaskedArray(numbers, some), 1.1 * size), (np.ma.MaskedArray(numbers), 0.1 * size)):
        before = X.copy()
        tracemalloc.start()
        try:
            seen = _rows.rows_of(X, private=True)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert seen.columns == 8 and peak <= most, (kind, peak / size)
        assert (X.data == before.data).all() and (np.ma.getmaskarray(X) == np.ma.getmaskarray(before)).all()


@pytest.mark.parametrize("kind", ["float64", "float32", "float16", "int64", "bool", ">f8"])
def test_what_is_masked_is_missing(paid: dict[str, Any], simulated: dict[str, Any], kind: str) -> None:
    X = np.ma.MaskedArray(np.ones((3000, 2), dtype=kind), mask=True)
    model = DPKMeans(**{**paid, "n_clusters": 1}).fit(X)
    assert np.allclose(model.cluster_centers_, -1, atol=0.1)
    X.mask[0, 0] = False
    with pytest.raises(tactful.DataError, match="NaN or inf"):
        DPKMeans(**simulated).fit(X)


@pytest.mark.parametrize(
    ("X", "says"),
    [
        ([[10**400, 1]] * 50, "so large"),
        ([[SECRET, 1]] * 50, "not of numbers"),
        (np.array([[SECRET, "1"]] * 50), "not of numbers"),
        (np.ma.MaskedArray(np.array([[SECRET, "1"]] * 50, dtype=object)), "not of numbers"),
        (pl.LazyFrame({"a": [1.0]}), r"X\.collect\(\)"),
        ({"a": [1.0]}, "of a dict a frame"),
        ((row for row in [[1.0]]), "of a generator make a list"),
        (None, "no array of rows"),
        ([[1.0], [1.0, 2.0]], "no array of rows"),
    ],
    ids=range(9),
)
def test_public_rows_that_are_none_are_errors_of_ours(simulated: dict[str, Any], X: Any, says: str) -> None:
    with pytest.raises(tactful.DataError, match=says) as caught:
        DPKMeans(**simulated).fit(X)
    assert caught.value.code == "array.type" and SECRET not in str(caught.value)
    assert type(pickle.loads(pickle.dumps(caught.value))) is type(caught.value)


def test_types_that_arrow_has_and_the_engine_has_not_are_refused(paid: dict[str, Any]) -> None:
    wide = [pl.Float16] if hasattr(pl, "Float16") else []
    for kind in (*wide, pl.Int128, pl.Decimal(10, 2)):
        with pytest.raises(tactful.DataError) as caught:
            DPKMeans(**paid).fit(pl.DataFrame({"a": [1, 0]}, schema={"a": pl.Int64}).cast(kind))
        assert caught.value.code == "array.type", kind
    for column in (pa.array([1.0], pa.float16()), pa.array([1]).cast(pa.decimal128(20, 0))):
        with pytest.raises(tactful.DataError) as caught:
            DPKMeans(**paid).fit(pa.table({"a": column}))
        assert caught.value.code == "array.type"
    assert not paid["ledger"].exists()
