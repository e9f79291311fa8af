"""Locks through the user's own client, blocking.

Knows how to do what `_dialect` says on a thread, and what has to go on in the background. Must not know
what a reply means.
"""

from __future__ import annotations

import heapq
import itertools
import os
import queue
import threading
import time
import uuid
from collections.abc import Generator
from typing import Any, Callable, Optional, TypeVar

from . import _core, _dialect
from ._core_types import HolderParts, Key, NativeSettings
from ._dialect import Dialect, Todo
from ._end import before_end
from .errors import BlockTimeExceedError, LockLost, MutexUnavailableError, MutexUnlockError

T = TypeVar("T")


def drive(work: Generator[Todo, Any, T]) -> T:
    """Does what `work` says, here and now."""
    result: Any = None
    failure: Optional[BaseException] = None
    while True:
        try:
            todo = work.send(result) if failure is None else work.throw(failure)
        except StopIteration as end:
            value: T = end.value
            return value
        result, failure = None, None
        try:
            if isinstance(todo, float):
                time.sleep(todo)
            else:
                result = todo()
        except BaseException as error:
            failure = error


class ClientTransport:
    """Acquires through one client."""

    def __init__(self, client: Any, settings: NativeSettings) -> None:
        self._dialect = Dialect(client)
        self._settings = settings

    def acquire(self, key: Key, token: Optional[str] = None) -> ClientGrant:
        return self._acquire(key, token, self._settings["block_time"])

    def try_acquire(self, key: Key, token: Optional[str] = None) -> Optional[ClientGrant]:
        try:
            return self._acquire(key, token, 0.0)
        except BlockTimeExceedError:
            return None

    def holder(self, key: Key) -> Optional[HolderParts]:
        return drive(_dialect.holder(self._dialect, key))

    def release_by_force(self, key: Key) -> bool:
        return drive(_dialect.release_by_force(self._dialect, key))

    def _acquire(self, key: Key, token: Optional[str], block_time: float) -> ClientGrant:
        value = token or str(uuid.uuid4())
        acquiring = begin(key, value, block_time, self._settings, self._dialect)
        try:
            tenure = drive(_dialect.acquire(self._dialect, acquiring))
        except BaseException as error:
            self._undo(acquiring, error)
            raise
        if self._settings["renew"]:
            _background().add(tenure.first_due(), lambda: _renew(self._dialect, tenure))
        return ClientGrant(self._dialect, tenure, key, value)

    def _undo(self, acquiring: _core.Acquiring, error: BaseException) -> None:
        undone = acquiring.undo()
        if undone is None:
            return
        # At once where the server answers: after Ctrl-C there may be no later.
        answers = not isinstance(error, MutexUnavailableError)
        again = _undo(self._dialect, *undone) if answers else 0.0
        if again is not None:
            _background().owe(again, lambda: _undo(self._dialect, *undone))


def begin(key: Key, token: str, block_time: float, settings: NativeSettings, dialect: Dialect) -> _core.Acquiring:
    """An acquisition by these settings."""
    return _core.Acquiring(
        key,
        token,
        block_time,
        settings["delay"],
        settings["expiry"],
        settings["max_hold"],
        settings["label"],
        dialect.has_scripts,
    )


class ClientGrant:
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

    def lost_within(self, seconds: float) -> bool:
        if not self.is_lost():
            time.sleep(min(seconds, self.remaining()))
        return self.is_lost()

    def extend(self, expiry: float) -> None:
        self._check()
        if drive(_dialect.extend(self._dialect, self._tenure, expiry)) is None:
            raise LockLost(f"{self._key!r} is not ours any more", self._key)

    def release(self) -> None:
        self._check()
        self._done = True
        releasing = self._tenure.release()
        try:
            drive(_dialect.release(self._dialect, releasing))
        except MutexUnlockError:
            raise
        except BaseException:
            _undo_later(self._dialect, releasing)
            raise

    def leak(self) -> None:
        self._done = True
        self._tenure.leak()

    def _check(self) -> None:
        if self._process != os.getpid():
            raise LockLost(f"{self._key!r} is held by the parent process, not by this one", self._key)
        if self._done:
            raise MutexUnlockError(f"{self._key!r} was released already", self._key)

    def __del__(self) -> None:
        # No I/O here: the interpreter may be anywhere.
        if not self._done and self._process == os.getpid():
            _undo_later(self._dialect, self._tenure.release())


Job = Callable[[], Optional[float]]
# How long the end of the interpreter is held up for what could not be given back yet.
_PATIENCE = 1.0


def _undo_later(dialect: Dialect, releasing: _core.Releasing) -> None:
    call, until = releasing.call(), releasing.until
    _background().owe(0.0, lambda: _undo(dialect, call, False, until))


def _undo(dialect: Dialect, call: _core.Call, again: bool, until: int) -> Optional[float]:
    return _step(_dialect.undo(dialect, call, again, until))


def _renew(dialect: Dialect, tenure: _core.Tenure) -> Optional[float]:
    return _step(_dialect.extend(dialect, tenure, None))


def _step(work: Generator[Todo, Any, Optional[float]]) -> Optional[float]:
    """Does what `work` says up to its first wait, and returns for how long that is: others have to be served."""
    result: Any = None
    failure: Optional[BaseException] = None
    while True:
        try:
            todo = work.send(result) if failure is None else work.throw(failure)
        except StopIteration as end:
            after: Optional[float] = end.value
            return after
        if isinstance(todo, float):
            return todo
        result, failure = None, None
        try:
            result = todo()
        except Exception as error:
            failure = error


class _Background:
    """One thread for what goes on by itself: renewing, and giving back what could not be given back."""

    def __init__(self) -> None:
        # Safe to be put into from a finaliser.
        self._new: queue.SimpleQueue[tuple[float, Job]] = queue.SimpleQueue()
        self._started = False
        # Changed in single steps that no finaliser can come between.
        self._owed: set[Job] = set()

    def owe(self, pause: float, job: Job) -> None:
        """As `add`, for what the end of the interpreter waits for."""
        self._owed.add(job)
        self.add(pause, job)

    def settle(self) -> None:
        """Waits for what is owed, but not for long."""
        until = time.monotonic() + _PATIENCE
        while self._owed and self._started and time.monotonic() < until:
            time.sleep(0.001)

    def add(self, pause: float, job: Job) -> None:
        """Runs `job` after `pause` seconds, and again after as many as it returns each time."""
        self._new.put((time.monotonic() + pause, job))
        if not self._started:
            self._started = True
            try:
                threading.Thread(target=self._run, name="redismutex-background", daemon=True).start()
            except RuntimeError:
                # The interpreter is ending: the lease will.
                self._started = False

    def _run(self) -> None:
        number = itertools.count()
        jobs: list[tuple[float, int, Job]] = []
        while True:
            try:
                wait = max(jobs[0][0] - time.monotonic(), 0.0) if jobs else None
                when, job = self._new.get(timeout=wait)
                heapq.heappush(jobs, (when, next(number), job))
            except queue.Empty:
                _, _, job = heapq.heappop(jobs)
                try:
                    again = job()
                except Exception:
                    # A client that fails in ways of its own must not stop the renewal of the others.
                    again = 0.5
                if again is None:
                    self._owed.discard(job)
                else:
                    heapq.heappush(jobs, (time.monotonic() + again, next(number), job))


_the_background = _Background()


def _background() -> _Background:
    return _the_background


before_end(lambda: _background().settle())


def _after_fork_in_child() -> None:
    global _the_background
    _the_background = _Background()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
