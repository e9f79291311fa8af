"""Ctrl-C during a wait, and the end of the interpreter."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Callable

import pytest
import redis

from conftest import Server, eventually, leftovers, run_script

WAITS = """
import sys, redis
from redismutex import RedisMutex
port, key, transport = int(sys.argv[1]), sys.argv[2], sys.argv[3]
conn = redis.StrictRedis(host="127.0.0.1", port=port, db=1)
mutex = RedisMutex(conn, block_time=20, expiry=20, delay=0.1, transport=transport)
print("waiting", flush=True)
try:
    mutex.acquire_lock(key)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    mutex.acquire_lock(key + ":after").release_lock()
    print("fine", flush=True)
"""


def test_ctrl_c_ends_a_wait_and_leaves_nothing(
    server: Server, conn: redis.StrictRedis, key: str, transport: str
) -> None:
    conn.set(key, "somebody", px=20000)
    command = [sys.executable, "-c", WAITS, str(server.port), key, transport]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "waiting\n"
        eventually(lambda: leftovers(conn, key)[1:])
        begin = time.monotonic()
        child.send_signal(signal.SIGINT)
        assert child.stdout.readline() == "interrupted\n"
        # 0.2 s is what it takes; the rest is for a machine that is busy.
        assert time.monotonic() - begin < 1.5
        assert child.stdout.read() == "fine\n"
        assert child.wait(10) == 0
    assert leftovers(conn, key) == [key]


def test_a_handler_s_exception_comes_out(conn: redis.StrictRedis, key: str) -> None:
    from redismutex import RedisMutex

    class Enough(Exception):
        pass

    def handler(*_: object) -> None:
        raise Enough

    conn.set(key, "somebody", px=5000)
    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        begin = time.monotonic()
        with pytest.raises(Enough):
            RedisMutex(conn).acquire_lock(key)
        assert time.monotonic() - begin < 1.5
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert leftovers(conn, key) == [key]


def test_a_handler_that_returns_ends_nothing(conn: redis.StrictRedis, key: str) -> None:
    from redismutex import RedisMutex

    heard: list[int] = []
    conn.set(key, "somebody", px=600)
    before = signal.signal(signal.SIGALRM, lambda number, _: heard.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
        with RedisMutex(conn, delay=0.1).acquire_lock(key):
            assert len(heard) > 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


ENDS = """
import sys, threading, asyncio, redis
from redismutex import RedisMutex, aio
port, key, how = int(sys.argv[1]), sys.argv[2], sys.argv[3]
conn = redis.StrictRedis(host="127.0.0.1", port=port, db=1)
mutex = RedisMutex(conn, renew=True)
if how == "held":
    guard = mutex.acquire(key)
    mutex.acquire_lock(key + "2")
elif how == "client":
    guard = RedisMutex(conn, transport="client", renew=True).acquire(key)
elif how == "client held":
    plain = RedisMutex(conn, transport="client")
    plain.acquire_lock(key)
elif how == "waiting":
    guard = mutex.acquire(key)
    threading.Thread(target=mutex.acquire, args=(key,), daemon=True).start()
    import time; time.sleep(0.2)
elif how == "asyncio":
    async def main():
        global guard
        guard = await aio.RedisMutex(conn, renew=True).acquire(key)
        asyncio.ensure_future(guard.lost.wait())
        await asyncio.sleep(0.1)
    asyncio.run(main())
elif how == "exit":
    guard = mutex.acquire(key)
    sys.exit(0)
print("end", flush=True)
"""


@pytest.mark.parametrize("how", ["held", "client", "client held", "waiting", "asyncio", "exit"])
def test_the_interpreter_ends_with_live_guards(server: Server, key: str, how: str) -> None:
    begin = time.monotonic()
    ended = run_script(ENDS, str(server.port), key, how)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    assert time.monotonic() - begin < 8


def test_ctrl_c_ends_a_look(own_server: Callable[..., Server], key: str) -> None:
    """At a lock of a server that does not answer."""
    from redismutex import RedisMutex

    def handler(*_: object) -> None:
        raise KeyboardInterrupt

    server = own_server()
    mutex = RedisMutex(server.url)
    mutex.holder(key)
    before = signal.signal(signal.SIGALRM, handler)
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        for look in (mutex.holder, mutex.release_by_force):
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            begin = time.monotonic()
            with pytest.raises(KeyboardInterrupt):
                look(key)
            assert time.monotonic() - begin < 1.5
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        os.kill(server.process.pid, signal.SIGCONT)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_silent_server_does_not_hold_up_who_gives_up(
    own_server: Callable[..., Server], key: str, transport: str, error: type[BaseException]
) -> None:
    """Ctrl-C, or a time limit by a signal, while the client waits for the server."""
    from redismutex import RedisMutex

    def handler(*_: object) -> None:
        raise error

    server = own_server()
    client = server.client()
    mutex = RedisMutex(client, block_time=1, expiry=1, transport=transport)
    mutex.holder(key)
    before = signal.signal(signal.SIGALRM, handler)
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        begin = time.monotonic()
        with pytest.raises(error):
            mutex.acquire_lock(key)
        assert time.monotonic() - begin < 2.5
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        os.kill(server.process.pid, signal.SIGCONT)
    eventually(lambda: leftovers(client, key) == [])
    # It goes on giving back until the lease has surely ended.
    time.sleep(2)
    client.connection_pool.disconnect()


THROWS_AWAY = """
import asyncio, gc, os, signal, sys, time
from redismutex import RedisMutex, aio
url, key, server, how = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
def dropping():
    os.kill(server, signal.SIGSTOP)
    return time.monotonic()
if how == "asyncio":
    async def main():
        global begin
        guard = await aio.RedisMutex(url).acquire(key)
        begin = dropping()
        del guard
    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    loop.close()
    del loop
    gc.collect()
else:
    guard = RedisMutex(url).acquire(key)
    begin = dropping()
    del guard
took = time.monotonic() - begin
if how != "ends":
    os.kill(server, signal.SIGCONT)
print(took < 0.2)
"""


@pytest.mark.parametrize("how", ["blocking", "asyncio"])
def test_no_io_in_finalisers(own_server: Callable[..., Server], key: str, how: str) -> None:
    """A server that takes no data does not hold up whoever throws a guard away, and has it back all the same."""
    server = own_server()
    ended = run_script(THROWS_AWAY, server.url, key, str(server.process.pid), how)
    assert (ended.stdout, ended.stderr) == ("True\n", "")
    eventually(lambda: leftovers(server.client(), key) == [])


def test_a_silent_server_holds_up_the_end_for_no_longer_than_promised(
    own_server: Callable[..., Server], key: str
) -> None:
    server = own_server()
    begin = time.monotonic()
    ended = run_script(THROWS_AWAY, server.url, key, str(server.process.pid), "ends")
    assert (ended.stdout, ended.stderr, ended.returncode) == ("True\n", "", 0)
    # 2 s, and the start of the interpreter.
    assert time.monotonic() - begin < 6


THROWN_AWAY_LAST = """
import asyncio, sys, redis
from redismutex import RedisMutex, aio
port, key, how = int(sys.argv[1]), sys.argv[2], sys.argv[3]
url = f"redis://127.0.0.1:{port}/1"
conn = redis.StrictRedis(host="127.0.0.1", port=port, db=1)
async def main():
    guard = await aio.RedisMutex(url).acquire(key)
    del guard
if how == "asyncio":
    asyncio.run(main())
else:
    mutex = RedisMutex(conn, transport="client") if how == "client" else RedisMutex(url)
    guard = mutex.acquire(key)
    if how == "alone":
        del mutex
    if how != "held":
        del guard
"""


@pytest.mark.parametrize("how", ["native", "alone", "held", "client", "asyncio"])
def test_a_guard_thrown_away_at_the_very_end_is_given_back(
    server: Server, conn: redis.StrictRedis, key: str, how: str
) -> None:
    for number in range(5):
        mine = f"{key}:{number}"
        ended = run_script(THROWN_AWAY_LAST, str(server.port), mine, how)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert leftovers(conn, mine) == []
