"""What must hold before private rows are read inside somebody else's program."""

from __future__ import annotations

import os
import sys

from . import _tactful
from ._errors import PolicyError


def _begun() -> list[tuple[str, str]]:
    """The environment that the process began with, where the system tells it (Linux); else that of now.

    What ``os.environ`` says later is no help: libraries may have read the first.
    """
    try:
        with open("/proc/self/environ", "rb") as file:
            pairs = [entry.partition(b"=") for entry in file.read().split(b"\0") if entry]
        return [(os.fsdecode(name), os.fsdecode(value)) for name, _, value in pairs]
    except OSError:
        return list(os.environ.items())


def refuse() -> None:
    """Refuses private work where the environment could change the noise or print rows.

    Raises
    ------
    PolicyError
        Naming the variables and the remedy.
    """
    unwanted = _tactful.environment(_begun())
    if unwanted:
        raise PolicyError(
            f"these environment variables change the source of noise or make libraries show rows: {', '.join(unwanted)}; "
            "take back what this program has set, such as with polars.Config.restore_defaults(), or start Python again with "
            + ("POLARS_… unset" if _tactful.owns_openssl() else "POLARS_…, OPENSSL_ENGINES and OPENSSL_MODULES unset, and OPENSSL_CONF=/dev/null"),
            "policy.environment",
        )


def tell() -> dict[str, object]:
    """What holds here: for reports and tests."""
    return {
        "own_openssl": _tactful.owns_openssl(),
        "refused_because_of": _tactful.environment(_begun()),
        "platform": sys.platform,
    }
