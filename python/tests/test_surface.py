"""What an editor, a type checker and a log see."""

from __future__ import annotations

import importlib.metadata
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis

import redismutex
from conftest import ROOT, Server, run_script
from redismutex import RedisMutex, aio
from redismutex.decorators import with_redismutex

SETTINGS = {
    "blocking": True, "block_time": 5, "delay": 0.5, "expiry": 7, "renew": False, "max_hold": None,
    "transport": "auto", "prefix": "", "label": "", "on_lost": "raise",
}  # fmt: skip


@pytest.mark.parametrize("kind", [RedisMutex, aio.RedisMutex, with_redismutex])
def test_the_settings_are_in_the_signature(kind: Any) -> None:
    parameters = inspect.signature(kind).parameters
    assert next(iter(parameters)) == ("conn" if kind is with_redismutex else "redis_conn")
    assert {name: parameters[name].default for name in SETTINGS} == SETTINGS
    by_position = [name for name, one in parameters.items() if one.kind is one.POSITIONAL_OR_KEYWORD]
    assert [name for name in by_position if name in SETTINGS] == ["blocking", "block_time", "delay", "expiry"]
    assert not any(one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD) for one in parameters.values())


def test_arguments_have_the_names_that_they_had_in_1_0_0(conn: redis.StrictRedis, key: str) -> None:
    with RedisMutex(redis_conn=conn).acquire_lock(mutex_key=key) as mutex:
        assert mutex.key == key
    assert with_redismutex(conn=conn, key=key)(lambda: conn.exists(key))() == 1
    assert with_redismutex(conn).conn is conn


def test_every_setting_may_be_assigned_later(server: Server, conn: redis.StrictRedis, key: str) -> None:
    mutex = RedisMutex(server.url)
    mutex.prefix, mutex.on_lost, mutex.label = f"{key}:", "log", "me"
    with mutex.acquire_lock("x"):
        assert mutex.key == f"{key}:x"
        conn.delete(f"{key}:x")
    with pytest.raises(AttributeError):
        mutex.transport = "client"  # type: ignore[misc]


@pytest.mark.parametrize("prefix", [None, 7, b"prefix:"])
def test_a_prefix_is_text(server: Server, prefix: Any) -> None:
    with pytest.raises(TypeError, match="prefix"):
        RedisMutex(server.url, prefix=prefix)


def test_a_number_that_no_float_can_hold_is_a_value_error(server: Server) -> None:
    with pytest.raises(ValueError, match="expiry"):
        RedisMutex(server.url, expiry=10**400)


def test_the_licences_come_with_the_wheel() -> None:
    files = [str(file) for file in importlib.metadata.files("redismutex") or []]
    for name in ("LICENSE-APACHE", "LICENSE-MIT"):
        assert any(file.endswith(f"licenses/{name}") for file in files), files


def test_a_misspelt_setting_is_found_by_the_type_checker(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from redismutex import RedisMutex, aio, with_redismutex\n"
        "RedisMutex('redis://h', block_time=3)\n"
        "RedisMutex('redis://h', block_tiem=3)\n"
        "aio.RedisMutex('redis://h', block_tiem=3)\n"
        "with_redismutex('redis://h', 'key', block_tiem=3)\n"
    )
    config = ["--config-file", str(ROOT / "python/pyproject.toml"), "--cache-dir", str(tmp_path / "cache")]
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", *config, str(script)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    wrong = [line.split(":")[1] for line in checked.stdout.splitlines() if "block_tiem" in line]
    assert wrong == ["3", "4", "5"], checked.stdout + checked.stderr


@pytest.mark.parametrize("base", [RedisMutex, aio.RedisMutex])
def test_subclasses_in_the_style_of_1_0_0(base: Any, conn: redis.StrictRedis) -> None:
    class Mine(base):  # type: ignore[misc]
        def __init__(self, redis_conn: Any, *args: Any, **kwargs: Any) -> None:
            self.early = True
            super().__init__(redis_conn, *args, **kwargs)
            self.expiry = 9

    class Named(base):  # type: ignore[misc]
        def __init__(self, redis_conn: Any, name: str, block_time: float = 3) -> None:
            base.__init__(self, redis_conn, block_time=block_time)
            self.name = name

    assert Mine(conn, True, 4, delay=0.25).block_time == 4
    assert Named(conn, "x").block_time == 3
    if base is RedisMutex:
        with Mine(conn).acquire_lock("subclass:1"):
            pass


@pytest.mark.parametrize("module", ["aio", "decorators", "local"])
def test_modules_come_with_the_package(module: str) -> None:
    script = f"import redismutex; print(redismutex.{module}.__name__)"
    assert run_script(script).stdout == f"redismutex.{module}\n"
    script = "import sys, redismutex; print('asyncio' in sys.modules)"
    assert run_script(script).stdout == "False\n"


def test_no_owner_token_in_what_is_printed(server: Server, key: str) -> None:
    mutex = RedisMutex(server.url)
    with mutex.acquire(key) as guard:
        holder = mutex.holder(key)
        assert holder is not None
        assert holder.value == guard.value
        for thing in (holder, guard, guard.lost, mutex):
            assert guard.value not in f"{thing} {thing!r}"
    assert "local_server" in redismutex.__all__
