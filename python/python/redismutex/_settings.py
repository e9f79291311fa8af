"""How a mutex behaves: which settings there are, what they may be, and which contradict each other.

Must not know how a lock is acquired.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any, Optional, Union

from ._core_types import NativeSettings

DEFAULT_BLOCK_TIME = 5
DEFAULT_DELAY = 0.5
DEFAULT_EXPIRY = 7

Seconds = Union[int, float, timedelta]

# A lease shorter than this is eaten up by the margins that make it safe.
_SHORTEST_EXPIRY = 0.01
# Asking more often than this would keep the server busy with nothing else.
_SHORTEST_DELAY = 0.001
# Far above any sensible lease, far below what the server's arithmetic bears.
_LONGEST = 10 * 365 * 24 * 3600


def seconds(name: str, value: Any) -> float:
    """`value` in seconds, or an error that names the setting."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} is a number of seconds or a timedelta, not {value!r}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or not 0 <= number <= _LONGEST:
        raise ValueError(f"{name} ({value!r}) is not between 0 and {_LONGEST} seconds")
    return number


def _expiry(name: str, value: Any) -> float:
    number = seconds(name, value)
    if number < _SHORTEST_EXPIRY:
        raise ValueError(f"{name} ({value!r}) is shorter than {_SHORTEST_EXPIRY} seconds")
    return number


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} is a str, not {value!r}")
    return value


class Settings:
    """The settings as attributes that may be assigned at any time; the next acquisition goes by them."""

    def __init__(
        self,
        *,
        blocking: bool,
        block_time: Seconds,
        delay: Seconds,
        expiry: Seconds,
        renew: bool,
        max_hold: Optional[Seconds],
        prefix: str,
        label: str,
        on_lost: str,
    ) -> None:
        self.blocking = blocking
        self.block_time = block_time
        self.delay = delay
        self.expiry = expiry
        self.renew = renew
        self.max_hold = max_hold
        self.prefix = prefix
        self.label = label
        self.on_lost = on_lost
        if blocking and seconds("block_time", block_time) > 0:
            self._check()

    def _check(self) -> None:
        if seconds("delay", self.delay) > seconds("block_time", self.block_time):
            raise ValueError(
                f"delay ({self.delay}) should be less than block_time ({self.block_time}): "
                "poll more often or wait longer"
            )
        if not self.renew and seconds("expiry", self.expiry) < seconds("block_time", self.block_time):
            raise ValueError(
                f"expiry ({self.expiry}) should be greater than block_time ({self.block_time}): "
                "raise it, wait for less, or turn renew on"
            )

    def _changed(self) -> None:
        """A setting was assigned."""

    @property
    def blocking(self) -> bool:
        """Whether to wait for a lock that is busy."""
        return self._blocking

    @blocking.setter
    def blocking(self, blocking: bool) -> None:
        self._blocking = bool(blocking)

    @property
    def block_time(self) -> Seconds:
        """Longest time to wait, in seconds; 0 tries once."""
        return self._block_time

    @block_time.setter
    def block_time(self, block_time: Seconds) -> None:
        seconds("block_time", block_time)
        self._block_time = block_time
        self._changed()

    @property
    def delay(self) -> Seconds:
        """How often to ask where the server cannot tell us when the lock is free, in seconds."""
        return self._delay

    @delay.setter
    def delay(self, delay: Seconds) -> None:
        seconds("delay", delay)
        self._delay = delay
        self._changed()

    @property
    def expiry(self) -> Seconds:
        """How long a grant lasts on the server, in seconds."""
        return self._expiry

    @expiry.setter
    def expiry(self, expiry: Seconds) -> None:
        _expiry("expiry", expiry)
        self._expiry = expiry
        self._changed()

    @property
    def renew(self) -> bool:
        """Whether the lock is kept for as long as it is held, in spite of `expiry`."""
        return self._renew

    @renew.setter
    def renew(self, renew: bool) -> None:
        self._renew = bool(renew)
        self._changed()

    @property
    def max_hold(self) -> Optional[Seconds]:
        """Longest time to hold it in spite of renewal, in seconds; `None`: no limit."""
        return self._max_hold

    @max_hold.setter
    def max_hold(self, max_hold: Optional[Seconds]) -> None:
        if max_hold is not None:
            _expiry("max_hold", max_hold)
        self._max_hold = max_hold
        self._changed()

    @property
    def prefix(self) -> str:
        """What goes before each key."""
        return self._prefix

    @prefix.setter
    def prefix(self, prefix: str) -> None:
        self._prefix = _text("prefix", prefix)

    @property
    def on_lost(self) -> str:
        """What a block that outlived its lock does: `"raise"` a `LockLost`, or `"log"` it only."""
        return self._on_lost

    @on_lost.setter
    def on_lost(self, on_lost: str) -> None:
        if on_lost not in ("raise", "log"):
            raise ValueError(f"on_lost is 'raise' or 'log', not {on_lost!r}")
        self._on_lost = on_lost

    @property
    def label(self) -> str:
        """Who this is, for people who look at the lock."""
        return self._label

    @label.setter
    def label(self, label: str) -> None:
        self._label = _text("label", label)
        self._changed()

    def _native_settings(self) -> NativeSettings:
        return {
            "block_time": seconds("block_time", self._block_time),
            "delay": max(seconds("delay", self._delay), _SHORTEST_DELAY),
            "expiry": seconds("expiry", self._expiry),
            "renew": self._renew,
            "max_hold": None if self._max_hold is None else seconds("max_hold", self._max_hold),
            "label": self._label,
        }
