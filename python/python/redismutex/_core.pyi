"""The mechanism, written in Rust. Not for users: `redismutex` and `redismutex.aio` are."""

from typing import Any, final

from ._core_types import HolderParts, Key, NativeSettings, Server

__version__: str
__all__ = [
    "Acquiring",
    "AsyncGuard",
    "AsyncMutex",
    "Call",
    "Guard",
    "Mutex",
    "Operation",
    "Reactor",
    "Releasing",
    "Tenure",
    "Wanted",
    "__version__",
    "inspect",
    "inspected",
    "now",
    "release",
    "released",
    "settle",
]

def now() -> int:
    """The clock that the rules go by, in nanoseconds."""

def settle() -> None:
    """The process ends: waits, but not for long, for what was thrown away, and has what is thrown away from now on
    waited for in the same way."""

# --- natively, blocking

@final
class Mutex:
    """A connection and settings."""

    def __new__(cls, server: Server) -> Mutex: ...
    def configured(self, settings: NativeSettings) -> Mutex:
        """The same connection with these settings."""

    def acquire(self, key: Key, token: str | None = None) -> Guard: ...
    def try_acquire(self, key: Key, token: str | None = None) -> Guard | None: ...
    def holder(self, key: Key) -> HolderParts | None: ...
    def release_by_force(self, key: Key) -> bool: ...

@final
class Guard:
    """A lock that is held. Dropped, it is given back by the background."""

    @property
    def value(self) -> str: ...
    @property
    def fence(self) -> int | None: ...
    def remaining(self) -> float: ...
    def is_valid(self) -> bool: ...
    def is_lost(self) -> bool: ...
    def lost_within(self, seconds: float) -> bool:
        """Waits for up to so many seconds for the loss; tells whether it came."""

    def extend(self, expiry: float) -> None: ...
    def release(self) -> None: ...
    def leak(self) -> None: ...

# --- natively, in an event loop

@final
class Reactor:
    """What one event loop has to do for its connections."""

    def __new__(cls) -> Reactor: ...
    def fileno(self) -> int:
        """The bell, to be watched."""

    def turn(self, fd: int | None = None) -> tuple[list[int], list[int], list[int], list[int]] | None:
        """Reads and writes `fd` if it is given, then does whatever there is to do. Completes the futures of what is
        done. Returns which sockets to read, no more to read, to write, no more to write, where that changed."""

@final
class Operation:
    """Begun with `start`, ended with `result` or `cancel`."""

    def start(self, awaited: Any) -> None:
        """Begins with the reactor's next turn, to be taken right after."""

    def cancel(self) -> None:
        """Gives up: what was brought about is given back."""

    def result(self) -> Any: ...

@final
class AsyncMutex:
    """A connection that an event loop reads, and settings."""

    def __new__(cls, reactor: Reactor, server: Server) -> AsyncMutex: ...
    def configured(self, settings: NativeSettings) -> AsyncMutex: ...
    def acquire(self, key: Key, token: str | None = None) -> Operation: ...
    def try_acquire(self, key: Key, token: str | None = None) -> Operation: ...
    def holder(self, key: Key) -> Operation: ...
    def release_by_force(self, key: Key) -> Operation: ...

@final
class AsyncGuard:
    """A lock that is held. Dropped, it is given back; the socket is never waited for."""

    @property
    def value(self) -> str: ...
    @property
    def fence(self) -> int | None: ...
    def remaining(self) -> float: ...
    def is_valid(self) -> bool: ...
    def is_lost(self) -> bool: ...
    def lost(self) -> Operation:
        """Completes when the lock is lost."""

    def extend(self, expiry: float) -> Operation: ...
    def release(self) -> Operation: ...
    def leak(self) -> None: ...

# --- the rules, for the user's own client

@final
class Call:
    """A script to be run."""

    @property
    def name(self) -> str: ...
    @property
    def script(self) -> str: ...
    @property
    def keys(self) -> list[bytes]: ...
    @property
    def args(self) -> list[bytes]: ...

@final
class Acquiring:
    """An acquisition on its way."""

    def __new__(
        cls,
        key: Key,
        token: str,
        block_time: float,
        delay: float,
        expiry: float,
        max_hold: float | None,
        label: str,
        queues: bool,
    ) -> Acquiring: ...
    def step(self) -> Call | float | Tenure:
        """What to do: run a `Call`, wait for some seconds, or be glad of a `Tenure`."""

    def answered(self, sent: int, answer: Any) -> None:
        """`answer`: the reply, or `("refused" | "not sent" | "silence", words)`."""

    def without_queue(self) -> None: ...
    def undo(self) -> tuple[Call, bool, int] | None:
        """What undoes it: a call, whether to run it until the end, and that end by `now`."""

@final
class Wanted:
    """What a call asks for, so that a lock lasts."""

@final
class Tenure:
    """A lock that is held for a time."""

    @property
    def fence(self) -> int | None: ...
    def remaining(self) -> float: ...
    def is_valid(self) -> bool: ...
    def is_lost(self) -> bool: ...
    def first_due(self) -> float:
        """In how many seconds it is to be renewed."""

    def extend(self, expiry: float | None) -> tuple[Call, Wanted] | None:
        """The call that lets it last and what it asks for; `None`: there is nothing to be prolonged."""

    def extended(self, sent: int, wanted: Wanted, expiry: float | None, answer: Any) -> tuple[str, float]:
        """What came of it: `("yes", seconds to the next)`, `("lost", 0)` or `("again", seconds)`."""

    def release(self) -> Releasing: ...
    def leak(self) -> None: ...

@final
class Releasing:
    """A lock on its way back."""

    @property
    def until(self) -> int: ...
    def call(self) -> Call: ...
    def answered(self, answer: Any) -> float | None:
        """`None`: it is done. Else run it again after so many seconds."""

def inspect(key: Key) -> Call: ...
def inspected(key: Key, answer: Any) -> HolderParts | None: ...
def release(key: Key, token: str) -> Call: ...
def released(key: Key, answer: Any) -> bool: ...
