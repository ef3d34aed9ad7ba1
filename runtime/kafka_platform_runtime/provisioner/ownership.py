"""What belongs to this owner although it is not in the ledger, as the passwords made for its users prove."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kafka_platform_runtime.connection import Connection, read_password
from kafka_platform_runtime.failures import Rejected, Transient
from kafka_platform_runtime.provisioner.adoption import is_adopted
from kafka_platform_runtime.provisioner.cluster import Cluster
from kafka_platform_runtime.provisioner.declarations import Declarations
from kafka_platform_runtime.provisioner.passwords import matches
from kafka_platform_runtime.provisioner.planning.actual import Actual
from kafka_platform_runtime.provisioner.planning.recorded import FINGERPRINT, Recorded
from kafka_platform_runtime.provisioner.settings import Settings

# Seconds for the login of a user that may be this owner's; a refused one takes all of them.
PROOF_SECONDS = 3.0
# The client's wording for a login that was cut off rather than refused.
_LOST_CONNECTION = "Local:"
# Refused logins after which the other users missing in the ledger count as somebody else's: the run is going
# to be refused, and each login costs seconds.
MOST_FAILED_PROOFS = 10


def read_passwords(declared: Declarations, folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The users' passwords by name, and by key why one cannot be read, which only matters if it has to be set."""
    passwords: dict[str, str] = {}
    unreadable: dict[str, str] = {}
    for user in declared.users.values():
        if user.custom:
            continue
        faults: list[str] = []
        password = read_password(folder / user.password_file, user.key, faults)
        if password is None:
            unreadable[user.key] = faults[0]
        else:
            passwords[user.name] = password
    return passwords, unreadable


def are_ours(
    entries: Mapping[str, Mapping[str, Any]], declared: Declarations, passwords: Mapping[str, str], settings: Settings
) -> bool:
    """Whether entries from before owners named their stack are this stack's, not another one's on the same Kafka."""
    if settings.stack in settings.former_stacks:
        return True
    kept = {user.name: entries.get(user.key, {}).get(FINGERPRINT) for user in declared.users.values()}
    if any(FINGERPRINT in entry for entry in entries.values()):
        return any(
            fingerprint is not None and name in passwords and matches(passwords[name], fingerprint)
            for name, fingerprint in kept.items()
        )
    return any(topic.key in entries for topic in declared.topics.values())


def proven_users(
    declared: Declarations, actual: Actual, recorded: Recorded, passwords: Mapping[str, str], connection: Connection
) -> set[str]:
    """Users missing in the ledger that can log in with the password made for them: the ledger was lost.

    Raises:
        Transient: a broker does not answer.
    """
    proven: set[str] = set()
    if connection.mechanism is None or not connection.mechanism.is_scram:
        return proven
    failed = 0
    for user in declared.users.values():
        entry = recorded.mine.get(user.key)
        if (
            (entry is not None and not is_adopted(entry))
            or user.key in recorded.others
            or user.keeps_password
            or user.name not in passwords
            or actual.mechanism not in actual.credentials.get(user.name, frozenset())
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
