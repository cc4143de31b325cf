"""What a spec can be asked: check, plan, run, and an audit of the program itself."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from . import _hygiene, _tactful
from ._arguments import Number, Whole, callback, number, path, path_or_none, text_or_none, whole
from ._errors import AuditError, UsageError
from ._release import Release, load_release


class _Answer(dict[str, Any]):
    """A dict that shows itself as a table in a notebook."""

    def _repr_html_(self) -> str:
        rows = ""
        for key, value in self.items():
            shown = json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value
            rows += f"<tr><th style='text-align:left'>{escape(str(key))}</th><td style='text-align:left'>{escape(str(shown))}</td></tr>"
        return f"<table>{rows}</table>"


def check(
    spec: str | os.PathLike[str],
    *,
    data: str | os.PathLike[str] | None = None,
    ledger: str | os.PathLike[str] | None = None,
    register: str | os.PathLike[str] | None = None,
    keys: str | os.PathLike[str] | None = None,
) -> dict[str, Any]:
    """Checks a spec, the heads of its files, its catalogue and promotions. Reads no purchase and spends nothing.

    Returns
    -------
    dict
        ``files``, ``groups``, ``promotions`` (how many), ``advice`` (sentences), ``personal_columns`` (which no run reads), …

    Raises
    ------
    SpecError, DataError, PolicyError, ConsentError
        Naming what must change.
    """
    # The register of those who opted out is private, and so are the heads of files.
    _hygiene.refuse()
    return _Answer(json.loads(_tactful.check(path("spec", spec), places=_places(data, ledger, register, keys))))


def _places(data: Any, ledger: Any, register: Any, keys: Any) -> tuple[str | None, str | None, str | None, str | None]:
    return path_or_none("data", data), path_or_none("ledger", ledger), path_or_none("register", register), path_or_none("keys", keys)


def plan(
    spec: str | os.PathLike[str],
    customers: Whole | None = None,
    *,
    target: str | Sequence[str] | None = None,
    epsilon_max: Number = 10.0,
    spread: Number = 0.4,
    own: bool = False,
    data: str | os.PathLike[str] | None = None,
    ledger: str | os.PathLike[str] | None = None,
    progress: Callable[[int], object] | None = None,
) -> dict[str, Any]:
    """What a run would cost and how exact it would be; or, with `target`, the smallest budget that is exact enough. Reads no purchase (but for
    `own`) and spends nothing.

    Parameters
    ----------
    spec : path
        The spec.
    customers : int, default=None
        A public guess of the number of customers [default: the spec's ``expected_customers``].
    target : str or sequence of str, default=None
        ``"size error 5%"`` (half the 95 % interval of a size, by an average segment), ``"centroid error 0.1"`` (the same of a coordinate, in
        half-ranges of the feature), ``"incidence error 3%"``, ``"segments 6"``; several, or one text with commas. Centroids are simulated.
    epsilon_max : float, default=10
        The largest epsilon to look at, at most 20.
    spread : float, default=0.4
        How far simulated customers lie from the middle of their cluster, in half-ranges of a feature (root mean square).
    own : bool, default=False
        With `target`: simulate with the customers of the spec's own files, drawn with replacement, instead. For simulated and public data alone;
        a shop plans on a look-alike of a release of its own.
    data : path, default=None
        Where the spec's relative paths start [default: the spec's folder]. For `own`.
    progress : callable(releases), default=None
        Called with how many releases were simulated.

    Returns
    -------
    dict
        Without `target`: ``epsilon``, ``delta``, ``releases_left`` in ``year``, ``forecast`` (``size_half_width`` in customers, ``size_relative`` of an
        average segment, ``size_threshold``, ``centroid_half_width`` in half-ranges of a feature, ``segments_carried``, …) and ``advice``.
        With it: ``plan`` (``epsilon``, or None when none is enough; ``targets`` with what is expected of each, and what would do
        instead; ``forecast``; ``simulated``) and ``spec_lines`` to paste into the spec. docs/plan.md says what is assumed.
    """
    wanted = None
    if target is not None:
        wanted = (_targets(target), number("epsilon_max", epsilon_max), number("spread", spread), bool(own))
    elif own:
        raise UsageError("own=True says with whom a target is simulated; give a target")
    guess = None if customers is None else whole("customers", customers, 1, _MOST_CUSTOMERS)
    places = _places(data, ledger, None, None)
    return _Answer(
        json.loads(_tactful.plan(path("spec", spec), customers=guess, wanted=wanted, places=places, progress=callback("progress", progress)))
    )


#: More than there are people.
_MOST_CUSTOMERS = 100_000_000_000


def _targets(target: str | Sequence[str]) -> str:
    texts = [target] if isinstance(target, str) else list(target) if isinstance(target, Iterable) else [target]
    if not all(isinstance(text, str) for text in texts):
        raise UsageError('target must be a text such as "size error 5%", or several')
    return ", ".join(texts)


def run(
    spec: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    request_id: str | None = None,
    memory: str | None = None,
    data: str | os.PathLike[str] | None = None,
    ledger: str | os.PathLike[str] | None = None,
    register: str | os.PathLike[str] | None = None,
    keys: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int, str], object] | None = None,
) -> Release:
    """Makes a release. What it costs is in the ledger before the first private figure is read, and is not given back.

    Parameters
    ----------
    spec : path
        The spec.
    out : path
        The release's directory; must not exist, unless it holds the answer to this request. It is whole or absent.
    request_id : str, default=None
        A name for this run: a retry under it hands out the release that was made, and never draws again.
    memory : str, default=None
        What the whole process may use, such as ``"4GiB"`` [default: what this machine has free].
    data, ledger, register, keys : path, default=None
        As the command line's options of these names. Keys in environment variables are not taken here: use a folder.
    progress : callable(position, steps, text), default=None
        Called on this thread as each of the fixed steps begins; it hears nothing of the data. What it raises stops the run.

    Returns
    -------
    Release

    Raises
    ------
    Error
        By class and code; no error leaves a part of a release.
    Interrupted
        Ctrl-C, within about a second; it says whether the budget is spent. A step that only reads may go on in the background until its end,
        and holds its output folder so long: nothing is spent by it.
    """
    _hygiene.refuse()
    done = json.loads(
        _tactful.run(
            path("spec", spec),
            path("out", out),
            request_id=text_or_none("request_id", request_id),
            memory=text_or_none("memory", memory),
            places=_places(data, ledger, register, keys),
            progress=callback("progress", progress),
        )
    )
    found = load_release(out)
    return Release(found._text, Path(out), done["manifest_sha256"], done["repeated"])


@dataclass(frozen=True)
class Audit:
    """What attacks on this very build proved, beside what it claims.

    Attributes
    ----------
    confidence : float
        With which all bounds hold together.
    violated : bool
        Whether a claim is refuted.
    findings : list of dict
        One an attack: claim, attack, trials, claimed_epsilon, proven_epsilon (a lower bound), delta, violated, …
    """

    confidence: float
    violated: bool
    findings: list[dict[str, Any]]

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(name)}</th>" for name in ("claim", "attack", "trials", "claimed ε", "proven ε ≥", ""))
        rows = ""
        for finding in self.findings:
            cells = (
                finding["claim"],
                finding["attack"],
                finding["trials"],
                f"{finding['claimed_epsilon']:.3f}",
                f"{finding['proven_epsilon']:.3f}",
                "VIOLATED" if finding["violated"] else "",
            )
            rows += "<tr>" + "".join(f"<td style='text-align:left'>{escape(str(cell))}</td>" for cell in cells) + "</tr>"
        return f"<table><tr>{head}</tr>{rows}</table>"


def audit(
    spec: str | os.PathLike[str] | None = None,
    seconds: Number = 60,
    *,
    progress: Callable[[str, str], object] | None = None,
) -> Audit:
    """Attacks this program on populations that do not exist. Reads no data and spends nothing.

    Parameters
    ----------
    spec : path, default=None
        Whose budget, floor and features are put to the test [default: the demo's].
    seconds : float, default=60
        How long to attack, about; some twenty are the least it takes. More give sharper bounds.
    progress : callable(claim, attack), default=None
        Called before each attack.

    Raises
    ------
    AuditError
        A claim is refuted; its attribute ``audit`` holds what was found.
    """
    found = Audit(**json.loads(_tactful.audit(path_or_none("spec", spec), number("seconds", seconds), progress=callback("progress", progress))))
    if found.violated:
        error = AuditError("a claim of this program is refuted: do not publish with this build, and report what it found")
        error.audit = found
        raise error
    return found
