"""Locks through the user's own client, blocking.

Knows how to do what `_dialect` says on a thread. Must not know what a reply means.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, Optional, TypeVar

from . import _core, _dialect
from ._background import Job, debts, renewals
from ._client_grant import Grant, begin
from ._core_types import HolderParts, Key, NativeSettings
from ._dialect import Dialect, Todo
from .errors import BlockTimeExceedError, MutexError, MutexUnavailableError, MutexUnlockError

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
        value, acquiring = begin(key, token, block_time, self._settings, self._dialect)
        try:
            tenure = drive(_dialect.acquire(self._dialect, acquiring))
        except BaseException as error:
            self._undo(acquiring, error)
            raise
        return ClientGrant(self._dialect, tenure, key, value, self._settings["renew"])

    def _undo(self, acquiring: _core.Acquiring, error: BaseException) -> None:
        undone = acquiring.undo()
        if undone is None:
            return
        answers = isinstance(error, MutexError) and not isinstance(error, MutexUnavailableError)
        again = _undo(self._dialect, *undone) if answers else 0.0
        if again is None:
            return
        owed = debts().add(again, lambda: _undo(self._dialect, *undone))
        if not isinstance(error, MutexError):
            # After Ctrl-C there may be no later; but whoever asked for the end waits for no silent server.
            debts().settle(owed)


class ClientGrant(Grant):
    """A lock that is held through a client."""

    def __init__(self, dialect: Dialect, tenure: _core.Tenure, key: Key, value: str, renew: bool) -> None:
        super().__init__(dialect, tenure, key, value)
        self._renewing: Optional[Job] = None
        if renew:
            self._renewing = renewals().add(tenure.first_due(), lambda: _renew(dialect, tenure))

    def lost_within(self, seconds: float) -> bool:
        if not self.is_lost():
            time.sleep(min(seconds, self.remaining()))
        return self.is_lost()

    def extend(self, expiry: float) -> None:
        self._check()
        if drive(_dialect.extend(self._dialect, self._tenure, expiry)) is None:
            raise self._lost()
        if self._renewing is not None:
            # It may last for less than the renewal was planned for.
            renewals().move(self._renewing, self._tenure.first_due())

    def release(self) -> None:
        releasing = self._begin_release()
        try:
            drive(_dialect.release(self._dialect, releasing))
        except MutexUnlockError:
            raise
        except BaseException:
            self._give_back(releasing)
            raise

    def _stop_renewing(self) -> None:
        if self._renewing is not None:
            renewals().cancel(self._renewing)

    def _give_back(self, releasing: _core.Releasing) -> None:
        dialect, call, until = self._dialect, releasing.call(), releasing.until
        debts().add(0.0, lambda: _undo(dialect, call, False, until))


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
