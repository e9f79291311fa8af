"""Locks through a connection of our own, awaited."""

from __future__ import annotations

from typing import Optional

from . import _core
from ._core_types import HolderParts, Key, NativeSettings, Server
from ._loop import Loop


class NativeTransport:
    """Acquires through one event loop's connection."""

    def __init__(self, loop: Loop, server: Server, settings: NativeSettings) -> None:
        self._loop = loop
        self._mutex = loop.mutex_for(server).configured(settings)

    async def acquire(self, key: Key, token: Optional[str]) -> NativeGrant:
        return NativeGrant(self._loop, await self._loop.run(self._mutex.acquire(key, token)))

    async def try_acquire(self, key: Key, token: Optional[str]) -> Optional[NativeGrant]:
        guard = await self._loop.run(self._mutex.try_acquire(key, token))
        return None if guard is None else NativeGrant(self._loop, guard)

    async def holder(self, key: Key) -> Optional[HolderParts]:
        parts: Optional[HolderParts] = await self._loop.run(self._mutex.holder(key))
        return parts

    async def release_by_force(self, key: Key) -> bool:
        return bool(await self._loop.run(self._mutex.release_by_force(key)))


class NativeGrant:
    """A lock that is held."""

    def __init__(self, loop: Loop, guard: _core.AsyncGuard) -> None:
        self._loop = loop
        self._guard = guard
        self.value = guard.value
        self.fence = guard.fence
        self.remaining = guard.remaining
        self.is_valid = guard.is_valid
        self.is_lost = guard.is_lost
        self.leak = guard.leak

    async def wait_lost(self) -> None:
        await self._loop.run(self._guard.lost())

    async def extend(self, expiry: float) -> None:
        await self._loop.run(self._guard.extend(expiry))

    async def release(self) -> None:
        await self._loop.run(self._guard.release())
