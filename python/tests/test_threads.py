"""Threads that share one object, and the news of a loss."""

from __future__ import annotations

import os
import signal
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Callable

import pytest
import redis

from conftest import Server, eventually, leftovers, requests
from redismutex import Guard, LockLost, MutexUnlockError, RedisMutex


def test_one_object_in_many_threads(conn: redis.StrictRedis, key: str, transport: str) -> None:
    mutex = RedisMutex(conn, block_time=7, delay=0.02, transport=transport)
    inside, most, fences = 0, 0, []

    def work(_: int) -> None:
        nonlocal inside, most
        with mutex.acquire_lock(key):
            inside += 1
            most = max(most, inside)
            fences.append(mutex.fence)
            assert mutex.key == key
            time.sleep(0.002)
            inside -= 1
        assert mutex.key is None

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(40)))
    assert most == 1
    assert fences == sorted(set(fences))
    assert len(fences) == 40
    assert leftovers(conn, key) == []


def test_a_thread_sees_only_what_is_its_own(conn: redis.StrictRedis, key: str) -> None:
    mutex = RedisMutex(conn)
    seen: list[object] = []

    def other() -> None:
        seen.append(mutex.key)
        with pytest.raises(MutexUnlockError):
            mutex.release_lock()

    with mutex.acquire_lock(key):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert conn.get(key) == mutex.value.encode()
    assert seen == [None]


def test_a_guard_goes_from_thread_to_thread(conn: redis.StrictRedis, key: str, transport: str) -> None:
    guard = RedisMutex(conn, transport=transport).acquire(key)
    outcomes: list[object] = []

    def give_back(guard: Guard) -> None:
        try:
            outcomes.append(guard.release())
        except MutexUnlockError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=give_back, args=(guard,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["MutexUnlockError", "NoneType"]
    assert leftovers(conn, key) == []


def test_64_waiting_threads_use_one_connection_and_do_not_poll(
    server: Server, conn: redis.StrictRedis, key: str
) -> None:
    mutex = RedisMutex(server.url, block_time=20, expiry=20)
    guard = mutex.acquire(key)
    before = len(conn.client_list())

    def work() -> None:
        with mutex.acquire(key):
            pass

    threads = [threading.Thread(target=work) for _ in range(64)]
    for thread in threads:
        thread.start()
    # Each looks at its place once more when it has queued.
    time.sleep(1)
    asked = requests(conn)
    time.sleep(1)
    assert requests(conn) - asked <= 5
    assert len(conn.client_list()) == before
    guard.release()
    for thread in threads:
        thread.join(10)
    assert leftovers(conn, key) == []


def test_mutexes_of_one_client_share_a_connection(conn: redis.StrictRedis, key: str) -> None:
    mutexes = [RedisMutex(conn) for _ in range(5)]
    with mutexes[0].acquire_lock(key):
        before = len(conn.client_list())
        for number, mutex in enumerate(mutexes[1:]):
            with mutex.acquire_lock(f"{key}:{number}"):
                pass
        assert len(conn.client_list()) == before


def test_others_run_while_one_waits(conn: redis.StrictRedis, key: str) -> None:
    conn.set(key, "somebody", px=700)
    mutex, turns = RedisMutex(conn), 0
    thread = threading.Thread(target=lambda: mutex.acquire(key).release())
    thread.start()
    while thread.is_alive():
        turns += 1
        time.sleep(0.001)
    assert turns > 50


def test_loss_by_the_clock(conn: redis.StrictRedis, key: str, transport: str) -> None:
    mutex = RedisMutex(conn, block_time=0.3, delay=0.1, expiry=0.3, transport=transport)
    guard = mutex.acquire(key)
    assert not guard.lost.is_set()
    assert guard.lost.wait(0.05) is False
    begin = time.monotonic()
    assert guard.lost.wait(3) is True
    assert time.monotonic() - begin < 0.6
    assert not guard.is_valid()
    assert guard.remaining() == 0
    with pytest.raises(LockLost):
        guard.extend(1)
    # We give up a little earlier than the server, which had it for us up to now.
    time.sleep(0.05)
    with pytest.raises(LockLost):
        guard.release()


def test_a_release_ends_the_wait_for_a_loss(conn: redis.StrictRedis, key: str, transport: str) -> None:
    guard = RedisMutex(conn, transport=transport).acquire(key)
    waited: list[bool] = []
    thread = threading.Thread(target=lambda: waited.append(guard.lost.wait()))
    thread.start()
    time.sleep(0.1)
    guard.release()
    thread.join(2)
    assert waited == [False]


def test_renewal(conn: redis.StrictRedis, key: str, transport: str) -> None:
    mutex = RedisMutex(conn, block_time=1, expiry=0.6, renew=True, transport=transport)
    guard = mutex.acquire(key)
    time.sleep(1.5)
    assert guard.is_valid()
    assert conn.get(key) == guard.value.encode()
    conn.set(key, "thief", px=5000)
    assert guard.lost.wait(2)
    with pytest.raises(LockLost):
        guard.release()
    assert conn.get(key) == b"thief"


def test_an_extension_to_less_is_renewed_in_time(conn: redis.StrictRedis, key: str, transport: str) -> None:
    guard = RedisMutex(conn, expiry=6, renew=True, transport=transport).acquire(key)
    guard.extend(0.6)
    time.sleep(1)
    assert guard.is_valid()
    guard.release()


def test_no_renewal_waits_for_a_server_that_is_out_of_reach(
    own_server: Callable[..., Server], conn: redis.StrictRedis, key: str
) -> None:
    """Where it has to be given something back, by a client that does not give up soon."""
    server = own_server()
    client = server.client()
    thrown_away = RedisMutex(client, transport="client").acquire(key)
    guard = RedisMutex(conn, expiry=0.6, block_time=0.6, renew=True, transport="client").acquire(key)
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        del thrown_away
        time.sleep(1.5)
        assert guard.is_valid()
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    guard.release()
    eventually(lambda: leftovers(client, key) == [])
    client.connection_pool.disconnect()


def test_nothing_is_kept_of_a_lock_until_its_renewal_would_be_due(conn: redis.StrictRedis, key: str) -> None:
    mutex = RedisMutex(conn, expiry=3600, renew=True, transport="client")

    def kept() -> int:
        ours = tracemalloc.Filter(True, "*/redismutex/*")
        return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([ours]).traces)

    tracemalloc.start()
    try:
        for _ in range(1000):
            mutex.acquire(key).release()
        # The thread that renews may be late to hear of the last ones.
        eventually(lambda: kept() < 100_000)
    finally:
        tracemalloc.stop()


def test_no_renewal_unless_asked_for(conn: redis.StrictRedis, key: str, transport: str) -> None:
    mutex = RedisMutex(conn, block_time=0.3, delay=0.1, expiry=0.3, transport=transport)
    guard = mutex.acquire(key)
    eventually(lambda: not conn.exists(key))
    assert not guard.is_valid()


def test_max_hold_ends_renewal(conn: redis.StrictRedis, key: str, transport: str) -> None:
    mutex = RedisMutex(conn, expiry=0.3, renew=True, max_hold=0.7, transport=transport)
    guard = mutex.acquire(key)
    time.sleep(0.45)
    assert guard.is_valid()
    assert guard.lost.wait(2)
    eventually(lambda: not conn.exists(key))


def test_a_guard_thrown_away_is_given_back(conn: redis.StrictRedis, key: str, transport: str) -> None:
    mutex = RedisMutex(conn, transport=transport, renew=True)
    guard = mutex.acquire(key)
    del guard
    eventually(lambda: leftovers(conn, key) == [])


def test_a_leaked_guard_is_not(conn: redis.StrictRedis, key: str, transport: str) -> None:
    mutex = RedisMutex(conn, transport=transport, expiry=0.4, block_time=0.4, delay=0.1, renew=True)
    guard = mutex.acquire(key)
    guard.leak()
    del guard
    assert conn.exists(key)
    eventually(lambda: not conn.exists(key))
