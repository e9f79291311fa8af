"""What can go wrong, by what the caller can do about it. Every class here is a `MutexError`."""

from __future__ import annotations

import sys
from functools import cache
from typing import Optional, Union

__all__ = [
    "BlockTimeExceedError",
    "LockLost",
    "MutexConfigError",
    "MutexError",
    "MutexLockError",
    "MutexUnavailableError",
    "MutexUnlockError",
]

Key = Union[str, bytes]


class MutexError(Exception):
    """The base of them all. `key` is the lock's key, where it is about one."""

    key: Optional[Key]

    def __init__(self, message: str = "", key: Optional[Key] = None) -> None:
        super().__init__(message)
        self.key = key

    def __reduce__(self) -> tuple[type[MutexError], tuple[str, Optional[Key]]]:
        # Task queues carry errors from process to process.
        return type(self), (str(self), self.key)


class MutexLockError(MutexError):
    """The lock was not acquired: it is busy and `blocking` is off, or this object holds it already."""


class MutexUnlockError(MutexError):
    """There was nothing to release, or it was not ours any more."""


class LockLost(MutexUnlockError):
    """The lease ended or the lock was taken away: work done under it since then was not protected."""


class BlockTimeExceedError(MutexError, TimeoutError):
    """Someone else held the lock for the whole of `block_time`. Try later, or wait for longer."""


class MutexUnavailableError(MutexError, ConnectionError):
    """The server could not be reached, or would not do it now. Nobody else need have the lock."""


class MutexConfigError(MutexError, ValueError):
    """Something that trying again does not change: settings, the URL, the key, permissions."""


@cache
def _unavailable_as(*also: type[Exception]) -> type[MutexUnavailableError]:
    """The error, for those who catch the one of their client."""

    def reduce(self: MutexError) -> tuple[type[MutexError], tuple[str, Optional[Key]]]:
        return MutexUnavailableError, (str(self), self.key)

    names = {"__module__": __name__, "__doc__": MutexUnavailableError.__doc__, "__reduce__": reduce}
    return type("MutexUnavailableError", (MutexUnavailableError, *also), names)


def _unavailable(message: str, key: Optional[Key]) -> MutexUnavailableError:
    """One that is also the `ConnectionError` of the clients that are in use: 1.0.0 let theirs through."""
    clients = [sys.modules.get(f"{client}.exceptions") for client in ("redis", "valkey")]
    also = [client.ConnectionError for client in clients if client is not None]
    return _unavailable_as(*also)(message, key)


class _Forked(MutexError):
    """A connection was made before a fork and this is the child; never leaves the package."""
