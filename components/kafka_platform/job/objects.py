"""The Kubernetes objects of a job: one pure function renders each."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kafka_platform.job.spec import JobSpec, Overlap
from kafka_platform.kafka.client_pods import kafka_ports
from kafka_platform.kube.manifests import Manifest
from kafka_platform.kube.objects import Object
from kafka_platform.kube.pods import AFTER_EVICTION, without_sidecars
from kafka_platform.program.pods import (
    ProgramSettings,
    config_map,
    files_of,
    hash_of,
    network_policy,
    pod_template,
)
from kafka_platform.values.units import whole_seconds

if TYPE_CHECKING:
    from pulumi import Input

COMPONENT = "job"
_POLICIES = {Overlap.SKIP: "Forbid", Overlap.REPLACE: "Replace", Overlap.ALLOW: "Allow"}


@dataclass(frozen=True, kw_only=True)
class JobSettings(ProgramSettings):
    """Inputs of the objects of a job."""

    COMPONENT = COMPONENT

    spec: JobSpec


def objects(settings: JobSettings) -> list[Object]:
    """The job's objects, in the order in which they are needed."""
    files = files_of(settings)
    config = Object(role="client", manifest=config_map(settings, files))
    policy = Object(role="network", manifest=network_policy(settings, kafka_ports(settings.connection)))
    runs = Object(role="runs", manifest=cron_job(settings, hash_of(files)), after=[config, policy])
    return [config, policy, runs]


def cron_job(settings: JobSettings, config_hash: "Input[str]") -> Manifest:
    """Starts a run whenever one is due. What changes holds from the next run on."""
    spec = settings.spec
    pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": whole_seconds(spec.termination)}
    run = {
        "activeDeadlineSeconds": whole_seconds(spec.deadline),
        "backoffLimit": spec.retries,
        "podFailurePolicy": AFTER_EVICTION,
        "template": without_sidecars(pod_template(settings, config_hash, container={}, pod=pod)),
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": settings.about,
        "spec": {
            "concurrencyPolicy": _POLICIES[spec.overlap],
            "failedJobsHistoryLimit": spec.kept_runs,
            "jobTemplate": {"metadata": {"labels": settings.labels}, "spec": run},
            "schedule": spec.schedule,
            "startingDeadlineSeconds": whole_seconds(spec.starts_within),
            "successfulJobsHistoryLimit": spec.kept_runs,
            "suspend": spec.suspended,
            "timeZone": spec.time_zone,
        },
    }
