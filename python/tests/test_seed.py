"""What redismutex 1.0.0 documents, on every transport. The examples themselves run in test_documents.py."""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any

import pytest
import redis

from conftest import leftovers
from redismutex import RedisMutex
from redismutex.decorators import with_redismutex
from redismutex.errors import BlockTimeExceedError, MutexLockError, MutexUnlockError
from redismutex.mutex import DEFAULT_BLOCK_TIME, DEFAULT_DELAY, DEFAULT_EXPIRY


@pytest.fixture
def mutex(conn: redis.StrictRedis, transport: str) -> RedisMutex:
    return RedisMutex(conn, transport=transport)


def test_defaults(conn: redis.StrictRedis) -> None:
    mutex = RedisMutex(conn)
    assert (DEFAULT_BLOCK_TIME, DEFAULT_DELAY, DEFAULT_EXPIRY) == (5, 0.5, 7)
    assert (mutex.blocking, mutex.block_time, mutex.delay, mutex.expiry) == (True, 5, 0.5, 7)
    assert mutex.redis is conn
    assert (mutex.key, mutex.value) == (None, None)


def test_settings_by_position(conn: redis.StrictRedis) -> None:
    mutex = RedisMutex(conn, False, 3, 0.25, 9)
    assert (mutex.blocking, mutex.block_time, mutex.delay, mutex.expiry) == (False, 3, 0.25, 9)


@pytest.mark.parametrize("connection", ["invlaid-connection", "", None, 7, object(), redis.StrictRedis])
def test_what_is_not_a_client_is_a_type_error(connection: Any) -> None:
    with pytest.raises(TypeError):
        RedisMutex(connection)


def test_contradicting_settings_are_a_value_error(conn: redis.StrictRedis) -> None:
    with pytest.raises(ValueError, match="delay"):
        RedisMutex(conn, block_time=1, delay=2)
    with pytest.raises(ValueError, match="expiry"):
        RedisMutex(conn, block_time=8)
    with pytest.raises(ValueError, match="expiry"):
        RedisMutex(conn, block_time=3, expiry=2)
    RedisMutex(conn, block_time=7, delay=7, expiry=7)


def test_lock_and_release(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    with mutex.acquire_lock(key) as held:
        assert held is mutex
        assert mutex.key == key
        assert conn.get(key) == mutex.value.encode()
        assert str(uuid.UUID(mutex.value)) == mutex.value
        assert 6000 < conn.pttl(key) <= 7000
    assert (mutex.key, mutex.value) == (None, None)
    assert leftovers(conn, key) == []


def test_without_a_with_block(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    assert mutex.acquire_lock(key) is mutex
    assert conn.exists(key)
    assert mutex.release_lock() is mutex
    assert not conn.exists(key)
    mutex.acquire_lock(key)
    assert mutex.unlock() is mutex
    assert mutex.key is None


def test_releasing_without_locking(mutex: RedisMutex) -> None:
    with pytest.raises(MutexUnlockError):
        mutex.unlock()
    with pytest.raises(MutexUnlockError):
        mutex.release_lock()


def test_locking_without_a_key(mutex: RedisMutex) -> None:
    with pytest.raises(MutexLockError):
        mutex.lock()


def test_not_blocking_and_busy(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    conn.set(key, "somebody", px=5000)
    mutex.blocking = False
    begin = time.monotonic()
    with pytest.raises(MutexLockError):
        mutex.acquire_lock(key)
    assert time.monotonic() - begin < 1
    assert conn.get(key) == b"somebody"


def test_block_time_exceeded(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    conn.set(key, "somebody", px=5000)
    mutex.block_time, mutex.delay = 0.6, 0.1
    begin = time.monotonic()
    with pytest.raises(BlockTimeExceedError):
        mutex.acquire_lock(key)
    assert 0.6 <= time.monotonic() - begin < 1.5
    assert leftovers(conn, key) == [key]


def test_waits_for_a_holder_that_dies(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    conn.set(key, "dead", px=400)
    with mutex.acquire_lock(key):
        assert conn.get(key) == mutex.value.encode()


def test_waits_for_a_holder_that_releases(transport: str, conn: redis.StrictRedis, key: str) -> None:
    first, second = (RedisMutex(conn, delay=0.1, transport=transport) for _ in range(2))
    first.acquire_lock(key)
    done: list[float] = []

    def wait() -> None:
        with second.acquire_lock(key):
            done.append(time.monotonic())

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.3)
    assert done == []
    first.release_lock()
    thread.join(5)
    assert len(done) == 1
    assert leftovers(conn, key) == []


def test_expired_before_the_release(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    mutex.expiry = 0.2
    mutex.acquire_lock(key)
    time.sleep(0.3)
    assert not conn.exists(key)
    with pytest.raises(MutexUnlockError):
        mutex.release_lock()
    assert mutex.key is None


def test_taken_by_another_before_the_release(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    mutex.acquire_lock(key)
    conn.set(key, "other", px=5000)
    with pytest.raises(MutexUnlockError):
        mutex.unlock()
    assert conn.get(key) == b"other"


def test_unique_ids(mutex: RedisMutex) -> None:
    ids = {mutex.generate_unique_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(isinstance(one, str) for one in ids)


def test_reset_forgets(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    mutex.acquire_lock(key)
    mutex.reset()
    assert (mutex.key, mutex.value) == (None, None)
    assert conn.exists(key)


def test_decorator(conn: redis.StrictRedis, key: str, transport: str) -> None:
    @with_redismutex(conn, key, transport=transport)
    def locked(word: str, more: int = 0) -> tuple[str, int, bool]:
        return word, more, bool(conn.exists(key))

    assert locked("a", more=1) == ("a", 1, True)
    assert leftovers(conn, key) == []


def test_decorator_with_a_key_by_its_arguments(conn: redis.StrictRedis, key: str) -> None:
    class by_user(with_redismutex):
        def generate_key(self, *args: Any, **kwargs: Any) -> str:
            return f"{key}:{args[0]}:{kwargs['tail']}"

    @by_user(conn)
    def locked(user: int, tail: str) -> bytes:
        return conn.get(f"{key}:{user}:{tail}")

    assert locked(7, tail="x") is not None
    assert not conn.exists(f"{key}:7:x")
