"""Differentially private customer segments, from Python.

``DPKMeans`` is private k-means in the shape of scikit-learn's estimators. ``run``, ``plan``, ``check`` and ``load_release`` are the command line's verbs for specs and
releases; ``audit`` attacks the program itself. Errors are classes with codes. docs/python.md has the whole story, PRIVACY.md what is promised.
"""

from . import plots
from ._errors import (
    AuditError,
    BelowFloor,
    BudgetError,
    BusyError,
    ConsentError,
    DataError,
    Error,
    InternalError,
    Interrupted,
    LedgerError,
    MissingPackage,
    NoSegment,
    NotFitted,
    NotProtected,
    OutOfMemory,
    OutputError,
    PolicyError,
    SpecError,
    UsageError,
)
from ._estimator import DPKMeans, L2Ball
from ._experiments import Shop, Sweep, evaluate, simulate, sweep
from ._jobs import Audit, audit, check, plan, run
from ._receipt import PrivacyReceipt
from ._release import Release, load_release
from ._tactful import __version__

__all__ = [
    "Audit",
    "AuditError",
    "BelowFloor",
    "BudgetError",
    "BusyError",
    "ConsentError",
    "DPKMeans",
    "DataError",
    "Error",
    "InternalError",
    "Interrupted",
    "L2Ball",
    "LedgerError",
    "MissingPackage",
    "NoSegment",
    "NotFitted",
    "NotProtected",
    "OutOfMemory",
    "OutputError",
    "PolicyError",
    "PrivacyReceipt",
    "Release",
    "Shop",
    "SpecError",
    "Sweep",
    "UsageError",
    "__version__",
    "audit",
    "check",
    "evaluate",
    "load_release",
    "plan",
    "plots",
    "run",
    "simulate",
    "sweep",
]
