"""Errors as classes. Each has the engine's stable code, the command line's exit status, and a text free of data."""

from __future__ import annotations

import sys


class Error(Exception):
    """Something that cannot be done. The text names columns, files, rules and remedies, and never a value.

    Attributes
    ----------
    code : str
        Stable, for programs: ``"ledger.exhausted"``.
    exit_status : int
        What the command line would end with (``tactful errors`` lists them).
    retry : bool
        Whether the same call can work a little later.
    """

    code: str = "internal"
    exit_status: int = 70

    def __init__(self, message: str, code: str | None = None, exit_status: int | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        if exit_status is not None:
            self.exit_status = exit_status

    @property
    def retry(self) -> bool:
        return self.exit_status == 75

    def __str__(self) -> str:
        # The engine's text has the codes already where one error breaks several rules.
        text, code = super().__str__(), f"[{self.code}]"
        return text if code in text else f"{text} {code}"

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.args[0], self.code, self.exit_status)


class UsageError(Error, ValueError):
    """An argument cannot be (status 2)."""

    code, exit_status = "usage", 2


class SpecError(Error, ValueError):
    """The spec breaks rules, each with a code of its own in the text (status 3)."""

    code, exit_status = "spec", 3


class BudgetError(Error):
    """The year's budget does not hold it; nothing was spent (status 10)."""

    code, exit_status = "ledger.exhausted", 10


class BelowFloor(Error):
    """Nothing cleared the k floor; what was reserved is spent (status 11)."""

    code, exit_status = "floor.nothing-above", 11


class PolicyError(Error):
    """A rule of the house refuses; it cannot be switched off (status 12)."""

    code, exit_status = "policy", 12


class ConsentError(Error):
    """Opt-outs or consent cannot be applied; nothing was spent (status 13)."""

    code, exit_status = "consent", 13


class LedgerError(Error):
    """The ledger or the register of opt-outs was changed, cut or replaced (status 14)."""

    code, exit_status = "ledger.integrity", 14


class DataError(Error, ValueError):
    """Data, by what is public of them, cannot be used (status 15)."""

    code, exit_status = "data", 15


class AuditError(Error):
    """An audit refuted a claim: do not publish with this build (status 16).

    Attributes
    ----------
    audit : Audit or None
        What it found.
    """

    code, exit_status = "audit.violation", 16
    audit: object = None


class NoSegment(Error):
    """These receipts put their customer into no segment (status 20)."""

    code, exit_status = "assign.no-segment", 20


class InternalError(Error):
    """A defect: please report it (status 70)."""

    code, exit_status = "internal", 70


class OutOfMemory(Error):
    """The memory that is allowed, or there, does not do; nothing was spent (status 71)."""

    code, exit_status = "memory", 71


class OutputError(Error):
    """What was asked for cannot be written there (status 73)."""

    code, exit_status = "output.write", 73


class BusyError(Error):
    """Another run holds the ledger, the target or the request: try again (status 75)."""

    code, exit_status = "ledger.busy", 75


class Interrupted(KeyboardInterrupt):
    """Ctrl-C while the engine worked: nothing is handed back. Like every ``KeyboardInterrupt`` it is no ``Exception``.

    Attributes
    ----------
    spent : bool
        Whether the budget of the interrupted work is spent. It is never given back. Where the work ended in an error at the same time, which
        is ``__cause__`` then, whether it can be spent.
    """

    code = "run.interrupted"
    exit_status = 130
    retry = False

    def __init__(self, message: str = "interrupted", spent: bool = False) -> None:
        super().__init__(message)
        self.spent = spent

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.args[0], self.spent)


class NotFitted(Error, ValueError, AttributeError):
    """The estimator was not fitted yet."""

    code, exit_status = "usage", 2


def not_fitted(message: str) -> NotFitted:
    """The error, which is scikit-learn's own too where that is loaded."""
    if "sklearn" not in sys.modules:
        return NotFitted(message)
    from sklearn.exceptions import NotFittedError

    kind = type("NotFitted", (NotFitted, NotFittedError), {"__module__": NotFitted.__module__, "__reduce__": _reduce_not_fitted})
    return kind(message)  # type: ignore[no-any-return]


def _reduce_not_fitted(error: NotFitted) -> tuple[object, ...]:
    # Its class is made when it is needed, and has no name to be found by.
    return not_fitted, (error.args[0],)


class MissingPackage(Error, ImportError):
    """An optional package is needed for this, and is not installed."""

    code, exit_status = "python.missing-package", 2


class NotProtected(UserWarning):
    """What comes of this call protects nobody: its noise has a seed. For public or simulated rows alone."""


_BY_STATUS: dict[int, type[Error]] = {
    kind.exit_status: kind
    for kind in (
        UsageError,
        SpecError,
        BudgetError,
        BelowFloor,
        PolicyError,
        ConsentError,
        LedgerError,
        DataError,
        AuditError,
        NoSegment,
        InternalError,
        OutOfMemory,
        OutputError,
        BusyError,
    )
}


def class_for(exit_status: int) -> type[Error] | type[Interrupted]:
    """The class of errors that end the command line with this status."""
    if exit_status == Interrupted.exit_status:
        return Interrupted
    return _BY_STATUS.get(exit_status, InternalError)


def of(code: str, exit_status: int, message: str, spent: bool | None) -> BaseException:
    """The exception for an error of the engine."""
    if exit_status == Interrupted.exit_status:
        return Interrupted(message, bool(spent))
    return _BY_STATUS.get(exit_status, InternalError)(message, code, exit_status)


def interrupted(signal: BaseException, spent: bool, cause: BaseException | None = None) -> BaseException:
    """What to raise when `signal` was raised while the engine worked; `cause` is the error that the work ended in, if it did. How far it came
    is not known then: `spent` says whether it can have spent.
    """
    said = "nothing was spent" if not spent else "the budget is spent" if cause is None else "count the budget as spent"
    if cause is not None:
        said = f"the work ended in an error ({cause}); {said}"
    if isinstance(signal, KeyboardInterrupt):
        signal = Interrupted(f"interrupted; {said}, and nothing is handed back", spent)
    elif hasattr(signal, "add_note"):  # Python 3.11
        signal.add_note(f"tactful was interrupted by this; {said}, and nothing is handed back")
    if cause is not None and signal.__cause__ is None:
        signal.__cause__ = cause
    return signal
