"""What happens to a release that fails when a `with` block ends: the block's own error comes first."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Optional

from .errors import LockLost, MutexError

logger = logging.getLogger("redismutex")


@contextmanager
def leave(error: Optional[BaseException], on_lost: str) -> Iterator[None]:
    """Releasing goes inside; `error` is what the block raised."""
    try:
        yield
    except MutexError as failure:
        if error is not None:
            logger.warning("the lock could not be released after an error: %s", failure)
            if hasattr(error, "add_note"):
                error.add_note(f"and the lock could not be released: {failure}")
        elif on_lost == "log" and isinstance(failure, LockLost):
            logger.warning("%s", failure)
        else:
            raise
