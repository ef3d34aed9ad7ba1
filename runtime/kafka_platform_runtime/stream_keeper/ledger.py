"""What is noted of a stream job: which SQL or program runs, from which state, and what a change has come to."""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from kafka_platform_runtime.failures import Refused

LEDGER, RUNNING, FORMER = "ledger.json", "running.sql", "former.sql"
"""Keys of the ConfigMap. The last two are what Flink is started with: SQL, or the arguments of a program."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is declared."""

    plan: str
    """Another one whenever the job has to be another one."""
    version: int
    """A higher one begins without state."""
    script: str
    config: str
    pods: str | None = None
    """Another one whenever a program needs other pods: with another image, or other variables. None: SQL, which needs none of its own."""


@dataclass(frozen=True, kw_only=True)
class Former:
    """The job before, as long as it may have to come back."""

    plan: str
    version: int
    origin: str | None
    pods: str | None = None


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A job that could not be started from the state that there is."""

    plan: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """Everything that outlives the pod."""

    generation: int = 1
    """Counts the jobs that followed each other. Each keeps its checkpoints in a folder of its own."""
    plan: str
    version: int
    pods: str | None = None
    """The pods that it needs; in others it does not start."""
    origin: str | None = None
    """The state that it starts from if it has no checkpoint yet. None: without any."""
    begun: bool = False
    """Whether Flink may know this job already."""
    settled: bool = False
    """Whether all of its parts have run: from then on it never goes back to the former one."""
    stopping: str | None = None
    """The folder into which it is being stopped."""
    attempts: int = 0
    """How often that was begun."""
    former: Former | None = None
    refused: Refusal | None = None
    again: bool = False
    """Whether somebody wants a first job that was refused to be tried once more."""
    saved: str | None = None
    """The last savepoint, or the checkpoint that took its place."""
    trouble: str | None = None
    """Why a change does not get on."""

    def next(self, wish: Wish, state: str | None) -> "Ledger":
        """What follows a job that has stopped with this state."""
        anew = wish.version > self.version
        return Ledger(
            generation=self.generation + 1,
            plan=wish.plan,
            version=max(wish.version, self.version),
            pods=wish.pods,
            origin=None if anew else state,
            former=Former(plan=self.plan, version=self.version, origin=state, pods=self.pods),
            saved=state,
        )

    def back(self, reason: str) -> "Ledger":
        """What follows a job that could not start: the former one, from where it stopped."""
        assert self.former is not None  # noqa: S101
        return Ledger(
            generation=self.generation + 1,
            plan=self.former.plan,
            version=self.former.version,
            pods=self.former.pods,
            origin=self.former.origin,
            settled=True,
            refused=Refusal(plan=self.plan, reason=reason),
            saved=self.saved,
        )

    def instead(self, wish: Wish) -> "Ledger":
        """What follows a job that has never run, and is no longer wanted."""
        former = self.former
        anew = wish.version > (self.version if former is None else former.version)
        state = self.origin if former is None else former.origin
        return replace(
            self,
            generation=self.generation + 1,
            plan=wish.plan,
            version=max(wish.version, self.version),
            pods=wish.pods,
            origin=None if anew else state,
            begun=False,
            refused=None,
            again=False,
            trouble=None,
        )


def written(ledger: Ledger) -> str:
    """As it is kept."""
    return json.dumps(asdict(ledger), indent=1, sort_keys=True)


def read(text: str) -> Ledger:
    """What was written. Raises `Refused` if it is something else."""
    try:
        found: dict[str, Any] = json.loads(text)
        parts = {"former": Former, "refused": Refusal}
        nested = {key: part(**found[key]) for key, part in parts.items() if found.get(key) is not None}
        return Ledger(**{**found, **nested})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Refused([f"{LEDGER}: cannot be read: {error}"]) from None
