"""What a lock that is held through the user's own client is, whether the client blocks or is awaited.

Knows whose it is and how it ends. Must not know how anything is run.
"""

from __future__ import annotations

import os
import uuid
from typing import Optional

from . import _core
from ._core_types import Key, NativeSettings
from ._dialect import Dialect
from .errors import LockLost, MutexUnlockError


def begin(
    key: Key, token: Optional[str], block_time: float, settings: NativeSettings, dialect: Dialect
) -> tuple[str, _core.Acquiring]:
    """The owner token and an acquisition by these settings."""
    value = token or str(uuid.uuid4())
    acquiring = _core.Acquiring(
        key,
        value,
        block_time,
        settings["delay"],
        settings["expiry"],
        settings["max_hold"],
        settings["label"],
        dialect.has_scripts,
    )
    return value, acquiring


class Grant:
    """A lock that is held through a client."""

    def __init__(self, dialect: Dialect, tenure: _core.Tenure, key: Key, value: str) -> None:
        self._dialect = dialect
        self._tenure = tenure
        self._key = key
        self._process = os.getpid()
        self._done = False
        self.value = value
        self.fence = tenure.fence
        self.remaining = tenure.remaining
        self.is_valid = tenure.is_valid
        self.is_lost = tenure.is_lost

    def leak(self) -> None:
        self._end()
        self._tenure.leak()

    def _begin_release(self) -> _core.Releasing:
        self._check()
        self._end()
        return self._tenure.release()

    def _end(self) -> None:
        self._done = True
        self._stop_renewing()

    def _check(self) -> None:
        if self._process != os.getpid():
            raise LockLost(f"{self._key!r} is held by the parent process, not by this one", self._key)
        if self._done:
            raise MutexUnlockError(f"{self._key!r} was released already", self._key)

    def _lost(self) -> LockLost:
        return LockLost(f"{self._key!r} is not ours any more", self._key)

    def _stop_renewing(self) -> None:
        raise NotImplementedError

    def _give_back(self, releasing: _core.Releasing) -> None:
        """In the background: nobody waits for it. Without any I/O here, the interpreter may be anywhere."""
        raise NotImplementedError

    def __del__(self) -> None:
        if not self._done and self._process == os.getpid():
            self._give_back(self._tenure.release())
