"""Old processes and new ones on the same key: they exclude each other, both ways."""

from __future__ import annotations

import subprocess
import sys

import pytest
import redis

from conftest import Server, leftovers

# What an old process does: SET NX EX until it is granted, then GET, compare and DEL.
OLD = """
import sys, time, uuid, redis
port, key, turns = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
conn = redis.StrictRedis(host="127.0.0.1", port=port, db=1)
for _ in range(turns):
    value = str(uuid.uuid4())
    while not conn.set(key, value, nx=True, ex=7):
        time.sleep(0.01)
    assert conn.incr(key + ":inside") == 1
    time.sleep(0.002)
    conn.decr(key + ":inside")
    conn.incr(key + ":turns")
    assert conn.get(key).decode() == value
    conn.delete(key)
"""

NEW = """
import sys, time, redis
from redismutex import RedisMutex
port, key, turns = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
conn = redis.StrictRedis(host="127.0.0.1", port=port, db=1)
mutex = RedisMutex(conn, block_time=20, expiry=20, delay=0.02, transport=sys.argv[4])
for _ in range(turns):
    with mutex.acquire_lock(key):
        assert conn.incr(key + ":inside") == 1
        time.sleep(0.002)
        conn.decr(key + ":inside")
        conn.incr(key + ":turns")
"""


def test_old_and_new_exclude_each_other(server: Server, conn: redis.StrictRedis, key: str, transport: str) -> None:
    turns = 40
    words = [str(server.port), key, str(turns)]
    commands = [[OLD, *words], [OLD, *words], [NEW, *words, transport], [NEW, *words, transport]]
    fleet = [subprocess.Popen([sys.executable, "-c", *command]) for command in commands]
    assert [process.wait(25) for process in fleet] == [0] * 4
    assert int(conn.get(key + ":turns")) == turns * len(fleet)
    assert leftovers(conn, key) == []


@pytest.mark.parametrize("mode", ["auto", "client"])
def test_a_lock_of_redis_py_excludes_too(conn: redis.StrictRedis, key: str, mode: str) -> None:
    from redismutex import RedisMutex

    mutex = RedisMutex(conn, transport=mode)
    with conn.lock(key, timeout=5):
        assert mutex.try_acquire(key) is None
    with mutex.acquire(key):
        assert conn.lock(key, timeout=5).acquire(blocking=False) is False
