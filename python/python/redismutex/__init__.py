"""A distributed mutex for Redis and Valkey."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._core import __version__
from .errors import (
    BlockTimeExceedError,
    LockLost,
    MutexConfigError,
    MutexError,
    MutexLockError,
    MutexUnavailableError,
    MutexUnlockError,
)
from .guard import Guard, Holder, Lost
from .mutex import RedisMutex

if TYPE_CHECKING:
    from . import aio, decorators, local
    from .decorators import with_redismutex
    from .local import local_server, stop_local_server

__all__ = [
    "BlockTimeExceedError",
    "Guard",
    "Holder",
    "LockLost",
    "Lost",
    "MutexConfigError",
    "MutexError",
    "MutexLockError",
    "MutexUnavailableError",
    "MutexUnlockError",
    "RedisMutex",
    "__version__",
    "aio",
    "decorators",
    "local",
    "local_server",
    "stop_local_server",
    "with_redismutex",
]

_LAZY = {"local_server": "local", "stop_local_server": "local", "with_redismutex": "decorators"}
_MODULES = ("aio", "decorators", "local")


def __getattr__(name: str) -> Any:
    # asyncio and subprocess take longer to import than all the rest.
    from importlib import import_module

    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name in _LAZY:
        return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
