"""Locks through the user's own asyncio client.

Knows how to do what `_dialect` says in a coroutine. Must not know what a reply means.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
import uuid
from collections.abc import Coroutine, Generator
from typing import Any, Optional, TypeVar

from . import _core, _dialect
from ._client import begin
from ._core_types import HolderParts, Key, NativeSettings
from ._dialect import Dialect, Todo
from .errors import BlockTimeExceedError, LockLost, MutexUnavailableError, MutexUnlockError

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
        value = token or str(uuid.uuid4())
        acquiring = begin(key, value, block_time, self._settings, self._dialect)
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
        renewing = _in_background(_renew(self._dialect, tenure)) if self._settings["renew"] else None
        return ClientGrant(self._dialect, tenure, key, value, renewing)


async def _renew(dialect: Dialect, tenure: _core.Tenure) -> None:
    pause: Optional[float] = tenure.first_due()
    while pause is not None:
        await asyncio.sleep(pause)
        pause = await drive(_dialect.extend(dialect, tenure, None))


# The loop itself holds tasks only weakly.
_background: set[asyncio.Task[Any]] = set()


def _in_background(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    task = asyncio.get_running_loop().create_task(work)
    _background.add(task)
    task.add_done_callback(_background.discard)
    return task


class ClientGrant:
    """A lock that is held through a client."""

    def __init__(
        self,
        dialect: Dialect,
        tenure: _core.Tenure,
        key: Key,
        value: str,
        renewing: Optional[asyncio.Task[Any]],
    ) -> None:
        self._dialect = dialect
        self._tenure = tenure
        self._key = key
        self._process = os.getpid()
        self._renewing = renewing
        self._done = False
        self.value = value
        self.fence = tenure.fence
        self.remaining = tenure.remaining
        self.is_valid = tenure.is_valid
        self.is_lost = tenure.is_lost

    async def wait_lost(self) -> None:
        while not self.is_lost():
            await asyncio.sleep(min(self.remaining(), _LOOK))

    async def extend(self, expiry: float) -> None:
        self._check()
        if await drive(_dialect.extend(self._dialect, self._tenure, expiry)) is None:
            raise LockLost(f"{self._key!r} is not ours any more", self._key)

    async def release(self) -> None:
        self._check()
        self._end()
        releasing = self._tenure.release()
        try:
            await drive(_dialect.release(self._dialect, releasing))
        except MutexUnlockError:
            raise
        except BaseException:
            undo = _dialect.undo(self._dialect, releasing.call(), False, releasing.until)
            _in_background(drive(undo))
            raise

    def leak(self) -> None:
        self._end()
        self._tenure.leak()

    def _end(self) -> None:
        self._done = True
        if self._renewing is not None:
            self._renewing.cancel()

    def _check(self) -> None:
        if self._process != os.getpid():
            raise LockLost(f"{self._key!r} is held by the parent process, not by this one", self._key)
        if self._done:
            raise MutexUnlockError(f"{self._key!r} was released already", self._key)

    def __del__(self) -> None:
        # Nothing can be awaited here: it is no longer renewed, and its lease runs out.
        if not self._done and self._process == os.getpid():
            self._tenure.leak()
