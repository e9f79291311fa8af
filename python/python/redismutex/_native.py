"""The connections of our own: one for each server and way to reach it, shared by all who mean the same.

Must not know what a lock is.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any, Optional

from . import _core
from ._core_types import Server
from ._end import before_end

_lock = threading.Lock()
_mutexes: weakref.WeakValueDictionary[Any, _core.Mutex] = weakref.WeakValueDictionary()
# Kept for as long as the user's own connections are: a mutex made for each call must not connect for each.
_kept: weakref.WeakKeyDictionary[Any, _core.Mutex] = weakref.WeakKeyDictionary()


def mutex_for(server: Server, owner: Optional[object]) -> _core.Mutex:
    """The connection to `server`; kept for as long as `owner`, or for as long as it is used."""
    identity = (os.getpid(), *sorted((name, repr(value)) for name, value in server.items()))
    with _lock:
        mutex = _mutexes.get(identity)
        if mutex is None:
            mutex = _mutexes[identity] = _core.Mutex(server)
        if owner is not None:
            _kept[owner] = mutex
    return mutex


before_end(_core.settle)


def _after_fork_in_child() -> None:
    """Nothing of the parent's is used here; what holds on to it finds out by itself."""
    global _lock, _mutexes, _kept
    _lock = threading.Lock()
    _mutexes = weakref.WeakValueDictionary()
    _kept = weakref.WeakKeyDictionary()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
