"""The mutex for threads and processes that may block."""

from __future__ import annotations

import logging
import uuid
from types import TracebackType
from typing import Any, Callable, Optional, TypeVar

from . import _native, _server
from ._client import ClientTransport
from ._core_types import Grant, Key, Server, Transport
from ._exit import leave
from ._held import PerThread
from ._settings import DEFAULT_BLOCK_TIME, DEFAULT_DELAY, DEFAULT_EXPIRY, Seconds, Settings
from .errors import MutexConfigError, MutexLockError, MutexUnlockError, _Forked
from .guard import Guard, Holder, Lost

__all__ = ["DEFAULT_BLOCK_TIME", "DEFAULT_DELAY", "DEFAULT_EXPIRY", "RedisMutex"]

logger = logging.getLogger("redismutex")

T = TypeVar("T")
_MODES = ("auto", "native", "client")


class Configured(Settings):
    """What the blocking and the asyncio mutex have in common: a server, settings, names and tokens."""

    def __init__(
        self,
        redis_conn: Any,
        blocking: bool = True,
        block_time: Seconds = DEFAULT_BLOCK_TIME,
        delay: Seconds = DEFAULT_DELAY,
        expiry: Seconds = DEFAULT_EXPIRY,
        *,
        renew: bool = False,
        max_hold: Optional[Seconds] = None,
        transport: str = "auto",
        prefix: str = "",
        label: str = "",
        on_lost: str = "raise",
    ) -> None:
        self._server, self._way = _choose(redis_conn, transport)
        self.redis = redis_conn
        self._last_id: Optional[str] = None
        super().__init__(
            blocking=blocking,
            block_time=block_time,
            delay=delay,
            expiry=expiry,
            renew=renew,
            max_hold=max_hold,
            prefix=prefix,
            label=label,
            on_lost=on_lost,
        )
        self._begin()

    #: The client or URL that it was made with.
    redis: Any

    @property
    def transport(self) -> str:
        """How the server is reached: `"native"`, by a connection of our own, or `"client"`, through the client.
        Chosen when the mutex is made."""
        return self._way

    def _begin(self) -> None:
        """The settings are there. In the place of an `__init__` of their own for the two kinds, which would hide
        the settings from editors and type checkers."""

    def generate_unique_id(self) -> str:
        """A new owner token. A subclass may write its own; never the same twice."""
        return str(uuid.uuid4())

    def _token(self) -> Optional[str]:
        """`None`: the library makes one, as `generate_unique_id` would."""
        own = self.generate_unique_id
        if getattr(own, "__func__", None) is Configured.generate_unique_id:
            return None
        token = own()
        if not isinstance(token, str) or not token:
            raise TypeError(f"generate_unique_id has to return a str that is not empty, not {token!r}")
        if token == self._last_id:
            raise ValueError("generate_unique_id returned the same twice: then everybody owns the lock")
        self._last_id = token
        return token

    def _named(self, key: Key) -> Key:
        if isinstance(key, str):
            return self._prefix + key if self._prefix else key
        if isinstance(key, bytes):
            return self._prefix.encode() + key
        raise TypeError(f"a key is str or bytes, not {key!r}")

    def __repr__(self) -> str:
        place = self.redis if self._server is None else self._server["url"]
        return f"<{type(self).__module__}.{type(self).__qualname__} {self.transport} {_server.shown(place)}>"


def _choose(connection: Any, transport: str) -> tuple[Optional[Server], str]:
    if transport not in _MODES:
        raise ValueError(f"transport is one of {', '.join(_MODES)}, not {transport!r}")
    if _server.is_url(connection):
        if transport == "client":
            raise MutexConfigError("transport='client' needs a client, not a URL")
        return _server.of_url(connection), "native"
    if isinstance(connection, (str, type)) or not _server.is_client(connection):
        raise TypeError(
            "a redis or valkey client or a URL like 'redis://localhost:6379/0' is needed, "
            f"not {_server.shown(connection)}"
        )
    _server.refuse_replica(connection)
    if transport == "client":
        return None, "client"
    found = _server.of_client(connection)
    if isinstance(found, _server.Unknown):
        if transport == "native":
            raise MutexConfigError(f"transport='native' is not to be had with this client: {found.reason}")
        logger.debug("locks go through the client: %s", found.reason)
        return None, "client"
    return found, "native"


class RedisMutex(Configured):
    """A distributed mutex on one Redis or Valkey server.

    `redis_conn` is a client of redis-py or valkey-py (also a cluster's or a sentinel's) or a URL. One object may
    be used by many threads: what a thread acquires with `acquire_lock` only it can release.
    """

    def _begin(self) -> None:
        self._held: PerThread[Guard] = PerThread()
        self._base: Any = None
        self._ready: Optional[Transport] = None
        if self.transport == "client" and _server.is_async_client(self.redis):
            raise MutexConfigError("an asyncio client like this one can only be used by redismutex.aio.RedisMutex")
        greenlets = _server.greenlets()
        if self.transport == "native" and greenlets:
            raise MutexConfigError(f"{greenlets}: give a client of redis-py or valkey-py instead of a URL")

    @classmethod
    def local(cls, **settings: Any) -> RedisMutex:
        """A mutex on the private server of this user on this machine; see `local_server`."""
        from .local import local_server

        return cls(local_server(), **settings)

    # --- the lock of this thread

    def acquire_lock(self, mutex_key: Key) -> RedisMutex:
        """Acquires the lock of `mutex_key` for this thread. Use it as `with mutex.acquire_lock(key):`.

        Raises `BlockTimeExceedError` if it was busy for all of `block_time`, or `MutexLockError` at once if
        `blocking` is off.
        """
        name = self._named(mutex_key)
        stack = self._held.mine()
        stack.refuse_second(name)
        stack.push(self._acquire(name))
        return self

    def release_lock(self) -> RedisMutex:
        """Releases what this thread acquired last. `MutexUnlockError` if that is nothing, `LockLost` if it was
        not ours any more."""
        self._held.mine().pop().release()
        return self

    def lock(self) -> RedisMutex:
        """Refused: it knows no key. Kept for those who called it, with the error that they got."""
        if self.key is not None:
            raise MutexLockError(f"{self.key!r} is held by this mutex already", self.key)
        raise MutexLockError("there is no key to lock: call acquire_lock(key)")

    def unlock(self) -> RedisMutex:
        """As `release_lock`."""
        return self.release_lock()

    def reset(self) -> None:
        """Forgets what this thread holds without releasing it: the locks stay taken until they expire."""
        stack = self._held.mine()
        while stack.guards:
            stack.pop().leak()
        stack.entered.clear()

    release = release_lock

    @property
    def key(self) -> Optional[Key]:
        """The key that this thread holds, the innermost of several; `None` where it holds nothing."""
        guard = self._held.mine().top()
        return None if guard is None else guard.key

    @property
    def value(self) -> Optional[str]:
        """The owner token that stands under the key; `None` where this thread holds nothing."""
        guard = self._held.mine().top()
        return None if guard is None else guard.value

    @property
    def fence(self) -> Optional[int]:
        """The fencing token of what this thread holds; see `Guard.fence`."""
        guard = self._held.mine().top()
        return None if guard is None else guard.fence

    @property
    def owned(self) -> bool:
        """Whether this thread surely holds a lock now."""
        return self.is_valid()

    @property
    def lost(self) -> Lost:
        """The event that what this thread holds is lost."""
        return self._top().lost

    def is_valid(self) -> bool:
        """Whether what this thread holds is surely ours now; `False` where it holds nothing."""
        guard = self._held.mine().top()
        return guard is not None and guard.is_valid()

    def remaining(self) -> float:
        """Seconds that what this thread holds surely lasts yet; 0 where it holds nothing."""
        guard = self._held.mine().top()
        return 0.0 if guard is None else guard.remaining()

    def extend(self, expiry: Seconds) -> RedisMutex:
        """Lets what this thread holds last for `expiry` from now; see `Guard.extend`."""
        self._top().extend(expiry)
        return self

    def __enter__(self) -> RedisMutex:
        self._held.mine().enter()
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        with leave(error, self._on_lost):
            guard = self._held.mine().leave()
            if guard is not None:
                guard.release()

    # --- locks as objects

    def acquire(self, key: Key) -> Guard:
        """Acquires the lock of `key`; whoever has the guard has the lock, in whatever thread."""
        return self._acquire(self._named(key))

    def try_acquire(self, key: Key) -> Optional[Guard]:
        """Acquires the lock of `key` if it is free: `None` if it is busy."""
        name, token = self._named(key), self._token()
        grant = self._run(lambda ready: ready.try_acquire(name, token))
        return None if grant is None else Guard(name, grant, self._on_lost)

    def holder(self, key: Key) -> Optional[Holder]:
        """Who holds the lock of `key`, for people and logs."""
        name = self._named(key)
        return Holder._of(self._run(lambda ready: ready.holder(name)))

    def release_by_force(self, key: Key) -> bool:
        """Releases the lock of `key` whoever holds it; the next in line gets it. Tells whether anybody held it.
        For emergencies."""
        name = self._named(key)
        return self._run(lambda ready: ready.release_by_force(name))

    # --- within

    def _acquire(self, name: Key) -> Guard:
        token = self._token()
        ready = self._ready or self._prepare()
        try:
            grant = self._granted(ready, name, token)
        except _Forked:
            grant = self._granted(self._prepare(), name, token)
        return Guard(name, grant, self._on_lost)

    def _granted(self, ready: Transport, name: Key, token: Optional[str]) -> Grant:
        if self._blocking:
            return ready.acquire(name, token)
        grant = ready.try_acquire(name, token)
        if grant is None:
            raise MutexLockError(f"{name!r} is held by someone else", name)
        return grant

    def _run(self, work: Callable[[Transport], T]) -> T:
        try:
            return work(self._ready or self._prepare())
        except _Forked:
            return work(self._prepare())

    def _prepare(self) -> Transport:
        """The way to the server, with the settings as they are now; another one in a forked child."""
        if self._server is None:
            ready: Transport = ClientTransport(self.redis, self._native_settings())
        else:
            self._base = _native.mutex_for(self._server, getattr(self.redis, "connection_pool", None))
            ready = self._base.configured(self._native_settings())
        self._ready = ready
        return ready

    def _changed(self) -> None:
        self._ready = None

    def _top(self) -> Guard:
        guard = self._held.mine().top()
        if guard is None:
            raise MutexUnlockError("this mutex holds no lock in this thread")
        return guard
