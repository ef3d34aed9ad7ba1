"""One attempt of a run: reads what Kafka has, plans, validates, applies, and waits until every broker knows it."""

from collections.abc import Mapping

from confluent_kafka.admin import ClusterMetadata

from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.failures import Refused, Transient
from kafka_platform_runtime.provisioner.apply import apply, validate
from kafka_platform_runtime.provisioner.cluster import Cluster
from kafka_platform_runtime.provisioner.declarations import LEDGER_TOPIC, Declarations
from kafka_platform_runtime.provisioner.ledger import LEDGER, Ledger
from kafka_platform_runtime.provisioner.ownership import are_ours, proven_users, read_passwords
from kafka_platform_runtime.provisioner.planning.changes import TopicChange, TopicRemoval, UserChange, count
from kafka_platform_runtime.provisioner.planning.plan import Plan, make_plan
from kafka_platform_runtime.provisioner.report import Report
from kafka_platform_runtime.provisioner.settings import Settings
from kafka_platform_runtime.provisioner.visible import wait_until_visible


def attempt(settings: Settings, connection: Connection, declared: Declarations, report: Report) -> None:
    """Bring the cluster to the declared state, once.

    Raises:
        Refused: nothing was changed, and a retry cannot help.
        Transient, Rejected: a retry may help.
        Superseded: a newer run of the same owner has begun.
    """
    with Cluster(connection) as cluster:
        metadata = cluster.metadata()
        _wait_for_brokers(declared, metadata)
        cluster.ensure_own(LEDGER_TOPIC, LEDGER, metadata)
        ledger = Ledger(
            connection,
            settings.owner,
            settings.former_owners,
            stack=settings.stack,
            former_stacks=settings.former_stacks,
        )
        try:
            _refuse_passwords(declared, connection)
            passwords, unreadable = read_passwords(declared, settings.passwords)
            ledger.claim(lambda entries: are_ours(entries, declared, passwords, settings))
            recorded = ledger.read()
            actual = cluster.read(declared, recorded, metadata)
            plan = make_plan(
                declared,
                actual,
                recorded,
                reserved_users=[*settings.reserved_users, *([connection.username] if connection.username else [])],
                passwords=passwords,
                proven=proven_users(declared, actual, recorded, passwords, connection),
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


def _refuse_passwords(declared: Declarations, connection: Connection) -> None:
    """Kafka takes passwords for SCRAM alone: with another login, whoever runs it makes the users."""
    if connection.mechanism is not None and connection.mechanism.is_scram:
        return
    login = connection.mechanism or connection.security_protocol
    faults = [
        f"{user.key}: auth: clients log in with {login}, for which Kafka keeps no passwords: write custom"
        for user in declared.users.values()
        if not user.keeps_password
    ]
    if faults:
        raise Refused(faults)


def _wait_for_brokers(declared: Declarations, metadata: ClusterMetadata) -> None:
    """Wait before making the ledger: while brokers are still starting it would get fewer replicas than the topics."""
    needed = max((topic.replicas or 1 for topic in declared.topics.values()), default=1)
    if len(metadata.brokers) < (1 if LEDGER_TOPIC in metadata.topics else needed):
        raise Transient(f"the topics need {count(needed, 'broker')}, {len(metadata.brokers)} registered")


def _wait_for_brokers_to_follow(plan: Plan, cluster: Cluster, passwords: Mapping[str, str], report: Report) -> None:
    done = [change for change in plan.changes if change.key not in report.failures]
    partitions = {
        change.topic.name: change.topic.partitions
        for change in done
        if isinstance(change, TopicChange) and (change.create or change.partitions is not None)
    }
    # A run in which something failed leaves out removals.
    deleted = [] if report.failures else [c.name for c in done if isinstance(c, TopicRemoval) and c.delete and c.exists]
    changed = [change.user.name for change in done if isinstance(change, UserChange) and change.set_password]
    login = None
    if changed:
        login = (changed[-1], passwords[changed[-1]])
    if partitions or deleted or login:
        wait_until_visible(cluster.connection, cluster.metadata(), partitions=partitions, deleted=deleted, login=login)
