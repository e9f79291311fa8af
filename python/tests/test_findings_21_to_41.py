"""The second half of the findings about 1.0.0; the first is in test_findings.py."""

from __future__ import annotations

import asyncio
import inspect
import time
from datetime import timedelta
from typing import Any

import pytest
import redis

import redismutex
from conftest import leftovers, requests
from redismutex import (
    BlockTimeExceedError,
    LockLost,
    MutexConfigError,
    MutexError,
    MutexLockError,
    MutexUnavailableError,
    MutexUnlockError,
    RedisMutex,
    with_redismutex,
)


@pytest.fixture
def mutex(conn: redis.StrictRedis, transport: str) -> RedisMutex:
    return RedisMutex(conn, delay=0.1, transport=transport)


@pytest.mark.parametrize("expiry", [7.5, timedelta(seconds=7, milliseconds=500)])
def test_21_fractions_and_timedeltas(conn: redis.StrictRedis, key: str, transport: str, expiry: Any) -> None:
    mutex = RedisMutex(conn, expiry=expiry, block_time=timedelta(seconds=1), transport=transport)
    assert mutex.expiry == expiry
    with mutex.acquire_lock(key):
        assert 7000 < conn.pttl(key) <= 7500
        mutex.extend(timedelta(seconds=30))
        assert 29000 < conn.pttl(key) <= 30000


def test_22_trying_without_an_exception(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    guard = mutex.try_acquire(key)
    assert guard is not None
    assert mutex.try_acquire(key) is None
    guard.release()
    assert leftovers(conn, key) == []


def test_23_after_a_failed_release(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    mutex.acquire_lock(key)
    conn.delete(key)
    with pytest.raises(LockLost):
        mutex.release_lock()
    assert (mutex.key, mutex.value) == (None, None)


def test_23_a_release_that_meets_no_server_goes_on(own_server: Any, key: str, transport: str) -> None:
    server = own_server()
    client = server.client(socket_timeout=0.2)
    guard = RedisMutex(client, expiry=20, transport=transport).acquire(key)
    server.process.send_signal(19)
    with pytest.raises(MutexUnavailableError):
        guard.release()
    server.process.send_signal(18)
    until = time.monotonic() + 8
    while server.client().exists(key):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_27_a_lost_reply_locks_nobody_out(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    """The same token may ask again and again."""
    value = "7f6c1c3a-0000-4000-8000-000000000000"
    mutex.generate_unique_id = lambda: value  # type: ignore[method-assign]
    conn.set(key, value, px=5000)
    begin = time.monotonic()
    with mutex.acquire_lock(key):
        assert mutex.value == value
    assert time.monotonic() - begin < 1


def test_28_a_handle_that_is_dropped_is_given_back(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    mutex.renew = True
    mutex.acquire(key)
    until = time.monotonic() + 5
    while leftovers(conn, key):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_29_one_family_of_errors() -> None:
    errors = (BlockTimeExceedError, LockLost, MutexConfigError, MutexLockError, MutexUnavailableError)
    assert all(issubclass(error, MutexError) for error in (*errors, MutexUnlockError))
    assert issubclass(BlockTimeExceedError, TimeoutError)
    assert issubclass(LockLost, MutexUnlockError)
    assert issubclass(MutexUnavailableError, ConnectionError)
    assert issubclass(MutexConfigError, ValueError)
    assert set(dir(redismutex)) >= {error.__name__ for error in errors}


def test_29_errors_travel_between_processes() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(LockLost("gone", "key")))
    assert (type(error), str(error), error.key) == (LockLost, "gone", "key")


def test_30_a_decorated_function_stays_itself(conn: redis.StrictRedis) -> None:
    @with_redismutex(conn, "key")
    def named(word: str) -> None:
        """What it does."""

    assert (named.__name__, named.__doc__) == ("named", "What it does.")
    assert list(inspect.signature(named).parameters) == ["word"]


def test_30_methods_too(conn: redis.StrictRedis, key: str) -> None:
    class Thing:
        @with_redismutex(conn, key)
        def locked(self, word: str) -> tuple[Any, str, int]:
            return self, word, conn.exists(key)

    thing = Thing()
    assert thing.locked("a") == (thing, "a", 1)


def test_31_coroutines_are_locked_and_generators_refused(conn: redis.StrictRedis, key: str) -> None:
    @with_redismutex(conn, key)
    async def locked() -> int:
        return conn.exists(key)

    assert asyncio.run(locked()) == 1
    assert not conn.exists(key)

    def generator() -> Any:
        yield

    async def agenerator() -> Any:
        yield

    for function in (generator, agenerator):
        with pytest.raises(TypeError, match="generator"):
            with_redismutex(conn, key)(function)


def test_31_objects_that_are_called_like_coroutines_or_generators(conn: redis.StrictRedis, key: str) -> None:
    class Work:
        async def __call__(self) -> int:
            return conn.exists(key)

    class Rows:
        def __call__(self) -> Any:
            yield

    assert asyncio.run(with_redismutex(conn, key)(Work())()) == 1
    with pytest.raises(TypeError, match="generator"):
        with_redismutex(conn, key)(Rows())


def test_31_a_function_that_returns_a_coroutine_is_refused(conn: redis.StrictRedis, key: str) -> None:
    """As other decorators make them of coroutine functions: nothing tells them apart before the call."""

    async def work() -> None:
        pytest.fail("it ran without the lock")

    with pytest.raises(TypeError, match="coroutine"):
        with_redismutex(conn, key)(lambda: work())()
    assert leftovers(conn, key) == []


def test_31_static_and_class_methods_in_either_order(conn: redis.StrictRedis, key: str) -> None:
    class Thing:
        @with_redismutex(conn, key)
        @staticmethod
        def inside() -> int:
            return conn.exists(key)

        @with_redismutex(conn, key)
        @classmethod
        def inner(cls) -> tuple[Any, int]:
            return cls, conn.exists(key)

        @classmethod
        @with_redismutex(conn, key)
        def outer(cls) -> tuple[Any, int]:
            return cls, conn.exists(key)

    assert Thing.inside() == Thing().inside() == 1
    assert Thing.inner() == Thing().outer() == (Thing, 1)
    with pytest.raises(TypeError, match="decorated"):
        with_redismutex(conn, key)(None)  # type: ignore[type-var]


def test_32_a_static_key_comes_first(conn: redis.StrictRedis, key: str) -> None:
    class named(with_redismutex):
        def generate_key(self, *args: Any, **kwargs: Any) -> str:
            return key + ":generated"

    @named(conn, key)
    def static() -> tuple[int, int]:
        return conn.exists(key), conn.exists(key + ":generated")

    @named(conn)
    def generated() -> tuple[int, int]:
        return conn.exists(key), conn.exists(key + ":generated")

    assert (static(), generated()) == ((1, 0), (0, 1))


def test_32_a_key_by_a_function(conn: redis.StrictRedis, key: str) -> None:
    @with_redismutex(conn, lambda number: f"{key}:{number}")
    def locked(number: int) -> int:
        return conn.exists(f"{key}:{number}")

    assert locked(7) == 1


def test_33_no_key_is_refused_before_the_server_is_asked(conn: redis.StrictRedis) -> None:
    @with_redismutex(conn)
    def keyless() -> None:
        pytest.fail("it ran")

    with pytest.raises(ValueError, match="generate_key"):
        keyless()
    for key in (None, 0, 7, ["a"]):
        with pytest.raises(TypeError, match="key"):
            RedisMutex(conn).acquire_lock(key)  # type: ignore[arg-type]


def test_34_an_empty_key_is_refused(mutex: RedisMutex, conn: redis.StrictRedis) -> None:
    with pytest.raises(MutexConfigError, match="empty"):
        mutex.acquire_lock("")
    assert not conn.exists("")


def test_34_keys_of_bytes(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    name = b"\xff" + key.encode()
    with mutex.acquire_lock(name):
        assert mutex.key == name
        assert conn.exists(name)
    assert not conn.exists(name)


def test_35_a_prefix(conn: redis.StrictRedis, key: str) -> None:
    mutex = RedisMutex(conn, prefix="lock:")
    with mutex.acquire_lock(key):
        assert conn.exists(f"lock:{key}")
        assert not conn.exists(key)
        assert mutex.key == f"lock:{key}"


def test_40_two_requests(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    with mutex.acquire_lock(key):
        pass
    before = requests(conn)
    with mutex.acquire_lock(key):
        pass
    assert requests(conn) - before == 2


def test_41_looking(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    mutex.label = "nightly import"
    assert mutex.holder(key) is None
    with mutex.acquire_lock(key):
        holder = mutex.holder(key)
        assert holder is not None
        assert (holder.value, holder.fence, holder.label) == (mutex.value, mutex.fence, "nightly import")
        assert holder.remaining is not None
        assert 6 < holder.remaining <= 7
        assert holder.since is not None
        assert abs(holder.since.timestamp() - time.time()) < 60
        assert 6 < mutex.remaining() < 7
        assert mutex.is_valid()
    assert mutex.release_by_force(key) is False
    conn.set(key, "somebody")
    holder = mutex.holder(key)
    assert holder is not None
    assert (holder.value, holder.fence, holder.remaining) == ("somebody", None, None)
    assert mutex.release_by_force(key) is True
    assert not conn.exists(key)


def test_41_own_ids(conn: redis.StrictRedis, key: str, transport: str) -> None:
    class Numbered(RedisMutex):
        count = 0

        def generate_unique_id(self) -> str:
            self.count += 1
            return f"id-{self.count}"

    with Numbered(conn, transport=transport).acquire_lock(key) as mutex:
        assert mutex.value == "id-1"
        assert conn.get(key) == b"id-1"

    class Same(RedisMutex):
        def generate_unique_id(self) -> str:
            return "same"

    same = Same(conn)
    same.acquire_lock(key).release_lock()
    with pytest.raises(ValueError, match="same twice"):
        same.acquire_lock(key)
