"""What certainly does not start, and what may still: pods, claims and events as API servers report them."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from kafka_platform.kube.object_id import ClusterError

from infra.rollouts.engine import find_engine
from infra.rollouts.problems import (
    CLAIM_SECONDS,
    DETAIL,
    IMAGE_SECONDS,
    MISSING_SECONDS,
    OLD_SECONDS,
    PROVISIONER_SECONDS,
    RESTARTS,
    SCHEDULE_SECONDS,
    problems,
    refused,
)
from infra.rollouts.watch import Rollouts, Workload, workload

IMAGE = "registry.example.com/fraud-check:1"
BROKERS = Workload(kind="StatefulSet", namespace="streaming", name="kafka", labels="app=kafka")


def pod(state: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A pod that does not run, with a container in some state."""
    status = {"name": "app", "ready": False, "restartCount": 0, "state": state or {}, **more}
    return {
        "metadata": {
            "name": "w-1",
            "namespace": "shop",
            "uid": "1",
            "labels": {"controller-revision-hash": "new"},
            "ownerReferences": owned("set"),
        },
        "spec": {"containers": [{"name": "app", "image": IMAGE}]},
        "status": {"phase": "Pending", "containerStatuses": [status]},
    }


def owned(uid: str, kind: str = "StatefulSet", controller: bool = True) -> list[dict[str, Any]]:
    return [{"kind": kind, "uid": uid, "controller": controller}]


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


def event(name: str, reason: str, message: str) -> dict[str, Any]:
    return {"involvedObject": {"name": name}, "reason": reason, "message": message}


def unschedulable(message: str) -> dict[str, Any]:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return pod() | {"status": {"phase": "Pending", "conditions": [condition]}}


def told(*arguments: Any) -> list[tuple[str, float]]:
    return [(each.sentence, each.seconds) for each in problems(*arguments)]


CRASH = {"terminated": {"exitCode": 1, "reason": "Error", "startedAt": "2026-01-01T00:00:00Z"}}


class TestOneContainer:
    @pytest.mark.parametrize(
        ("reason", "seconds"),
        [
            ("ErrImagePull", IMAGE_SECONDS),
            ("ImagePullBackOff", IMAGE_SECONDS),
            ("InvalidImageName", 0),
            ("ErrImageNeverPull", 0),
        ],
    )
    def test_whose_image_cannot_be_pulled(self, reason: str, seconds: float) -> None:
        message = f'Back-off pulling image "{IMAGE}": ErrImagePull: not found'
        sentence = (
            f"Pod shop/w-1, container app: its image {IMAGE} cannot be pulled: not found: correct the image, or name the "
            "Secret of its registry in podSettings.pullSecrets"
        )
        assert told(pod(waiting(reason, message))) == [(sentence, seconds)]

    def test_is_one_problem_while_the_kubelet_tries_and_pauses_by_turns(self) -> None:
        [first], [second] = (list(problems(pod(waiting(each)))) for each in ("ErrImagePull", "ImagePullBackOff"))
        assert first.key == second.key

    def test_that_cannot_be_made(self) -> None:
        [(sentence, seconds)] = told(pod(waiting("CreateContainerConfigError", 'secret "bank" not found')))
        assert 'it cannot be made: secret "bank" not found: make what it names' in sentence
        assert seconds == MISSING_SECONDS

    @pytest.mark.parametrize(
        ("restarts", "finished", "is_certain"),
        [
            (RESTARTS, "2026-01-01T00:00:02Z", True),
            (RESTARTS - 1, "2026-01-01T00:00:02Z", False),
            (9, "2026-01-01T00:01:00Z", False),
        ],
        ids=["at once", "may recover", "after a while"],
    )
    def test_that_crashes(self, restarts: int, finished: str, is_certain: bool) -> None:
        last = {"terminated": CRASH["terminated"] | {"finishedAt": finished}}
        found = told(pod(waiting("CrashLoopBackOff"), restartCount=restarts, lastState=last))
        assert bool(found) == is_certain
        if is_certain:
            assert (
                "ends at once, 4 times by now, with exit code 1 (Error): `kubectl -n shop logs w-1 -c app --previous`"
                in found[0][0]
            )

    def test_that_crashed_before_the_deployment_may_be_mended_by_it(self) -> None:
        last = {"terminated": CRASH["terminated"] | {"finishedAt": "2026-01-01T00:00:02Z"}}
        crashing = pod(waiting("CrashLoopBackOff"), restartCount=50, lastState=last)
        assert list(problems(crashing, before={"app": 48})) == []
        assert len(list(problems(crashing, before={"app": 46}))) == 1

    def test_that_waits_since_before_the_deployment_is_tried_again(self) -> None:
        [found] = problems(pod(waiting("ImagePullBackOff")), before={"app": 0})
        assert found.seconds == OLD_SECONDS

    @pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing", "CrashLoopBackOff", ""])
    def test_that_is_starting(self, reason: str) -> None:
        assert told(pod(waiting(reason))) == []

    def test_that_ends_anyway(self) -> None:
        ending = pod(waiting("ErrImagePull"))
        ending["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        assert told(ending) == []


class TestOneMachine:
    NONE = "0/3 nodes are available: 3 Insufficient memory."

    def test_is_not_large_enough(self) -> None:
        [(sentence, seconds)] = told(unschedulable(self.NONE))
        assert sentence.startswith(
            "Pod shop/w-1: it fits on no machine: 0/3 nodes are available: 3 Insufficient memory: ask for"
        )
        assert seconds == SCHEDULE_SECONDS

    @pytest.mark.parametrize("reason", ["TriggeredScaleUp", "Nominated"])
    def test_is_promised_by_an_autoscaler(self, reason: str) -> None:
        assert told(unschedulable(self.NONE), [event("w-1", reason, "soon")]) == []


class TestOneClaim:
    UNBOUND = unschedulable("pod has unbound immediate PersistentVolumeClaims")

    @staticmethod
    def claim(**spec: str) -> dict[str, Any]:
        return {"metadata": {"name": "data-0"}, "spec": spec, "status": {"phase": "Pending"}}

    @pytest.mark.parametrize(
        ("class_", "reason", "message", "seconds"),
        [
            ("fast", "ProvisioningFailed", 'storageclass.storage.k8s.io "fast" not found', MISSING_SECONDS),
            ("gp2", "ProvisioningFailed", "over the quota", CLAIM_SECONDS),
            ("gp2", "ExternalProvisioning", "Waiting for a volume to be created by x", PROVISIONER_SECONDS),
        ],
    )
    def test_gets_no_volume(self, class_: str, reason: str, message: str, seconds: float) -> None:
        claim = self.claim(storageClassName=class_)
        found = told(self.UNBOUND, [event("data-0", reason, message)], [claim], ["gp2", "gp3"])
        assert found == [
            (
                f"Pod shop/w-1: its claim data-0, of the StorageClass {class_}, gets no volume: {message}: correct "
                "storageClass; the cluster has gp2, gp3",
                seconds,
            )
        ]

    def test_has_no_class(self) -> None:
        message = "no persistent volumes available for this claim and no storage class is set"
        [(sentence, seconds)] = told(self.UNBOUND, [event("data-0", "FailedBinding", message)], [self.claim()], [])
        assert "its claim data-0, of no StorageClass, gets no volume" in sentence
        assert seconds == MISSING_SECONDS

    def test_waits_for_its_pod(self) -> None:
        assert (
            told(pod(), [event("data-0", "WaitForFirstConsumer", "waiting")], [self.claim(storageClassName="gp2")])
            == []
        )


def test_a_volume_that_names_no_secret_of_the_namespace() -> None:
    found = told(
        pod(), [event("w-1", "FailedMount", 'MountVolume.SetUp failed for volume "x" : secret "bank" not found')]
    )
    assert found[0][0].endswith('secret "bank" not found: make it, or correct its name')


def test_pods_that_are_refused() -> None:
    [found] = refused("Deployment shop/w", "w", [event("w-5d4f", "FailedCreate", "exceeded quota: q")])
    assert (found.sentence, found.seconds) == (
        "Deployment shop/w: its pods are refused: exceeded quota: q",
        MISSING_SECONDS,
    )
    assert (
        list(
            refused(
                "Deployment shop/w", "w", [event("other", "FailedCreate", "x"), event("w-1-2", "FailedCreate", "x")]
            )
        )
        == []
    )


def test_a_sentence_is_short() -> None:
    [(sentence, _)] = told(pod(waiting("ErrImagePull", "x" * 10_000)))
    assert len(sentence) < DETAIL + 300


class Known:
    """A cluster with these objects, by kind."""

    def __init__(self, **objects: Sequence[Mapping[str, Any]]) -> None:
        self.objects = objects

    def find(
        self, api_version: str, kind: str, namespace: str, *, labels: str = "", fields: str = ""
    ) -> Sequence[Mapping[str, Any]]:
        found = self.objects.get(kind, [])
        if fields.startswith("involvedObject.uid="):
            return [each for each in found if each["involvedObject"].get("uid") == fields.partition("=")[2]]
        return found

    def names(self, api_version: str, kind: str) -> frozenset[str] | None:
        return frozenset()


def sets(revision: str) -> list[Mapping[str, Any]]:
    return [{"metadata": {"uid": "set"}, "status": {"updateRevision": revision}}]


class TestALook:
    PULLING = pod(waiting("ErrImagePull", "not found"))

    def test_is_certain_once_a_problem_has_lasted(self) -> None:
        rollouts = Rollouts(Known(Pod=[self.PULLING], StatefulSet=sets("new")))
        rollouts._under_way["urn"] = BROKERS
        assert rollouts.look(1000) == rollouts.look(1000 + IMAGE_SECONDS - 1) == []
        [sentence] = rollouts.look(1000 + IMAGE_SECONDS)
        assert "cannot be pulled" in sentence

    def test_shows_no_secret_and_no_control_character_of_a_containers_last_words(self) -> None:
        last = {"terminated": CRASH["terminated"] | {"finishedAt": "2026-01-01T00:00:02Z"}}
        last["terminated"]["message"] = (
            "\x1b[2Jcannot log in with password=hunter2 at \x1b]0;owned\x07 https://a:hunter2@b/"
        )
        crashing = pod(waiting("CrashLoopBackOff"), restartCount=RESTARTS, lastState=last)
        rollouts = Rollouts(Known(Pod=[crashing], StatefulSet=sets("new")))
        rollouts._under_way["urn"] = BROKERS
        [sentence] = rollouts.look(0)
        assert "cannot log in" in sentence
        assert "hunter2" not in sentence
        assert sentence.isprintable()

    def test_begins_anew_when_a_problem_was_gone(self) -> None:
        cluster = Known(Pod=[self.PULLING], StatefulSet=sets("new"))
        rollouts = Rollouts(cluster)
        rollouts._under_way["urn"] = BROKERS
        rollouts.look(0)
        cluster.objects["Pod"] = []
        rollouts.look(IMAGE_SECONDS / 2)
        cluster.objects["Pod"] = [self.PULLING]
        assert rollouts.look(IMAGE_SECONDS) == []

    def test_leaves_out_pods_that_are_being_replaced(self) -> None:
        rollouts = Rollouts(Known(Pod=[self.PULLING], StatefulSet=sets("newer")))
        rollouts._under_way["urn"] = BROKERS
        rollouts.look(0)
        assert rollouts.look(1000) == []

    def test_is_patient_with_pods_that_were_there_before(self) -> None:
        rollouts = Rollouts(Known(Pod=[self.PULLING], StatefulSet=sets("new")))
        rollouts.begin("urn", BROKERS)
        rollouts.look(0)
        assert rollouts.look(IMAGE_SECONDS) == []
        assert len(rollouts.look(OLD_SECONDS)) == 1
        rollouts.done("urn")

    @pytest.mark.parametrize("owners", [[], owned("another"), owned("set", controller=False)])
    def test_leaves_out_a_pod_that_has_only_the_labels(self, owners: list[Any]) -> None:
        forged = {**self.PULLING, "metadata": self.PULLING["metadata"] | {"ownerReferences": owners}}
        rollouts = Rollouts(Known(Pod=[forged], StatefulSet=sets("new")))
        rollouts._under_way["urn"] = BROKERS
        rollouts.look(0)
        assert rollouts.look(1000) == []

    @pytest.mark.parametrize(
        ("kind", "objects"),
        [
            ("Job", {"Job": [{"metadata": {"uid": "set"}}]}),
            (
                "Deployment",
                {
                    "Deployment": [{"metadata": {"uid": "d"}}],
                    "ReplicaSet": [
                        {"metadata": {"uid": "set", "ownerReferences": owned("d")}},
                        {
                            "metadata": {
                                "uid": "forged",
                                "annotations": {"deployment.kubernetes.io/revision": "99"},
                            }
                        },
                    ],
                },
            ),
            (
                "Kafka",
                {"StrimziPodSet": [{"metadata": {"uid": "set", "ownerReferences": owned("k", "KafkaNodePool")}}]},
            ),
            (
                "Kafka",
                {
                    "Deployment": [{"metadata": {"uid": "d", "ownerReferences": owned("k", "Kafka", False)}}],
                    "ReplicaSet": [{"metadata": {"uid": "set", "ownerReferences": owned("d")}}],
                },
            ),
        ],
    )
    def test_finds_pods_by_what_made_them(self, kind: str, objects: dict[str, Any]) -> None:
        rollouts = Rollouts(Known(Pod=[self.PULLING], **objects))
        rollouts._under_way["urn"] = Workload(kind=kind, namespace="shop", name="w", labels="app=w")
        rollouts.look(0)
        assert len(rollouts.look(1000)) == 1

    def test_leaves_out_a_kafka_connect_of_the_same_name(self) -> None:
        connect = {"metadata": {"uid": "set", "ownerReferences": owned("c", "KafkaConnect")}}
        rollouts = Rollouts(Known(Pod=[self.PULLING], StrimziPodSet=[connect]))
        rollouts._under_way["urn"] = Workload(kind="Kafka", namespace="shop", name="w", labels="strimzi.io/cluster=w")
        rollouts.look(0)
        assert rollouts.look(1000) == []

    @pytest.mark.parametrize(("uid", "certain"), [("1", 1), ("0", 0)], ids=["of the pod", "of an earlier one"])
    def test_believes_events_of_this_very_pod_alone(self, uid: str, certain: int) -> None:
        told_of = event("w-1", "FailedMount", 'secret "bank" not found')
        told_of["involvedObject"]["uid"] = uid
        rollouts = Rollouts(Known(Pod=[pod()], StatefulSet=sets("new"), Event=[told_of]))
        rollouts._under_way["urn"] = BROKERS
        rollouts.look(0)
        assert len(rollouts.look(1000)) == certain

    def test_sees_the_others_where_one_is_hidden(self) -> None:
        class Hiding(Known):
            def find(
                self, api_version: str, kind: str, namespace: str, *, labels: str = "", fields: str = ""
            ) -> Sequence[Mapping[str, Any]]:
                if kind == "StrimziPodSet":
                    raise ClusterError("forbidden")
                return super().find(api_version, kind, namespace, labels=labels, fields=fields)

        rollouts = Rollouts(Hiding(Pod=[self.PULLING], StatefulSet=sets("new")))
        rollouts._under_way["hidden"] = Workload(kind="Kafka", namespace="shop", name="w", labels="app=w")
        rollouts._under_way["urn"] = BROKERS
        rollouts.look(0)
        assert len(rollouts.look(1000)) == 1

    def test_does_not_believe_refusals_from_before_it_began(self) -> None:
        refusal = event("kafka", "FailedCreate", "exceeded quota") | {"metadata": {"uid": "e", "resourceVersion": "1"}}
        cluster = Known(Pod=[], StatefulSet=sets("new"), Event=[refusal])
        rollouts = Rollouts(cluster)
        rollouts.begin("urn", BROKERS)
        rollouts.look(0)
        assert rollouts.look(1000) == []
        cluster.objects["Event"] = [refusal | {"metadata": {"uid": "e", "resourceVersion": "2"}}]
        rollouts.look(2000)
        assert len(rollouts.look(3000)) == 1
        rollouts.done("urn")

    def test_is_only_at_what_the_engine_waits_for(self) -> None:
        rollouts = Rollouts(Known(Pod=[self.PULLING], StatefulSet=sets("new")))
        rollouts._under_way["urn"] = BROKERS
        rollouts.done("urn")
        rollouts.look(0)
        assert rollouts.look(1000) == []


@pytest.mark.parametrize(
    ("manifest", "labels"),
    [
        ({"kind": "Deployment", "spec": {"selector": {"matchLabels": {"b": "2", "a": "1"}}}}, "a=1,b=2"),
        ({"kind": "Job"}, "batch.kubernetes.io/job-name=it"),
        ({"kind": "Kafka"}, "strimzi.io/cluster=it"),
        ({"kind": "ConfigMap"}, None),
    ],
)
def test_which_pods_are_whose(manifest: dict[str, Any], labels: str | None) -> None:
    found = workload(manifest | {"metadata": {"name": "it", "namespace": "here"}})
    assert (None if found is None else found.labels) == labels


def test_only_an_engine_above_this_program_is_told_to_end() -> None:
    assert find_engine(os.getpid()) is None
    program = (
        "import ctypes, os, subprocess, sys; "
        "ctypes.CDLL(None).prctl(15, b'pulumi', 0, 0, 0); "  # takes the name of the engine
        "found = subprocess.run([sys.executable, '-c', 'import os; from infra.rollouts.engine import find_engine; "
        "print(find_engine(os.getppid()))'], capture_output=True, text=True).stdout; "
        "print(found.strip() == str(os.getpid()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
