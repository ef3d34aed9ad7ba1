"""Notes what a run did in a topic of its own, from which the exporter shows it."""

import time
from collections.abc import Mapping

from kafka_platform_runtime.compacted import CompactedTopic
from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.failures import Refused, Rejected, Transient
from kafka_platform_runtime.provisioner.cluster import Cluster
from kafka_platform_runtime.provisioner.report import Report
from kafka_platform_runtime.provisioner.settings import Settings
from kafka_platform_runtime.runs import RUNS_TOPIC, Run, owner_key

NOTING_SECONDS = 10.0
"""How long noting may take: what is declared has been applied, or refused, by then."""
_SUBJECT = f"the record of runs ({RUNS_TOPIC})"


def note(
    settings: Settings, environment: Mapping[str, str], report: Report, *, failed: bool, version: str | None
) -> None:
    """Note the run. Never raises: whether it can be noted changes nothing of what it did.

    Args:
        settings: the provisioner's.
        environment: how to reach the brokers.
        report: what the run did.
        failed: whether the Kafka is not as declared.
        version: of what was declared.
    """
    run = Run(
        resources=settings.owner,
        stack=settings.stack,
        ended=time.time(),
        seconds=report.seconds,
        failed=failed,
        version=version,
        changes=report.changes(),
    )
    formers = {
        owner_key(owner, stack)
        for owner in (settings.owner, *settings.former_owners)
        for stack in (settings.stack, *settings.former_stacks)
    }
    try:
        connection = Connection.from_environment(environment)
        with Cluster(connection) as cluster:
            cluster.ensure_own(RUNS_TOPIC, _SUBJECT, cluster.metadata())
        topic = CompactedTopic(connection, RUNS_TOPIC, _SUBJECT, timeout=NOTING_SECONDS)
        # What an owner is called no longer would stay as its last run left it.
        topic.write({run.key: run.value()} | dict.fromkeys(formers - {run.key}))
    except (Refused, Rejected, Transient) as trouble:
        report.say(f"metrics will not show this run: {trouble}")
    except Exception as error:  # nor does what nobody expects
        report.say(f"metrics will not show this run: unexpected {type(error).__name__}: {error}")
