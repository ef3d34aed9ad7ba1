"""Applies the declared topics, users, ACLs and quotas to a Kafka cluster, and ends.

Run as `python3 -m kafka_platform_runtime.provisioner` with the KAFKA_* variables of `connection` and:

- DECLARATIONS_DIR: folder with a file per declaration (default /etc/kafka-platform/declarations).
- PASSWORDS_DIR: folder with a file per user (default /etc/kafka-platform/passwords).
- OWNER: scope of the ledger; declarations of other owners are never touched.
- STACK: the stack that it belongs to, where other stacks may use the same Kafka: owners of the same name in other stacks
  are other owners (default none).
- FORMER_STACKS: comma-separated stacks that this one took the place of, such as its own former name (default none).
- RESERVED_USERS: comma-separated names of super users, who must not be declared (default admin,broker); whoever logs
  in here never may.
- FORMER_OWNERS: comma-separated owners that this one took the place of (default none).
- DEADLINE_SECONDS: how long it tries what may yet succeed (default 240).
- TERMINATION_LOG: file for the last message (default /dev/termination-log).

Exit code 0: all is as declared. 3: refused, another try cannot help. 1: ran out of time, another try may help.
"""

import os
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from confluent_kafka.admin import ClusterMetadata

from kafka_platform_runtime.adoption import is_adopted
from kafka_platform_runtime.apply import apply, validate
from kafka_platform_runtime.cluster import Cluster
from kafka_platform_runtime.connection import Connection, SaslMechanism, read_password
from kafka_platform_runtime.declarations import LEDGER_TOPIC, Declarations, Mechanism, read
from kafka_platform_runtime.failures import Refused, Rejected, Superseded, Transient
from kafka_platform_runtime.ledger import Ledger
from kafka_platform_runtime.passwords import matches
from kafka_platform_runtime.plan import (
    FINGERPRINT,
    Actual,
    Plan,
    Recorded,
    TopicChange,
    TopicRemoval,
    UserChange,
    count,
    make_plan,
)
from kafka_platform_runtime.report import Report, leave
from kafka_platform_runtime.visible import wait_until_visible

DONE = 0
NOT_NOW = 1
REFUSED = 3

DEFAULT_DEADLINE_SECONDS = 240.0

# The super users of the embedded engine: declaring one would hand its rights to whoever gets the password.
DEFAULT_RESERVED_USERS = ("admin", "broker")

# Seconds for which a failing login is tried again: the administrator's own credential may be a moment late.
LOGIN_SECONDS = 30.0

# Seconds for the login of a user that may be this owner's; a refused one takes all of them.
PROOF_SECONDS = 3.0
# In the client's own words for a login that was not refused, but cut off.
_LOST_CONNECTION = "Local:"
# Refused logins after which the other users that the ledger does not know are taken for somebody else's: the run is going
# to be refused, and each costs seconds.
MOST_FAILED_PROOFS = 10

SHORTEST_PAUSE = 0.5
LONGEST_PAUSE = 5.0


class Ended(BaseException):
    """The process was asked to end."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The provisioner's own variables; see the module."""

    declarations: Path
    passwords: Path
    owner: str
    former_owners: tuple[str, ...] = ()
    stack: str | None = None
    former_stacks: tuple[str, ...] = ()
    reserved_users: tuple[str, ...] = DEFAULT_RESERVED_USERS
    deadline_seconds: float = DEFAULT_DEADLINE_SECONDS
    termination_log: Path = Path("/dev/termination-log")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the variables.

        Raises:
            Refused: OWNER is missing or has a `/` or `@`, or DEADLINE_SECONDS is not a number above 0.
        """
        owner = environment.get("OWNER", "").strip()
        faults = []
        if not owner or "/" in owner or "@" in owner:
            faults.append(f"OWNER: {owner!r} is not a name: set it to the component's name, without '/' and '@'")
        seconds = environment.get("DEADLINE_SECONDS") or str(DEFAULT_DEADLINE_SECONDS)
        try:
            deadline = float(seconds)
        except ValueError:
            deadline = 0.0
        if not deadline > 0:
            faults.append(f"DEADLINE_SECONDS: {seconds!r} is not a number of seconds above 0")
        if faults:
            raise Refused(faults)
        return cls(
            declarations=Path(environment.get("DECLARATIONS_DIR") or "/etc/kafka-platform/declarations"),
            passwords=Path(environment.get("PASSWORDS_DIR") or "/etc/kafka-platform/passwords"),
            owner=owner,
            former_owners=_names(environment.get("FORMER_OWNERS", "")),
            stack=environment.get("STACK", "").strip() or None,
            former_stacks=_names(environment.get("FORMER_STACKS", "")),
            reserved_users=_names(environment.get("RESERVED_USERS", ",".join(DEFAULT_RESERVED_USERS))),
            deadline_seconds=deadline,
            termination_log=termination_log(environment),
        )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in map(str.strip, text.split(",")) if name)


def termination_log(environment: Mapping[str, str]) -> Path:
    """Where the last message goes."""
    return Path(environment.get("TERMINATION_LOG") or "/dev/termination-log")


def attempt(settings: Settings, connection: Connection, declared: Declarations, report: Report) -> None:
    """Do all of it once, from reading what is there to making sure that every broker knows.

    Raises:
        Refused: nothing was changed, and another try cannot help.
        Transient, Rejected: another try may help.
        Superseded: a newer run of the same owner has begun.
    """
    with Cluster(connection) as cluster:
        metadata = cluster.metadata()
        _wait_for_brokers(declared, metadata)
        cluster.ensure_ledger(metadata)
        ledger = Ledger(
            connection,
            settings.owner,
            settings.former_owners,
            stack=settings.stack,
            former_stacks=settings.former_stacks,
        )
        try:
            passwords, unreadable = _passwords(declared, settings.passwords)
            ledger.claim(lambda entries: _are_ours(entries, declared, passwords, settings))
            recorded = ledger.read()
            actual = cluster.read(declared, recorded, metadata)
            plan = make_plan(
                declared,
                actual,
                recorded,
                reserved_users=[*settings.reserved_users, *([connection.username] if connection.username else [])],
                passwords=passwords,
                proven=_proven(declared, actual, recorded, passwords, connection),
            )
            faults = [unreadable[each.key] for each in plan.users if each.set_password and each.key in unreadable]
            if plan.refusals or faults:
                raise Refused([*plan.refusals, *faults])
            if plan.waits:
                raise Transient("; ".join(plan.waits[:3]))
            report.plan(plan.changes, plan.unchanged)
            refusals = validate(plan, cluster)
            if refusals:
                raise Refused(refusals)
            apply(plan, cluster, ledger, passwords, report)
            _wait_for_brokers_to_follow(plan, cluster, passwords, report)
            if not report.failures:
                ledger.check()
                ledger.take_over()
        finally:
            ledger.close()


def _wait_for_brokers(declared: Declarations, metadata: ClusterMetadata) -> None:
    """Before the ledger exists: it must not be made with fewer replicas than the topics because brokers still start."""
    needed = max((topic.replicas for topic in declared.topics.values()), default=1)
    if len(metadata.brokers) < (1 if LEDGER_TOPIC in metadata.topics else needed):
        raise Transient(f"the topics need {count(needed, 'broker')}, {len(metadata.brokers)} registered")


def _wait_for_brokers_to_follow(plan: Plan, cluster: Cluster, passwords: Mapping[str, str], report: Report) -> None:
    done = [change for change in plan.changes if change.key not in report.failures]
    partitions = {
        change.topic.name: change.topic.partitions
        for change in done
        if isinstance(change, TopicChange) and (change.create or change.partitions is not None)
    }
    # Removals are left out of a run in which something failed.
    deleted = [] if report.failures else [c.name for c in done if isinstance(c, TopicRemoval) and c.delete and c.exists]
    changed = [change.user.name for change in done if isinstance(change, UserChange) and change.set_password]
    login = None
    if changed and cluster.connection.mechanism is SaslMechanism.SCRAM_SHA_512:
        login = (changed[-1], passwords[changed[-1]])
    if partitions or deleted or login:
        wait_until_visible(cluster.connection, cluster.metadata(), partitions=partitions, deleted=deleted, login=login)


def _passwords(declared: Declarations, folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The users' passwords by name, and by key why one cannot be read, which matters only where it has to be set."""
    passwords: dict[str, str] = {}
    unreadable: dict[str, str] = {}
    for user in declared.users.values():
        faults: list[str] = []
        password = read_password(folder / user.name, user.key, faults)
        if password is None:
            unreadable[user.key] = faults[0]
        else:
            passwords[user.name] = password
    return passwords, unreadable


def _are_ours(
    entries: Mapping[str, Mapping[str, Any]], declared: Declarations, passwords: Mapping[str, str], settings: Settings
) -> bool:
    """Whether what was applied before owners told their stack is this stack's, and not of another one on the same Kafka."""
    if settings.stack in settings.former_stacks:
        return True
    kept = {user.name: entries.get(user.key, {}).get(FINGERPRINT) for user in declared.users.values()}
    if any(FINGERPRINT in entry for entry in entries.values()):
        return any(
            fingerprint is not None and name in passwords and matches(passwords[name], fingerprint)
            for name, fingerprint in kept.items()
        )
    return any(topic.key in entries for topic in declared.topics.values())


def _proven(
    declared: Declarations, actual: Actual, recorded: Recorded, passwords: Mapping[str, str], connection: Connection
) -> set[str]:
    """Users that the ledger does not know and that can log in by the password made for them: the ledger was lost.

    Raises:
        Transient: a broker does not answer.
    """
    proven: set[str] = set()
    if connection.mechanism is not SaslMechanism.SCRAM_SHA_512:
        return proven
    failed = 0
    for user in declared.users.values():
        entry = recorded.mine.get(user.key)
        if (
            (entry is not None and not is_adopted(entry))
            or user.key in recorded.others
            or user.keeps_password
            or user.name not in passwords
            or Mechanism.SCRAM_SHA_512 not in actual.credentials.get(user.name, frozenset())
        ):
            continue
        try:
            with Cluster(connection.as_user(user.name, passwords[user.name])) as login:
                login.metadata(timeout=PROOF_SECONDS)
        except Rejected as rejection:
            if _LOST_CONNECTION in str(rejection):
                raise Transient(f"{user.key}: {rejection}") from rejection
            failed += 1
            if failed == MOST_FAILED_PROOFS:
                break
        else:
            proven.add(user.name)
    return proven


def run(environment: Mapping[str, str], report: Report) -> tuple[int, str]:
    """Try until it is done, refused, or out of time; the exit code and the last message."""
    try:
        settings = Settings.from_environment(environment)
        declared = read(settings.declarations)
    except Refused as refusal:
        return REFUSED, report.refused(refusal.faults)
    until = time.monotonic() + settings.deadline_seconds
    login_until: float | None = None
    pause = SHORTEST_PAUSE
    while True:
        try:
            attempt(settings, Connection.from_environment(environment), declared, report)
        except Refused as refusal:
            return REFUSED, report.refused(refusal.faults)
        except Superseded as newer:
            return REFUSED, report.refused([str(newer)])
        except Rejected as rejection:
            login_until = login_until or time.monotonic() + LOGIN_SECONDS
            if time.monotonic() > min(until, login_until):
                return REFUSED, report.refused([f"the login was refused for {LOGIN_SECONDS:.0f} s: {rejection}"])
            reason = str(rejection)
        except Transient as trouble:
            login_until = None
            reason = str(trouble)
        else:
            if report.failures:
                return REFUSED, report.partial()
            return DONE, report.success()
        if time.monotonic() + pause > until:
            return NOT_NOW, report.refused([f"not done after {settings.deadline_seconds:.0f} s: {reason}"])
        report.say(f"trying again in {pause:.1f} s: {reason}")
        time.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * 1.6)


def main() -> int:
    """The program; see the module."""

    def end(number: int, _: FrameType | None) -> None:
        raise Ended(signal.Signals(number).name)

    signal.signal(signal.SIGTERM, end)
    report = Report()
    try:
        code, message = run(os.environ, report)
    except Ended as ended:
        code, message = NOT_NOW, report.refused([f"ended by {ended} before it was done"])
    except Exception as error:  # the message must reach whoever waits for the Job, whatever happened
        traceback.print_exc()
        code, message = NOT_NOW, report.refused([f"unexpected {type(error).__name__}: {error}; see the log of the pod"])
    leave(message, termination_log(os.environ))
    for line in message.splitlines():
        report.say(line)
    return code


if __name__ == "__main__":
    sys.exit(main())
