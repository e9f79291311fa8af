"""Locks through the user's own asyncio client.

Knows how to do what `_dialect` says in a coroutine. Must not know what a reply means.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Coroutine, Generator
from typing import Any, Optional, TypeVar

from . import _core, _dialect
from ._client_grant import Grant, begin
from ._core_types import HolderParts, Key, NativeSettings
from ._dialect import Dialect, Todo
from .errors import BlockTimeExceedError, MutexUnavailableError, MutexUnlockError

T = TypeVar("T")
# How often a waiter for a loss looks: nothing tells it of a renewal that failed.
_LOOK = 0.05


async def drive(work: Generator[Todo, Any, T]) -> T:
    """Does what `work` says."""
    result: Any = None
    failure: Optional[BaseException] = None
    cancelled = _cancelled()
    while True:
        try:
            todo = work.send(result) if failure is None else work.throw(failure)
        except StopIteration as end:
            value: T = end.value
            return value
        result, failure = None, None
        try:
            if isinstance(todo, float):
                await asyncio.sleep(todo)
            else:
                result = todo()
                if inspect.isawaitable(result):
                    result = await result
        except BaseException as error:
            failure = error
        if _cancelled() > cancelled and not isinstance(failure, asyncio.CancelledError):
            # The client took it for a failure of its own.
            cancelled = _cancelled()
            failure = asyncio.CancelledError()


def _cancelled() -> int:
    """How often this task has been asked to end; unknown before Python 3.11."""
    if sys.version_info < (3, 11):
        return 0
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


class ClientTransport:
    """Acquires through one client."""

    def __init__(self, client: Any, settings: NativeSettings) -> None:
        self._dialect = Dialect(client)
        self._settings = settings

    async def acquire(self, key: Key, token: Optional[str]) -> ClientGrant:
        return await self._acquire(key, token, self._settings["block_time"])

    async def try_acquire(self, key: Key, token: Optional[str]) -> Optional[ClientGrant]:
        try:
            return await self._acquire(key, token, 0.0)
        except BlockTimeExceedError:
            return None

    async def holder(self, key: Key) -> Optional[HolderParts]:
        return await drive(_dialect.holder(self._dialect, key))

    async def release_by_force(self, key: Key) -> bool:
        return await drive(_dialect.release_by_force(self._dialect, key))

    async def _acquire(self, key: Key, token: Optional[str], block_time: float) -> ClientGrant:
        value, acquiring = begin(key, token, block_time, self._settings, self._dialect)
        try:
            tenure = await drive(_dialect.acquire(self._dialect, acquiring))
        except BaseException as error:
            undone = acquiring.undo()
            if undone is not None:
                undoing = _in_background(drive(_dialect.undo(self._dialect, *undone)))
                if not undone[1] and not isinstance(error, MutexUnavailableError):
                    # Whoever cancelled may look right after; and the loop may end.
                    await asyncio.wait({undoing})
            raise
        return ClientGrant(self._dialect, tenure, key, value, self._settings["renew"])


# The loop itself holds tasks only weakly.
_background: set[asyncio.Task[Any]] = set()


def _in_background(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    task = asyncio.get_running_loop().create_task(work)
    _background.add(task)
    task.add_done_callback(_background.discard)
    return task


def _give_back(dialect: Dialect, releasing: _core.Releasing) -> None:
    _in_background(drive(_dialect.undo(dialect, releasing.call(), False, releasing.until)))


class _Renewing:
    """Renews until it is cancelled or there is nothing to be renewed."""

    def __init__(self, dialect: Dialect, tenure: _core.Tenure) -> None:
        self._moved = asyncio.get_running_loop().create_future()
        self._task = _in_background(self._renew(dialect, tenure))

    def move(self) -> None:
        """The lease has another length."""
        if not self._moved.done():
            self._moved.set_result(None)

    def cancel(self) -> None:
        self._task.cancel()

    async def _renew(self, dialect: Dialect, tenure: _core.Tenure) -> None:
        pause: Optional[float] = tenure.first_due()
        while pause is not None:
            await asyncio.wait({self._moved}, timeout=pause)
            if self._moved.done():
                self._moved = asyncio.get_running_loop().create_future()
                pause = tenure.first_due()
            else:
                pause = await drive(_dialect.extend(dialect, tenure, None))


class ClientGrant(Grant):
    """A lock that is held through a client."""

    def __init__(self, dialect: Dialect, tenure: _core.Tenure, key: Key, value: str, renew: bool) -> None:
        super().__init__(dialect, tenure, key, value)
        self._loop = asyncio.get_running_loop()
        self._renewing = _Renewing(dialect, tenure) if renew else None

    async def wait_lost(self) -> None:
        while not self.is_lost():
            await asyncio.sleep(min(self.remaining(), _LOOK))

    async def extend(self, expiry: float) -> None:
        self._check()
        if await drive(_dialect.extend(self._dialect, self._tenure, expiry)) is None:
            raise self._lost()
        if self._renewing is not None:
            self._renewing.move()

    async def release(self) -> None:
        releasing = self._begin_release()
        try:
            await drive(_dialect.release(self._dialect, releasing))
        except MutexUnlockError:
            raise
        except BaseException:
            _give_back(self._dialect, releasing)
            raise

    def _stop_renewing(self) -> None:
        if self._renewing is not None:
            self._renewing.cancel()

    def _give_back(self, releasing: _core.Releasing) -> None:
        try:
            self._loop.call_soon_threadsafe(_give_back, self._dialect, releasing)
        except RuntimeError:
            # The loop is closed: the lease runs out by itself.
            return
