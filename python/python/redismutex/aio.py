"""The mutex for asyncio: the same names, to be awaited."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Coroutine, Generator
from types import TracebackType
from typing import Any, Optional, TypeVar, Union, cast

from . import _loop, _server
from ._aio_client import ClientGrant, ClientTransport
from ._aio_native import NativeGrant, NativeTransport
from ._core_types import Key
from ._exit import leave
from ._held import Stack
from ._settings import Seconds, seconds
from .errors import MutexConfigError, MutexLockError, MutexUnlockError, _Forked
from .guard import Holder
from .mutex import Configured

__all__ = ["Guard", "Lost", "RedisMutex"]

T = TypeVar("T")
Transport = Union[NativeTransport, ClientTransport]


class Lost:
    """Set when the lock is lost, before the server can grant it to another. Never set by a release."""

    __slots__ = ("_guard",)

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def is_set(self) -> bool:
        return self._guard._grant.is_lost()

    async def wait(self) -> bool:
        """Waits for the loss: `True`; or until it is released: `False`."""
        guard = self._guard
        if not guard._done and not self.is_set():
            waiter = asyncio.ensure_future(guard._grant.wait_lost())
            guard._waiters.add(waiter)
            try:
                await asyncio.wait({waiter})
                if not waiter.cancelled():
                    waiter.result()
            finally:
                guard._waiters.discard(waiter)
                waiter.cancel()
        return self.is_set()

    def __await__(self) -> Generator[Any, None, bool]:
        return self.wait().__await__()


class Guard:
    """A lock that is yours until you release it or lose it. Also a context manager that releases it."""

    __slots__ = ("__weakref__", "_done", "_grant", "_on_lost", "_waiters", "key")

    #: The key in Redis.
    key: Key

    def __init__(self, key: Key, grant: Union[NativeGrant, ClientGrant], on_lost: str = "raise") -> None:
        self.key = key
        self._grant = grant
        self._on_lost = on_lost
        self._done = False
        self._waiters: set[asyncio.Future[None]] = set()

    @property
    def value(self) -> str:
        """The owner token that stands under the key. Proves ownership: not for logs."""
        return self._grant.value

    @property
    def fence(self) -> Optional[int]:
        """The fencing token; see `redismutex.Guard.fence`."""
        return self._grant.fence

    @property
    def lost(self) -> Lost:
        """The event of its loss: `await guard.lost`."""
        return Lost(self)

    def remaining(self) -> float:
        """Seconds that the lease surely lasts yet; 0 once it has ended."""
        return self._grant.remaining()

    def is_valid(self) -> bool:
        """Whether it is surely ours now, by the clock."""
        return self._grant.is_valid()

    async def extend(self, expiry: Seconds) -> None:
        """Lets the lease last for `expiry` from now: replaces what was left. `LockLost` if it was not ours."""
        await self._grant.extend(seconds("expiry", expiry))

    async def release(self) -> None:
        """Gives it back; the next in line has it when this returns. `LockLost` if it was not ours any more.
        Cancelled, it goes on in the background."""
        self._end()
        await self._grant.release()

    def leak(self) -> None:
        """Forgets it: the lock stays taken until its expiry, without renewal."""
        self._end()
        self._grant.leak()

    def _end(self) -> None:
        self._done = True
        for waiter in self._waiters:
            waiter.cancel()

    async def __aenter__(self) -> Guard:
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        if not self._done:
            with leave(error, self._on_lost):
                await self.release()

    def __repr__(self) -> str:
        return f"<redismutex.aio.Guard {self.key!r} fence={self.fence} remaining={self.remaining():.3f}>"


class Acquisition(Coroutine[Any, Any, T]):
    """What `acquire` and `acquire_lock` return: a coroutine that can also be entered with `async with`."""

    def __init__(self, acquire: Coroutine[Any, Any, T]) -> None:
        self._acquire = acquire

    def __await__(self) -> Generator[Any, None, T]:
        return self._acquire.__await__()

    def send(self, value: Any) -> Any:
        return self._acquire.send(value)

    def throw(self, *error: Any) -> Any:
        return self._acquire.throw(*error)

    def close(self) -> None:
        self._acquire.close()

    async def __aenter__(self) -> T:
        acquired = await self._acquire
        self._acquired = cast(Any, acquired)
        await self._acquired.__aenter__()
        return acquired

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        await self._acquired.__aexit__(kind, error, trace)


class RedisMutex(Configured):
    """A distributed mutex on one Redis or Valkey server, for asyncio.

    `redis_conn` is an asyncio client, a client whose connection can be reproduced, or a URL. One object may be used
    by many tasks and loops: what a task acquires with `acquire_lock` only it can release.
    """

    def _begin(self) -> None:
        self._stacks: weakref.WeakKeyDictionary[Any, Stack[Guard]] = weakref.WeakKeyDictionary()
        self._ready: Optional[tuple[_loop.Loop, Transport]] = None
        if self.transport == "client" and not _server.is_async_client(self.redis):
            raise MutexConfigError(
                "a client like this one would block the event loop: give one of redis.asyncio or valkey.asyncio"
            )

    # --- the lock of this task

    def acquire_lock(self, mutex_key: Key) -> Acquisition[RedisMutex]:
        """Acquires the lock of `mutex_key` for this task: `async with mutex.acquire_lock(key):`.

        The task is the one that calls this, whichever awaits what it returns.
        """
        # Now: asyncio.gather and others await it in a task of their own, with which the lock would be gone.
        return Acquisition(self._acquire_lock(self._mine(), self._named(mutex_key)))

    async def release_lock(self) -> RedisMutex:
        """Releases what this task acquired last; see `redismutex.RedisMutex.release_lock`."""
        await self._mine().pop().release()
        return self

    release = release_lock
    unlock = release_lock

    def reset(self) -> None:
        """Forgets what this task holds without releasing it."""
        stack = self._mine()
        while stack.guards:
            stack.pop().leak()
        stack.entered.clear()

    @property
    def key(self) -> Optional[Key]:
        """The key that this task holds, the innermost of several."""
        guard = self._mine().top()
        return None if guard is None else guard.key

    @property
    def value(self) -> Optional[str]:
        """The owner token that stands under the key."""
        guard = self._mine().top()
        return None if guard is None else guard.value

    @property
    def fence(self) -> Optional[int]:
        """The fencing token of what this task holds."""
        guard = self._mine().top()
        return None if guard is None else guard.fence

    @property
    def owned(self) -> bool:
        """Whether this task surely holds a lock now."""
        return self.is_valid()

    @property
    def lost(self) -> Lost:
        """The event that what this task holds is lost."""
        return self._top().lost

    def is_valid(self) -> bool:
        """Whether what this task holds is surely ours now."""
        guard = self._mine().top()
        return guard is not None and guard.is_valid()

    def remaining(self) -> float:
        """Seconds that what this task holds surely lasts yet."""
        guard = self._mine().top()
        return 0.0 if guard is None else guard.remaining()

    async def extend(self, expiry: Seconds) -> RedisMutex:
        """Lets what this task holds last for `expiry` from now."""
        await self._top().extend(expiry)
        return self

    async def __aenter__(self) -> RedisMutex:
        self._mine().enter()
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        with leave(error, self._on_lost):
            guard = self._mine().leave()
            if guard is not None:
                await guard.release()

    # --- locks as objects

    def acquire(self, key: Key) -> Acquisition[Guard]:
        """Acquires the lock of `key`: `guard = await mutex.acquire(key)` or `async with mutex.acquire(key):`."""
        return Acquisition(self._acquire(self._named(key)))

    async def try_acquire(self, key: Key) -> Optional[Guard]:
        """Acquires the lock of `key` if it is free: `None` if it is busy."""
        name, token = self._named(key), self._token()
        grant = await self._transport().try_acquire(name, token)
        return None if grant is None else Guard(name, grant, self._on_lost)

    async def holder(self, key: Key) -> Optional[Holder]:
        """Who holds the lock of `key`, for people and logs."""
        return Holder._of(await self._transport().holder(self._named(key)))

    async def release_by_force(self, key: Key) -> bool:
        """Releases the lock of `key` whoever holds it. Tells whether anybody held it. For emergencies."""
        return await self._transport().release_by_force(self._named(key))

    # --- within

    async def _acquire_lock(self, stack: Stack[Guard], name: Key) -> RedisMutex:
        stack.refuse_second(name)
        stack.push(await self._acquire(name))
        return self

    async def _acquire(self, name: Key) -> Guard:
        token = self._token()
        try:
            return await self._granted(name, token)
        except _Forked:
            self._ready = None
            return await self._granted(name, token)

    async def _granted(self, name: Key, token: Optional[str]) -> Guard:
        transport = self._transport()
        grant: Union[NativeGrant, ClientGrant, None]
        if self._blocking:
            grant = await transport.acquire(name, token)
        else:
            grant = await transport.try_acquire(name, token)
        if grant is None:
            raise MutexLockError(f"{name!r} is held by someone else", name)
        return Guard(name, grant, self._on_lost)

    def _transport(self) -> Transport:
        """The way to the server, with the settings as they are now, for the running loop."""
        loop = _loop.current()
        # Once: another thread's loop may change it at any time.
        ready = self._ready
        if ready is not None and ready[0] is loop:
            return ready[1]
        transport: Transport
        if self._server is None:
            transport = ClientTransport(self.redis, self._native_settings())
        else:
            transport = NativeTransport(loop, self._server, self._native_settings())
        self._ready = (loop, transport)
        return transport

    def _changed(self) -> None:
        self._ready = None

    def _mine(self) -> Stack[Guard]:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("there is no task here to hold a lock: use a guard, of acquire(key)")
        stack = self._stacks.get(task)
        if stack is None:
            stack = self._stacks[task] = Stack()
        return stack

    def _top(self) -> Guard:
        guard = self._mine().top()
        if guard is None:
            raise MutexUnlockError("this mutex holds no lock in this task")
        return guard
