"""The connections of our own that an event loop reads: one set for each loop.

Knows how to have sockets watched and futures awaited. Must not know what the operations do.
"""

from __future__ import annotations

import asyncio
import os
import weakref
from typing import Any, Optional

from . import _core
from ._core_types import Server


class Loop:
    """One event loop's reactor. Holds no reference to the loop, which holds this."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._reactor = _core.Reactor()
        self._mutexes: dict[Any, _core.AsyncMutex] = {}
        bell = self._reactor.fileno()
        loop.add_reader(bell, self._turn, bell)

    def mutex_for(self, server: Server) -> _core.AsyncMutex:
        """The connection to `server`, made at its first use and kept for as long as the loop."""
        identity = tuple(sorted((name, repr(value)) for name, value in server.items()))
        mutex = self._mutexes.get(identity)
        if mutex is None:
            mutex = self._mutexes[identity] = _core.AsyncMutex(self._reactor, server)
        return mutex

    async def run(self, operation: _core.Operation) -> Any:
        """What the operation gives. Cancelled, it gives back what it has brought about."""
        running = asyncio.get_running_loop()
        if running is not self._loop():
            # Nobody reads the connection where it is awaited: that would be for ever.
            raise RuntimeError(
                "this lock belongs to another event loop: await it there, or throw it away, then it is given back"
            )
        future = running.create_future()
        operation.start(future)
        self._turn()
        try:
            await future
        except BaseException:
            operation.cancel()
            self._turn()
            raise
        return operation.result()

    def _turn(self, fd: Optional[int] = None) -> None:
        watch = self._reactor.turn(fd)
        if watch is not None:
            self._watch(*watch)

    def _watch(self, read: list[int], gone: list[int], write: list[int], written: list[int]) -> None:
        loop = self._loop()
        if loop is None or loop.is_closed():
            return
        for fd in written:
            loop.remove_writer(fd)
        for fd in gone:
            loop.remove_writer(fd)
            loop.remove_reader(fd)
        for fd in read:
            loop.add_reader(fd, self._turn, fd)
        for fd in write:
            loop.add_writer(fd, self._turn, fd)


_loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Loop] = weakref.WeakKeyDictionary()


def current() -> Loop:
    """The running loop's."""
    loop = asyncio.get_running_loop()
    ours = _loops.get(loop)
    if ours is None:
        ours = _loops[loop] = Loop(loop)
    return ours


def _after_fork_in_child() -> None:
    global _loops
    _loops = weakref.WeakKeyDictionary()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
