"""Measured beside redis-py in one run, in rounds that alternate; ratios travel, times do not.

Run `python bench/compare.py` with the wheel, redis and hiredis installed. Needs valkey-server or redis-server.
Prints one line for each: acquire + release beside redis-py's Lock, the hand-off between two processes beside
RPUSH -> BLPOP, and what 64 waiting threads cost.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from conftest import Server, requests
from redismutex import RedisMutex

ROUNDS = 9
PAIRS = 1500
HAND_OFFS = 300


def timed(work: Callable[[], None], count: int) -> float:
    """Microseconds for one."""
    begin = time.perf_counter()
    for _ in range(count):
        work()
    return (time.perf_counter() - begin) / count * 1e6


def pairs(server: Server) -> None:
    conn = server.client()
    lock, mutex = conn.lock("bench:theirs", timeout=7), RedisMutex(conn)
    through = RedisMutex(conn, transport="client")

    def theirs() -> None:
        with lock:
            pass

    def ours() -> None:
        with mutex.acquire_lock("bench:ours"):
            pass

    def client() -> None:
        with through.acquire_lock("bench:client"):
            pass

    found: dict[str, list[float]] = {"theirs": [], "ours": [], "client": []}
    for _ in range(ROUNDS):
        for work in (theirs, ours, client):
            found[work.__name__].append(timed(work, PAIRS))
    theirs_us, ours_us, client_us = (statistics.median(times) for times in found.values())
    hiredis = "hiredis" in sys.modules
    print(f"acquire + release: redis-py Lock {theirs_us:.0f} us (hiredis: {hiredis})")
    print(f"  redismutex {ours_us:.0f} us, ratio {ours_us / theirs_us:.2f} (to reach: 0.70)")
    print(f"  through the client {client_us:.0f} us, ratio {client_us / theirs_us:.2f}")


# Each takes turns with the parent: it waits for what the parent gives, and writes when it had it.
WAITERS = {
    "floor": """
import sys, time, redis
conn = redis.StrictRedis(host="127.0.0.1", port=int(sys.argv[1]), db=1)
for _ in range(int(sys.argv[2])):
    sys.stdin.readline()
    conn.blpop("bench:list")
    sys.stdout.write(f"{time.perf_counter_ns()}\\n"); sys.stdout.flush()
""",
    "ours": """
import sys, time, redis
from redismutex import RedisMutex
conn = redis.StrictRedis(host="127.0.0.1", port=int(sys.argv[1]), db=1)
mutex = RedisMutex(conn, block_time=60, expiry=60)
for _ in range(int(sys.argv[2])):
    sys.stdin.readline()
    guard = mutex.acquire("bench:hand-off")
    now = time.perf_counter_ns()
    guard.release()
    sys.stdout.write(f"{now}\\n"); sys.stdout.flush()
""",
}


def hand_offs(server: Server) -> None:
    found = {name: one_kind(server, name) for name in WAITERS}
    for _ in range(2):
        for name in WAITERS:
            found[name] += one_kind(server, name)
    floor, ours = (statistics.median(found[name]) for name in ("floor", "ours"))
    print(f"hand-off p50: RPUSH -> BLPOP {floor:.0f} us")
    print(f"  redismutex {ours:.0f} us, ratio {ours / floor:.2f} (to reach: 1.3)")


def one_kind(server: Server, name: str) -> list[float]:
    """Microseconds from the call that gives to the return of the one that waits; both clocks are the machine's."""
    conn = server.client()
    mutex = RedisMutex(conn, block_time=60, expiry=60)
    command = [sys.executable, "-c", WAITERS[name], str(server.port), str(HAND_OFFS)]
    times = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None and child.stdout is not None
        for _ in range(HAND_OFFS):
            guard = mutex.acquire("bench:hand-off") if name == "ours" else None
            child.stdin.write("wait\n")
            child.stdin.flush()
            time.sleep(0.004)
            begin = time.perf_counter_ns()
            if guard is not None:
                guard.release()
            else:
                conn.rpush("bench:list", "x")
            times.append((int(child.stdout.readline()) - begin) / 1000)
    return times


def waiters(server: Server) -> None:
    conn = server.client()
    mutex = RedisMutex(server.url, block_time=60, expiry=60)
    guard, before = mutex.acquire("bench:crowd"), len(conn.client_list())
    threads = [threading.Thread(target=lambda: mutex.acquire("bench:crowd").release()) for _ in range(64)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    asked = requests(conn)
    time.sleep(3)
    asked, more = requests(conn) - asked, len(conn.client_list()) - before
    begin = time.perf_counter()
    guard.release()
    for thread in threads:
        thread.join()
    took = (time.perf_counter() - begin) * 1000
    print(f"64 waiting threads: {more} connections more, {asked / 3:.1f} requests/s, drained in {took:.0f} ms")


if __name__ == "__main__":
    server = Server()
    try:
        pairs(server)
        hand_offs(server)
        waiters(server)
    finally:
        server.end()
