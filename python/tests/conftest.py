"""A private server for each test run, keys that no other test has, and clients of every kind."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest
import redis

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def server_binary() -> str:
    """As the other tests of the workspace find it."""
    named = os.environ.get("REDISMUTEX_SERVER")
    downloaded = [
        ROOT / "target/servers/valkey-9.1/valkey-server",
        ROOT / "target/servers/redis-6.2/redis-server",
    ]
    found = [named, shutil.which("valkey-server"), shutil.which("redis-server"), *map(str, downloaded)]
    for binary in found:
        if binary and os.access(binary, os.X_OK):
            return binary
    pytest.exit("no server: install redis-server or valkey-server, or set REDISMUTEX_SERVER to its path")


def free_port() -> int:
    """Low enough for a cluster's bus, which is 10000 above it, and where the system gives none away itself."""
    while True:
        port = random.randint(10000, 22000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


class Server:
    """One server of our own: on a free port and on a unix socket."""

    def __init__(self, *options: str) -> None:
        self.options = options
        self.dir = tempfile.mkdtemp(prefix="redismutex-test-")
        self.path = f"{self.dir}/s"
        self.port = free_port()
        self.start()

    def start(self) -> None:
        place = [
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--unixsocket",
            self.path,
            "--dir",
            self.dir,
        ]
        quiet = ["--save", "", "--appendonly", "no", "--loglevel", "warning"]
        self.process = subprocess.Popen([server_binary(), *place, *quiet, *self.options], stdout=subprocess.DEVNULL)
        until = time.monotonic() + 10
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1):
                    return
            except OSError:
                assert time.monotonic() < until and self.process.poll() is None, "the server does not start"
                time.sleep(0.02)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/1"

    def client(self, **kwargs: Any) -> redis.StrictRedis:
        return redis.StrictRedis(host="127.0.0.1", port=self.port, db=1, **kwargs)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.end()


@pytest.fixture
def own_server() -> Iterator[Callable[..., Server]]:
    """Starts servers that one test alone may kill."""
    started: list[Server] = []

    def start(*options: str) -> Server:
        started.append(Server(*options))
        return started[-1]

    yield start
    for server in started:
        server.end()


@pytest.fixture
def conn(server: Server) -> Iterator[redis.StrictRedis]:
    client = server.client()
    yield client
    client.connection_pool.disconnect()


@pytest.fixture
def key() -> str:
    return f"test:{uuid.uuid4()}"


@pytest.fixture(params=["native", "client"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def leftovers(conn: Any, key: str) -> list[Any]:
    """What a lock that nobody holds or waits for must not leave: its record and its queue."""
    names = [key, f"redismutex:{{{key}}}:queue", f"redismutex:{{{key}}}:seen"]
    return [name for name in names if conn.exists(name)]


def requests(conn: Any) -> int:
    """How many scripts the server has been asked to run."""
    return int(conn.info("commandstats")["cmdstat_evalsha"]["calls"])


def eventually(holds: Callable[[], Any], patience: float = 5.0) -> Any:
    """Waits until `holds()` is true and returns what it is; fails after `patience` seconds."""
    until = time.monotonic() + patience
    while not (result := holds()):
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.01)
    return result


def run_script(script: str, *args: str, timeout: float = 20, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    """Runs Python in a process of its own, with warnings as errors."""
    command = [sys.executable, "-W", "error", "-c", script, *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, **kwargs)
