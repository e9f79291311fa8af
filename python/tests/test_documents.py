"""Every block of Python in the documents, in the order in which they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import redis

import redismutex
from conftest import ROOT, Server

DOCUMENTS = [ROOT / "python/README.md", ROOT / "docs/migrating.md"]


def blocks() -> list[Any]:
    found = []
    for document in DOCUMENTS:
        for match in re.finditer(r"^```python\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL):
            line = document.read_text()[: match.start()].count("\n") + 2
            found.append(pytest.param(document, line, match[1], id=f"{document.stem}:{line}"))
    return found


@pytest.mark.parametrize(("document", "line", "text"), blocks())
def test_block(
    document: Path,
    line: int,
    text: str,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With this test's server where the document says localhost:6379."""
    if "celery" in text:
        pytest.importorskip("celery")
    made = redis.StrictRedis
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(redis, "StrictRedis", lambda **settings: made(**{**settings, "port": server.port}))
    text = text.replace("localhost:6379", f"localhost:{server.port}")
    try:
        exec(compile("\n" * (line - 1) + text, str(document), "exec"), {"__name__": "example"})
    finally:
        redismutex.stop_local_server()


def test_tasks_of_celery(server: Server, key: str) -> None:
    """Skip, retry and raise, in a real Celery that runs its tasks on the spot."""
    celery = pytest.importorskip("celery")
    app = celery.Celery("jobs", broker="memory://", backend="cache+memory://")
    app.conf.task_always_eager = True
    app.conf.task_store_eager_result = False
    conn = server.client()
    tries: list[int] = []

    def task(on_busy: str, **options: Any) -> Any:
        @app.task(name=f"{key}.{on_busy}", **options)
        @redismutex.with_redismutex(conn, key, blocking=False, on_busy=on_busy)
        def work(*_: Any) -> str:
            return "done"

        return work

    skip, fails = task("skip"), task("raise")
    retry = task("retry", bind=True, max_retries=2, default_retry_delay=0)
    assert [skip.delay().get(), fails.delay().get(), retry.delay().get()] == ["done"] * 3
    conn.set(key, "somebody", px=5000)
    assert skip.delay().get() is None
    with pytest.raises(redismutex.MutexLockError):
        fails.delay().get()

    class Twice(redismutex.with_redismutex):
        def generate_key(self, *args: Any, **kwargs: Any) -> str:
            tries.append(1)
            if len(tries) == 2:
                conn.delete(key)
            return key

    @app.task(bind=True, max_retries=2, default_retry_delay=0)
    @Twice(conn, blocking=False, on_busy="retry")
    def again(_: Any) -> str:
        return "done"

    assert again.delay().get() == "done"
    assert len(tries) == 2
    with pytest.raises(TypeError, match="bind=True"):
        conn.set(key, "somebody", px=5000)
        redismutex.with_redismutex(conn, key, blocking=False, on_busy="retry")(lambda: None)()
