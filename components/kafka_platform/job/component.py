"""A team's program that runs on a schedule and ends."""

from dataclasses import dataclass

import pulumi

from kafka_platform.args import Args
from kafka_platform.entities.component import with_users
from kafka_platform.job.objects import JobSettings, objects
from kafka_platform.job.spec import JobSpec, check_job_name
from kafka_platform.kafka.connection import KafkaConnection
from kafka_platform.kafka.registry import RegistryConnection
from kafka_platform.kube.images import RUNTIME_IMAGE
from kafka_platform.kube.place import once_ready, place_all
from kafka_platform.program.logins import check_login
from kafka_platform.values.forms import named
from kafka_platform.values.names import check_label


@dataclass(frozen=True, kw_only=True)
class ScheduledJobArgs(JobSpec, Args):
    """Arguments of a `ScheduledJob`: what it reads and writes, and when it runs."""

    connection: KafkaConnection
    """The Kafka: `connection` of its `KafkaCluster`."""
    namespace: pulumi.Input[str] | None = named(check_label, "namespace")
    """Namespace of the job, which the Kafka has to let in; the connection's `ca_secret` has to be there too. Default: the
    connection's."""
    registry: RegistryConnection | None = None
    """The schema registry that it uses: `connection_of(user)` of the `SchemaRegistry`, or an existing one. Default: none."""
    runtime_image: pulumi.Input[str] = RUNTIME_IMAGE
    """Image of this platform's own programs."""

    def check(self) -> None:
        """As every job; and it can log in."""
        self.check_purpose()
        super().check()
        connection = self.connection
        makes_users = connection.makes_users or not connection.logs_in
        check_login("user", self.user, self.user_secret, connection.login, makes_users=makes_users)


class ScheduledJob(pulumi.ComponentResource):
    """Runs a team's program on a schedule, with its Kafka connection and exactly the rights that it declares.

    A run has a deadline, is tried again when it fails, and never runs beside another one unless that is asked for.
    """

    cron_job: pulumi.Output[str]
    """Name of its CronJob."""
    namespace: pulumi.Output[str]
    """Namespace of its CronJob."""
    user: pulumi.Output[str]
    """Kafka user that it logs in as; empty for a Kafka without logins."""
    group: pulumi.Output[str]
    """Its consumer group; empty if it reads nothing."""

    def __init__(self, name: str, args: ScheduledJobArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the name of the CronJob, of its Kafka user and, unless the args say another, of its group."""
        super().__init__("kafka-platform:index:ScheduledJob", name, {}, opts)
        given = ScheduledJobArgs.of(args)
        check_job_name(name)
        namespace = given.connection.namespace if given.namespace is None else given.namespace
        logs_in = given.connection.logs_in
        connection = with_users(
            self,
            name,
            given.connection,
            given.user_of(name) if logs_in else {},
            namespace,
            runtime_image=given.runtime_image,
            pod_settings=given.pod_settings,
        )
        settings = JobSettings.of(
            name=name,
            namespace=namespace,
            connection=connection,
            spec=given,
            runtime_image=given.runtime_image,
            registry=given.registry,
        )
        runs = place_all(self, name, objects(settings))["CronJob", "runs"]
        self.cron_job = once_ready(name, runs)
        self.namespace = pulumi.Output.from_input(namespace)
        self.user = pulumi.Output.from_input((given.user or name) if logs_in else "")
        self.group = pulumi.Output.from_input(settings.group or "")
        self.register_outputs(
            {"cron_job": self.cron_job, "namespace": self.namespace, "user": self.user, "group": self.group}
        )
