"""What a job renders, and who it may talk to."""

import re
from typing import Any

import pytest
from kafka_platform import Egress, Engine, KafkaConnection, Overlap, ScheduledJob, ScheduledJobArgs, User
from kafka_platform.job.monitoring import source
from kafka_platform.job.objects import JobSettings, objects
from kafka_platform.job.spec import JobSpec
from kafka_platform.monitoring.objects import monitors, seen
from kafka_platform.monitoring.spec import MonitoredSpec

from tests.specs import taken
from tests.unit.components.graph import run

CONNECTION = KafkaConnection(
    cluster="events",
    namespace="streaming",
    bootstrap_servers="events:9092",
    security_protocol="SASL_PLAINTEXT",
    sasl_mechanism="SCRAM-SHA-512",
    admin_secret="events-admin",
)


def settings(**changes: Any) -> JobSettings:
    given: dict[str, Any] = {
        "name": "nightly",
        "namespace": "shop",
        "connection": CONNECTION,
        "image": "report:4",
        "schedule": "0 3 * * *",
        "reads": ["orders"],
        "secret": "nightly-kafka",
        "runtime_image": "runtime:1",
    } | changes
    return JobSettings(spec=taken(JobSpec, given), **given)


def manifest(kind: str, **changes: Any) -> dict[str, Any]:
    [found] = [each.manifest for each in objects(settings(**changes)) if each.kind == kind]
    return found


def cron(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = manifest("CronJob", **changes)["spec"]
    return found


def of_run(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = cron(**changes)["jobTemplate"]["spec"]
    return found


def pod(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = of_run(**changes)["template"]["spec"]
    return found


def test_by_default_one_run_at_a_time_with_an_end() -> None:
    assert {key: each for key, each in cron().items() if key != "jobTemplate"} == {
        "concurrencyPolicy": "Forbid",
        "failedJobsHistoryLimit": 3,
        "schedule": "0 3 * * *",
        "startingDeadlineSeconds": 600,
        "successfulJobsHistoryLimit": 3,
        "suspend": False,
        "timeZone": "Etc/UTC",
    }
    assert {key: each for key, each in of_run().items() if key != "template"} == {
        "activeDeadlineSeconds": 3600,
        "backoffLimit": 2,
        "podFailurePolicy": {
            "rules": [{"action": "Ignore", "onPodConditions": [{"status": "True", "type": "DisruptionTarget"}]}]
        },
    }
    assert (pod()["restartPolicy"], pod()["terminationGracePeriodSeconds"]) == ("Never", 60)


@pytest.mark.parametrize(("overlap", "policy"), [(Overlap.REPLACE, "Replace"), (Overlap.ALLOW, "Allow")])
def test_runs_that_overlap(overlap: Overlap, policy: str) -> None:
    assert cron(overlap=overlap)["concurrencyPolicy"] == policy


def test_no_service_mesh_keeps_a_run_from_ending() -> None:
    about = of_run()["template"]["metadata"]
    assert about["labels"]["sidecar.istio.io/inject"] == "false"
    assert about["annotations"]["linkerd.io/inject"] == "disabled"
    assert about["labels"]["app.kubernetes.io/component"] == "job"


def test_a_run_has_no_rights_in_kubernetes_and_no_password_in_its_variables() -> None:
    [container] = pod()["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert (pod()["automountServiceAccountToken"], pod()["securityContext"]["runAsNonRoot"]) == (False, True)
    variables = {each["name"]: each for each in container["env"]}
    assert variables["KAFKA_SASL_PASSWORD_FILE"]["value"] == "/etc/kafka-platform/credentials/password"
    secrets = [each for each in container["env"] if "secretKeyRef" in each.get("valueFrom", {})]
    assert [each["name"] for each in secrets] == ["KAFKA_SASL_USERNAME"]


def test_nobody_reaches_a_run_and_it_reaches_what_it_declares() -> None:
    rules = manifest("NetworkPolicy", egress=[Egress(ports=[5432], namespace="db")])["spec"]
    assert (rules["ingress"], rules["policyTypes"]) == ([], ["Ingress", "Egress"])
    assert rules["podSelector"]["matchLabels"]["app.kubernetes.io/instance"] == "nightly"
    assert [each["port"] for each in rules["egress"][-1]["ports"]] == [5432]


def test_other_files_of_the_client_are_another_pod_template() -> None:
    def changed(**changes: Any) -> str:
        found: str = of_run(**changes)["template"]["metadata"]["annotations"]["kafka-platform/config"]
        return found

    assert changed() == changed()
    assert changed() != changed(consumer_config={"max.poll.records": "7"})


def test_its_user_may_do_what_it_declares() -> None:
    spec = JobSpec(image="report:4", schedule="@daily", reads=["orders"], writes=["reports"], transactional=True)
    assert spec.user_of("nightly") == {
        "nightly": User(reads=("orders",), writes=("reports",), groups=("nightly",), transactions=("nightly-*",))
    }


def test_kube_state_metrics_tells_of_it_and_nothing_of_it_is_scraped() -> None:
    found = source("nightly", JobSpec(image="report:4", schedule="@daily", reads=["orders"], deadline="2h"))
    spec = MonitoredSpec(engine=Engine.EMBEDDED)
    assert seen(spec, [found]) == [found]
    assert not [each for each in monitors("kafka", spec, CONNECTION, [found]) if "nightly" in each]
    assert seen(MonitoredSpec(engine=Engine.EMBEDDED, kube_state=False), [found]) == []
    [late] = [each.expression for each in found.alerts_in("shop") if each.name == "JobDoesNotRun"]
    assert late.endswith("> 7800")
    assert 'namespace="shop",cronjob="nightly"' in late


def test_graph() -> None:
    made = run(
        lambda: ScheduledJob(
            "nightly",
            ScheduledJobArgs(
                connection=CONNECTION, image="report:4", schedule="@daily", reads=["orders"], namespace="shop"
            ),
        )
    )
    own = "kafka-platform:index:ScheduledJob"
    assert f"::{own}$kubernetes:batch/v1:CronJob::nightly-runs" in made["CronJob nightly-runs"].urn
    assert f"::{own}$kafka-platform:index:KafkaResources::" in made["KafkaResources nightly-access"].urn


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reads": []}, "reads: missing, as is writes"),
        ({"schedule": "never"}, "schedule: 'never' has 1 fields instead of 5"),
        ({"time_zone": "Moon"}, "time_zone: 'Moon' is not a time zone"),
        ({"deadline": "5s"}, "deadline: '5s' is out of range"),
        ({"retries": -1}, "retries: -1 is out of range"),
        ({"kept_runs": 0}, "kept_runs: 0 is out of range"),
        ({"overlap": "Forbid"}, "overlap: 'Forbid'"),
        ({"user": "app", "user_secret": "a b"}, "user_secret: 'a b'"),
        ({"image": ""}, "image: is empty"),
        ({"environment": {"API_TOKEN": "x"}}, "environment: API_TOKEN: secrets do not belong in variables"),
    ],
)
def test_misuse(changes: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"connection": CONNECTION, "image": "report:4", "schedule": "@daily", "reads": ["orders"]}
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        ScheduledJobArgs(**given | changes)


@pytest.mark.parametrize("name", ["Nightly", "a" * 34, "9lives", "night_ly", "-x"])
def test_names_that_no_job_can_have(name: str) -> None:
    args = ScheduledJobArgs(connection=CONNECTION, image="report:4", schedule="@daily", reads=["orders"])
    with pytest.raises(ValueError, match=r"name|too long"):
        run(lambda: ScheduledJob(name, args))
