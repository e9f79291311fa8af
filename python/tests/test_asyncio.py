"""The asyncio face: locks by task, cancelling, loops."""

from __future__ import annotations

import asyncio
import gc
import os
import selectors
import signal
import sys
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
import redis.asyncio

from conftest import Server, eventually, leftovers, requests
from redismutex import (
    BlockTimeExceedError,
    LockLost,
    MutexConfigError,
    MutexLockError,
    MutexUnavailableError,
    MutexUnlockError,
    with_redismutex,
)
from redismutex.aio import RedisMutex


@pytest.fixture
async def client(server: Server) -> AsyncIterator[redis.asyncio.Redis]:
    client = redis.asyncio.Redis(host="127.0.0.1", port=server.port, db=1)
    yield client
    await client.aclose()


@pytest.fixture
async def mutex(client: redis.asyncio.Redis, transport: str) -> RedisMutex:
    return RedisMutex(client, transport=transport, delay=0.1)


async def test_async_with(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    async with mutex.acquire_lock(key) as held:
        assert held is mutex
        assert mutex.key == key
        assert conn.get(key) == mutex.value.encode()
        assert mutex.fence is not None
        assert 6 < mutex.remaining() < 7
        assert mutex.owned
    assert (mutex.key, mutex.value, mutex.owned) == (None, None, False)
    assert leftovers(conn, key) == []


async def test_awaited(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    assert await mutex.acquire_lock(key) is mutex
    assert await mutex.release_lock() is mutex
    with pytest.raises(MutexUnlockError):
        await mutex.release_lock()
    guard = await mutex.acquire(key)
    assert mutex.key is None
    assert await mutex.try_acquire(key) is None
    holder = await mutex.holder(key)
    assert holder is not None
    assert (holder.value, holder.fence) == (guard.value, guard.fence)
    await guard.extend(20)
    assert guard.remaining() > 15
    await guard.release()
    with pytest.raises(MutexUnlockError):
        await guard.release()
    async with mutex.acquire(key) as guard:
        assert guard.is_valid()
    assert not guard.is_valid()
    assert await mutex.holder(key) is None
    assert leftovers(conn, key) == []


async def test_tasks_exclude_each_other(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    inside, most, fences = 0, 0, []

    async def work() -> None:
        nonlocal inside, most
        async with mutex.acquire_lock(key):
            inside += 1
            most = max(most, inside)
            fences.append(mutex.fence)
            await asyncio.sleep(0.01)
            inside -= 1

    await asyncio.gather(*(work() for _ in range(10)))
    assert most == 1
    assert len(fences) == 10
    assert fences == sorted(set(fences))
    assert leftovers(conn, key) == []


async def test_a_task_sees_only_what_is_its_own(mutex: RedisMutex, key: str) -> None:
    async def other() -> Any:
        with pytest.raises(MutexUnlockError):
            await mutex.release_lock()
        return mutex.key

    async with mutex.acquire_lock(key):
        assert await asyncio.ensure_future(other()) is None
        with pytest.raises(MutexLockError):
            await mutex.acquire_lock(key)
        async with mutex.acquire_lock(key + "2"):
            assert mutex.key == key + "2"
        assert mutex.key == key


async def given_to(run: str, acquisition: Any) -> Any:
    if run == "wait_for":
        return await asyncio.wait_for(acquisition, 5)
    if run == "gather":
        return (await asyncio.gather(acquisition))[0]
    return await asyncio.ensure_future(acquisition)


@pytest.mark.parametrize("run", ["wait_for", "gather", "task"])
async def test_a_lock_is_the_caller_s_whoever_awaits_it(
    mutex: RedisMutex, conn: redis.StrictRedis, key: str, run: str
) -> None:
    """Whatever these wrap it into, a task of its own or not, is gone when they return."""
    assert await given_to(run, mutex.acquire_lock(key)) is mutex
    gc.collect()
    assert mutex.key == key
    assert conn.get(key) == mutex.value.encode()
    with pytest.raises(MutexLockError):
        await given_to(run, mutex.acquire_lock(key))
    await mutex.release_lock()
    assert leftovers(conn, key) == []


def test_acquire_lock_needs_a_task_to_lock_for(server: Server, key: str) -> None:
    mutex = RedisMutex(server.url)
    with pytest.raises(RuntimeError):
        mutex.acquire_lock(key)

    async def main() -> None:
        failed = asyncio.get_running_loop().create_future()

        def call() -> None:
            try:
                mutex.acquire_lock(key)
            except RuntimeError as error:
                failed.set_result(str(error))

        asyncio.get_running_loop().call_soon(call)
        assert "acquire(key)" in await failed

    asyncio.run(main())


async def test_an_acquisition_makes_a_task(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    guard = await asyncio.create_task(mutex.acquire(key))
    assert guard.is_valid()
    task = asyncio.create_task(mutex.acquire(key))
    assert "Acquisition" in repr(task)
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await guard.release()
    assert leftovers(conn, key) == []


async def heartbeat(guard: Any) -> None:
    while True:
        await guard.extend(9)


async def test_a_release_wins_over_an_extension(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    """Its caller is cancelled, but that has not come through when the block ends."""
    for _ in range(20):
        async with mutex.acquire(key) as guard:
            beating = asyncio.ensure_future(heartbeat(guard))
            await asyncio.sleep(0.003)
            beating.cancel()
        assert leftovers(conn, key) == []
        with pytest.raises((asyncio.CancelledError, MutexUnlockError)):
            await beating
    async with mutex.acquire(key) as guard:
        beating = asyncio.ensure_future(heartbeat(guard))
        await asyncio.sleep(0.01)
    with pytest.raises(MutexUnlockError):
        await asyncio.wait_for(beating, 2)
    assert leftovers(conn, key) == []


async def test_a_leak_wins_over_an_extension(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    mutex.renew, mutex.expiry = True, 0.5
    guard = await mutex.acquire(key)
    extending = asyncio.ensure_future(guard.extend(0.6))
    await asyncio.sleep(0)
    guard.leak()
    await asyncio.gather(extending, return_exceptions=True)
    del guard, extending
    gc.collect()
    assert conn.exists(key)
    await asyncio.sleep(1)
    assert not conn.exists(key)


async def test_an_extension_to_less_is_renewed_in_time(mutex: RedisMutex, key: str) -> None:
    mutex.renew, mutex.expiry = True, 6
    async with mutex.acquire(key) as guard:
        await asyncio.sleep(0.05)
        await guard.extend(0.6)
        await asyncio.sleep(1)
        assert guard.is_valid()


async def test_a_guard_thrown_away_is_given_back(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    for renew in (False, True):
        mutex.renew = renew
        guard = await mutex.acquire(key)
        del guard
        gc.collect()
        for _ in range(100):
            await asyncio.sleep(0.01)
            if not conn.exists(key):
                break
        assert leftovers(conn, key) == []


def test_a_guard_is_awaited_in_its_own_loop(server: Server, conn: redis.StrictRedis, key: str) -> None:
    """In another one nobody reads its connection."""
    held: list[Any] = []

    async def acquire() -> None:
        held.append(await RedisMutex(server.url).acquire(key))

    async def use(what: str) -> None:
        guard = held[0]
        work = {"extend": lambda: guard.extend(9), "release": guard.release, "lost": guard.lost.wait}[what]
        await asyncio.wait_for(work(), 2)

    first = asyncio.new_event_loop()
    first.run_until_complete(acquire())
    for what in ("lost", "extend", "release"):
        with pytest.raises(RuntimeError, match="another event loop"):
            asyncio.run(use(what))
    first.run_until_complete(asyncio.sleep(0))
    first.close()
    held.clear()
    eventually(lambda: leftovers(conn, key) == [])


async def test_extensions_take_turns(mutex: RedisMutex, key: str) -> None:
    async with mutex.acquire(key) as guard:
        await asyncio.gather(*(guard.extend(20 + number) for number in range(5)))
        assert guard.remaining() > 15


async def test_a_release_cancelled_before_its_turn_gives_back(own_server: Any, key: str) -> None:
    server = own_server()
    guard = await RedisMutex(server.url).acquire(key)
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        extending = asyncio.ensure_future(guard.extend(9))
        await asyncio.sleep(0.05)
        releasing = asyncio.ensure_future(guard.release())
        await asyncio.sleep(0)
        extending.cancel()
        releasing.cancel()
        await asyncio.gather(extending, releasing, return_exceptions=True)
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    for _ in range(100):
        if not leftovers(server.client(), key):
            return
        await asyncio.sleep(0.02)
    pytest.fail("it is still held")


async def test_busy(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    conn.set(key, "somebody", px=5000)
    mutex.block_time = 0.3
    with pytest.raises(BlockTimeExceedError):
        await mutex.acquire_lock(key)
    mutex.blocking = False
    with pytest.raises(MutexLockError, match=key):
        await mutex.acquire_lock(key)
    assert leftovers(conn, key) == [key]


@pytest.mark.parametrize("after", [0.0, 0.001, 0.01, 0.2])
async def test_cancelling_leaves_nothing(
    mutex: RedisMutex, conn: redis.StrictRedis, key: str, after: float
) -> None:
    async with mutex.acquire(key):
        task = asyncio.ensure_future(mutex.acquire(key + "-free"))
        waiter = asyncio.ensure_future(mutex.acquire(key))
        await asyncio.sleep(after)
        for one in (task, waiter):
            one.cancel()
        outcomes = await asyncio.gather(task, waiter, return_exceptions=True)
        assert isinstance(outcomes[1], asyncio.CancelledError)
        del outcomes, task, one
        gc.collect()
        await asyncio.sleep(0.1)
        assert leftovers(conn, key + "-free") == []
        assert leftovers(conn, key) == [key]
    async with mutex.acquire(key):
        pass
    assert leftovers(conn, key) == []


async def test_wait_for_gives_up_in_time(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    conn.set(key, "somebody", px=5000)
    begin = time.monotonic()
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(mutex.acquire(key), 0.2)
    assert 0.2 <= time.monotonic() - begin < 1
    await asyncio.sleep(0.05)
    assert leftovers(conn, key) == [key]


async def test_the_body_s_error_comes_first(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    with pytest.raises(KeyError):
        async with mutex.acquire_lock(key):
            raise KeyError(key)
    assert leftovers(conn, key) == []
    with pytest.raises(KeyError):
        async with mutex.acquire_lock(key):
            conn.delete(key)
            raise KeyError(key)
    with pytest.raises(LockLost):
        async with mutex.acquire_lock(key):
            conn.delete(key)


async def test_loss_by_the_clock(mutex: RedisMutex, key: str) -> None:
    mutex.expiry = 0.3
    guard = await mutex.acquire(key)
    begin = time.monotonic()
    assert not guard.lost.is_set()
    assert await asyncio.wait_for(guard.lost.wait(), 3)
    assert time.monotonic() - begin < 0.6
    assert guard.lost.is_set()
    with pytest.raises(LockLost):
        await guard.extend(5)


async def test_loss_found_by_renewal(mutex: RedisMutex, conn: redis.StrictRedis, key: str) -> None:
    mutex.expiry, mutex.renew = 0.9, True
    guard = await mutex.acquire(key)
    await asyncio.sleep(1.2)
    assert guard.is_valid()
    conn.delete(key)
    assert await asyncio.wait_for(guard.lost, 3)
    with pytest.raises(LockLost):
        await guard.release()


async def test_a_release_ends_the_wait_for_a_loss(mutex: RedisMutex, key: str) -> None:
    guard = await mutex.acquire(key)
    waiter = asyncio.ensure_future(guard.lost.wait())
    await asyncio.sleep(0.05)
    await guard.release()
    assert await asyncio.wait_for(waiter, 2) is False


async def test_decorated_coroutine(client: redis.asyncio.Redis, conn: redis.StrictRedis, key: str) -> None:
    @with_redismutex(client, key)
    async def locked(word: str) -> str:
        """What it does."""
        assert conn.exists(key)
        await asyncio.sleep(0.01)
        return word

    assert await asyncio.gather(locked("a"), locked("b")) == ["a", "b"]
    assert (locked.__name__, locked.__doc__) == ("locked", "What it does.")
    assert leftovers(conn, key) == []


async def test_the_client_of_the_blocking_kind_does_too(conn: redis.StrictRedis, key: str) -> None:
    mutex = RedisMutex(conn)
    assert mutex.transport == "native"
    async with mutex.acquire_lock(key):
        assert conn.exists(key)
    with pytest.raises(MutexConfigError, match="asyncio"):
        RedisMutex(conn, transport="client")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_many_loops_one_after_the_other(server: Server, conn: redis.StrictRedis, key: str) -> None:
    mutex = RedisMutex(server.url)

    async def work() -> None:
        async with mutex.acquire_lock(key):
            pass

    for _ in range(5):
        asyncio.run(work())
    gc.collect()
    assert leftovers(conn, key) == []


def test_many_loops_at_the_same_time(server: Server, conn: redis.StrictRedis, key: str) -> None:
    mutex = RedisMutex(server.url)
    before = sys.getswitchinterval()

    async def work(number: int) -> None:
        for _ in range(150):
            mutex.label = str(number)
            await asyncio.wait_for(mutex.holder(f"{key}:{number}"), 5)

    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda number: asyncio.run(work(number)), range(4)))
    finally:
        sys.setswitchinterval(before)


def test_an_unawaited_acquisition_is_noticed(server: Server, key: str) -> None:
    mutex = RedisMutex(server.url)
    with pytest.warns(RuntimeWarning, match="never awaited"):
        mutex.acquire(key)
        gc.collect()


async def test_one_connection_for_many_tasks(server: Server, conn: redis.StrictRedis, key: str) -> None:
    mutex = RedisMutex(server.url, block_time=20, expiry=20)
    guard = await mutex.acquire(key)
    before = len(conn.client_list())

    async def work() -> None:
        async with mutex.acquire(key):
            pass

    waiting = [asyncio.ensure_future(work()) for _ in range(64)]
    # Each looks at its place once more when it has queued.
    await asyncio.sleep(1)
    asked = requests(conn)
    await asyncio.sleep(1)
    assert requests(conn) - asked <= 5
    assert len(conn.client_list()) == before
    await guard.release()
    await asyncio.wait_for(asyncio.gather(*waiting), 5)
    assert leftovers(conn, key) == []


async def test_after_a_full_socket_the_loop_rests(server: Server, key: str) -> None:
    """Requests that do not go out at once have it watched for writing, and no longer than that."""
    mutex = RedisMutex(server.url, label="x" * 50000)

    async def work(number: int) -> None:
        await (await mutex.acquire(f"{key}:{number}")).release()

    for _ in range(5):
        await asyncio.gather(*(work(number) for number in range(100)))
        await asyncio.sleep(0.02)
        watched = asyncio.get_running_loop()._selector.get_map().values()
        assert not any(one.events & selectors.EVENT_WRITE for one in watched)


async def test_no_server(key: str) -> None:
    mutex = RedisMutex("redis://127.0.0.1:1/0", block_time=0.3, delay=0.1)
    with pytest.raises(MutexUnavailableError):
        await mutex.acquire_lock(key)


async def test_the_server_comes_back(own_server: Any, key: str) -> None:
    server = own_server()
    mutex = RedisMutex(server.url, block_time=5)
    async with mutex.acquire_lock(key):
        pass
    server.kill()
    waiter = asyncio.ensure_future(mutex.acquire(key))
    await asyncio.sleep(0.3)
    server.start()
    await (await asyncio.wait_for(waiter, 6)).release()
