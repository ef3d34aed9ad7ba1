"""Every object of a job, and schedules, as a real API server takes or refuses them: by a dry run, nothing is made."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from kafka_platform import Egress, KafkaConnection, Overlap
from kafka_platform.job.objects import JobSettings, cron_job, objects
from kafka_platform.job.spec import JobSpec

from tests.cluster.objects import dry_run, own_namespace, warn_of_pods
from tests.schedules import REFUSED, TAKEN

NAMESPACE = "job-objects"
CONNECTION = KafkaConnection(
    cluster="events",
    namespace=NAMESPACE,
    bootstrap_servers="events:9092",
    security_protocol="SASL_SSL",
    sasl_mechanism="SCRAM-SHA-512",
    ca_secret="kafka-tls",
)
FULL: dict[str, Any] = {
    "command": ["/app/run"],
    "args": ["--all"],
    "writes": ["reports"],
    "transactional": True,
    "time_zone": "Europe/Berlin",
    "deadline": "2h",
    "retries": 0,
    "overlap": Overlap.REPLACE,
    "starts_within": "1d",
    "suspended": True,
    "kept_runs": 1,
    "egress": [Egress(ports=[5432], namespace="db")],
    "secret_files": ["db-login"],
    "pull_secrets": ["registry"],
    "run_as": 10_001,
}


def settings(name: str, **changes: Any) -> JobSettings:
    return JobSettings(
        name=name,
        namespace=NAMESPACE,
        connection=CONNECTION,
        spec=JobSpec(image="report:4", **{"schedule": "@daily", "reads": ["orders"], **changes}),
        runtime_image="runtime:1",
        secret=f"{name}-kafka",
    )


@pytest.fixture(scope="module", autouse=True)
def _namespace(environment: Mapping[str, str]) -> Iterator[None]:
    with own_namespace(NAMESPACE, environment):
        warn_of_pods(NAMESPACE, environment)
        yield


@pytest.mark.parametrize("changes", [{}, FULL], ids=["plain", "full"])
def test_the_api_server_takes_a_job_without_a_warning(changes: dict[str, Any], environment: Mapping[str, str]) -> None:
    rendered = [each.manifest for each in objects(settings("nightly", **changes))]
    done = dry_run(rendered, environment)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, f"warnings: {done.stderr}"
    taken = {each["kind"]: each for each in json.loads(done.stdout)["items"]}
    [sent] = [each["spec"] for each in rendered if each["kind"] == "CronJob"]
    kept = taken["CronJob"]["spec"]
    # A field that the API server does not know would be gone.
    assert {key: kept[key] for key in sent if key != "jobTemplate"} == {
        key: sent[key] for key in sent if key != "jobTemplate"
    }
    assert kept["jobTemplate"]["spec"]["podFailurePolicy"] == sent["jobTemplate"]["spec"]["podFailurePolicy"]


def test_it_takes_the_schedules_that_we_take(environment: Mapping[str, str]) -> None:
    rendered = [cron_job(settings(f"job-{number}", schedule=each), "") for number, each in enumerate(TAKEN)]
    done = dry_run(rendered, environment)
    assert done.returncode == 0, done.stderr


def test_it_refuses_the_schedules_that_we_refuse(environment: Mapping[str, str]) -> None:
    rendered = []
    for number, schedule in enumerate(REFUSED):
        manifest = cron_job(settings(f"job-{number}"), "")
        rendered.append({**manifest, "spec": {**manifest["spec"], "schedule": schedule}})
    refused = set(re.findall(r'CronJob.batch "job-(\d+)" is invalid', dry_run(rendered, environment).stderr))
    assert [each for number, each in enumerate(REFUSED) if str(number) not in refused] == []
