"""What the end of a process waits for: locks that were thrown away and are not given back yet.

Knows how a process ends. Must not know how anything is given back.
"""

from __future__ import annotations

import atexit
import os
import sys
from typing import Callable

Settle = Callable[[], None]


class _Settling:
    """Calls what waits; each of them for a moment only."""

    def __init__(self) -> None:
        self.settlers: list[Settle] = []

    def settle(self) -> None:
        for settle in self.settlers:
            settle()


_settling = _Settling()
atexit.register(_settling.settle)


def before_end(settle: Settle) -> None:
    """Has `settle` called when the process ends."""
    _settling.settlers.append(settle)


def _after_fork_in_child() -> None:
    """A child of multiprocessing runs no atexit handlers before Python 3.13, but has a list of its own for them,
    which it makes after this."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.register_after_fork(_settling, lambda settling: util.Finalize(None, settling.settle, exitpriority=0))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
