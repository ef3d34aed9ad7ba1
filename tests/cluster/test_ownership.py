"""What exists is never taken over and never removed by a stack that did not make it, unless somebody says so."""

import itertools
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from kafka_platform.kube.marks import MARK

from tests.cluster.conformance.runner import Run
from tests.cluster.ownership.stack import Manifests, Stack

NAMESPACE = "own-there"
CLUSTER_WIDE = ("Namespace", "CustomResourceDefinition", "ClusterRole", "ValidatingWebhookConfiguration")
KIND = "own.kafka-platform.example"


def manifest(api_version: str, kind: str, name: str, namespace: str | None = NAMESPACE, **rest: Any) -> dict[str, Any]:
    place = {} if kind in CLUSTER_WIDE else {"namespace": namespace}
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **place}, **rest}


def config_map(name: str, value: str = "1") -> dict[str, Any]:
    return manifest("v1", "ConfigMap", name, data={"value": value})


DEFINITION = manifest(
    "apiextensions.k8s.io/v1",
    "CustomResourceDefinition",
    f"widgets.{KIND}",
    spec={
        "group": KIND,
        "names": {"kind": "Widget", "plural": "widgets"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                },
            }
        ],
    },
)
WIDGET = manifest(f"{KIND}/v1", "Widget", "there", spec={"size": 1})
CLAIM = manifest(
    "v1",
    "PersistentVolumeClaim",
    "there",
    spec={
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "own-none",
    },
)
CLAIM["metadata"]["annotations"] = {"pulumi.com/skipAwait": "true"}
RULES = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
POD = {"metadata": {"labels": {"app": "own"}}, "spec": {"containers": [{"name": "a", "image": "none"}]}}
ALL: Manifests = {
    "namespace": manifest("v1", "Namespace", "own-there-too"),
    "config-map": config_map("there"),
    "secret": manifest("v1", "Secret", "there", stringData={"password": "hunter2"}),
    "service": manifest("v1", "Service", "there", spec={"clusterIP": "None", "ports": [{"port": 80}]}),
    "account": manifest("v1", "ServiceAccount", "there"),
    "claim": CLAIM,
    "deployment": manifest(
        "apps/v1",
        "Deployment",
        "there",
        spec={"replicas": 0, "selector": {"matchLabels": {"app": "own"}}, "template": POD},
    ),
    "policy": manifest("networking.k8s.io/v1", "NetworkPolicy", "there", spec={"podSelector": {}}),
    "role": manifest("rbac.authorization.k8s.io/v1", "ClusterRole", "own-there", rules=RULES),
    "webhook": manifest("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "own-there", webhooks=[]),
    "definition": DEFINITION,
    "widget": WIDGET,
}
"""One object of each sort that a platform, or an operator's chart, makes."""
WAYS_OUT = {
    name: "write install: false" if each["kind"] in CLUSTER_WIDE else "use another namespace"
    for name, each in ALL.items()
} | {"namespace": "write createNamespace: false"}


_NUMBERS = itertools.count()
OWN: dict[str, Mapping[str, Any]] = {
    # Another one for each test: a namespace takes seconds to go.
    "namespace": manifest("v1", "Namespace", "own-first"),
    "config-map": config_map("first"),
    "secret": manifest("v1", "Secret", "first", stringData={"password": "hunter2"}),
    "role": manifest("rbac.authorization.k8s.io/v1", "ClusterRole", "own-first", rules=RULES),
}
CHART = manifest("rbac.authorization.k8s.io/v1", "ClusterRole", "own-chart", rules=RULES)


def take_another_namespace() -> None:
    OWN["namespace"] = manifest("v1", "Namespace", f"own-first-{next(_NUMBERS)}")


def as_list(objects: Manifests) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": [*objects.values()]})


class Kubectl:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        done = subprocess.run(
            ["kubectl", *arguments], env=self._environment, input=stdin, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def apply(self, *objects: Mapping[str, Any]) -> None:
        self("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def uid(self, wanted: Mapping[str, Any]) -> str:
        """Changes when an object is removed and made again; empty if there is none."""
        return str(self.metadata(wanted).get("uid", ""))

    def metadata(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        kind = (
            wanted["kind"] if wanted["apiVersion"] == "v1" else f"{wanted['kind']}.{wanted['apiVersion'].split('/')[0]}"
        )
        place = [] if wanted["kind"] in CLUSTER_WIDE else ["-n", wanted["metadata"]["namespace"]]
        found = self(*place, "get", kind, wanted["metadata"]["name"], "-o", "json", "--ignore-not-found")
        metadata: dict[str, Any] = json.loads(found)["metadata"] if found else {}
        return metadata

    def mark(self, wanted: Mapping[str, Any]) -> str | None:
        mark: str | None = self.metadata(wanted).get("annotations", {}).get(MARK)
        return mark


@pytest.fixture(scope="module")
def kubectl(environment: Mapping[str, str]) -> Iterator[Kubectl]:
    command = Kubectl(environment)
    wide = [each for each in (*ALL.values(), *OWN.values(), CHART) if each["kind"] in CLUSTER_WIDE]
    gone = [f"{each['kind']}/{each['metadata']['name']}" for each in (*wide, manifest("v1", "Namespace", NAMESPACE))]
    command("delete", *gone, "--ignore-not-found")
    command("create", "namespace", NAMESPACE)
    yield command
    command("delete", *gone, "--ignore-not-found", "--wait=false")


@pytest.fixture(scope="module")
def new_stack(environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Stack]:
    return lambda name: Stack(name, tmp_path_factory.mktemp("ownership") / name, environment)


def name_of(wanted: Mapping[str, Any]) -> str:
    place = () if wanted["kind"] in CLUSTER_WIDE else (wanted["metadata"]["namespace"],)
    return "/".join([wanted["kind"], *place, wanted["metadata"]["name"]])


@pytest.fixture(scope="module")
def made_by_others(kubectl: Kubectl) -> Manifests:
    """One object of each sort, made by kubectl."""
    kubectl.apply(DEFINITION)
    kubectl("wait", "--for=condition=Established", "customresourcedefinition", f"widgets.{KIND}")
    kubectl.apply(*ALL.values())
    return ALL


@pytest.fixture(scope="module")
def attack(made_by_others: Manifests, new_stack: Callable[[str], Stack], kubectl: Kubectl) -> dict[str, Any]:
    """A stack that declares what others made, from its preview to its end."""
    before = {name: kubectl.metadata(each) for name, each in ALL.items()}
    stack = new_stack("thief")
    stack.declare(ALL)
    preview, up = stack.preview(), stack.up()
    made = stack.made()
    destroyed = stack.destroy()
    after = {name: kubectl.metadata(each) for name, each in ALL.items()}
    return {"before": before, "preview": preview, "up": up, "made": made, "destroyed": destroyed, "after": after}


class TestWhatSomebodyElseMade:
    @pytest.mark.parametrize("name", ALL)
    def test_is_refused_in_the_preview_with_the_object_and_the_ways_out(self, attack: Any, name: str) -> None:
        assert attack["preview"].code != 0
        message = attack["preview"].messages[name]
        assert (
            f"{name_of(ALL[name])} exists already, and this stack did not make it (it has no stack's mark)" in message
        )
        assert WAYS_OUT[name] in message
        assert f"add {name_of(ALL[name])} to adopt" in message

    @pytest.mark.parametrize("name", ALL)
    def test_is_refused_by_up_without_a_preview(self, attack: Any, name: str) -> None:
        assert attack["up"].code != 0
        assert f"{name_of(ALL[name])} exists already" in attack["up"].messages[name]
        assert name not in attack["made"]

    @pytest.mark.parametrize("name", ALL)
    def test_is_neither_changed_nor_removed(self, attack: Any, name: str) -> None:
        assert attack["destroyed"].code == 0
        assert attack["after"][name] == attack["before"][name]


@pytest.fixture
def first(new_stack: Callable[[str], Stack], kubectl: Kubectl) -> Iterator[Stack]:
    """A stack that has made what it declares."""
    take_another_namespace()
    stack = new_stack("first")
    stack.declare(OWN)
    stack.up().assert_succeeded()
    yield stack
    kubectl("delete", "-f", "-", "--ignore-not-found", "--wait=false", stdin=as_list(OWN))


def operations(run: Run) -> dict[str, str]:
    return {name: step.operation for name, step in run.steps.items() if name in OWN}


def test_everything_carries_the_mark_and_an_unchanged_stack_changes_nothing(first: Stack, kubectl: Kubectl) -> None:
    assert {kubectl.mark(each) for each in OWN.values()} == {first.mark}
    assert set(operations(first.preview().assert_succeeded()).values()) == {"same"}


def test_a_second_stack_gets_nothing_of_the_first(
    first: Stack, new_stack: Callable[[str], Stack], kubectl: Kubectl
) -> None:
    before = {name: kubectl.metadata(each) for name, each in OWN.items()}
    second = new_stack("second")
    second.declare(OWN)
    for run in (second.preview(), second.up()):
        assert run.code != 0
        for name, each in OWN.items():
            expected = (
                f"{name_of(each)} exists already, and this stack did not make it (it belongs to the stack {first.mark})"
            )
            assert expected in run.messages[name]
            assert "once that stack has let go of it by `pulumi state delete`" in run.messages[name]
    second.destroy().assert_succeeded()
    assert {name: kubectl.metadata(each) for name, each in OWN.items()} == before


def test_what_an_interrupted_deployment_did_not_note_is_taken_up_again(
    first: Stack, new_stack: Callable[[str], Stack], kubectl: Kubectl
) -> None:
    before = {name: kubectl.uid(each) for name, each in OWN.items()}
    again = new_stack(first.name)  # without any state
    again.declare(OWN)
    again.preview().assert_succeeded()
    again.up().assert_succeeded()
    assert {name: kubectl.uid(each) for name, each in OWN.items()} == before
    again.destroy().assert_succeeded()
    assert not any(kubectl.uid(each) for each in OWN.values())


@pytest.mark.long
def test_what_is_adopted_belongs_to_the_stack_and_is_kept_by_destroy(
    first: Stack, new_stack: Callable[[str], Stack], kubectl: Kubectl
) -> None:
    second = new_stack("second")
    changed = {**OWN, "config-map": config_map("first", "2")}
    second.declare(changed, adopt=[name_of(each) for each in OWN.values()])
    second.preview().assert_succeeded()
    second.up().assert_succeeded()
    assert {kubectl.mark(each) for each in OWN.values()} == {second.mark}
    assert set(operations(second.preview().assert_succeeded()).values()) == {"same"}
    # The other one notices as soon as it would change something.
    first.declare({**OWN, "config-map": config_map("first", "3")})
    for run in (first.preview(), first.up()):
        assert run.code != 0
        assert f"ConfigMap/{NAMESPACE}/first belongs to the stack {second.mark} by now" in run.messages["config-map"]
    second.destroy().assert_succeeded()
    assert all(kubectl.uid(each) for each in OWN.values())


def test_only_what_is_named_is_adopted(first: Stack, new_stack: Callable[[str], Stack]) -> None:
    second = new_stack("second")
    second.declare(OWN, adopt=[name_of(OWN["namespace"]), "ConfigMap/elsewhere/first"])
    run = second.preview()
    assert set(run.messages) >= {"config-map", "secret", "role"}
    assert "namespace" not in run.messages


@pytest.mark.long
def test_a_renamed_stack_marks_what_it_has_in_place(first: Stack, kubectl: Kubectl) -> None:
    before = {name: kubectl.uid(each) for name, each in OWN.items()}
    first.rename("renamed")
    assert set(operations(first.preview().assert_succeeded()).values()) == {"update"}
    first.up().assert_succeeded()
    assert {kubectl.mark(each) for each in OWN.values()} == {first.mark}
    assert {name: kubectl.uid(each) for name, each in OWN.items()} == before


def test_two_resources_of_one_stack_do_not_share_an_object(first: Stack) -> None:
    first.declare({**OWN, "again": config_map("twice"), "once-more": config_map("twice")})
    run = first.preview()
    assert run.code != 0
    assert f"ConfigMap/{NAMESPACE}/twice is declared twice" in run.output


def test_the_one_of_many_that_exists_is_refused_in_the_preview(
    new_stack: Callable[[str], Stack], kubectl: Kubectl
) -> None:
    kubectl.apply(config_map("many-35"))
    stack = new_stack("many")
    stack.declare({f"many-{number}": config_map(f"many-{number}") for number in range(40)})
    run = stack.preview()
    assert run.code != 0
    assert f"ConfigMap/{NAMESPACE}/many-35 exists already" in run.messages["many-35"]


class TestClaims:
    """A StatefulSet uses claims of the right name, whoever made them, and may delete them when it goes."""

    @staticmethod
    def stateful_set(replicas: int) -> dict[str, Any]:
        template = {
            "metadata": {"name": "data"},
            "spec": {**CLAIM["spec"]},
        }
        spec = {
            "replicas": replicas,
            "serviceName": "own",
            "selector": {"matchLabels": {"app": "own"}},
            "template": POD,
            "volumeClaimTemplates": [template],
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"},
            "podManagementPolicy": "Parallel",
        }
        made = manifest("apps/v1", "StatefulSet", "own", spec=spec)
        made["metadata"]["annotations"] = {"pulumi.com/skipAwait": "true", "pulumi.com/patchForce": "true"}
        return made

    @staticmethod
    def claim(number: int) -> dict[str, Any]:
        return {**CLAIM, "metadata": {"name": f"data-own-{number}", "namespace": NAMESPACE}}

    @pytest.fixture
    def stack(self, new_stack: Callable[[str], Stack], kubectl: Kubectl) -> Iterator[Stack]:
        stack = new_stack("claims")
        yield stack
        stack.destroy()
        kubectl("-n", NAMESPACE, "delete", "pvc", "--all", "--wait=false")

    @pytest.mark.long
    def test_of_others_are_not_used(self, stack: Stack, kubectl: Kubectl) -> None:
        kubectl.apply(self.claim(1))
        uid = kubectl.uid(self.claim(1))
        stack.declare({"nodes": self.stateful_set(2)})
        for run in (stack.preview(), stack.up()):
            assert run.code != 0
            assert f"PersistentVolumeClaim/{NAMESPACE}/data-own-1 exists already" in run.messages["nodes"]
            assert f"StatefulSet/{NAMESPACE}/own would use the records on it" in run.messages["nodes"]
        stack.declare({"nodes": self.stateful_set(1)})
        stack.up().assert_succeeded()
        stack.declare({"nodes": self.stateful_set(2)})
        for run in (stack.preview(), stack.up()):
            assert run.code != 0
            assert f"PersistentVolumeClaim/{NAMESPACE}/data-own-1 exists already" in run.messages["nodes"]
        stack.destroy().assert_succeeded()
        assert kubectl.uid(self.claim(1)) == uid

    def test_of_its_own_are_marked_from_the_beginning(
        self, stack: Stack, new_stack: Callable[[str], Stack], kubectl: Kubectl
    ) -> None:
        stack.declare({"nodes": self.stateful_set(1)})
        stack.up().assert_succeeded()
        kubectl("-n", NAMESPACE, "wait", "--for=create", "--timeout=60s", "pvc/data-own-0")
        assert kubectl.mark(self.claim(0)) == stack.mark
        again = new_stack(stack.name)
        again.declare({"nodes": self.stateful_set(1)})
        again.up().assert_succeeded()

    @pytest.mark.long
    def test_a_stateful_set_of_a_release_before_the_marks_is_not_replaced(self, stack: Stack, kubectl: Kubectl) -> None:
        stack.declare({"nodes": self.stateful_set(1)}, owns=False)
        stack.up().assert_succeeded()
        patch = {"claim": {**self.claim(0), "spec": {}}}
        patch["claim"]["metadata"]["annotations"] = {"pulumi.com/skipAwait": "true"}
        stack.declare({"nodes": self.stateful_set(1)}, patches=patch)
        step = stack.preview().assert_succeeded().steps["nodes"]
        assert (step.operation, set(step.changes)) == (
            "update",
            {f'metadata.annotations["{MARK}"]'},
        )
        kubectl("-n", NAMESPACE, "wait", "--for=create", "--timeout=60s", "pvc/data-own-0")
        stack.up().assert_succeeded()
        assert kubectl.mark(self.claim(0)) == stack.mark
        assert stack.preview().assert_succeeded().steps["nodes"].operation == "same"


@pytest.mark.long
def test_an_upgrade_from_before_the_marks_changes_metadata_only(
    new_stack: Callable[[str], Stack], kubectl: Kubectl
) -> None:
    take_another_namespace()
    stack = new_stack("upgraded")
    stack.declare(OWN, owns=False)
    stack.up().assert_succeeded()
    before = {name: kubectl.uid(each) for name, each in OWN.items()}
    stack.declare(OWN)
    preview = stack.preview().assert_succeeded()
    assert set(operations(preview).values()) == {"update"}
    changed = {path for name in OWN for path in preview.steps[name].changes}
    assert changed <= {"metadata.annotations", f'metadata.annotations["{MARK}"]'}
    stack.up().assert_succeeded()
    assert {name: kubectl.uid(each) for name, each in OWN.items()} == before
    assert {kubectl.mark(each) for each in OWN.values()} == {stack.mark}
    assert set(operations(stack.preview().assert_succeeded()).values()) == {"same"}
    stack.destroy().assert_succeeded()


@pytest.mark.long
def test_objects_of_a_chart_are_marked_and_refused_as_all_others(
    first: Stack, new_stack: Callable[[str], Stack], kubectl: Kubectl
) -> None:
    stack = new_stack("chart")
    stack.declare({}, chart={"role": CHART})
    stack.up().assert_succeeded()
    assert kubectl.mark(CHART) == stack.mark
    assert stack.preview().assert_succeeded().steps["chart-role"].operation == "same"
    stack.declare({}, chart={"role": CHART, "theirs": OWN["role"]})
    for run in (stack.preview(), stack.up()):
        assert "ClusterRole/own-first exists already" in run.messages["chart-theirs"]
    stack.declare({}, chart={"role": CHART, "theirs": OWN["role"]}, adopt=["ClusterRole/own-first"])
    stack.up().assert_succeeded()
    stack.destroy().assert_succeeded()
    assert kubectl.uid(OWN["role"])
    assert not kubectl.uid(CHART)


def test_the_marks_of_two_stacks_conflict_even_when_nobody_looks(
    first: Stack, new_stack: Callable[[str], Stack], kubectl: Kubectl
) -> None:
    """Two deployments at the same moment: neither sees the object of the other, and server-side apply refuses one."""
    blind = new_stack("blind")
    namespace: dict[str, Any] = json.loads(json.dumps(OWN["namespace"]))
    namespace["metadata"]["annotations"] = {MARK: blind.mark}
    blind.declare({"namespace": namespace}, owns=False)
    blind.preview().assert_succeeded()  # which forces its way through conflicts, so that there has to be a look
    run = blind.up()
    assert run.code != 0
    assert "conflict" in run.messages["namespace"]
    blind.destroy().assert_succeeded()
    assert kubectl.mark(OWN["namespace"]) == first.mark


def test_nothing_is_made_where_nobody_can_say_what_there_is(
    new_stack: Callable[[str], Stack], kubectl: Kubectl, tmp_path: Path
) -> None:
    """A program whose credentials may not look; the provider has credentials of its own here."""
    kubeconfig = json.loads(kubectl("config", "view", "--raw", "-o", "json"))
    for user in kubeconfig["users"]:
        user["user"] = {"token": "nobody"}
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(kubeconfig))
    stack = new_stack("unseen")
    stack.environment["OWNERSHIP_KUBECONFIG"] = str(file)
    stack.declare({"config-map": config_map("unseen")})
    for run in (stack.preview(), stack.up()):
        assert run.code != 0
        assert "the API server does not say" in run.messages["config-map"]
        assert "nothing is made unseen" in run.messages["config-map"]
    assert not kubectl.uid(config_map("unseen"))
