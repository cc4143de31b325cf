"""Arguments as the engine takes them. What cannot be is told by the argument's name, with the rule: no other exception leaves from here."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from ._errors import UsageError

#: What is taken for a whole number, for a number, and for one or several of them.
Whole = Union[int, "np.integer[Any]"]
Number = Union[float, "np.floating[Any]", "np.integer[Any]"]
Wholes = Union[Whole, Sequence[Whole], npt.NDArray[Any]]
Numbers = Union[Number, Sequence[Number], npt.NDArray[Any]]


def whole(name: str, value: Any, lowest: int, highest: int) -> int:
    """A whole number of Python or NumPy within a range; an array with one number is none."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not lowest <= value <= highest:
        raise UsageError(f"{name} must be a whole number between {_said(lowest)} and {_said(highest)}")
    return int(value)


def _said(number: int) -> str:
    return "2**64 - 1" if number == 2**64 - 1 else f"{number:,}"


def number(name: str, value: Any) -> float:
    """A number; not a truth value, and not a text."""
    if isinstance(value, (bool, str, bytes)):
        raise UsageError(f"{name} must be a number")
    try:
        return float(value)
    except OverflowError:
        raise UsageError(f"{name} must be a number below 1.7e308") from None
    except Exception:
        raise UsageError(f"{name} must be a number") from None


def within(name: str, value: Any, lowest: float, highest: float) -> float:
    """A number within a range."""
    found = number(name, value)
    if not lowest <= found <= highest:
        raise UsageError(f"{name} must lie between {lowest:g} and {highest:g}")
    return found


def path(name: str, value: Any) -> str:
    """A path, as ``open`` takes it."""
    try:
        return os.fsdecode(os.fspath(value))
    except TypeError:
        raise UsageError(f"{name} must be a path") from None


def path_or_none(name: str, value: Any) -> str | None:
    return None if value is None else path(name, value)


def text_or_none(name: str, value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise UsageError(f"{name} must be a text")
    return value


def callback(name: str, value: Any) -> Any:
    """Something to call, or None."""
    if value is not None and not callable(value):
        raise UsageError(f"{name} must be a function, or left out")
    return value
