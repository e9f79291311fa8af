"""Running a whole function under a lock."""

from __future__ import annotations

import functools
import inspect
from typing import Any, Callable, Optional, TypeVar, Union, cast

from ._core_types import Key
from ._settings import DEFAULT_BLOCK_TIME, DEFAULT_DELAY, DEFAULT_EXPIRY, Seconds
from .errors import BlockTimeExceedError, MutexLockError
from .mutex import Configured, RedisMutex

__all__ = ["with_redismutex"]

F = TypeVar("F", bound=Callable[..., Any])

_ON_BUSY = ("raise", "skip", "retry")


def _is(kind: Callable[[Any], bool], function: Any) -> bool:
    """Whether it is of that kind, or an object that is called like one."""
    return kind(function) or kind(type(function).__call__)


class with_redismutex:
    """Runs the decorated function under the lock of `key`: plain functions, methods and `async def`.

    `key` is a string, or a function of the decorated function's arguments. Without it a subclass says it in
    `generate_key`. The other settings are those of `RedisMutex`.

    `on_busy` says what to do where the lock is not to be had: `"raise"` the error; `"skip"` the call, which then
    returns `None`; or `"retry"`, for a Celery task with `bind=True`: the task is put off by its own `retry`.
    """

    def __init__(
        self,
        conn: Any,
        key: Union[Key, Callable[..., Key], None] = None,
        blocking: bool = True,
        block_time: Seconds = DEFAULT_BLOCK_TIME,
        delay: Seconds = DEFAULT_DELAY,
        expiry: Seconds = DEFAULT_EXPIRY,
        *,
        renew: bool = False,
        max_hold: Optional[Seconds] = None,
        transport: str = "auto",
        prefix: str = "",
        label: str = "",
        on_lost: str = "raise",
        on_busy: str = "raise",
    ) -> None:
        if on_busy not in _ON_BUSY:
            raise ValueError(f"on_busy is one of {', '.join(_ON_BUSY)}, not {on_busy!r}")
        self.key = key
        self.on_busy = on_busy
        self.conn = conn
        self._settings: dict[str, Any] = {
            "blocking": blocking,
            "block_time": block_time,
            "delay": delay,
            "expiry": expiry,
            "renew": renew,
            "max_hold": max_hold,
            "transport": transport,
            "prefix": prefix,
            "label": label,
            "on_lost": on_lost,
        }
        # What is wrong with the settings is said here, not at the first call.
        Configured(conn, **self._settings)

    def generate_key(self, *args: Any, **kwargs: Any) -> Optional[Key]:
        """The key for a call with these arguments; for subclasses to say."""
        return None

    def __call__(self, function: F) -> F:
        if isinstance(function, (staticmethod, classmethod)):
            return cast(F, type(function)(self(function.__func__)))
        if not callable(function):
            raise TypeError(f"only functions can be decorated, not {function!r}")
        if _is(inspect.isgeneratorfunction, function) or _is(inspect.isasyncgenfunction, function):
            raise TypeError(
                f"{function!r} is a generator: its body would run after the lock is released; "
                "take the lock inside of it"
            )
        made = self._around_coroutine if _is(inspect.iscoroutinefunction, function) else self._around_function
        return cast(F, made(function))

    def _around_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        mutex = RedisMutex(self.conn, **self._settings)

        @functools.wraps(function)
        def locked(*args: Any, **kwargs: Any) -> Any:
            try:
                guard = mutex.acquire(self._key_for(args, kwargs))
            except (MutexLockError, BlockTimeExceedError) as busy:
                return self._busy(busy, args)
            with guard:
                result = function(*args, **kwargs)
                if inspect.iscoroutine(result):
                    result.close()
                    raise TypeError(
                        f"{function!r} returned a coroutine: its body would run after the lock is released; "
                        "decorate the function that is written with async def"
                    )
                return result

        return locked

    def _around_coroutine(self, function: Callable[..., Any]) -> Callable[..., Any]:
        from . import aio

        mutex = aio.RedisMutex(self.conn, **self._settings)

        @functools.wraps(function)
        async def locked(*args: Any, **kwargs: Any) -> Any:
            try:
                guard = await mutex.acquire(self._key_for(args, kwargs))
            except (MutexLockError, BlockTimeExceedError) as busy:
                return self._busy(busy, args)
            async with guard:
                return await function(*args, **kwargs)

        return locked

    def _key_for(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Key:
        key = self.key
        if callable(key):
            key = key(*args, **kwargs)
        elif key is None:
            key = self.generate_key(*args, **kwargs)
        if key is None:
            raise ValueError("there is no key: give one to with_redismutex, or override generate_key")
        return key

    def _busy(self, busy: Exception, args: tuple[Any, ...]) -> None:
        if self.on_busy == "raise":
            raise busy
        if self.on_busy == "retry":
            retry = getattr(args[0] if args else None, "retry", None)
            if retry is None:
                raise TypeError("on_busy='retry' is for Celery tasks with bind=True") from busy
            # It raises the exception by which Celery knows; a worker that only waits does no work.
            raise retry(exc=busy)
