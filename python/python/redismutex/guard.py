"""One lock that is held, and the news of its loss."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from types import TracebackType
from typing import Optional

from ._core_types import Grant, HolderParts, Key
from ._exit import leave
from ._settings import Seconds, seconds

# How long a wait for a loss goes without looking whether the lock was released in the meantime.
_LOOK = 0.05


@dataclass(frozen=True)
class Holder:
    """Who holds a lock. Already out of date when you read it: for people and logs, not for decisions."""

    #: The owner token. Whoever has it can release the lock: not for logs, hence not printed.
    value: str = field(repr=False)
    #: Seconds that the lease lasts yet; `None` where the key has no expiry.
    remaining: Optional[float]
    #: `None` where the holder is not a redismutex, as are the next two.
    fence: Optional[int]
    label: Optional[str]
    since: Optional[datetime]

    @classmethod
    def _of(cls, parts: Optional[HolderParts]) -> Optional[Holder]:
        if parts is None:
            return None
        value, remaining, fence, label, since = parts
        at = None if since is None else datetime.fromtimestamp(since, timezone.utc)
        return cls(value, remaining, fence, label, at)


class Lost:
    """Set when the lock is lost, before the server can grant it to another. Never set by a release."""

    __slots__ = ("_guard",)

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def is_set(self) -> bool:
        return self._guard._grant.is_lost()

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Waits for the loss and tells whether it came: `False` after `timeout` or once it was released."""
        grant = self._guard._grant
        until = None if timeout is None else time.monotonic() + timeout
        while not self._guard._done:
            left = _LOOK if until is None else min(until - time.monotonic(), _LOOK)
            if grant.lost_within(max(left, 0.0)):
                return True
            if left <= 0:
                return False
        return grant.is_lost()


class Guard:
    """A lock that is yours until you release it or lose it. Also a context manager that releases it.

    Thrown away unreleased, it is given back in the background.
    """

    __slots__ = ("__weakref__", "_done", "_grant", "_on_lost", "key")

    #: The key in Redis.
    key: Key

    def __init__(self, key: Key, grant: Grant, on_lost: str = "raise") -> None:
        self.key = key
        self._grant = grant
        self._on_lost = on_lost
        self._done = False

    @property
    def value(self) -> str:
        """The owner token that stands under the key. Proves ownership: not for logs."""
        return self._grant.value

    @property
    def fence(self) -> Optional[int]:
        """The fencing token: a number that grows with every grant of the key. Hand it to the store that the
        lock protects, and let it refuse lower ones. `None` where the server may not run scripts."""
        return self._grant.fence

    @property
    def lost(self) -> Lost:
        """The event of its loss."""
        return Lost(self)

    def remaining(self) -> float:
        """Seconds that the lease surely lasts yet; 0 once it has ended."""
        return self._grant.remaining()

    def is_valid(self) -> bool:
        """Whether it is surely ours now, by the clock. `False` in a forked child."""
        return self._grant.is_valid()

    def extend(self, expiry: Seconds) -> None:
        """Lets the lease last for `expiry` from now: replaces what was left. `LockLost` if it was not ours."""
        self._grant.extend(seconds("expiry", expiry))

    def release(self) -> None:
        """Gives it back; the next in line has it when this returns. `LockLost` if it was not ours any more."""
        self._done = True
        self._grant.release()

    def leak(self) -> None:
        """Forgets it: the lock stays taken until its expiry, without renewal."""
        self._done = True
        self._grant.leak()

    def __enter__(self) -> Guard:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        if not self._done:
            with leave(error, self._on_lost):
                self.release()

    def __repr__(self) -> str:
        return f"<redismutex.Guard {self.key!r} fence={self.fence} remaining={self.remaining():.3f}>"
