"""Decides what runs: one look at a time, each of which can be the last of this process."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from kafka_platform_runtime.stream_keeper.cluster import Held
from kafka_platform_runtime.stream_keeper.flink import Job, Outcome, is_unfit
from kafka_platform_runtime.stream_keeper.ledger import FORMER, RUNNING, Ledger, Refusal, Wish
from kafka_platform_runtime.stream_keeper.store import Store

TRIAL_SECONDS = 240.0
"""In which all parts of a changed job have to run, or the former one comes back."""
PATIENCE_SECONDS = 60.0
"""How long a job that is to be changed may take to run again, before its last checkpoint takes the place of a savepoint."""
RETRY_SECONDS = 10.0
"""From a savepoint that failed to the next."""
CLEANING_SECONDS = 600.0
"""From one search for former states that are too many to the next. Listing a bucket costs money in most clouds."""
REMOVING_SECONDS = 30.0
"""How long a look may spend on removing them, so that a change does not wait; the next look goes on."""


class Cluster(Protocol):
    """What is needed of Kubernetes (`ConfigMaps`)."""

    def wish(self) -> Wish | None: ...  # noqa: D102
    def held(self) -> Held | None: ...  # noqa: D102
    def note(self, before: Held | None, ledger: Ledger, scripts: Mapping[str, str]) -> None: ...  # noqa: D102
    def has_checkpoint(self) -> bool: ...  # noqa: D102
    def forget(self) -> None: ...  # noqa: D102


class Manager(Protocol):
    """What is needed of Flink (`Flink`)."""

    def job(self) -> Job | None: ...  # noqa: D102
    def reason(self) -> str | None: ...  # noqa: D102
    def stop(self, folder: str) -> None: ...  # noqa: D102
    def stopped(self, folder: str) -> Outcome | None: ...  # noqa: D102
    def cancel(self) -> None: ...  # noqa: D102
    def end(self) -> None: ...  # noqa: D102


class Start(Protocol):
    """When Flink may start (`Turn`)."""

    @property
    def asked(self) -> bool: ...  # noqa: D102
    def give(self, config: str, script: str) -> None: ...  # noqa: D102


class Keeper:
    """Takes a job from what runs to what is declared.

    A changed job stops with a savepoint, and the new one starts from it. If that cannot start, the former one comes back from
    the same savepoint: nothing was written meanwhile that a reader of committed records could see.

    What is decided is noted before it is done, and all that is done can be done again, so that the process, the pod and
    whoever declared the change may die at any moment.
    """

    def __init__(
        self,
        cluster: Cluster,
        flink: Manager,
        store: Store,
        turn: Start,
        say: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
        pods: str | None = None,
        kept: int | None = None,
    ) -> None:
        self._cluster = cluster
        self._flink = flink
        self._store = store
        self._turn = turn
        self._say = say
        self._pods = pods
        """What these pods are. A job that needs others starts in those."""
        self._clock = clock
        self._began = clock()
        """When Flink was started last."""
        self._worked = clock()
        """When all parts of the job were seen at work."""
        self._not_before = 0.0
        self._kept = kept
        self._clean_after = clock()

    def once(self) -> None:
        """One look. Raises `Transient` or `ConflictError` if it cannot be finished now."""
        wish, held = self._cluster.wish(), self._cluster.held()
        if wish is None:
            return
        if held is None:
            first = Ledger(plan=wish.plan, version=wish.version, pods=wish.pods)
            self._cluster.note(None, first, {RUNNING: wish.script})
        elif self._turn.asked:
            self._begin(held, wish)
        else:
            self._look(held, wish)

    def _begin(self, held: Held, wish: Wish) -> None:
        """Flink is about to start."""
        ledger = held.ledger
        if ledger.stopping is not None:
            self._resolve(held, wish, "Flink has ended meanwhile")
            return
        if ledger.pods != self._pods:
            self._move(held, wish)
            return
        if ledger.again:
            self._note(held, replace(ledger, again=False))
            return
        if not ledger.begun:
            # Nothing of the former job may start instead of this one.
            self._cluster.forget()
            self._note(
                held, replace(ledger, begun=True), f"job {ledger.generation} starts from {_place(ledger.origin)}"
            )
            return
        if not self._cluster.has_checkpoint():
            newest = self._store.newest(ledger.generation)
            if newest is not None and newest != ledger.origin:
                self._note(held, replace(ledger, origin=newest), f"it starts again from {newest}")
                return
        lines = {"execution.checkpointing.dir": self._store.checkpoints(ledger.generation)}
        if ledger.origin is not None:
            lines |= {
                "execution.state-recovery.claim-mode": "NO_CLAIM",
                "execution.state-recovery.path": ledger.origin,
            }
        own = "".join(f'{key}: "{value}"\n' for key, value in lines.items())
        self._began = self._worked = self._clock()
        self._turn.give(wish.config + own, held.script)

    def _move(self, held: Held, wish: Wish) -> None:
        """What is noted runs in other pods than these, which are on their way or have been here."""
        if wish.pods != self._pods:
            return
        newest = self._store.newest(held.ledger.generation)
        if newest is not None or held.ledger.settled:
            # Those pods are gone, and have written no savepoint.
            self._advance(held, wish, newest or held.ledger.origin)
        else:
            said = "something else is declared meanwhile"
            self._note(held, held.ledger.instead(wish), said, {RUNNING: wish.script})

    def _look(self, held: Held, wish: Wish) -> None:
        ledger, job = held.ledger, self._flink.job()
        if job is not None and job.works:
            self._worked = self._clock()
        if ledger.begun and ledger.pods != self._pods:
            return  # it runs in others
        if ledger.stopping is not None:
            self._stopping(held, wish, ledger.stopping)
        elif not ledger.begun or ledger.again:
            self._leave(job)
        elif job is None:
            return
        elif not ledger.settled:
            self._trial(held, wish, job)
        elif wish.plan not in (ledger.plan, None if ledger.refused is None else ledger.refused.plan):
            self._change(held, wish, job)
        elif job.has_ended:
            self._flink.end()
        elif self._kept is not None and job.works and self._clock() >= self._clean_after:
            self._clean(ledger, self._kept)

    def _clean(self, ledger: Ledger, kept: int) -> None:
        """Removes states of former jobs that are too many. A keeper that takes the place of this one would remove the same."""
        self._clean_after = self._clock() + CLEANING_SECONDS
        gone = self._store.superfluous(ledger, kept)
        until = self._clock() + REMOVING_SECONDS
        for done, key in enumerate(gone):
            if self._clock() >= until:
                self._clean_after = self._clock()
                self._say(f"removed {done} of {len(gone)} files of former states, and goes on")
                return
            self._store.remove(key)
        if gone:
            self._say(f"removed {len(gone)} files of former states: the last {kept} stay")

    def _leave(self, job: Job | None) -> None:
        """Ends Flink once its job has ended."""
        if job is None or job.has_ended:
            self._flink.end()
        else:
            self._flink.cancel()

    def _trial(self, held: Held, wish: Wish, job: Job) -> None:
        """A job that has not run yet."""
        ledger = held.ledger
        if job.works:
            self._settle(held)
            return
        if wish.plan != ledger.plan:
            self._note(held, ledger.instead(wish), "something else is declared meanwhile", {RUNNING: wish.script})
            return
        reason = self._flink.reason()
        if job.state in ("FINISHED", "CANCELED") or (job.has_ended and reason is None):
            # Flink was killed before it had done with the job before, does that now, and takes it for this one.
            self._flink.end()
            return
        late = self._clock() - self._began > TRIAL_SECONDS
        if not (job.has_ended or (reason is not None and is_unfit(reason)) or (late and ledger.former is not None)):
            if reason != ledger.trouble:
                self._note(held, replace(ledger, trouble=reason))
            return
        if self._store.newest(ledger.generation) is not None:
            self._settle(held)  # it has run, and readers have seen results
            return
        reason = reason or f"not all of its parts run after {TRIAL_SECONDS:.0f} s"
        if ledger.former is not None and ledger.former.pods == self._pods:
            self._note(held, ledger.back(reason), f"refused: {reason}", {RUNNING: held.scripts[FORMER]})
        elif ledger.refused is None:
            self._note(held, replace(ledger, refused=Refusal(plan=ledger.plan, reason=reason)), f"refused: {reason}")

    def _settle(self, held: Held) -> None:
        settled = replace(held.ledger, settled=True, former=None, refused=None, trouble=None)
        self._note(held, settled, f"job {settled.generation} runs")

    def _change(self, held: Held, wish: Wish, job: Job) -> None:
        """Something else is declared than what runs."""
        ledger, now = held.ledger, self._clock()
        if now < self._not_before:
            return
        if job.works:
            folder = self._store.savepoints(ledger.generation, ledger.attempts + 1)
            noted = replace(ledger, stopping=folder, attempts=ledger.attempts + 1, refused=None)
            self._note(held, noted, "a change: it stops with a savepoint")
            self._flink.stop(folder)
        elif job.has_ended:
            state = self._store.newest(ledger.generation) or ledger.origin
            self._advance(held, wish, state)
        elif now - max(self._began, self._worked) > PATIENCE_SECONDS:
            self._say("a change: it does not run, and its last checkpoint takes the place of a savepoint")
            self._flink.cancel()

    def _stopping(self, held: Held, wish: Wish, folder: str) -> None:
        outcome = self._flink.stopped(folder)
        if outcome is None:
            return
        if outcome.location is not None:
            self._advance(held, wish, outcome.location)
        else:
            self._resolve(held, wish, outcome.failure or "")

    def _resolve(self, held: Held, wish: Wish, why: str) -> None:
        """What came of a stop that Flink no longer knows: with a complete savepoint, it has stopped."""
        assert held.ledger.stopping is not None  # noqa: S101
        found = self._store.savepoint(held.ledger.stopping)
        if found is not None:
            self._advance(held, wish, found)
            return
        self._not_before = self._clock() + RETRY_SECONDS
        trouble = f"no savepoint: {why}"
        self._note(held, replace(held.ledger, stopping=None, trouble=trouble), trouble)

    def _advance(self, held: Held, wish: Wish, state: str | None) -> None:
        following = held.ledger.next(wish, state)
        scripts = {RUNNING: wish.script, FORMER: held.script}
        self._note(held, following, f"job {held.ledger.generation} has stopped at {_place(state)}", scripts)

    def _note(self, held: Held, ledger: Ledger, said: str = "", scripts: Mapping[str, str] | None = None) -> None:
        kept = {**held.scripts, **(scripts or {})}
        if ledger.former is None:
            kept.pop(FORMER, None)
        self._cluster.note(held, ledger, kept)
        if said:
            self._say(said)


def _place(state: str | None) -> str:
    return "no state" if state is None else state
