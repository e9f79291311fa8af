"""The forty-one findings about 1.0.0, by their numbers: what each is now.

Those that are about documentation alone (24 to 26) are answered in docs/migrating.md; packaging (39) in
pyproject.toml; the queue (38) in test_threads.py.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import redis

from conftest import leftovers, requests
from redismutex import (
    BlockTimeExceedError,
    LockLost,
    MutexConfigError,
    MutexLockError,
    MutexUnlockError,
    RedisMutex,
    with_redismutex,
)


@pytest.fixture
def mutex(conn: redis.StrictRedis, transport: str) -> RedisMutex:
    return RedisMutex(conn, delay=0.1, transport=transport)


class Body(BaseException):
    pass


@pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt, SystemExit, GeneratorExit, Body])
def test_01_exceptions_in_the_body_come_out(
    mutex: RedisMutex, conn: redis.StrictRedis, key: str, error: type[BaseException]
) -> None:
    with pytest.raises(error):
        with mutex.acquire_lock(key):
            raise error
    with pytest.raises(error):
        with mutex.acquire(key):
            raise error
    assert leftovers(conn, key) == []


def test_02_and_of_decorated_functions(conn: redis.StrictRedis, key: str) -> None:
    @with_redismutex(conn, key)
    def fails() -> None:
        raise KeyError(key)

    with pytest.raises(KeyError, match=key):
        fails()
    assert leftovers(conn, key) == []


def test_03_the_body_s_error_comes_before_the_release_s(
    mutex: RedisMutex, conn: redis.StrictRedis, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(KeyError) as caught:
        with mutex.acquire_lock(key):
            conn.delete(key)
            raise KeyError(key)
    assert "could not be released" in caplog.text
    assert "could not be released" in "".join(getattr(caught.value, "__notes__", ["could not be released"]))


def test_04_a_loss_is_told_or_logged(
    conn: redis.StrictRedis, key: str, transport: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(LockLost) as caught:
        with RedisMutex(conn, transport=transport).acquire_lock(key):
            conn.delete(key)
    assert isinstance(caught.value, MutexUnlockError)
    assert caught.value.key == key

    @with_redismutex(conn, key, on_lost="log", transport=transport)
    def works() -> str:
        conn.delete(key)
        return "done"

    assert works() == "done"
    assert "not ours any more" in caplog.text


def test_05_the_next_owner_s_lock_is_never_deleted(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    mutex.acquire_lock(key)
    conn.set(key, mutex.value + "x")
    with pytest.raises(LockLost):
        mutex.release_lock()
    assert conn.exists(key)


def test_06_decoded_responses(server: Any, conn: redis.StrictRedis, key: str, transport: str) -> None:
    decoding = server.client(decode_responses=True)
    mutex = RedisMutex(decoding, transport=transport)
    with mutex.acquire_lock(key):
        assert decoding.get(key) == mutex.value
        holder = mutex.holder(key)
        assert holder is not None
        assert holder.value == mutex.value
    assert leftovers(conn, key) == []
    decoding.connection_pool.disconnect()


@pytest.mark.parametrize("foreign", [b"\xff\xfe", b"", ["a list"]])
def test_07_foreign_values(mutex: RedisMutex, conn: redis.StrictRedis, key: str, foreign: Any) -> None:
    def put() -> None:
        conn.delete(key)
        if isinstance(foreign, list):
            conn.rpush(key, *foreign)
        else:
            conn.set(key, foreign)

    mutex.acquire_lock(key)
    put()
    with pytest.raises(MutexUnlockError):
        mutex.release_lock()
    assert conn.exists(key)
    mutex.block_time = 0.2
    with pytest.raises(MutexConfigError if isinstance(foreign, list) else BlockTimeExceedError):
        mutex.acquire_lock(key)
    assert conn.exists(key)


def test_08_the_message_says_the_key(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    conn.set(key, "somebody", px=5000)
    mutex.blocking = False
    with pytest.raises(MutexLockError, match=key) as caught:
        mutex.acquire_lock(key)
    assert caught.value.key == key


def test_09_a_second_acquire_is_refused_at_once(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    with mutex.acquire_lock(key):
        value, begin = mutex.value, time.monotonic()
        with pytest.raises(MutexLockError, match="already"):
            mutex.acquire_lock(key)
        with pytest.raises(MutexLockError):
            mutex.lock()
        assert time.monotonic() - begin < 1
        assert (mutex.key, mutex.value) == (key, value)
    assert leftovers(conn, key) == []


def test_09_but_not_where_the_first_has_expired(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    mutex.expiry = 0.2
    mutex.acquire_lock(key)
    time.sleep(0.25)
    with mutex.acquire_lock(key):
        assert conn.get(key) == mutex.value.encode()
    assert mutex.key is None


def test_09_a_key_of_bytes_is_the_same_as_one_of_text(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    with mutex.acquire_lock(key):
        begin = time.monotonic()
        with pytest.raises(MutexLockError, match="already"):
            mutex.acquire_lock(key.encode())
        assert time.monotonic() - begin < 1
    assert leftovers(conn, key) == []


def test_09_a_block_whose_lock_was_acquired_anew_in_it_tells_its_loss(mutex: RedisMutex, key: str) -> None:
    mutex.expiry = 0.2
    with pytest.raises(LockLost):
        with mutex.acquire_lock(key):
            time.sleep(0.25)
            with mutex.acquire_lock(key):
                assert mutex.is_valid()
    assert mutex.key is None


def test_10_nesting(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    with mutex.acquire_lock(key):
        outer = mutex.value
        with mutex.acquire_lock(key + "2"):
            assert mutex.key == key + "2"
        assert (mutex.key, mutex.value) == (key, outer)
    assert leftovers(conn, key) + leftovers(conn, key + "2") == []


def test_10_two_locks_then_two_blocks(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    first, second = mutex.acquire_lock(key), mutex.acquire_lock(key + "2")
    with first:
        with second:
            assert mutex.key == key + "2"
        assert conn.exists(key, key + "2") == 1
    assert mutex.key is None
    assert leftovers(conn, key) + leftovers(conn, key + "2") == []


def test_11_a_thread_does_not_release_another_s(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    mutex.expiry = 0.3
    mutex.acquire_lock(key)
    taken, go = threading.Event(), threading.Event()

    def next_owner() -> None:
        mutex.acquire_lock(key)
        mutex.extend(5)
        taken.set()
        go.wait(5)
        mutex.release_lock()

    thread = threading.Thread(target=next_owner)
    thread.start()
    assert taken.wait(5)
    with pytest.raises(MutexUnlockError):
        mutex.release_lock()
    assert conn.exists(key)
    go.set()
    thread.join()
    assert leftovers(conn, key) == []


def test_12_with_mutex_alone_is_refused(mutex: RedisMutex) -> None:
    with pytest.raises(MutexLockError, match="acquire_lock"):
        with mutex:
            pytest.fail("the body ran unprotected")


def test_12_one_lock_is_no_protection_for_two_blocks(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    """The inner one would release it, and the rest of the outer one run without."""
    with mutex.acquire_lock(key):
        with pytest.raises(MutexLockError, match="acquire_lock"):
            with mutex:
                pytest.fail("it was entered")
        assert mutex.owned
    assert leftovers(conn, key) == []


@pytest.mark.parametrize(("block_time", "delay"), [(1, 0.5), (0.2, 0.2), (0.5, 0.4)])
def test_13_block_time_is_kept(
    mutex: RedisMutex, conn: redis.StrictRedis, key: str, block_time: float, delay: float
) -> None:
    conn.set(key, "somebody", px=9000)
    mutex.block_time, mutex.delay = block_time, delay
    begin = time.monotonic()
    with pytest.raises(BlockTimeExceedError):
        mutex.acquire_lock(key)
    assert block_time <= time.monotonic() - begin < block_time + 0.3


def test_14_the_wall_clock_does_not_matter(
    mutex: RedisMutex, conn: redis.StrictRedis, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    conn.set(key, "somebody", px=9000)
    mutex.block_time = 0.3
    times = iter(range(10**9, 0, -(10**6)))
    monkeypatch.setattr(time, "time", lambda: float(next(times)))
    begin = time.monotonic()
    with pytest.raises(BlockTimeExceedError):
        mutex.acquire_lock(key)
    assert 0.3 <= time.monotonic() - begin < 1


def test_15_block_time_zero_tries_once(conn: redis.StrictRedis, key: str, transport: str) -> None:
    for delay in (0, 0.5):
        mutex = RedisMutex(conn, block_time=0, delay=delay, transport=transport)
        with mutex.acquire_lock(key):
            with pytest.raises(BlockTimeExceedError):
                RedisMutex(conn, block_time=0, delay=delay, transport=transport).acquire_lock(key)


def test_16_settings_are_checked_early(conn: redis.StrictRedis) -> None:
    for wrong in (-1, float("nan"), float("inf"), 1e12):
        for name in ("block_time", "delay", "expiry", "max_hold"):
            with pytest.raises(ValueError, match=name):
                RedisMutex(conn, **{name: wrong})
            with pytest.raises(ValueError, match=name):
                setattr(RedisMutex(conn), name, wrong)
    for wrong in ("5", None, True, []):
        with pytest.raises(TypeError, match="expiry"):
            RedisMutex(conn, expiry=wrong)
    for expiry in (0, 0.001):
        with pytest.raises(ValueError, match="expiry"):
            RedisMutex(conn, expiry=expiry)


def test_16_a_delay_of_zero_does_not_spin(conn: redis.StrictRedis, key: str) -> None:
    conn.set(key, "somebody", px=9000)
    mutex = RedisMutex(conn, block_time=0.2, delay=0, transport="client")
    before = requests(conn)
    with pytest.raises(BlockTimeExceedError):
        mutex.acquire_lock(key)
    assert requests(conn) - before < 300


def test_17_rules_for_waiting_do_not_hold_without_waiting(conn: redis.StrictRedis, key: str) -> None:
    for settings in ({"expiry": 3}, {"block_time": 1, "delay": 2}):
        with RedisMutex(conn, blocking=False, **settings).acquire_lock(key):
            pass


def test_18_and_19_equal_is_fine_and_renewal_lifts_the_rule(conn: redis.StrictRedis) -> None:
    RedisMutex(conn, block_time=7, delay=7, expiry=7)
    RedisMutex(conn, block_time=60, expiry=7, renew=True)


def test_20_blocking_may_be_turned_on_later(conn: redis.StrictRedis, key: str) -> None:
    mutex = RedisMutex(conn, blocking=False, block_time=0.3, delay=0.1)
    conn.set(key, "somebody", px=150)
    mutex.blocking = True
    with mutex.acquire_lock(key):
        pass
