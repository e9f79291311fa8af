"""How the rules' calls are put to a client of redis-py's kind, and how its answers are read.

Everything is a generator that yields what is to be done, a function to be called or a number of seconds
to wait, and is sent the result: so the same words serve clients that block and clients that are awaited.
Must not know which of them it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from functools import cache
from typing import Any, Callable, Optional, Union

from . import _core
from ._core_types import HolderParts, Key

Todo = Union[Callable[[], Any], float]
Trouble = tuple[str, str]

# The code that begins a server's error; the clients make a class of it and cut it off.
_CODES = {
    "NoScriptError": "NOSCRIPT",
    "BusyLoadingError": "LOADING",
    "ReadOnlyError": "READONLY",
    "NoPermissionError": "NOPERM",
    "AuthenticationError": "NOAUTH",
    "AuthenticationWrongNumberOfArgsError": "NOAUTH",
    "OutOfMemoryError": "OOM",
    "ClusterDownError": "CLUSTERDOWN",
    "MasterDownError": "MASTERDOWN",
    "TryAgainError": "TRYAGAIN",
    "MovedError": "MOVED",
    "AskError": "ASK",
}


def _code(error: BaseException) -> Optional[str]:
    names = (cls.__name__ for cls in type(error).__mro__)
    return next((_CODES[name] for name in names if name in _CODES), None)


def _is_of_server(error: BaseException) -> bool:
    return any(cls.__name__ in ("RedisError", "ValkeyError") for cls in type(error).__mro__)


def _trouble(error: Exception) -> Optional[Trouble]:
    """What an exception of a client means; `None`: it is not about the server."""
    code = _code(error)
    if code is not None:
        return "refused", f"{code} {error}"
    names = {cls.__name__ for cls in type(error).__mro__}
    if names & {"ConnectionError", "TimeoutError", "OSError"}:
        return "silence", f"{type(error).__name__}: {error}"
    return ("refused", str(error)) if _is_of_server(error) else None


def _has_no_scripts(error: Exception) -> bool:
    """The server does not know scripts or does not let us run them."""
    # By its text: an unknown command has no code of its own.
    return _is_of_server(error) and (_code(error) == "NOPERM" or "unknown command" in str(error).lower())


@cache
def _digest(script: str) -> str:
    # The name of a script by protocol, not a secret.
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


class Dialect:
    """How to talk to one client's server."""

    def __init__(self, client: Any) -> None:
        self.client = client
        #: Until it shows that there are none.
        self.has_scripts = True

    def run(self, call: _core.Call) -> Generator[Todo, Any, Any]:
        """Runs a call; returns its reply, or what went wrong."""
        try:
            if self.has_scripts:
                try:
                    return (yield from self._script(call))
                except Exception as error:
                    if not _has_no_scripts(error):
                        raise
            reply = yield from self._plain(call)
            # Only now: it may be the key that this user may not touch, and not scripts.
            self.has_scripts = False
            return reply
        except Exception as error:
            trouble = _trouble(error)
            if trouble is None:
                raise
            return trouble

    def _script(self, call: _core.Call) -> Generator[Todo, Any, Any]:
        client, keys, words = self.client, call.keys, [*call.keys, *call.args]
        try:
            return (yield lambda: client.evalsha(_digest(call.script), len(keys), *words))
        except Exception as error:
            if _code(error) != "NOSCRIPT":
                raise
        return (yield lambda: client.eval(call.script, len(keys), *words))

    def _plain(self, call: _core.Call) -> Generator[Todo, Any, Any]:
        """Without scripts: no queue and no fence."""
        client, lock, token = self.client, call.keys[0], call.args[0]
        if call.name == "acquire":
            expiry = int(call.args[1])
            if (yield lambda: client.set(lock, token, px=expiry, nx=True)):
                return b"OK"
            if (yield from self._if_ours(lock, token, lambda pipe: pipe.pexpire(lock, expiry))):
                return b"OK"
            return [0, (yield lambda: client.pttl(lock)), 0, 1]
        if call.name == "extend":
            expiry = int(call.args[1])
            if call.args[3] != b"1" and (yield lambda: client.pttl(lock)) >= expiry:
                # A renewal leaves alone what an extension has made longer.
                return (yield from self._if_ours(lock, token, lambda pipe: pipe.pttl(lock)))
            return (yield from self._if_ours(lock, token, lambda pipe: pipe.pexpire(lock, expiry)))
        if call.name == "release":
            return (yield from self._if_ours(lock, token, lambda pipe: pipe.delete(lock)))
        holder = yield lambda: client.get(lock)
        return [0, holder, (yield lambda: client.pttl(lock)), None, 0, []]

    def _if_ours(self, lock: bytes, token: bytes, change: Callable[[Any], Any]) -> Generator[Todo, Any, int]:
        """One change in one step with looking whether `token` still stands there: 1 if it did."""
        pipe = self.client.pipeline(transaction=True)
        try:
            while True:
                yield lambda: pipe.watch(lock)
                holder = yield lambda: pipe.get(lock)
                if (holder.encode() if isinstance(holder, str) else holder) != token:
                    return 0
                pipe.multi()
                change(pipe)
                try:
                    return 1 if (yield lambda: pipe.execute())[0] else 0
                except Exception as error:
                    if type(error).__name__ != "WatchError":
                        raise
        finally:
            yield lambda: pipe.reset()


def acquire(dialect: Dialect, acquiring: _core.Acquiring) -> Generator[Todo, Any, _core.Tenure]:
    """Acquires as the rules say."""
    while True:
        step = acquiring.step()
        if isinstance(step, _core.Tenure):
            return step
        if isinstance(step, float):
            yield step
            continue
        sent = _core.now()
        answer = yield from dialect.run(step)
        if not dialect.has_scripts:
            acquiring.without_queue()
        acquiring.answered(sent, answer)


def release(dialect: Dialect, releasing: _core.Releasing) -> Generator[Todo, Any, None]:
    while True:
        pause = releasing.answered((yield from dialect.run(releasing.call())))
        if pause is None:
            return
        yield pause


def extend(
    dialect: Dialect, tenure: _core.Tenure, expiry: Optional[float]
) -> Generator[Todo, Any, Optional[float]]:
    """Extends, or renews where there is no `expiry`; returns in how many seconds it is to be renewed again.
    `None`: it is lost or to be left to itself."""
    while True:
        wanted = tenure.extend(expiry)
        if wanted is None:
            return None
        call, asked = wanted
        sent = _core.now()
        answer = yield from dialect.run(call)
        went, pause = tenure.extended(sent, asked, expiry, answer)
        if went == "again":
            yield pause
        else:
            return pause if went == "yes" else None


def undo(dialect: Dialect, call: _core.Call, again: bool, until: int) -> Generator[Todo, Any, None]:
    """Gives back until it is done or the server has forgotten it by itself."""
    while True:
        answer = yield from dialect.run(call)
        done = not isinstance(answer, tuple)
        if (done and not again) or _core.now() >= until:
            return
        yield 0.25


def holder(dialect: Dialect, key: Key) -> Generator[Todo, Any, Optional[HolderParts]]:
    return _core.inspected(key, (yield from dialect.run(_core.inspect(key))))


def release_by_force(dialect: Dialect, key: Key) -> Generator[Todo, Any, bool]:
    while True:
        found = yield from holder(dialect, key)
        if found is None:
            return False
        if _core.released(key, (yield from dialect.run(_core.release(key, found[0])))):
            return True
