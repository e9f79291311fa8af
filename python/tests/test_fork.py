"""Forked children: fresh connections, nothing inherited, the parent undisturbed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Callable

import pytest
import redis

from conftest import Server, leftovers, run_script
from redismutex import LockLost, MutexUnlockError, RedisMutex

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


def in_child(work: Any) -> None:
    """Runs `work` in a forked child; a failure there is one here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    until = time.monotonic() + 15
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0:
        if time.monotonic() > until:
            os.kill(child, 9)
            os.waitpid(child, 0)
            pytest.fail("the child hangs")
        time.sleep(0.01)
    assert os.waitstatus_to_exitcode(ended[1]) == 0


def test_the_child_acquires_by_itself(server: Server, conn: redis.StrictRedis, key: str, transport: str) -> None:
    mutex = RedisMutex(conn, transport=transport)
    with mutex.acquire_lock(key):
        pass

    def child() -> None:
        with mutex.acquire_lock(key):
            assert server.client().get(key) == mutex.value.encode()

    in_child(child)
    in_child(child)
    with mutex.acquire_lock(key):
        in_child(lambda: None)
        assert conn.get(key) == mutex.value.encode()
    assert leftovers(conn, key) == []


def test_a_held_lock_is_not_inherited(conn: redis.StrictRedis, key: str, transport: str) -> None:
    mutex = RedisMutex(conn, transport=transport, renew=True, expiry=0.6, block_time=0.5)
    guard = mutex.acquire(key + ":guard")

    def child() -> None:
        assert (mutex.key, mutex.value, mutex.owned) == (None, None, False)
        with pytest.raises(MutexUnlockError):
            mutex.release_lock()
        assert not guard.is_valid()
        assert guard.lost.is_set()
        with pytest.raises(LockLost):
            guard.release()
        with pytest.raises(LockLost):
            guard.extend(5)
        assert mutex.try_acquire(key) is None

    with mutex.acquire_lock(key):
        in_child(child)
        time.sleep(0.8)
        assert mutex.owned
        assert conn.get(key) == mutex.value.encode()
        assert conn.get(key + ":guard") == guard.value.encode()
    guard.release()
    assert leftovers(conn, key) == []


def test_the_child_throws_away_what_it_inherited(conn: redis.StrictRedis, key: str) -> None:
    holding = [RedisMutex(conn, renew=True).acquire(key)]

    def child() -> None:
        holding.clear()
        time.sleep(0.1)

    in_child(child)
    assert holding[0].is_valid()
    assert conn.get(key) == holding[0].value.encode()


def test_the_child_does_not_wait_for_an_extension_of_the_parent(
    own_server: Callable[..., Server], key: str
) -> None:
    """The thread that was at it is not there to finish."""
    server = own_server()
    guard = RedisMutex(server.url).acquire(key)
    os.kill(server.process.pid, signal.SIGSTOP)
    thread = threading.Thread(target=guard.extend, args=(9,))
    thread.start()
    time.sleep(0.2)

    def child() -> None:
        for use in (lambda: guard.extend(9), guard.release):
            with pytest.raises(LockLost):
                use()
        guard.leak()

    try:
        in_child(child)
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
        thread.join()
    assert guard.remaining() > 7
    guard.release()


def throws_away(url: str, key: str, transport: str) -> None:
    RedisMutex(redis.from_url(url), transport=transport).acquire(key)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_what_a_process_throws_away_at_its_end_is_given_back(
    server: Server, conn: redis.StrictRedis, key: str, transport: str, method: str
) -> None:
    """multiprocessing ends its children in a way of its own."""
    for number in range(10 if method == "fork" else 2):
        args = (server.url, f"{key}:{number}", transport)
        child = multiprocessing.get_context(method).Process(target=throws_away, args=args)
        child.start()
        child.join()
        assert child.exitcode == 0
        assert leftovers(conn, f"{key}:{number}") == []


def work_of_a_process(job: tuple[int, str]) -> int:
    port, key = job
    conn = redis.StrictRedis(host="127.0.0.1", port=port, db=1)
    with RedisMutex(conn, block_time=7).acquire_lock(key):
        assert conn.incr(key + ":inside") == 1
        time.sleep(0.005)
        conn.decr(key + ":inside")
    conn.connection_pool.disconnect()
    return os.getpid()


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_process_pools(server: Server, conn: redis.StrictRedis, key: str, method: str) -> None:
    with RedisMutex(conn).acquire_lock(key):
        # Warm, so that there is something not to inherit.
        pass
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(3, mp_context=context) as pool:
        processes = set(pool.map(work_of_a_process, [(server.port, key)] * 12))
    assert os.getpid() not in processes
    assert leftovers(conn, key) == []


def test_forking_while_others_wait(conn: redis.StrictRedis, key: str) -> None:
    """As a prefork server does, from a process that has threads at work."""
    mutex = RedisMutex(conn, block_time=7)
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            with mutex.acquire_lock(key):
                pass

    threads = [threading.Thread(target=busy) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            in_child(lambda: mutex.acquire(key).release())
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert leftovers(conn, key) == []


def test_asyncio_in_a_child(server: Server, key: str) -> None:
    script = """
import asyncio, os, sys
from redismutex import aio
mutex = aio.RedisMutex(sys.argv[1])
async def work():
    async with mutex.acquire_lock(sys.argv[2]):
        pass
asyncio.run(work())
child = os.fork()
asyncio.run(work())
if child:
    assert os.waitpid(child, 0)[1] == 0
    print("fine")
"""
    ended = run_script(script, server.url, key)
    assert (ended.stdout, ended.returncode) == ("fine\n", 0), ended.stderr
