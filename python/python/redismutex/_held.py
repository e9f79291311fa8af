"""What one thread holds through one mutex object.

Each thread has its own, and a forked child has nothing: so nobody releases what another acquired.
"""

from __future__ import annotations

import os
import threading
from typing import Generic, Optional, Protocol, TypeVar

from ._core_types import Key
from .errors import MutexLockError, MutexUnlockError


class Held(Protocol):
    """A guard of either kind."""

    @property
    def key(self) -> Key: ...
    def is_valid(self) -> bool: ...


G = TypeVar("G", bound=Held)


def _bytes(key: Key) -> bytes:
    """As the server knows it."""
    return key.encode() if isinstance(key, str) else key


class Stack(Generic[G]):
    """The guards of one thread or task, innermost last."""

    def __init__(self) -> None:
        self.guards: list[G] = []
        #: Those whose `with` block was entered.
        self.entered: list[G] = []

    def push(self, guard: G) -> None:
        self.guards.append(guard)

    def top(self) -> Optional[G]:
        return self.guards[-1] if self.guards else None

    def pop(self) -> G:
        if not self.guards:
            raise MutexUnlockError("nothing to release: this mutex holds no lock in this thread or task")
        return self.guards.pop()

    def refuse_second(self, key: Key) -> None:
        """A second lock of the same key would wait for the first, and then be the only one to be released."""
        for guard in [guard for guard in self.guards if _bytes(guard.key) == _bytes(key)]:
            if guard.is_valid():
                raise MutexLockError(f"{key!r} is held by this mutex in this thread or task already", key)
            if guard not in self.entered:
                # It expired unreleased: nothing is left of it to lose, and there is no block to be told so.
                self.guards.remove(guard)

    def enter(self) -> None:
        # Each block has a lock of its own to release, also where several were acquired before the first block.
        for guard in reversed(self.guards):
            if guard not in self.entered:
                self.entered.append(guard)
                return
        raise MutexLockError("nothing is locked for this block: write `with mutex.acquire_lock(key):`")

    def leave(self) -> Optional[G]:
        """What the innermost block has to release; `None` where that was released by hand."""
        if not self.entered:
            raise MutexUnlockError("nothing to release: it was acquired in another thread, task or process")
        guard = self.entered.pop()
        if guard not in self.guards:
            return None
        self.guards.remove(guard)
        return guard


class PerThread(threading.local, Generic[G]):
    """The stack of the current thread."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.stack: Stack[G] = Stack()

    def mine(self) -> Stack[G]:
        if self.process != os.getpid():
            self.process = os.getpid()
            self.stack = Stack()
        return self.stack
