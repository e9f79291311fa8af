"""The shapes of what goes between Python and `_core`, and what both transports can do."""

from __future__ import annotations

from typing import Callable, Optional, Protocol, TypedDict, Union

Key = Union[str, bytes]
# value, seconds left, fence, label, since (seconds since 1970)
HolderParts = tuple[str, Optional[float], Optional[int], Optional[str], Optional[float]]
Who = tuple[Optional[str], Optional[str]]


class NativeSettings(TypedDict):
    block_time: float
    delay: float
    expiry: float
    renew: bool
    max_hold: Optional[float]
    label: str


class Server(TypedDict):
    url: str
    username: Optional[str]
    password: Optional[str]
    credentials: Optional[Callable[[], Who]]
    tls_roots: Optional[bytes]
    tls_client: Optional[tuple[bytes, bytes]]


class Grant(Protocol):
    """One lock that is held, however it is reached."""

    @property
    def value(self) -> str: ...
    @property
    def fence(self) -> Optional[int]: ...
    def remaining(self) -> float: ...
    def is_valid(self) -> bool: ...
    def is_lost(self) -> bool: ...
    def lost_within(self, seconds: float) -> bool: ...
    def extend(self, expiry: float) -> None: ...
    def release(self) -> None: ...
    def leak(self) -> None: ...


class Transport(Protocol):
    """The way to the server, with settings."""

    def acquire(self, key: Key, token: Optional[str] = None) -> Grant: ...
    def try_acquire(self, key: Key, token: Optional[str] = None) -> Optional[Grant]: ...
    def holder(self, key: Key) -> Optional[HolderParts]: ...
    def release_by_force(self, key: Key) -> bool: ...
