"""A release, as frames, as text, as cards in a notebook."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _tactful
from ._arguments import path as named
from ._errors import MissingPackage
from ._html import cards

if TYPE_CHECKING:
    import polars



def _interval(name: str, value: dict[str, float]) -> dict[str, float]:
    return {name: value["estimate"], f"{name}_lower": value["lower"], f"{name}_upper": value["upper"]}


class Release:
    """What was published: noised statistics about segments above the floor, and what they cost. Nothing in it is about one person.

    Frames are Polars frames and need Polars; ``segments_to_dicts()`` and the like hold the same as lists of dicts and need nothing. An estimate ``x``
    has its 95 % interval beside it as ``x_lower`` and ``x_upper``; intervals cover the noise, not sampling.

    Attributes
    ----------
    path : pathlib.Path
        Its directory.
    manifest_sha256 : str or None
        What the ledger has on record; known when the release was just made.
    repeated : bool
        Whether it is the release of an earlier run for the same request id; then nothing was spent.
    """

    def __init__(self, text: str, path: Path, manifest_sha256: str | None = None, repeated: bool = False) -> None:
        self._text = text
        self._value: dict[str, Any] = json.loads(text)
        self.path = path
        self.manifest_sha256 = manifest_sha256
        self.repeated = repeated

    def to_dict(self) -> dict[str, Any]:
        """All of it: docs/release.schema.json says what each field means. A copy."""
        return copy.deepcopy(self._value)

    @property
    def population(self) -> str:
        """The protected population."""
        return str(self._value["population"])

    @property
    def simulated(self) -> bool:
        """Whether the data behind it were made up."""
        return bool(self._value["origin"] == "simulated")

    @property
    def notes(self) -> list[str]:
        """Hints about what to trust, one sentence each."""
        return list(self._value["notes"])

    def segments_to_dicts(self) -> list[dict[str, Any]]:
        """One row a segment, largest first: id, label, size (noisy number of units), share (0 to 1), and each feature's centroid in the feature's
        own unit."""
        rows = []
        for segment in self._value["segments"]:
            row: dict[str, Any] = {"segment": segment["id"], "label": segment["label"]}
            row |= _interval("size", segment["size"]) | _interval("share", segment["share"])
            for coordinate in segment["centroid"]:
                row |= _interval(coordinate["feature"], coordinate["value"])
            rows.append(row)
        return rows

    def categories_to_dicts(self) -> list[dict[str, Any]]:
        """One row for each segment and category group: incidence (share of units that bought it, 0 to 1) and lift over everybody."""
        return [
            {"segment": segment["id"], "group": value["group"]} | _interval("incidence", value["incidence"]) | _interval("lift", value["lift"])
            for segment in self._value["segments"]
            for value in segment["categories"]
        ]

    def promotions_to_dicts(self) -> list[dict[str, Any]]:
        """One row for each segment and promotion that was held against it: whether it fits, best first, lift, and why."""
        rows = []
        for segment in self._value["segments"]:
            for fits, key in ((True, "promotions_fit"), (False, "promotions_unfit")):
                for promotion in segment[key]:
                    row = {"segment": segment["id"], "fits": fits, "promotion": promotion["id"], "title": promotion["title"]}
                    row |= {"groups": list(promotion["groups"])} | _interval("lift", promotion["lift"]) | {"reason": promotion["reason"]}
                    rows.append(row)
        return rows

    def features_to_dicts(self) -> list[dict[str, Any]]:
        """One row a feature: key, label, kind, unit, public bounds, scale, weight, and its centre over everybody."""
        return [dict(feature) for feature in self._value["features"]]

    def receipt_to_dicts(self) -> list[dict[str, Any]]:
        """One row a measurement: what, L2 sensitivity and standard deviation of the noise (integers of the query), rho (in 10⁻⁹), delta (in 10⁻¹⁸)."""
        return [dict(line) for line in self._value["privacy"]["lines"]]

    @property
    def privacy(self) -> dict[str, Any]:
        """The receipt's totals: epsilon, delta, floor, what an even guess becomes, the ledger's identity, what is left of the year."""
        return {key: value for key, value in self._value["privacy"].items() if key != "lines"}

    @property
    def segments(self) -> polars.DataFrame:
        """:meth:`segments_to_dicts` as a Polars frame."""
        return _frame(self.segments_to_dicts())

    @property
    def categories(self) -> polars.DataFrame:
        """:meth:`categories_to_dicts` as a Polars frame."""
        return _frame(self.categories_to_dicts())

    @property
    def promotions(self) -> polars.DataFrame:
        """:meth:`promotions_to_dicts` as a Polars frame."""
        return _frame(self.promotions_to_dicts())

    @property
    def features(self) -> polars.DataFrame:
        """:meth:`features_to_dicts` as a Polars frame."""
        return _frame(self.features_to_dicts())

    @property
    def receipt(self) -> polars.DataFrame:
        """:meth:`receipt_to_dicts` as a Polars frame."""
        return _frame(self.receipt_to_dicts())

    @property
    def report(self) -> Path:
        """The report: one self-contained page."""
        return self.path / "report.html"

    def __repr__(self) -> str:
        value = self._value
        made_up = "SIMULATED, " if self.simulated else ""
        size = value["population_size"]["estimate"]
        return f"<tactful.Release {self.population!r}: {made_up}{len(value['segments'])} segments of about {size:.0f} {value['unit']}s, epsilon {value['privacy']['epsilon']:g}>"

    def __str__(self) -> str:
        return _tactful.cards(self._text, 100)

    def _repr_html_(self) -> str:
        return cards(self._value)


def _frame(rows: list[dict[str, Any]], kinds: Mapping[str, str] | None = None) -> polars.DataFrame:
    """Rows as a frame; `kinds` names the columns in their order with Polars' types, where they do not come from the values."""
    try:
        import polars as pl
    except ImportError:
        raise MissingPackage("frames need Polars: pip install polars; or take the lists, such as segments_to_dicts()") from None
    schema = None if kinds is None else {name: getattr(pl, kind) for name, kind in kinds.items()}
    return pl.DataFrame(rows, schema=schema, infer_schema_length=None)


def load_release(path: str | os.PathLike[str]) -> Release:
    """Reads a release's directory, after checking that it is whole: every file has the hash that its manifest says.

    Parameters
    ----------
    path : path
        The directory that ``run`` wrote.

    Raises
    ------
    DataError
        It is no release, or was changed.
    """
    folder = Path(named("path", path))
    return Release(_tactful.load(folder), folder)
