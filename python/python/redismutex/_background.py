"""What goes on by itself through clients that block: renewing, and giving back what could not be given back.

Knows when something is to be done again. Must not know what it is.
"""

from __future__ import annotations

import heapq
import itertools
import os
import queue
import sys
import threading
import time
from typing import Callable, Optional

from ._end import before_end

#: Returns in how many seconds to do it again; `None`: never.
Work = Callable[[], Optional[float]]

# How long anybody waits for a job: the server may be silent, and the client patient.
_PATIENCE = 1.0
# So many that are not to be done any more may wait for their time beside those that are.
_STALE = 64


class Job:
    """Some work, and when it is due by `time.monotonic`; `None`: not any more."""

    __slots__ = ("due", "work")

    def __init__(self, work: Work) -> None:
        self.work: Optional[Work] = work
        self.due: Optional[float] = None


class Background:
    """One thread for all jobs, begun with the first."""

    def __init__(self) -> None:
        # Safe to be put into from a finaliser.
        self._new: queue.SimpleQueue[tuple[float, Job]] = queue.SimpleQueue()
        self._started = False
        # Changed in single steps that no finaliser can come between.
        self._live: set[Job] = set()

    def add(self, pause: float, work: Work) -> Job:
        """Runs `work` after `pause` seconds, and again after as many as it returns each time."""
        job = Job(work)
        self._begin(job, pause)
        return job

    def move(self, job: Job, pause: float) -> None:
        """Has it run after `pause` seconds instead, unless it is over."""
        if job.work is not None:
            job.due = time.monotonic() + pause
            self._new.put((job.due, job))

    def cancel(self, job: Job) -> None:
        """Nothing is kept of what it would have done."""
        job.work = job.due = None
        self._live.discard(job)

    def settle(self, job: Optional[Job] = None) -> None:
        """Waits until `job` is over, or all are, but not for long."""
        until = time.monotonic() + _PATIENCE
        while self._has(job) and self._started and time.monotonic() < until:
            time.sleep(0.001)

    def _has(self, job: Optional[Job]) -> bool:
        return bool(self._live) if job is None else job in self._live

    def _begin(self, job: Job, pause: float) -> None:
        self._live.add(job)
        self.move(job, pause)
        # A thread that is started while the interpreter ends never runs, and up to Python 3.11 one waits for it.
        if not self._started and not sys.is_finalizing():
            self._started = True
            try:
                threading.Thread(target=self._run, name="redismutex-background", daemon=True).start()
            except RuntimeError:
                # The interpreter is ending: the lease will.
                self._started = False

    def _run(self) -> None:
        number = itertools.count()
        waiting: list[tuple[float, int, Job]] = []
        while True:
            try:
                wait = max(waiting[0][0] - time.monotonic(), 0.0) if waiting else None
                due, job = self._new.get(timeout=wait)
                heapq.heappush(waiting, (due, next(number), job))
                if len(waiting) > 2 * len(self._live) + _STALE:
                    waiting = [one for one in waiting if one[2].due == one[0]]
                    heapq.heapify(waiting)
            except queue.Empty:
                due, _, job = heapq.heappop(waiting)
                if job.due == due:
                    self._do(job)

    def _do(self, job: Job) -> None:
        work = job.work
        if work is None:
            return
        try:
            again = work()
        except Exception:
            # A client that fails in ways of its own must not stop the renewal of the others.
            again = 0.5
        if again is None:
            self.cancel(job)
        else:
            self.move(job, again)


# Two: giving back to a server that is out of reach may take the client a minute, and no renewal is to wait for it.
_renewals = Background()
_debts = Background()


def renewals() -> Background:
    """What renews, in this process."""
    return _renewals


def debts() -> Background:
    """What gives back, in this process; its end waits for it, but not for long."""
    return _debts


before_end(lambda: debts().settle())


def _after_fork_in_child() -> None:
    global _renewals, _debts
    _renewals, _debts = Background(), Background()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
